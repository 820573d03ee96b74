"""The fault matrix, state: a card that fails leaves anything where edgepose kept something."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

OUTPUTS = """\
outputs:
  log: {type: jsonl, path: events.jsonl}
  bus: {type: mqtt, host: 127.0.0.1, port: 9, remote: true}
  page: {type: web, port: 0}
"""
UNUSUAL = (
    "history/lobby.json", "profile/lobby", "speeds.json", "threads.json", "last-broker.json",
    "last-good/device/config.json", "last-good/device/starts", "pushes/device.json",
    "web-token", "web-logouts",
)  # fmt: skip


def three_gigabytes(path: Path) -> None:
    """Write a file of holes that says it is that long."""
    path.touch()
    os.truncate(path, 3 << 30)


SPOILT: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "/dev/zero": lambda path: path.symlink_to("/dev/zero"),
    "3 GB": three_gigabytes,
    "deep nesting": lambda path: path.write_text("[" * 200_000),
    "noise": lambda path: path.write_bytes(bytes(range(256)) * 20),
}


def replaced(state: Path, spoil: Callable[[Path], object]) -> int:
    """Put something else in the place of each state file, return how many there were."""
    kept = {path for path in state.rglob("*") if path.is_file()}
    for path in kept | {state / name for name in UNUSUAL}:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        spoil(path)
    return len(kept)


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_state_files_hold_anything(device, saw, spoil, request):
    """The next start watches, sends events, and ends when it is asked to."""
    device.write(OUTPUTS)
    device.start()
    device.wait_events()
    assert device.stop() == 0
    assert replaced(device.state, spoil) > 2
    device.start()
    device.wait_events()
    assert device.stop() == 0
    assert "Traceback" not in device.log.read_text()
    saw("state files", request.node.callspec.id, "events as before")
    shutil.rmtree(device.state)
