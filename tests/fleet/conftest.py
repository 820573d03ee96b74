"""Devices that run, a broker that they all know, and the command line that looks after them."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from edgepose.appliance.appliance import Appliance
from edgepose.cli import cli
from edgepose.config.loader import load
from edgepose.errors import EdgeposeError
from edgepose.outputs.recent_logs import RecentLogs

ROOT: Final = Path(__file__).parent.parent.parent
TEMPLATES: Final = ROOT / "configs" / "templates"


def _rig(name: str, *place: str) -> Any:
    """Return the fixtures of the outputs' own tests."""
    path = ROOT.joinpath("tests", "outputs", *place, "conftest.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


rig = _rig("mqtt_rig", "mqtt")
state, ear, wait = rig.state, rig.ear, rig.wait
secured, small_broker, heard = rig.secured, rig.small_broker, rig.heard
output, device, appliance = rig.output, rig.device, rig.appliance
certificates = _rig("outputs_rig").certificates

CONFIG: Final = """\
# What every device of the house does.
version: 1
name: NAME
source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 10}
model: {name: edgepose-nano}
watch:
  hands: {template: templates/hands.yaml}
outputs:
  bus: {type: mqtt, host: 127.0.0.1, port: PORT, remote: true, discovery: false}
"""


@pytest.fixture(autouse=True)
def unread_log() -> None:
    """Let each test ask for the log at once: the pause between two answers is the process's."""
    RecentLogs.installed()._read_at = float("-inf")


class House:
    """Start appliances in this process, each with a folder of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.port = port
        self._folder = folder
        self._running: list[tuple[Appliance, threading.Thread]] = []

    def text(self, name: str, **replaced: str) -> str:
        """Return a configuration; replaced: words of it."""
        text = CONFIG.replace("NAME", name).replace("PORT", str(self.port))
        for old, new in replaced.items():
            text = text.replace(old.replace("_", " "), new)
        return text

    def file(self, name: str) -> Path:
        """Return where a device's configuration stands."""
        return self._folder / name / "edgepose.yaml"

    def write(self, name: str, text: str) -> Path:
        """Write a device's configuration and its template."""
        path = self.file(name)
        (path.parent / "templates").mkdir(parents=True, exist_ok=True)
        shutil.copy(TEMPLATES / "arms_up.yaml", path.parent / "templates" / "hands.yaml")
        path.write_text(text)
        return path

    def start(self, name: str, text: str | None = None) -> Appliance:
        """Start a device, or start it again with the file that is there."""
        path = self.file(name)
        if text is not None or not path.is_file():
            path = self.write(name, text or self.text(name))
        appliance = Appliance(load(path))
        thread = threading.Thread(target=appliance.run, name=name)
        thread.start()
        self._running.append((appliance, thread))
        return appliance

    def stop(self) -> None:
        """Stop them all, and see that they end."""
        for appliance, _ in self._running:
            appliance.stop()
        for _, thread in self._running:
            thread.join(30)
            assert not thread.is_alive()
        self._running.clear()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Any]:
    """Return a broker that lets everybody in, and a user `mute` only listen."""
    rights = tmp_path / "rights"
    rights.write_text("topic readwrite #\nuser hall\ntopic readwrite #\nuser mute\ntopic read #\n")
    rights.chmod(0o600)
    made = rig.Broker(tmp_path, "allow_anonymous true", f"acl_file {rights}")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def house(tmp_path: Path, broker: Any) -> Iterator[House]:
    """Return where devices are started; they are stopped at the end."""
    made = House(tmp_path / "house", broker.port)
    yield made
    made.stop()


Fleet = Callable[..., Result]


@pytest.fixture
def fleet(broker: Any, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """Return how to call `edgepose fleet ...` at the broker."""
    monkeypatch.setenv("EDGEPOSE_MQTT_HOST", "127.0.0.1")
    monkeypatch.setenv("EDGEPOSE_MQTT_PORT", str(broker.port))

    def call(*arguments: object) -> Result:
        result = CliRunner().invoke(cli, ["fleet", *map(str, arguments)])
        if isinstance(result.exception, EdgeposeError):
            result.exit_code = result.exception.exit_code
        elif result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


@pytest.fixture
def online(ear: Any) -> Callable[..., None]:
    """Return how to wait until devices have said how they are."""

    def wait_until(*names: str) -> None:
        for name in names:
            ear.wait_last(f"edgepose/{name}/available", b"online")
            topic = f"edgepose/{name}/health"
            ear.wait(lambda topic=topic: ear.last(topic), topic)

    return wait_until


def rows(result: Result) -> list[dict[str, Any]]:
    """Return what a command printed with --json."""
    assert result.stdout, result.exception
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(name="rows")
def rows_() -> Callable[[Result], list[dict[str, Any]]]:
    """Return how to read --json."""
    return rows
