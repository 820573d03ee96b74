"""Run inside the virtual machine: show known scenes on its display, then give it back."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[3]))

from edgepose.bench.parts import moving_person
from edgepose.outputs.base import Device
from edgepose.outputs.hdmi.output import Hdmi, HdmiOptions
from edgepose.types import Frame, Scene

SCENES = 12


def scenes() -> list[Scene]:
    """Return scenes of one person on a picture in which no two rows or columns are alike."""
    y, x = np.indices((480, 640))
    image = np.stack([y, x, y + x], axis=2).astype(np.uint8)
    people = [replace(pose, person=1) for pose in moving_person(SCENES)]
    return [Scene(Frame(image, i / 30, i), (person,)) for i, person in enumerate(people)]


def main() -> None:
    """Show the scenes, the last one twice, so that it is on the display when we say so."""
    print("user", os.getuid(), "group", os.getgid(), flush=True)  # noqa: T201
    output = Hdmi(HdmiOptions(), Device("lobby"))
    output.open()
    for scene in scenes():
        output.show(scene)
    output.show(scenes()[-1])
    print("SHOWN", flush=True)  # noqa: T201
    sys.stdin.readline()
    output.close()
    print("CLOSED", flush=True)  # noqa: T201
    sys.stdin.readline()


if __name__ == "__main__":
    main()
