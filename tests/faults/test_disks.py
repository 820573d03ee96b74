"""The fault matrix, disk: full, on a small one that is really full."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a small disk"),
]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 1 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> None:
    """Leave not a byte."""
    with (disk / "filler").open("ab", buffering=0) as file:
        for size in (4096, 1):
            while True:
                try:
                    file.write(b"x" * size)
                except OSError:
                    break


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_full(device, broker, small, saw, when):
    """Log and outbox back off and say why; what they could not write is written afterwards."""
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
    bus_part = device.wait_part("bus", "backing off")
    names = [trouble["name"] for trouble in device.health["troubles"]]
    assert {"disk", "log", "bus"} <= set(names)
    saw("disk full", when, f"{', '.join(names)}; bus: {bus_part['reason']}; log: {log['reason']}")
    device.wait(lambda h: device.part("log", h)["queue"]["events"] >= 2, "events that wait")
    (small / "filler").unlink()
    device.wait_part("log", "running")
    device.wait_part("bus", "running")
    device.wait_events()
    assert device.stop() == 0
    device.no_event_is_lost()
