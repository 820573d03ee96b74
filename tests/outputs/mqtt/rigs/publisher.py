"""Show events through the real output: a process for tests to kill.

Arguments: port, total, first, events a scene. Reads numbers from stdin, shows events up to each,
and says so on stdout after each scene. At the end it waits until the broker has everything.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Event, Frame, Scene, WatchState


def scene(first: int, last: int) -> Scene:
    """Return a scene with the events of these numbers, the last one left out."""
    frame = Frame(np.zeros((4, 4, 3), np.uint8), first / 30, first)
    watch = WatchState("arms_up", "active" if first % 2 else "idle", 0.5, count=first)
    events = tuple(
        Event(f"id-{n}", "start", "arms_up", "lobby", 1.73e9 + n, n / 30, 1, 0.9, count=n)
        for n in range(first, last)
    )
    return Scene(frame, watches=(watch,), events=events)


def main(port: int, total: int, number: int, each: int) -> None:
    """Show everything up to `total`."""
    options = MqttOptions(host="127.0.0.1", port=port)
    output = Mqtt(options, Device("lobby", ("arms_up",)))
    output.open()
    for line in sys.stdin:
        while number < min(int(line), total):
            output.show(scene(number, min(number + each, total)))
            number = min(number + each, total)
            print(number, flush=True)  # noqa: T201 - this is what the test reads
        if number >= total:
            break
    while output._outbox.waiting:
        output.tick()
        time.sleep(0.02)
    output.close()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
