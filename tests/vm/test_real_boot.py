"""The appliance on Debian's stock kernel: installed, rebooted, killed, hung, unplugged, edited.

The tests run in order on one machine; its camera, pins and display are drivers of the kernel.
"""

from __future__ import annotations

from itertools import islice

import av
import cv2
import numpy as np
import pytest
from appliance import CLIP_CAMERA, CONFIG, CONFIGURATION, VIVID

from edgepose.render.style import Palette

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

LIMBS = Palette()
SIZE = (320, 180)  # (width, height) in which pictures are compared
BETWEEN = slice(36, 130)  # rows: below the badges, above the words


@pytest.fixture
def configured(appliance):
    """Return the appliance; its configuration is put back in the end."""
    yield appliance
    appliance.write(CONFIG, CONFIGURATION)
    appliance.reload()


def test_install_sh_runs_without_a_network_and_starts_the_service(machine, installed):
    """On plain Debian, from the prepared folder; before any reboot."""
    assert "edgepose is installed" in installed
    assert machine.said("systemctl", "is-enabled", "edgepose") == "enabled"
    assert machine.pid > 0


def test_the_service_is_up_by_itself_after_a_reboot(machine, appliance):
    """Camera, display and pin are found; what the clip shows comes in."""
    machine.another_pid(0)
    machine.wait_for(lambda: appliance.frames > 5)
    assert machine.wait_for(lambda: machine.health["state"] == "running")
    assert machine.health["runtime"]["model"] == "movenet-lightning-int8"
    assert machine.said("systemctl", "--failed", "--quiet", "--plain") == ""


def test_a_held_pose_switches_the_pin_and_is_written_down(machine, appliance):
    """The pose of a real person in the clip; the pin is read where the kernel has it."""
    appliance.wait_for_pin(1)
    assert "arms_up" in {event["name"] for event in appliance.events}
    appliance.wait_for_pin(0)


def test_the_display_shows_the_clip_with_the_overlay(machine, appliance, media):
    """What QEMU shows is one of the clip's pictures, a skeleton in the style's colours on it."""
    appliance.wait_for_pin(1)  # somebody is in view
    seen = machine.screenshot()
    assert seen.shape[:2] == (720, 1280)
    clip = media / "clips" / "jumping_jacks_1_count11.mp4"
    # 0.59 as seen, with the cards and the invitation on it; at most 0.23 with two other clips.
    assert likeness(seen, clip) > 0.4
    drawn = (LIMBS.matching, LIMBS.deviating, LIMBS.unknown)  # none of them is in the clip itself
    assert sum(pixels(seen, colour) for colour in drawn) > 150


def test_the_pin_is_off_after_sigkill_and_the_service_is_back(machine, appliance):
    """Killed while the pin is on; ExecStopPost drives it off, and Restart=always."""
    before = machine.another_pid(0)
    appliance.wait_for_pin(1, then="systemctl kill -s KILL edgepose")
    appliance.wait_for_pin(0)
    machine.another_pid(before)
    assert "17: the line is off" in machine.journal


def test_a_process_that_hangs_is_killed_by_the_watchdog_and_back(machine, appliance):
    """SIGSTOP: nobody feeds the watchdog any more."""
    before = machine.another_pid(0)
    machine.run("systemctl", "kill", "-s", "STOP", "edgepose")
    machine.another_pid(before)
    assert "Watchdog timeout" in machine.journal


def test_a_reload_is_taken_over_or_refused_by_the_same_process(machine, configured):
    """A good edit works at once, a bad one is reported and the last good one runs on."""
    pid = machine.another_pid(0)
    configured.edit("hold: 0.0", "hold: 2.5")
    configured.reload()
    machine.wait_for(lambda: machine.hold == 2.5)
    configured.edit("hold:", "holt:")
    configured.reload()
    error = machine.wait_for(lambda: machine.health.get("config", {}).get("error"))
    assert "did you mean 'hold'" in error
    assert machine.hold == 2.5
    assert machine.pid == pid


def test_a_camera_that_was_unplugged_and_plugged_in_gives_frames_again(machine, configured):
    """The driver is unbound and bound: the device vanishes and comes back; one process sees it."""
    pid = machine.another_pid(0)
    configured.edit(CLIP_CAMERA, VIVID)
    configured.reload()
    machine.wait_for(lambda: configured.source_state == "running" and configured.frames > 2)
    driver = "/sys/bus/platform/drivers/vivid"
    machine.run("sh", "-c", f"echo vivid.0 >{driver}/unbind")
    machine.wait_for(lambda: configured.source_state == "backing off")
    frames = configured.frames
    machine.run("sh", "-c", f"echo vivid.0 >{driver}/bind")
    machine.wait_for(lambda: configured.source_state == "running" and configured.frames > frames)
    assert machine.pid == pid


def test_two_cameras_are_two_instances_of_the_template_unit(machine, appliance):
    """Each has its own process, configuration and state; the end of one leaves the other alone."""
    plain = CONFIGURATION.partition("outputs:")[0]
    appliance.write("/etc/edgepose/front.yaml", plain)
    appliance.write("/etc/edgepose/back.yaml", plain.replace(CLIP_CAMERA, VIVID))
    try:
        machine.run("systemctl", "start", "edgepose@front", "edgepose@back")
        front, back = (machine.pid_of(f"edgepose@{name}") for name in ("front", "back"))
        assert front
        assert back
        assert front != back
        assert machine.pid == 0  # edgepose.service makes room
        machine.run("systemctl", "stop", "edgepose@back")
        assert machine.pid_of("edgepose@front") == front
        assert machine.run("edgepose", "status", "front").returncode == 0
    finally:
        machine.run("systemctl", "stop", "edgepose@front", "edgepose@back")
        machine.run("rm", "/etc/edgepose/front.yaml", "/etc/edgepose/back.yaml")
        machine.run("systemctl", "start", "edgepose")


def likeness(seen, clip) -> float:
    """Return the best correlation of a screenshot with a picture of the clip, -1..1."""
    shown = small(seen)
    with av.open(str(clip)) as container:
        frames = islice(container.decode(video=0), 0, None, 2)
        return max(
            float(np.corrcoef(shown, small(frame.to_ndarray(format="rgb24")))[0, 1])
            for frame in frames
        )


def pixels(image, colour: str) -> int:
    """Return how many pixels of a picture have a colour like #ffd60a, but for a few steps."""
    wanted = list(bytes.fromhex(colour.removeprefix("#")))
    return int((np.abs(image.astype(int) - wanted).max(axis=2) < 12).sum())


def small(image):
    """Return the brightness of a picture's middle, flat, in a size of its own."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, SIZE, interpolation=cv2.INTER_AREA)[BETWEEN].ravel()
