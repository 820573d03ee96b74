"""Options of the mqtt output, and reasons for a missing connection."""

from __future__ import annotations

import errno
import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode
from pydantic import ValidationError

from edgepose.outputs.mqtt.client_errors import connect_failed, connect_refused, connection_lost
from edgepose.outputs.mqtt.options import MqttOptions


def test_a_host_is_enough():
    """Everything else has a default."""
    options = MqttOptions(host="broker.local")

    assert (options.port, options.topic_prefix, options.discovery) == (1883, "edgepose", True)
    assert not options.is_encrypted


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "host"),
        ({"host": ""}, "host name"),
        ({"host": "a b"}, "host name"),
        ({"host": "mqtt://broker"}, "host name"),
        ({"host": "broker:1883"}, "host name"),
        ({"host": "a" * 70 + ".local"}, "host name"),
        ({"port": 0}, "port"),
        ({"topic_prefix": "a/#"}, "topic such as"),
        ({"topic_prefix": "/a"}, "topic such as"),
        ({"topic_prefix": "a/"}, "topic such as"),
        ({"topic_prefix": "$SYS"}, "topic such as"),
        ({"client_id": "a b"}, "client_id"),
        ({"user": "lobby"}, "both or neither"),
        ({"password": "x"}, "both or neither"),
        ({"tls_ca_certs": "nowhere.crt"}, "no such file"),
        ({"keypoints": 1000.0}, "keypoints"),
        ({"outbox_max": 0}, "outbox_max"),
        ({"qoss": 1}, "qoss"),
    ],
)
def test_mistakes_are_told(given: dict[str, Any], said: str):
    """Each is refused with words that lead to the key."""
    given = given if "host" in given or not given else {"host": "b", **given}

    with pytest.raises(ValidationError, match=said):
        MqttOptions(**given)


def test_a_key_needs_its_certificate(tmp_path: Path):
    """One without the other can't be used."""
    (tmp_path / "k").touch()

    with pytest.raises(ValidationError, match="tls_client_cert"):
        MqttOptions(host="b", tls_client_key=tmp_path / "k")


@pytest.mark.parametrize("given", [{"tls": True}, {"tls_insecure": True}, {"tls_ca_certs": "ca"}])
def test_any_tls_option_encrypts(given: dict[str, Any], tmp_path: Path):
    """Nobody sends a password in clear who named a certificate."""
    (tmp_path / "ca").touch()
    given = {key: tmp_path / value if value == "ca" else value for key, value in given.items()}

    assert MqttOptions(host="b", **given).is_encrypted


@pytest.mark.parametrize("host", ["192.168.1.5", "::1", "broker", "bröker.local"])
def test_hosts_are_names_and_addresses(host: str):
    """Of both families, and with letters of any language."""
    assert MqttOptions(host=host).host == host


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "connection refused"),
        (socket.gaierror(-2, "Name or service not known"), "host name is unknown"),
        (TimeoutError("timed out"), "does not answer"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "Network is unreachable"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "TLS fails"),
        (None, "unknown"),
    ],
)
def test_errors_of_connecting_have_words(error: BaseException | None, said: str):
    """Each says what to look at."""
    assert said in connect_failed(error, is_encrypted=False)


def test_answers_and_ends_have_words():
    """Also those that nobody thought of."""
    connack = partial(ReasonCode, PacketTypes.CONNACK)

    def lost(name: str, is_steady: bool = True) -> str:
        return connection_lost(ReasonCode(PacketTypes.DISCONNECT, name), is_steady=is_steady)

    assert "`client_id`" in connect_refused(connack("Client identifier not valid"))
    assert "Quota exceeded" in connect_refused(connack("Quota exceeded"))
    assert lost("Unspecified error") == "the connection broke"
    assert "soon ends the connection" in lost("Unspecified error", is_steady=False)
    assert "uses our client id" in lost("Session taken over", is_steady=False)
    assert "keep-alive" in lost("Keep alive timeout")
