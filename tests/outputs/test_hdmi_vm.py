"""The console's display on real kernel drivers, in a virtual machine, down to the last pixel."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.hdmi import HdmiOptions
from edgepose.outputs.screens.painter import Painter

RIGS = Path(__file__).parent / "rigs"


def load(name: str) -> ModuleType:
    """Import a rig by its file."""
    spec = importlib.util.spec_from_file_location(name, RIGS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("driver", "device"),
    [
        ("virtio-gpu", "virtio-vga,xres=1280,yres=720"),
        ("bochs", "bochs-display,xres=1280,yres=720"),
    ],
)
def test_pictures_reach_a_real_display_without_privileges(tmp_path: Path, driver: str, device: str):
    """As nobody, in the group video, with no desktop: exact pixels, then none of ours."""
    vm, guest = load("tiny_vm"), load("hdmi_guest")
    if reason := vm.missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    painter = Painter(HdmiOptions(), Device("lobby"), None)
    for scene in guest.scenes():
        expected = painter.draw(scene, (720, 1280))

    with vm.booted(tmp_path, driver, device, RIGS / "hdmi_guest.py") as machine:
        machine.wait_for("SHOWN")
        seen = machine.picture()
        machine.press_enter()
        machine.wait_for("CLOSED")
        after = machine.picture()

    assert "user 65534 group 44" in machine.said()
    np.testing.assert_array_equal(seen, expected)
    assert after.mean() < 5
