"""edgepose run as systemd sees it: ready without a camera, fed, reloaded, stopped in order."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

CONFIG = """\
version: 1
name: lobby
source: {type: v4l2, device: /dev/no-such-camera}
watch:
  hands: {template: %s}
outputs:
  log: {type: jsonl, path: events.jsonl}
"""


@dataclass
class Service:
    """Hold a process that believes itself to be started by systemd."""

    process: subprocess.Popen[str]
    config: Path
    runtime: Path
    read: Callable[[], dict[str, str]]

    def wait_for(self, key: str) -> dict[str, str]:
        """Return the next message that assigns `key`."""
        while key not in (said := self.read()):
            pass
        return said


@pytest.fixture
def service(tmp_path: Path, lightning) -> Iterator[Service]:
    """Return a service whose camera is missing."""
    template = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
    config, runtime, address = tmp_path / "c.yaml", tmp_path / "run", tmp_path / "notify"
    config.write_text(CONFIG % template)
    runtime.mkdir()
    given = {
        "NOTIFY_SOCKET": str(address),
        "WATCHDOG_USEC": "400000",
        "RUNTIME_DIRECTORY": str(runtime),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(30)
        bound.bind(str(address))
        process = subprocess.Popen(
            [sys.executable, "-m", "edgepose", "-v", "run", "--quiet", str(config)],
            env=os.environ | given,
            stderr=subprocess.PIPE,
            text=True,
        )
        yield Service(
            process,
            config,
            runtime,
            lambda: dict(line.split("=", 1) for line in bound.recv(4096).decode().splitlines()),
        )
        process.kill()
        process.communicate()


def test_a_missing_camera_does_not_stop_the_boot(service):
    """READY comes, the watchdog is fed during the back-off, and status says why."""
    service.wait_for("READY")
    said = service.wait_for("WATCHDOG")
    assert "fps on " in said["STATUS"]
    while "source backing off" not in said["STATUS"]:
        said = service.wait_for("WATCHDOG")
    assert "/dev/no-such-camera" in said["STATUS"]
    health = json.loads((service.runtime / "status.json").read_text())["health"]
    assert health["hung"] == {}


def test_a_reload_is_told_and_a_bad_one_leaves_the_service_running(service):
    """SIGHUP ends in READY whether the edit was good or bad; then the watchdog goes on."""
    service.wait_for("READY")
    good = service.config.read_text()
    for text in (good.replace("lobby", "hall"), good.replace("device", "devise")):
        service.wait_for("WATCHDOG")
        service.config.write_text(text)
        service.process.send_signal(signal.SIGHUP)
        assert service.wait_for("RELOADING")["RELOADING"] == "1"
        assert service.wait_for("READY") == {"READY": "1"}
    service.wait_for("WATCHDOG")
    assert service.process.poll() is None


def test_an_orderly_stop_is_told_and_leaves_nothing_behind(service):
    """SIGTERM: STOPPING=1, exit code 0, no status file."""
    service.wait_for("WATCHDOG")
    service.process.send_signal(signal.SIGTERM)
    service.wait_for("STOPPING")
    assert service.process.wait(30) == 0
    assert not (service.runtime / "status.json").exists()


def test_a_model_that_does_not_work_is_never_ready(service, tmp_path):
    """What would not start is not reported as started: systemd tries again."""
    service.wait_for("READY")
    service.process.kill()
    service.process.wait(30)
    broken = tmp_path / "broken.tflite"
    broken.write_bytes(b"\x1c\0\0\0TFL3" + bytes(1000))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(str(tmp_path / "again"))
        again = subprocess.run(
            [*service.process.args, "--set", f"model.path={broken}"],
            env=os.environ | {"NOTIFY_SOCKET": str(tmp_path / "again")},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        bound.setblocking(False)
        with pytest.raises(BlockingIOError):
            bound.recv(1)
    assert again.returncode == 2
    assert "Traceback" not in again.stderr
