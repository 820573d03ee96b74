"""Nothing is written to a disk while nothing happens, and a read-only root is enough to run on."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

STEADY = 30.0  # seconds: six reports of the supervisor at its own rate, and many polls


@pytest.fixture
def memory_disk() -> Iterator[Path]:
    """Return a folder on a tmpfs, as /run is."""
    folder = Path("/dev/shm") / f"edgepose-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def written(pid: int) -> int:
    """Return how many bytes a process has sent towards a disk, by the kernel's own count."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["write_bytes"])


def settled(pid: int) -> int:
    """Return what was written once 10 s brought nothing more.

    To the start belong states, discovery, the page's token, and after 10 s the last good
    configuration; on a busy machine that takes its time.
    """
    count, since, end = written(pid), time.monotonic(), time.monotonic() + 90.0
    while time.monotonic() < since + 10.0:
        assert time.monotonic() < end, "it never stops to write"
        time.sleep(0.1)
        if written(pid) != count:
            count, since = written(pid), time.monotonic()
    return count


def test_nothing_is_written_while_nothing_happens(device, broker, memory_disk, saw):
    """With a broker, a page, metrics and a log, and somebody standing there: not one byte."""
    broker.start()
    device.runtime = memory_disk
    device.env["WATCHDOG_USEC"] = "30000000"  # as in the unit
    still = "source: {type: synthetic, motion: stand, size: [240, 320], fps: 10, noise: 3}\n"
    port = f"{{type: web, port: {broker.port + 1}}}"
    outputs = (
        "outputs:\n  log: {type: jsonl, path: events.jsonl}\n"
        f"  bus: {{type: mqtt, host: 127.0.0.1, port: {broker.port}, stats_interval: 5}}\n"
        f"  page: {port}\n"
    )
    device.write(outputs, source=still)
    device.start()
    device.wait_part("bus", "running")
    before = settled(device.process.pid)
    time.sleep(STEADY)
    assert written(device.process.pid) - before == 0
    saw("no writes", "while running", f"0 bytes to a disk in {STEADY:g} s (/proc/PID/io)")
    assert device.health["stats"]["counts"]["scenes"] > 0
    assert device.stop() == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount")
def test_a_read_only_root_is_enough(device, broker, saw):
    """Everything but the folders of docs/power-and-heat.md is read-only; events arrive."""
    broker.start()
    writable = device.folder / "writable"
    writable.mkdir()
    device.runtime, device.state = writable / "run", writable / "state"
    device.env["TMPDIR"] = str(writable)
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}}}"
    device.write(f"outputs:\n  log: {{type: jsonl, path: {writable}/e.jsonl}}\n  bus: {bus}\n")
    proof = device.folder / "proof"
    script = (
        "mount --make-rprivate / && mount -o remount,bind,ro / && "
        f"mount -t tmpfs tmpfs {writable} && mkdir {writable}/run {writable}/state && "
        f'! touch {proof} 2>/dev/null && exec "$@"'
    )
    device.wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"]
    device.start()
    inside = Path(f"/proc/{device.process.pid}/root") / str(writable).lstrip("/")
    device.runtime = inside / "run"
    (device.folder / "events.jsonl").symlink_to(inside / "e.jsonl")
    part = device.wait_part("bus", "running")
    device.wait_events()
    device.wait(lambda h: device.part("bus", h)["waiting"] == 0, "an empty outbox")
    assert part["restarts"]["last_hour"] == 0
    assert not proof.exists()
    assert [t["name"] for t in device.health["troubles"]] == []
    saw("read-only root", "at start", "state running, no troubles; events arrive")
    assert device.stop() == 0


def test_a_state_folder_that_can_not_be_written_is_told(device, broker, saw):
    """Without a place for the outbox events go from memory, and the reason is told."""
    broker.start()
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}}}"
    device.write(f"outputs:\n  log: {{type: jsonl, path: events.jsonl}}\n  bus: {bus}\n")
    device.state.rmdir()
    device.state.write_text("a file where the folder should be")
    device.start()
    part = device.wait_part("bus", "degraded", "kept in memory")
    device.wait_events()
    saw("no state folder", "at start", f"bus degraded: {part['reason']}")
    assert device.stop() == 0
