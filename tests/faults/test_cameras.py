"""The fault matrix, camera: gone, frozen, black; at the start and while it runs."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LOG = "outputs: {log: {type: jsonl, path: events.jsonl}}\n"
WORDS = {"gone": ("backing off", ""), "frozen": ("degraded", "very same picture"),
         "black": ("degraded", "nothing but black")}  # fmt: skip


def fail(camera, fault: str) -> None:
    """Let it happen."""
    if fault == "gone":
        camera.unplug()
    camera.mode = fault


def mend(camera, fault: str) -> None:
    """Take the cause away."""
    camera.mode = "well"
    if fault == "gone":
        camera.plug_in()


@pytest.mark.parametrize("fault", WORDS)
def test_at_the_start(device, camera, saw, fault):
    """The service is up and says what is wrong; it sees as soon as the camera does."""
    device.write(LOG, source=camera.source)
    if fault != "gone":
        camera.plug_in()
    camera.mode = fault
    device.start()
    part = device.wait_part("source", *WORDS[fault])
    assert not device.events()
    saw(f"camera {fault}", "at start", f"source {part['state']}: {part['reason']}")
    mend(camera, fault)
    device.wait_part("source", "running")
    device.wait_events()
    assert device.stop() == 0
    device.no_event_is_lost()


@pytest.mark.parametrize("fault", WORDS)
def test_while_it_runs(device, camera, saw, fault):
    """What was active ends, nothing is made up meanwhile, and events go on afterwards."""
    device.write(LOG, source=camera.source)
    camera.plug_in()
    device.start()
    device.wait_events()
    fail(camera, fault)
    part = device.wait_part("source", *WORDS[fault])
    restarts = part["restarts"]["last_hour"]
    saw(f"camera {fault}", "while running", f"source {part['state']}: {part['reason']}")
    device.wait(lambda _: len(device.events()) % 2 == 0, "what was active to end")
    mend(camera, fault)
    device.wait_part("source", "running")
    device.wait_events()
    if fault == "black":
        assert restarts == device.part("source")["restarts"]["last_hour"] == 0
    assert device.stop() == 0
    device.no_event_is_lost()
