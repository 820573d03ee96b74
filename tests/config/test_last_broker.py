"""What is kept of the configuration that reached its broker: enough to be repaired, no more."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edgepose.config.last_broker import LastBroker, remote_outputs
from edgepose.config.loader import Config, loads
from edgepose.config.pushed import accept_pushed
from edgepose.errors import ConfigError

TEXT = """\
version: 1
name: hall
frames: skeleton
commands: COMMANDS
limits: {max_on: 30, folders: [.]}
source: {type: stream, url: "rtsp://me:${CAMERA_PASSWORD}@10.0.0.9/live"}
outputs:
  bus: {type: mqtt, host: broker.local, remote: true, user: hall, password: "${PASSWORD}"}
  more: {type: mqtt, host: other.local, client_id: more}
  log: {type: jsonl, path: events.jsonl}
"""
ENVIRONMENT = {"CAMERA_PASSWORD": "Geheim1", "PASSWORD": "a ${b} $${c"}
KINDS = {"up": "pose", "squat": "exercise"}


def config(folder: Path, commands: str = "[detect]") -> Config:
    """Return a configuration whose file is in a folder."""
    return loads(TEXT.replace("COMMANDS", commands), folder / "c.yaml", (), ENVIRONMENT)


@pytest.fixture
def broker(tmp_path: Path) -> LastBroker:
    """Return where it is kept; nothing is yet."""
    return LastBroker(tmp_path / "state" / "last-broker.json")


@pytest.mark.parametrize("commands", ["[detect]", "false", "null", "[]"])
def test_what_was_kept_is_there_without_the_environment(
    tmp_path: Path, broker: LastBroker, commands: str
):
    """The remote output as it was, with its password, and what a push may not lower."""
    ran = config(tmp_path, commands)

    broker.keep(ran, KINDS)
    found = LastBroker(tmp_path / "state" / "last-broker.json").load()

    assert found is not None
    assert list(found.config.outputs) == ["bus"]
    options, was = found.config.outputs["bus"].options, ran.outputs["bus"].options
    assert options == was.model_copy(update={"discovery": False})
    assert (found.config.name, found.config.frames) == ("hall", "skeleton")
    assert bool(found.config.commands) is bool(ran.commands)
    assert found.config.limits == ran.limits
    assert found.kinds == KINDS
    assert found.config.text == ran.text
    assert "Geheim1" not in (tmp_path / "state" / "last-broker.json").read_text()


def test_it_is_for_its_owner_alone(tmp_path: Path, broker: LastBroker):
    """The broker's password is in it."""
    broker.keep(config(tmp_path), KINDS)
    mode = (tmp_path / "state" / "last-broker.json").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_device_that_takes_no_pushes_any_more_is_forgotten(tmp_path: Path, broker: LastBroker):
    """Whoever switched `remote` off has switched it off on standby as well."""
    broker.keep(config(tmp_path), KINDS)
    broker.forget()
    broker.forget()
    assert broker.load() is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"control": 5}', '{"path": 1}', "\udcff"])
def test_a_damaged_file_is_none(tmp_path: Path, broker: LastBroker, text: str):
    """The device goes on without, and the log gives the reason."""
    broker.keep(config(tmp_path), KINDS)
    file = tmp_path / "state" / "last-broker.json"
    file.write_text(text, errors="surrogateescape")
    assert broker.load() is None


def test_a_push_is_measured_by_what_ran(tmp_path: Path, broker: LastBroker):
    """Its limits, commands and frames hold; its own addresses and paths may be named again."""
    broker.keep(config(tmp_path), KINDS)
    found = broker.load()
    assert found is not None
    now = found.protected

    def parse(text: str) -> Config:
        return loads(text, tmp_path / "c.yaml", (), ENVIRONMENT)

    same = TEXT.replace("COMMANDS", "[detect]")
    text, pushed = accept_pushed(same, now, parse)
    assert text == same
    assert remote_outputs(pushed).keys() == {"bus"}
    for old, new in (("frames: skeleton", "frames: full"), ("max_on: 30", "max_on: 60")):
        with pytest.raises(ConfigError, match="a push can't change it"):
            accept_pushed(same.replace(old, new), now, parse)
