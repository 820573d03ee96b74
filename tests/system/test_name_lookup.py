"""Look-ups of names at a name server that never answers; it is a stand-in for the resolver."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ports import free_port
from waiting import wait_until

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.outbox import Message
from edgepose.outputs.prometheus import Prometheus, PrometheusOptions
from edgepose.outputs.web.options import WebOptions
from edgepose.outputs.web.output import Web
from edgepose.outputs.webhook import Webhook, WebhookOptions
from edgepose.system import name_lookup
from edgepose.system.name_lookup import MOST, addresses


class Resolver:
    """A resolver that keeps whoever asks for a name waiting until it is released."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.released = threading.Event()
        self._real = socket.getaddrinfo

    def getaddrinfo(self, host: str, *arguments: Any, **named: Any) -> Any:
        """Return an address at once, and that of a name later."""
        if not host[0].isdigit():
            self.asked.append(host)
            self.released.wait(60)
            host = "127.0.0.1"
        return self._real(host, *arguments, **named)


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """Return the resolver of this process."""
    made = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
    monkeypatch.setattr(name_lookup, "LISTEN", 0.05)
    yield made
    made.released.set()
    wait_until(lambda: not name_lookup._under_way)


def test_a_look_up_that_hangs_is_left_behind_and_not_begun_again(resolver: Resolver):
    """Later callers wait for the same one, and have its answer when it comes."""
    for _ in range(3):
        with pytest.raises(OSError, match="not looked up in time"):
            addresses("hook.example", 80, 0.01)
    assert resolver.asked == ["hook.example"]

    resolver.released.set()

    assert addresses("hook.example", 80, 20)[0][-1] == ("127.0.0.1", 80)


def test_look_ups_that_are_left_behind_are_few(resolver: Resolver):
    """A thread for each, however many names are asked for."""
    for number in range(MOST + 5):
        with pytest.raises(OSError, match="not looked up in time"):
            addresses(f"host-{number}.example", 80, 0.0)
    wait_until(lambda: len(resolver.asked) == MOST)


def test_no_output_waits_for_a_name_for_ever(resolver: Resolver):
    """Neither one that sends nor one that listens."""
    device = Device("lobby")
    hook = Webhook(WebhookOptions(url="http://hook.example/x", timeout=0.05), device)
    hook.open()
    with pytest.raises(OutputLost, match=r"hook\.example: its name is not looked up in time"):
        hook._post(Message(1, "id", b"{}"))
    hook.close()
    for made in (
        Prometheus(PrometheusOptions(host="lobby.lan", port=9), device),
        Web(WebOptions(host="lobby.lan", port=0, token="a" * 12), device),
    ):
        with pytest.raises(OutputLost, match="not looked up in time"):
            made.open()
        made.close()


def test_metrics_are_served_without_a_name_of_the_address(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
):
    """The name of an address is looked up nowhere: it may take for ever as well."""
    monkeypatch.setattr(socket, "gethostbyaddr", lambda _: pytest.fail("looked up"))
    made = Prometheus(PrometheusOptions(host="127.0.0.1", port=free_port()), Device("lobby"))
    made.open()
    made.close()
    assert not resolver.asked
