"""The console's display on real kernel drivers, in a virtual machine, down to the last pixel."""

from __future__ import annotations

import sys
from pathlib import Path

import hdmi_guest
import numpy as np
import pytest
import tiny_vm

from edgepose.outputs.base import Device
from edgepose.outputs.hdmi import HdmiOptions
from edgepose.outputs.screens.painter import Painter

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
