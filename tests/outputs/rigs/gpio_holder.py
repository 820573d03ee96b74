"""Switch a line on and hold it: until killed, when run as a program."""

from __future__ import annotations

import sys
import time

from edgepose.outputs.base import Device
from edgepose.outputs.gpio.output import Gpio, GpioOptions
from edgepose.types import Event, Pose, Scene, blank_frame, empty_keypoints


def hold(chip: str, line: int, active_low: bool) -> Gpio:
    """Return an output whose line is on."""
    options = GpioOptions(line=line, when="arms_up", chip=chip, active_low=active_low)
    output = Gpio(options, Device("lobby"))
    output.open()
    start = Event("1.1-aaaaaa", "start", "arms_up", "lobby", 0.0, 0.0, 1)
    pose = Pose(empty_keypoints(), 1.0, (4, 4), 1)
    output.show(Scene(blank_frame((4, 4), 0.0, 0), (pose,), events=(start,)))
    return output


if __name__ == "__main__":
    held = hold(sys.argv[1], int(sys.argv[2]), sys.argv[3] == "1")
    print("on", flush=True)  # noqa: T201
    time.sleep(600)
