"""What docs/security.md has the broker keep back and let through."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from edgepose.outputs.mqtt.output import Mqtt

Make = Callable[..., Mqtt]


PAGE: Final = Path(__file__).parents[3] / "docs" / "security.md"
BIG: Final = """
import sys, threading
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
client = Client(CallbackAPIVersion.VERSION2, "big", reconnect_on_failure=False)
over = threading.Event()
client.on_publish = client.on_disconnect = lambda *_: over.set()
client.connect("127.0.0.1", int(sys.argv[1]))
client.publish("edgepose/lobby/detect/set", bytes(200_000_000), 1, "retain" in sys.argv)
client.loop_start()
over.wait(100)
client.disconnect()
"""


def resident_mb() -> float:
    """Return the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.fixture
def limited(broker: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Return how to start a broker with rights for the user lobby, who is the device."""
    started = []

    def start(rights: str) -> Any:
        file, passwords = tmp_path / "rights", tmp_path / "passwords"
        file.write_text(rights)
        file.chmod(0o600)
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "lobby", "pw"], check=True)
        folder = tmp_path / "limited"
        folder.mkdir()
        lines = (
            "log_type all",
            "allow_anonymous false",
            f"password_file {passwords}",
            f"acl_file {file}",
            # With 0, no limit, mosquitto 2.0.11 ends the connection at each denied message.
            "max_queued_messages 1000",
        )
        started.append(type(broker)(folder, "log_type all", *lines))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop()


def test_the_documented_rights_are_enough(
    output: Make,
    wait: Callable[..., None],
    limited: Callable[[str], Any],
):
    """With those of docs/security.md nothing is denied, discovery included."""
    broker = limited(re.findall(r"```text\n(pattern.*?)```", PAGE.read_text(), re.S)[0])
    made = output(port=broker.port, user="lobby", password="pw")
    made.open()
    wait(lambda: made._client and made._client.is_connected and made._publisher.is_idle, "all")
    assert "Denied" not in broker.log.read_text()


def test_what_the_broker_denies_is_said(
    output: Make,
    wait: Callable[..., None],
    limited: Callable[[str], Any],
    scene: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
):
    """Once in the log, and in the health document; the events are counted, since they are gone."""
    broker = limited(
        "pattern readwrite edgepose/%u/pose/#\npattern readwrite edgepose/%u/available"
    )
    made = output(port=broker.port, user="lobby", password="pw")
    made.open()
    made.show(scene(0, 1))
    made.show(scene(1, 2))
    wait(lambda: made._publisher.refused == 2, "two denied events")
    wait(lambda: made._publisher.is_idle, "the rest")

    denied = [
        r.getMessage() for r in caplog.records if "denies edgepose/lobby/events" in r.getMessage()
    ]
    assert len(denied) == 1
    assert "Not authorized" in denied[0]
    assert "denies" in made.trouble
    assert made.health["refused"] == 2
    assert "denies edgepose/lobby/persons" not in caplog.text


@pytest.mark.parametrize("how", ["retain", "once"])
def test_a_payload_of_200_mb_never_arrives(
    output: Make, broker: Any, heard: Any, wait: Callable[..., None], how: str
):
    """The broker drops it, the connection stays, and the next command is carried out."""
    made = output()
    made.open()
    wait(lambda: made._client and made._client.is_connected and made._publisher.is_idle, "all")
    before = resident_mb()

    subprocess.run([sys.executable, "-c", BIG, str(broker.port), how], check=True, timeout=100)
    small = heard(broker.port, "edgepose/lobby/detect/reply")
    small.say("edgepose/lobby/detect/set", "OFF")
    small.wait(lambda: small.payloads("edgepose/lobby/detect/reply"), "the answer")
    small.close()

    assert resident_mb() - before < 50
    assert broker.log.read_text().count("as edgepose") == 1, "one connection"


def test_a_payload_of_200_mb_stays_at_a_broker_with_the_documented_limit(
    output: Make, broker: Any, heard: Any, tmp_path: Path
):
    """The sender is turned away, and the next command is carried out."""
    folder = tmp_path / "limited"
    folder.mkdir()
    (limit,) = re.findall(r"^max_packet_size \d+$", PAGE.read_text(), re.M)
    small = type(broker)(folder, "allow_anonymous true", limit)
    small.start()
    ear = heard(small.port, "edgepose/lobby/detect/reply")
    made = output(port=small.port)
    made.open()
    before = resident_mb()

    subprocess.run([sys.executable, "-c", BIG, str(small.port)], check=False, timeout=100)
    ear.say("edgepose/lobby/detect/set", "OFF")
    ear.wait(lambda: ear.payloads("edgepose/lobby/detect/reply"), "the answer")

    assert resident_mb() - before < 50
    made.close()
    ear.close()
    small.stop()
