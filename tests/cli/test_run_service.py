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
    environment: dict[str, str]
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
        "STATE_DIRECTORY": str(tmp_path / "state"),
        "EDGEPOSE_BOOT_PATH": str(tmp_path / "boot"),
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
            os.environ | given,
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


def test_a_configuration_that_is_wrong_from_the_start_is_waited_for(service):
    """The service is up, fed, and says why; mended, it runs. SIGTERM ends it either way."""
    service.wait_for("READY")
    service.process.kill()
    service.process.wait(30)
    good = service.config.read_text()
    service.config.write_text(good.replace("device", "devise"))
    again = subprocess.Popen(service.process.args, env=service.environment)
    try:
        said = service.wait_for("WATCHDOG")
        assert "config refused" in said["STATUS"]
        assert "line 3: source.devise" in said["STATUS"]
        service.wait_for("READY")
        service.config.write_text(good)
        while "source backing off" not in said["STATUS"]:
            said = service.wait_for("WATCHDOG")
        again.send_signal(signal.SIGTERM)
        assert again.wait(30) == 0
    finally:
        again.kill()
        again.wait(30)


@pytest.mark.parametrize("broken", ["devise: /dev/video0", "device: /dev/video0, model: {}"])
def test_a_person_at_a_terminal_gets_one_message_and_exit_code_2(service, broken):
    """Where nobody waits for READY a wrong configuration ends the command."""
    service.wait_for("READY")
    wrong = service.config.with_name("wrong.yaml")
    wrong.write_text(service.config.read_text().replace("device: /dev/no-such-camera", broken))
    environment = {k: v for k, v in service.environment.items() if k != "NOTIFY_SOCKET"}
    said = subprocess.run(
        [sys.executable, "-m", "edgepose", "run", str(wrong)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert said.returncode == 2
    assert said.stderr.startswith(f"edgepose: {wrong} line 3: source.")
    assert len(said.stderr.splitlines()) == 1


def test_a_misnamed_file_on_the_boot_partition_is_in_the_log(service):
    """Who wrote c.yaml.txt with Windows finds it named, and the service runs."""
    service.wait_for("READY")
    service.process.kill()
    service.process.wait(30)
    boot = Path(service.environment["EDGEPOSE_BOOT_PATH"])
    boot.mkdir()
    (boot / "c.yaml.txt").write_text("version: 1\n")
    again = subprocess.Popen(
        service.process.args, env=service.environment, stderr=subprocess.PIPE, text=True
    )
    try:
        service.wait_for("READY")
    finally:
        again.terminate()
        said = again.communicate(timeout=30)[1]
    assert f"{boot / 'c.yaml.txt'} is not read: rename it to c.yaml" in said
