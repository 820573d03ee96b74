"""The connection: passwords, certificates, silence, kills; never waited for, said in a sentence."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from old_broker import ANSWERS, OldBroker
from strict_broker import StrictBroker

from edgepose.backoff import SHORTEST_PAUSE
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.mqtt import output as mqtt_output
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Scene

Make = Callable[..., Mqtt]
MakeScene = Callable[..., Scene]
Wait = Callable[..., None]

PUBLISHER = Path(__file__).parent / "rigs" / "publisher.py"


@pytest.fixture
def warnings(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the warnings of the link so far."""
    caplog.set_level(logging.INFO)
    ours = "edgepose.outputs"  # a thread of another test may log as well
    return lambda: [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and record.name.startswith(ours)
    ]


@pytest.fixture(params=ANSWERS)
def old_broker(request: pytest.FixtureRequest) -> Iterator[OldBroker]:
    """Return a broker that knows MQTT 3.1.1 alone."""
    made = OldBroker(request.param)
    yield made
    made.close()


@pytest.fixture
def publisher(broker: Any) -> Iterator[subprocess.Popen[str]]:
    """Return a process that has shown five events and waits for more to show."""
    process = subprocess.Popen(
        [sys.executable, str(PUBLISHER), str(broker.port), "100", "0", "5"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("5\n")
    process.stdin.flush()
    yield process
    process.kill()
    process.communicate()


def test_the_last_will_is_sent_when_the_process_is_killed(
    ear: Any, publisher: subprocess.Popen[str]
):
    """`available` turns to offline, retained, without anybody asking."""
    ear.wait_last("edgepose/lobby/available", b"online")

    publisher.kill()

    ear.wait_last("edgepose/lobby/available", b"offline")


def test_password_and_tls_let_it_in(
    secured: Any, output: Make, scene: MakeScene, heard: Any, certificates: Path
):
    """Events arrive through an encrypted connection with a login."""
    ear = heard(
        secured.broker.port,
        user=secured.options["user"],
        password=secured.options["password"],
        ca=str(secured.ca),
    )
    made = output(**secured.options)
    made.open()
    made.show(scene(0, 1))
    made.close()

    ear.wait_last("edgepose/lobby/available", b"stopped")
    assert [e["id"] for e in ear.documents("edgepose/lobby/events")] == ["id-1"]
    ear.close()


def test_a_wrong_password_is_said_once_and_tried_with_growing_pauses(
    secured: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait, scene: MakeScene
):
    """One sentence that names the options, no busy loop, and the events are kept."""
    made = output(**(secured.options | {"password": "wr0ng-h0rse"}))
    start = time.monotonic()
    made.open()
    made.show(scene(0, 1, 2))
    wait(lambda: secured.broker.log.read_text().count("not authorised") >= 3, "three tries")

    assert time.monotonic() - start >= 2 * SHORTEST_PAUSE  # two pauses, at random
    (said,) = warnings()
    assert f"127.0.0.1:{secured.broker.port}" in said
    assert "refuses our user name or password; check `user` and `password`. Events are" in said
    assert "wr0ng-h0rse" not in said
    assert made._outbox.waiting == 2


def test_a_missing_password_is_said(
    secured: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait
):
    """Nobody without a login gets in here."""
    made = output(port=secured.broker.port, tls_ca_certs=secured.ca)
    made.open()
    wait(warnings, "a warning")

    assert "check `user` and `password`" in warnings()[0]


def test_a_wrong_certificate_authority_is_said(
    secured: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait
):
    """A broker that a stranger vouches for is not trusted, and never gets the password."""
    made = output(**(secured.options | {"tls_ca_certs": secured.stranger}))
    made.open()
    wait(warnings, "a warning")

    assert "certificate is not trusted" in warnings()[0]
    assert "check `tls_ca_certs`" in warnings()[0]
    assert "CONNACK" not in secured.broker.log.read_text()


def test_another_hosts_certificate_is_taken_only_if_told_so(
    secured: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait
):
    """`localhost` is not what the certificate is made out to; tls_insecure takes it."""
    strict = output(**(secured.options | {"host": "localhost"}))
    strict.open()
    wait(warnings, "a warning")
    assert "certificate is not trusted" in warnings()[0]
    strict.close()

    lax = output(**(secured.options | {"host": "localhost", "tls_insecure": True}))
    lax.open()

    wait(lambda: lax._client is not None and lax._client.is_connected, "the connection")


def test_no_tls_where_tls_is_spoken_is_said(
    secured: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait
):
    """The broker hangs up without a word."""
    made = output(port=secured.broker.port)
    made.open()
    wait(warnings, "a warning")

    assert "closed the connection at once; does it want `tls`, or is `port` wrong?" in warnings()[0]


def test_tls_where_none_is_spoken_is_said(
    broker: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait
):
    """The handshake fails."""
    made = output(tls=True)
    made.open()
    wait(warnings, "a warning")

    assert "TLS" in warnings()[0]


def test_a_file_that_is_no_certificate_is_told(output: Make, tmp_path: Path):
    """It can't be opened, and says with which file and what was expected."""
    (tmp_path / "ca.crt").write_text("nonsense")
    made = output(tls_ca_certs=tmp_path / "ca.crt")

    with pytest.raises(OutputLost, match=r"ca\.crt: expected PEM"):
        made.open()
    made.close()


def test_nobody_listening_is_said_once(
    broker: Any, output: Make, warnings: Callable[[], list[str]], wait: Wait, scene: MakeScene
):
    """Opening and showing work; it connects when the broker comes."""
    broker.stop()
    made = output()
    made.open()
    made.show(scene(0, 1))
    wait(warnings, "a warning")
    broker.start()
    wait(lambda: not made._outbox.waiting, "the event to be taken")

    (said,) = warnings()
    assert "connection refused; is it running, and is `port` right? Events are kept" in said


def test_an_unknown_host_is_said(output: Make, warnings: Callable[[], list[str]], wait: Wait):
    """The name can't be looked up."""
    made = output(host="no-such-broker.invalid")
    made.open()
    wait(warnings, "a warning", 40.0)

    assert "host name is unknown; check `host`" in warnings()[0]


def test_a_frozen_broker_stalls_nothing(
    *,
    broker: Any,
    output: Make,
    ear: Any,
    scene: MakeScene,
    wait: Wait,
    monkeypatch: pytest.MonkeyPatch,
):
    """Opening, showing and closing return; what was shown meanwhile arrives afterwards."""
    monkeypatch.setattr(mqtt_output, "DRAIN", 0.5)
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    broker.freeze()
    for seq in range(200):
        made.show(scene(seq, seq, phase="active" if seq % 2 else "idle"))
    assert made._outbox.waiting == 200
    made.close()
    again = output()
    again.open()
    again.show(scene(200, 200))
    assert made._outbox.waiting == 200
    broker.thaw()
    monkeypatch.setattr(mqtt_output, "DRAIN", 20.0)
    wait(lambda: not again._outbox.waiting, "everything to be taken")
    again.close()

    ear.wait_last("edgepose/lobby/available", b"stopped")
    ids = [event["id"] for event in ear.documents("edgepose/lobby/events")]
    assert list(dict.fromkeys(ids)) == [f"id-{n}" for n in range(201)]


def test_a_fault_in_a_callback_comes_out_where_it_is_seen(
    output: Make, ear: Any, scene: MakeScene, wait: Wait, monkeypatch: pytest.MonkeyPatch
):
    """A fault of ours on paho's thread is raised by the next show, not swallowed."""

    def broken(self: Mqtt, message_id: int, refusal: str, is_for_now: bool) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr(Mqtt, "acknowledged", broken)
    made = output()
    made.open()
    wait(lambda: made._client is not None and made._client.fault, "the fault")

    with pytest.raises(ZeroDivisionError, match="ours"):
        made.show(scene(0))


def test_a_disk_that_fails_on_pahos_thread_costs_nothing(
    output: Make, ear: Any, scene: MakeScene, wait: Wait, device: Device
):
    """Events go on from memory: each is sent, once, and the connection stays."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    database = made._outbox._disk._db
    assert database is not None
    database.execute(
        "CREATE TRIGGER fail BEFORE DELETE ON message BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    made.show(scene(0, 1))
    wait(lambda: "broken" in made.trouble, "the trouble")
    made.show(scene(1, 2))
    wait(lambda: not made._outbox.waiting, "both events to be acknowledged")

    assert made._client is not None
    assert made._client.fault is None
    ear.wait(lambda: len(ear.payloads("edgepose/lobby/events")) >= 2, "both events")
    assert [e["id"] for e in ear.documents("edgepose/lobby/events")] == ["id-1", "id-2"]
    assert ear.payloads("edgepose/lobby/available") == [b"online"]


def test_a_broker_of_mqtt_3_1_1_alone_is_spoken_to_in_its_version(
    output: Make, old_broker: OldBroker, warnings: Callable[[], list[str]], wait: Wait
):
    """MQTT 5 first, then 3.1.1 without a pause or a warning; what it denies is reported."""
    made = output(port=old_broker.port)
    made.open()
    wait(lambda: made._client and made._client.is_connected and made._publisher.is_idle, "all")
    wait(lambda: made._publisher.denials.trouble, "the denied subscriptions")

    assert old_broker.versions == [5, 4]
    assert b"edgepose/lobby/available" in old_broker.published
    assert all("denies reading" in said for said in warnings())
    assert "reading edgepose/lobby/detect/set (Unspecified error) and" in made.trouble


def test_the_newest_version_is_tried_again_after_a_failure(
    output: Make, old_broker: OldBroker, wait: Wait
):
    """A broker that was updated meanwhile is spoken to in MQTT 5."""
    made = output(port=old_broker.port)
    made.open()
    wait(lambda: made._client and made._client.is_connected, "the connection")

    old_broker.drop()
    wait(lambda: len(old_broker.versions) >= 4, "another two attempts")

    assert old_broker.versions[:4] == [5, 4, 5, 4]


def test_a_broker_that_takes_less_at_once_than_before_gets_everything(
    output: Make, scene: MakeScene, wait: Wait
):
    """What is unacknowledged is repeated within the new limit; it would close the connection."""
    broker = StrictBroker(20, 5)
    broker.is_storing = False
    made = output(port=broker.port)
    made.open()
    for number in range(12):
        made.show(scene(number, number))
    wait(lambda: broker.unanswered == 20, "a full window")
    broker.is_storing = True
    broker.drop()
    wait(lambda: not made._outbox.waiting, "all events to be acknowledged")

    assert broker.ends == 0
    assert [id for id, _ in broker.events] == [f"id-{number}" for number in range(12)]
    broker.close()


def test_a_lost_acknowledgement_is_asked_for_on_a_new_connection(
    output: Make, scene: MakeScene, wait: Wait, monkeypatch: pytest.MonkeyPatch
):
    """The protocol repeats nothing on the same one; the next is given more time."""
    monkeypatch.setattr(mqtt_output, "STUCK", 0.2)
    broker = StrictBroker(20)
    broker.is_storing = False
    made = output(port=broker.port)
    made.open()
    made.show(scene(1, 1))
    sent = made._publisher
    wait(
        lambda: (
            broker.unanswered == len(sent._sent_at) and (sent._events or broker.unanswered == 20)
        ),
        "the event to be there, or no room for it",
    )
    broker.is_storing = True

    def is_delivered() -> bool:
        made.tick()
        return not made._outbox.waiting

    wait(is_delivered, "the event to be acknowledged")

    assert broker.events == [("id-1", 0)]
    assert made._patience > 0.2
    broker.close()


def test_a_broker_over_its_quota_gets_the_events_later(output: Make, scene: MakeScene, wait: Wait):
    """None is lost, and none counts as refused; one that is not authorised is."""
    broker = StrictBroker(20, codes=(0x97, 0x00, 0x80, 0x87))
    made = output(port=broker.port)
    made.open()
    made.show(scene(1, *range(4)))

    def is_delivered() -> bool:
        made.tick()
        return not made._outbox.waiting

    wait(is_delivered, "all events")

    assert {id for id, code in broker.events if code == 0} == {"id-0", "id-1", "id-2"}
    assert made.health["refused"] == 1
    broker.close()
