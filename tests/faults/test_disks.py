"""The fault matrix, disk: full, on a small one that is really full."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from full_disk import empty, fill, needs_root, small_disk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), needs_root]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 1 MB."""
    with small_disk(tmp_path / "small") as folder:
        yield folder


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_full(device, broker, small, saw, when):
    """The log backs off; events go on to the broker; the log gets them once there is room."""
    broker.start()
    device.state = small
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}}}"
    device.write(f"outputs:\n  log: {{type: jsonl, path: {small}/events.jsonl}}\n  bus: {bus}\n")
    (device.folder / "events.jsonl").symlink_to(small / "events.jsonl")
    if when == "while running":
        device.start()
        device.wait_part("bus", "running")
        device.wait_events()
    fill(small)
    if when == "at start":
        device.start()
    log = device.wait_part("log", "backing off", "No space left")
    bus_part = device.wait_part("bus", "degraded", "events are kept in memory")
    names = [trouble["name"] for trouble in device.health["troubles"]]
    assert {"disk", "log", "bus"} <= set(names)
    saw("disk full", when, f"{', '.join(names)}; bus: {bus_part['reason']}; log: {log['reason']}")
    device.wait(lambda h: device.part("log", h)["queue"]["events"] >= 2, "events that wait")
    assert device.part("bus")["connected"]
    empty(small)
    device.wait_part("log", "running")
    device.wait_part("bus", "running")
    device.wait_events()
    assert device.stop() == 0
    device.no_event_is_lost()


def test_what_a_full_disk_costs_is_counted(device, small):
    """At the end of the run in the log, and in the next document: nothing is lost in silence."""
    device.state = small
    device.write(f"outputs:\n  log: {{type: jsonl, path: {small}/events.jsonl}}\n")
    device.start()
    device.wait_part("log", "running")
    fill(small)
    device.wait(lambda h: device.part("log", h)["queue"]["events"] >= 2, "events that wait")

    assert device.stop() == 0

    assert "Output 'log' has lost " in device.log.read_text()
    empty(small)
    device.start()
    health = device.wait(lambda h: h["process"]["lost"], "the count of lost events")
    assert health["process"]["lost"]["log"] >= 2
    assert device.stop() == 0
    device.start()
    assert device.wait(lambda h: h, "a document")["process"]["lost"] == {}
    assert device.stop() == 0
