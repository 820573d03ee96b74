"""A device whose configuration can't be used, and has no last good one, is repaired by a push."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "correct ${horse} battery"  # it looks like a variable, and is none


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Callable[[Path], subprocess.Popen[bytes]]]:
    """Return a starter of services, which are killed at the end."""
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {
        "RUNTIME_DIRECTORY": str(tmp_path / "run"),
        "EDGEPOSE_BOOT_PATH": str(tmp_path / "boot"),
        "SDL_VIDEODRIVER": "dummy",
    }
    (tmp_path / "run").mkdir()

    def start(file: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edgepose", "run", "--quiet", "--service", str(file)]
        started.append(subprocess.Popen(command, env=environment))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait(30)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process without giving it a chance."""
    process.kill()
    process.wait(30)


def health_of(ear: Any) -> dict[str, Any]:
    """Return the newest health document of the device."""
    return json.loads(ear.last("edgepose/hall/health") or b"{}")


def with_login(text: str) -> str:
    """Return a configuration with the login of the device."""
    password = PASSWORD.replace("${", "$${")
    login = f"discovery: false, user: hall, password: '{password}'"
    return text.replace("discovery: false", login)


@pytest.fixture
def refused(house, service, state, ear, wait) -> Path:
    """Return the file of a device on standby: it ran, was killed, and its file was damaged."""
    file = house.write("hall", with_login(house.text("hall")))
    kept = state / "last-broker.json"
    process = service(file)
    wait(kept.exists, "the broker to be kept")
    end(process)
    ear.wait_last("edgepose/hall/available", b"offline")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert PASSWORD.replace("${", "$${") in kept.read_text()
    shutil.rmtree(state / "last-good", ignore_errors=True)
    file.write_text("version: 1\nsource: {type: synthetic, fsp: 10}\n")
    service(file)
    ear.wait_last("edgepose/hall/available", b"online")
    ear.wait(lambda: health_of(ear).get("state") == "waiting", "the standby's health")
    return file


def test_a_device_on_standby_is_repaired_by_a_push(refused, house, fleet, ear, rows):
    """It is at its broker, gives the reason, and runs what is pushed."""
    assert "source.fsp" in health_of(ear)["config"]["error"]
    (row,) = rows(fleet("list", "--json"))
    assert row["device"] == "hall"
    pushed = house._folder / "pushed.yaml"
    pushed.write_text(with_login(house.text("hall")))

    result = fleet("push-config", pushed, "hall", "--json")

    assert result.exit_code == 0, result.output
    ear.wait(lambda: health_of(ear).get("fps"), "frames")
    assert "fsp" not in refused.read_text()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("host: 127.0.0.1", "host: 127.0.0.2", "the same broker, login and `topic_prefix`"),
        ("fps: 10", "fsp: 10", "source.fsp"),
        ("source:", "limits: {max_on: 5}\nsource:", "limits: they are the device's own"),
    ],
)
def test_a_push_on_standby_can_neither_lock_out_nor_lower(
    *, refused, house, ear, old: str, new: str, reason: str
):
    """Another broker, a mistake and other limits are refused, and the next push is taken."""
    text = with_login(house.text("hall"))
    for number, sent in enumerate((text.replace(old, new), text)):
        ear.say("edgepose/hall/push/config", json.dumps({"id": str(number), "text": sent}))
    topic = "edgepose/hall/push/config/state"
    ear.wait(lambda: len(ear.payloads(topic)) >= 2, "two answers")

    first, second = ear.documents(topic)[:2]
    assert first["state"] == "refused"
    assert reason in first["text"]
    assert second["state"] == "accepted"
    assert new not in refused.read_text()
