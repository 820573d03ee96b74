"""What every registered output keeps to, the shipped fake included."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgepose import registry
from edgepose.errors import OutputLost
from edgepose.options import Options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.output import Web
from edgepose.outputs.webhook import Webhook, WebhookOptions
from edgepose.types import Scene


@dataclass
class Rig:
    """Say how one output is configured here, broken, mended and looked into.

    options: as in a configuration. path: what it writes to, None for an output that can't
    fail. events: ids that left through it, None for an output that passes no events on.
    """

    options: dict[str, Any]
    path: Path | None = None
    events: Callable[[Output], list[str]] | None = None

    def break_it(self) -> None:
        """Move what it writes to away, and put a folder in its place: it can't come back."""
        assert self.path is not None
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(self.path.with_name("before-" + self.path.name))
        self.path.mkdir(parents=True)

    def mend_it(self) -> None:
        """Let it be opened again."""
        assert self.path is not None
        self.path.rmdir()


def jsonl(folder: Path) -> Rig:
    """Write events and poses."""
    path = folder / "log" / "events.jsonl"

    def events(output: Output) -> list[str]:
        files = sorted(path.parent.glob("*.jsonl"))
        rows = [json.loads(line) for file in files for line in file.read_text().splitlines()]
        return [row["id"] for row in rows if "id" in row]

    return Rig({"path": path, "poses": True}, path, events)


def recording(folder: Path) -> Rig:
    """Record poses."""
    path = folder / "log" / "poses.jsonl"
    return Rig({"path": path}, path)


def video(folder: Path) -> Rig:
    """Write a clip."""
    return Rig({"path": folder / "clips" / "watched.mp4"})


def gpio(folder: Path) -> Rig:
    """Switch a line of a chip that is none."""
    return Rig({"line": 17, "when": "arms_up", "chip": "fake"})


def button(folder: Path) -> Rig:
    """Look at a line of a chip that is none."""
    return Rig({"line": 27, "watch": "arms_up", "chip": "fake"})


def prometheus(folder: Path) -> Rig:
    """Let metrics be scraped."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Rig({"port": probe.getsockname()[1]})


def webhook(folder: Path) -> Rig:
    """Post to nobody: its own tests have a server."""
    return Rig({"url": "http://127.0.0.1:1/", "types": ["none of these"]})


def hdmi(folder: Path) -> Rig:
    """Draw for no screen; real ones have tests of their own."""
    return Rig({"sink": "null"})


def memory(folder: Path) -> Rig:
    """Keep everything."""
    return Rig({"keep": 100}, events=lambda output: [event.id for event in output.events])


def mqtt(folder: Path) -> Rig:
    """Keep events for a broker that isn't there."""
    path = folder / "state" / "outbox" / "lobby.sqlite"

    def events(output: Output) -> list[str]:
        waiting: list[str] = []
        for file in sorted(path.parent.glob("*.sqlite")):
            with contextlib.closing(sqlite3.connect(file)) as database:
                rows = database.execute("SELECT id FROM message ORDER BY number")
                waiting += [id for (id,) in rows]
        return waiting

    return Rig({"host": "127.0.0.1", "port": 1}, events=events)


def web(folder: Path) -> Rig:
    """Serve a page that nobody looks at."""
    return Rig({"port": 0, "token": "correct-horse-battery"})


def sound(folder: Path) -> Rig:
    """Speak to nobody: a card that isn't there is found when something is said."""
    return Rig({"voice": "none", "tones": False})


RIGS = {
    "button": button, "gpio": gpio, "hdmi": hdmi, "jsonl": jsonl, "memory": memory, "mqtt": mqtt,
    "prometheus": prometheus, "recording": recording, "sound": sound, "video": video, "web": web,
    "webhook": webhook,
}  # fmt: skip


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be remembered beyond a test."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))


@pytest.fixture(params=sorted(registry.OUTPUTS))
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each registered output."""
    if request.param not in RIGS:
        pytest.fail(f"output '{request.param}' has no rig: add one to RIGS in {__file__}")
    return request.param


@pytest.fixture
def rig(name: str, tmp_path: Path) -> Rig:
    """Return the rig of an output."""
    return RIGS[name](tmp_path)


@pytest.fixture
def output(name: str, rig: Rig, device: Device) -> Output:
    """Return an output, not yet open."""
    made = registry.part("output", name)
    return made(made.Options.model_validate(rig.options), device)


def test_options_are_declared_and_described(name: str):
    """Checking, help and the reference configuration follow from the options class."""
    made = registry.part("output", name)

    assert issubclass(made, Output)
    assert issubclass(made.Options, Options)
    assert made.Options is not Options
    for key, field in made.Options.model_fields.items():
        assert field.description, f"{name}.{key} has no description"


def test_it_opens_shows_and_closes(output: Output, scene: Callable[..., Scene]):
    """A run from beginning to end, with events, works on a frame that can't be written to."""
    output.open()
    for seq in range(5):
        output.show(scene(seq, seq))
    output.close()


def test_it_can_be_closed_at_any_time(output: Output):
    """Twice, and before it was ever opened."""
    output.close()
    output.open()
    output.close()
    output.close()


def test_it_can_be_opened_again(output: Output, rig: Rig, scene: Callable[..., Scene]):
    """What was shown before and after an interruption are both there, once."""
    for seq in (0, 1):
        output.open()
        output.show(scene(seq, seq))
        output.close()

    if rig.events:
        assert rig.events(output) == ["id-0", "id-1"]


def test_nobody_can_be_shown(output: Output, nobody: Callable[..., Scene]):
    """A scene without people, from a recording without pictures."""
    output.open()
    output.show(nobody(0))
    output.show(nobody(1, 7))
    output.close()


def test_an_event_that_comes_again_is_dropped(
    output: Output, rig: Rig, scene: Callable[..., Scene]
):
    """What left for good is not repeated, in later scenes and after an interruption."""
    if rig.events is None:
        pytest.skip("passes no events on")
    output.open()
    output.show(scene(0, 1))
    output.show(scene(1, 1, 2))
    output.close()
    output.open()
    output.show(scene(2, 2, 3))
    output.close()

    assert rig.events(output) == ["id-1", "id-2", "id-3"]


def test_a_failed_open_is_told_and_can_be_closed(output: Output, rig: Rig):
    """Raises OutputLost, which is tried again; closing it then is no fault."""
    if rig.path is None:
        pytest.skip("opens always")
    rig.break_it()

    with pytest.raises(OutputLost, match=rig.path.name):
        output.open()
    output.close()

    rig.mend_it()
    output.open()
    output.close()


def test_no_event_is_lost_when_show_fails(output: Output, rig: Rig, scene: Callable[..., Scene]):
    """Given the same scene again after a fault, it passes every event on exactly once."""
    if rig.path is None:
        pytest.skip("never fails")
    output.open()
    output.show(scene(0, 1))
    rig.break_it()
    lost = scene(1, 2, 3)

    with pytest.raises(OutputLost, match=rig.path.name):
        output.show(lost)
    output.close()
    with pytest.raises(OutputLost):
        output.open()
    output.close()
    rig.mend_it()
    output.open()
    output.show(lost.merged_into(scene(2, 4)))
    output.close()

    if rig.events:
        assert rig.events(output) == ["id-1", "id-2", "id-3", "id-4"]


@pytest.mark.parametrize("kind", ["mqtt", "webhook", "web"])
def test_files_that_cannot_be_used_are_refused_before_they_are(
    kind: str, certificates: Path, tmp_path: Path
):
    """A renewal went wrong: what is open goes on with those from before."""
    good, key = tmp_path / "good.crt", certificates / "server.key"
    shutil.copy(certificates / "server.crt", good)
    made: Any = {
        "mqtt": lambda: Mqtt(MqttOptions(host="h", tls_ca_certs=good), Device("lobby")),
        "webhook": lambda: Webhook(WebhookOptions(url="https://h/", ca=good), Device("lobby")),
        "web": lambda: Web(
            WebOptions(token="a" * 12, tls={"cert": good, "key": key}),  # type: ignore[arg-type]
            Device("lobby"),
        ),
    }[kind]()
    made.check_files()
    good.write_bytes(b"")

    with pytest.raises(OutputLost, match="certificate"):
        made.check_files()
