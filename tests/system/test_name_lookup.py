"""Look-ups of names with a resolver that never answers; numbers are looked up nowhere."""

from __future__ import annotations

import re
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from ports import free_port
from waiting import wait_until

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.outbox import Message
from edgepose.outputs.prometheus import Prometheus, PrometheusOptions
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.output import Web
from edgepose.outputs.webhook import Webhook, WebhookOptions
from edgepose.system import name_lookup
from edgepose.system.name_lookup import addresses

LATE = "its name is not looked up in time; check the network"


@pytest.fixture
def resolver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return how to put a script in the place of `getent`."""
    program = tmp_path / "bin" / "getent"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr(name_lookup, "LISTEN", 0.2)
    monkeypatch.setattr(name_lookup, "_kept", {})
    monkeypatch.setattr(name_lookup.addresses, "__defaults__", (0.2,))

    def put(script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(stat.S_IRWXU)

    return put


def test_a_name_of_this_machine_is_found():
    """By the system's own program."""
    assert ("127.0.0.1", 80) in [place[:2] for *_, place in addresses("localhost", 80, 20)]


def test_a_name_that_nobody_has_is_an_error():
    """The same as of the system's call."""
    with pytest.raises(socket.gaierror, match="not known"):
        addresses("edgepose.invalid", 80, 20)


def test_a_look_up_that_hangs_is_ended_and_the_next_one_asks_again(resolver):
    """A name server that is well again is asked."""
    resolver("exec sleep 1000")
    with pytest.raises(socket.gaierror, match=LATE):
        addresses("hook.example", 80, 0.1)

    resolver('test "$*" = "ahosts -- hook.example" && echo 127.0.0.1 STREAM hook.example')

    assert addresses("hook.example", 80, 20)[0][-1] == ("127.0.0.1", 80)
    resolver("exec sleep 1000")
    assert addresses("hook.example", 81, 0.1)[0][-1] == ("127.0.0.1", 81), "kept for a minute"


def test_a_look_up_takes_none_of_the_time_of_a_post(resolver, monkeypatch):
    """The first of two name servers may be dead: the second is asked after some seconds."""
    monkeypatch.setattr(name_lookup.addresses, "__defaults__", (30.0,))
    resolver("sleep 1.1; echo 127.0.0.1 STREAM")
    options = WebhookOptions(url=f"http://hook.example:{free_port()}/", timeout=1.0)
    hook = Webhook(options, Device("lobby"))
    hook.open()
    with pytest.raises(OutputLost, match="refused"):
        hook._post(Message(1, "id", b"{}"))
    hook.close()


def test_no_output_waits_for_a_name_for_ever(resolver):
    """Neither one that sends nor one that listens."""
    resolver("exec sleep 1000")
    device = Device("lobby")
    hook = Webhook(WebhookOptions(url="http://hook.example/x", timeout=0.2), device)
    hook.open()
    with pytest.raises(OutputLost, match=re.escape(f"http://hook.example: {LATE}")):
        hook._post(Message(1, "id", b"{}"))
    hook.close()
    for made in (
        Prometheus(PrometheusOptions(host="lobby.lan", port=9), device),
        Web(WebOptions(host="lobby.lan", port=9, token="a" * 12), device),
    ):
        with pytest.raises(OutputLost, match=LATE):
            made.open()
        made.close()


def test_a_broker_whose_name_hangs_is_tried_again(resolver):
    """The attempt has failed, with a reason, and the thread goes on."""
    resolver("exec sleep 1000")
    made = Mqtt(MqttOptions(host="broker.example"), Device("lobby"))
    made.open()
    wait_until(lambda: LATE in made.trouble)
    made.close()


def test_metrics_are_served_without_a_name_of_the_address(monkeypatch: pytest.MonkeyPatch):
    """The name of an address is looked up nowhere: it may take for ever as well."""
    monkeypatch.setattr(socket, "gethostbyaddr", lambda _: pytest.fail("looked up"))
    made = Prometheus(PrometheusOptions(host="127.0.0.1", port=free_port()), Device("lobby"))
    made.open()
    made.close()
