"""A device knows itself, and a second one of its name is told so."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edgepose.outputs.mqtt import identity
from edgepose.outputs.mqtt.identity import (
    RIVALS,
    NameClaim,
    NameConflicts,
    default_client_id,
    read_claim,
)
from edgepose.outputs.mqtt.output import Mqtt

Errors = Callable[[], list[str]]


@pytest.fixture
def own() -> NameClaim:
    """Return our claim."""
    return NameClaim("lobby", "edgepose1", "install-a", 3, "session-3")


@pytest.fixture
def errors(caplog: pytest.LogCaptureFixture) -> Errors:
    """Return what an output logged as an error so far; a thread of another test may log too."""
    ours = "edgepose.outputs"
    return lambda: [
        r.getMessage()
        for r in caplog.records
        if r.levelno == logging.ERROR and r.name.startswith(ours)
    ]


@pytest.fixture
def another_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """Return what moves outputs made from then on to a machine with a state of its own."""

    def move() -> None:
        monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "other"))
        monkeypatch.setattr(identity, "PROCESS", "another")

    return move


def test_a_client_id_is_of_machine_and_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """The same on every start, another for another name, serial number or machine id."""
    (tmp_path / "id").write_text("0123\n")
    (tmp_path / "serial").write_text("abc\0")
    monkeypatch.setattr(identity, "_MACHINE", (str(tmp_path / "id"), str(tmp_path / "serial")))
    first = default_client_id("lobby")
    assert first == default_client_id("lobby") != default_client_id("gym")
    (tmp_path / "serial").write_text("abd\0")
    assert default_client_id("lobby") != first
    for file in tmp_path.iterdir():
        file.unlink()
    assert default_client_id("lobby") != first
    assert len(first) == 21
    assert first.isalnum()


def test_a_claim_comes_back_from_its_payload(own: NameClaim):
    """What is no claim is None."""
    assert read_claim(own.payload) == own
    endless = own.payload.replace(b'"start":', b'"start":1e999, "begun":')
    long = replace(own, client_id="x" * 101).payload
    others = (b"", b"{}", b"[1]", b"\xff", b"null", b'{"name": 1}', b"[" * 10_000, endless, long)
    for payload in others:
        assert read_claim(payload) is None


def test_a_claim_without_a_process_can_be_read(own: NameClaim):
    """Of an older edgepose: it is judged by its outbox."""
    row = json.loads(replace(own, session="session-2", start=2).payload)
    del row["process"]
    past = read_claim(json.dumps(row).encode())

    assert past is not None
    assert not own.is_rival(past)
    assert own.is_rival(replace(past, install="install-b"))


def test_a_foreign_claim_while_we_are_there_is_a_rival(own: NameClaim):
    """Told once for each session of it."""
    conflicts = NameConflicts(own)
    other = NameClaim("lobby", "edgepose2", "install-b", 1, "session-x", "process-b")

    assert conflicts.check(other.payload, is_retained=False) == other
    assert conflicts.check(other.payload, is_retained=False) is None


def test_rivals_without_end_are_not_kept(own: NameClaim):
    """Whoever publishes claims of made-up sessions costs no memory; the latest are known."""
    conflicts = NameConflicts(own)
    for number in range(2 * RIVALS):
        rival = NameClaim("lobby", "edgepose2", "install-b", 1, f"session-{number}", "process-b")
        assert conflicts.check(rival.payload, is_retained=False) == rival

    assert len(conflicts.rivals) == RIVALS
    assert conflicts.check(rival.payload, is_retained=False) is None


def test_what_is_established_there_before_us_is_no_rival(own: NameClaim):
    """The device that was replaced left its claim behind."""
    conflicts = NameConflicts(own)
    other = NameClaim("lobby", "edgepose2", "install-b", 1, "session-x", "process-b")

    assert conflicts.check(other.payload, is_retained=True) is None


def test_what_replaced_our_claim_while_we_were_away_is_a_rival(own: NameClaim):
    """Two with one client id throw each other out, and see only what the other left."""
    conflicts = NameConflicts(own)
    other = NameClaim("lobby", "edgepose1", "install-b", 1, "session-x", "process-b")
    conflicts.check(own.payload, is_retained=False)

    assert conflicts.check(other.payload, is_retained=True) == other


def test_our_own_past_is_no_rival(own: NameClaim):
    """A broker that was killed may bring back the claim of an earlier start of ours."""
    conflicts = NameConflicts(own)
    conflicts.check(own.payload, is_retained=False)
    past = NameClaim("lobby", "edgepose1", "install-a", 2, "session-2", "process-2")

    assert conflicts.check(past.payload, is_retained=True) is None


def test_a_copy_of_our_card_is_a_rival(own: NameClaim):
    """It has our outbox and counts its starts from there on."""
    copy = NameClaim("lobby", "edgepose1", "install-a", 3, "session-y", "process-y")

    assert NameConflicts(own).check(copy.payload, is_retained=False) == copy


def test_two_devices_of_one_name_are_both_told(
    output: Callable[..., Mqtt], errors: Errors, wait: Any, another_machine: Callable[[], None]
):
    """Each logs one sentence with what to change; both go on."""
    first = output(client_id="one")
    first.open()
    wait(lambda: first._conflicts._is_established, "the claim")
    another_machine()
    second = output(client_id="two")
    second.open()
    wait(lambda: len(errors()) >= 2, "both to notice")

    said = errors()
    assert sorted(line.partition("client id ")[2][:3] for line in said) == ["one", "two"]
    assert all("named 'lobby' as well" in line for line in said)
    assert all("Give each its own `name`." in line for line in said)


def test_two_devices_of_one_client_id_are_told(
    output: Callable[..., Mqtt], errors: Errors, wait: Any, another_machine: Callable[[], None]
):
    """They throw each other out again and again; the one that comes back sees why."""
    first = output(client_id="same")
    first.open()
    wait(lambda: first._conflicts._is_established, "the claim")
    another_machine()
    second = output(client_id="same")
    second.open()
    wait(errors, "one to notice")

    assert "Give each its own `name` and `client_id`." in errors()[0]


def test_a_restart_of_the_same_device_is_no_rival(
    output: Callable[..., Mqtt], caplog: pytest.LogCaptureFixture, ear: Any, wait: Any
):
    """The claim of the run before is its own."""
    for _ in range(2):
        made = output()
        made.open()
        wait(lambda made=made: made._conflicts._is_established, "the claim")
        made.close()

    assert not made._conflicts.rivals
    assert "as well" not in caplog.text


def test_two_outputs_of_one_device_are_no_rivals(
    output: Callable[..., Mqtt], broker: Any, ear: Any, wait: Any
):
    """Each hears the other's claim, and that of a foreign device: only the latter is told of."""
    outputs = [output(client_id=name) for name in ("one", "two")]
    for made in outputs:
        made.open()
        wait(lambda made=made: made._conflicts._is_established, "the claim")
    foreign = NameClaim("lobby", "edgepose9", "install-b", 1, "session-x", "process-b")
    ear.client.publish("edgepose/lobby/device", foreign.payload)

    wait(lambda: all(made._conflicts.rivals for made in outputs), "both to notice")

    assert [made._conflicts.rivals for made in outputs] == [{"session-x": None}] * 2
