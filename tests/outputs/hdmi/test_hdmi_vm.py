"""The console's display on real kernel drivers, in a virtual machine, down to the last pixel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import hdmi_guest
import numpy as np
import pytest
import tiny_vm
import unplug_guest

from edgepose.outputs.base import Device
from edgepose.outputs.hdmi.output import HdmiOptions
from edgepose.outputs.hdmi.painter import Painter
from edgepose.sources.synthetic.source import Synthetic, SyntheticOptions
from edgepose.types import Image

PATIENCE = 600  # seconds that a stage may take in an emulated machine on a busy one

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800), pytest.mark.usefixtures("tiny_machine")]


@pytest.mark.parametrize(
    ("driver", "device"),
    [("virtio-gpu", "virtio-vga"), ("bochs", "bochs-display")],
)
def test_pictures_reach_a_real_display_without_privileges(tmp_path: Path, driver: str, device: str):
    """As nobody, in the group video, with no desktop: exact pixels, then none of ours."""
    guest = tiny_vm.Guest(
        (sys.executable, hdmi_guest.__file__),
        (driver,),
        ("-device", f"{device},xres=1280,yres=720"),
    )
    painter = Painter(HdmiOptions(), Device("lobby"), None)
    for scene in hdmi_guest.scenes():
        expected = painter.draw(scene, (720, 1280))

    with tiny_vm.booted(tmp_path, guest) as machine:
        machine.wait_for("SHOWN", PATIENCE)
        seen = machine.picture()
        machine.press_enter()
        machine.wait_for("CLOSED", PATIENCE)
        after = machine.picture()

    assert "user 65534 group 44" in machine.said()
    np.testing.assert_array_equal(seen, expected)
    assert after.mean() < 5


def read_events(file: Path) -> list[dict[str, Any]]:
    """Return the events of a file."""
    return [json.loads(line) for line in file.read_text().splitlines()]


def told(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what is the same in every run."""
    return [(event["type"], event["name"], event["frame_time"]) for event in events]


def expected_events(folder: Path, seconds: float) -> list[dict[str, Any]]:
    """Return the events of the guest's source, seen by an edgepose without a screen."""
    file = folder / "reference.yaml"
    file.write_text(unplug_guest.config(seconds))
    command = [sys.executable, "-m", "edgepose", "run", "--quiet", str(file)]
    subprocess.run(command, check=True, timeout=300, cwd=folder)
    return read_events(folder / "events.jsonl")


def frames(seconds: float, size: tuple[int, int]) -> list[Image]:
    """Return the pictures that the guest's camera gives, as large as its display."""
    source = Synthetic(
        SyntheticOptions(size=(240, 320), fps=unplug_guest.FPS, pace="fast", seconds=seconds)
    )
    source.open()
    shown = iter(source.read, None)
    return [cv2.resize(frame.image, size[::-1]) for frame in shown if frame is not None]


def likeness(seen: Image, frame: Image) -> float:
    """Return the share of pixels that are the frame's, the overlay is drawn on the others."""
    return float((np.abs(seen.astype(int) - frame).max(axis=2) <= 3).mean())


def test_unplugging_the_display_costs_no_event(tmp_path: Path):
    """Out and in again while edgepose runs: events go on, and the picture comes back.

    The source gives the same pictures every time and waits for each, so that a run without any
    screen tells which events there are.
    """
    display = ("-device", "virtio-vga,xres=640,yres=480")
    command = (sys.executable, unplug_guest.__file__)
    guest = tiny_vm.Guest(command, ("virtio-gpu",), display, user=tiny_vm.ROOT)

    with tiny_vm.booted(tmp_path, guest) as machine:
        pictures = {}
        for stage in ("SHOWN", "DARK", "BACK"):
            machine.wait_for(stage, PATIENCE)
            pictures[stage] = machine.picture()
            machine.press_enter()
        machine.wait_for("ended with 0", PATIENCE)

    events = read_events(machine.share / "events.jsonl")
    length = events[-1]["frame_time"] + 1 / unplug_guest.FPS  # stopping ends the last pose
    assert told(events) == told(expected_events(tmp_path, length))
    possible = frames(length, (480, 640))
    best = {name: max(likeness(seen, at) for at in possible) for name, seen in pictures.items()}
    assert best["SHOWN"] > 0.7
    assert best["DARK"] < 0.1
    assert best["BACK"] > 0.7
    said = machine.said()
    assert "the display at Virtual-1 was disconnected" in said
