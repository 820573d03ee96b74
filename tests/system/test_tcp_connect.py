"""Connections to names of several addresses, some of which answer nothing."""

from __future__ import annotations

import contextlib
import math
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.outbox import Message
from edgepose.outputs.webhook import Webhook, WebhookOptions
from edgepose.system import name_lookup, tcp_connect
from edgepose.system.tcp_connect import MOST, connect, connect_any

DEAD: Final = "127.0.0.2"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what failed, and what was looked up."""
    monkeypatch.setattr(tcp_connect, "_failed", {})
    monkeypatch.setattr(name_lookup, "_kept", {})


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Return a server on a port that 127.0.0.1 answers on, and DEAD does not: its queue is full."""
    with contextlib.ExitStack() as stack:
        alive = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port = int(alive.getsockname()[1])
        dead = stack.enter_context(socket.socket())
        dead.bind((DEAD, port))
        dead.listen(0)
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex((DEAD, port))
        alive.settimeout(20.0)
        yield alive


@pytest.fixture
def port(server: socket.socket) -> int:
    """Return the port of the server."""
    return int(server.getsockname()[1])


def name(monkeypatch: pytest.MonkeyPatch, *found: str) -> None:
    """Give the name two.example these addresses."""
    monkeypatch.setitem(name_lookup._kept, "two.example", (math.inf, list(found)))


def test_a_dead_address_leaves_time_to_the_next_and_comes_last_from_then_on(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    """The first post takes half of its time for it, the second none."""
    name(monkeypatch, DEAD, "127.0.0.1")
    connect(("two.example", port), 2.0).close()
    begun = time.monotonic()
    connect(("two.example", port), 60.0).close()

    assert time.monotonic() - begun < 25.0


def test_a_webhook_whose_first_address_is_dead_reaches_the_second(
    server: socket.socket, port: int, monkeypatch: pytest.MonkeyPatch
):
    """Which answers nothing here: the time is up after the connection."""
    name(monkeypatch, DEAD, "127.0.0.1")
    hook = Webhook(WebhookOptions(url=f"http://two.example:{port}/", timeout=1.0), Device("lobby"))
    hook.open()
    with pytest.raises(OutputLost, match="no answer in time"):
        hook._post(Message(1, "id", b"{}"))
    hook.close()

    server.accept()[0].close()


def test_of_many_addresses_a_few_are_tried_others_each_time(
    port: int, monkeypatch: pytest.MonkeyPatch
):
    """One answer may have thousands; the attempt ends, and the next begins behind them.

    It looks the name up first: the answer was perhaps wrong.
    """
    found = [*[f"127.0.1.{n}" for n in range(1, MOST + 1)], "127.0.0.1"]
    name(monkeypatch, *found)
    with pytest.raises(ConnectionRefusedError):
        connect(("two.example", port), 60.0)

    assert "two.example" not in name_lookup._kept
    name(monkeypatch, *found)
    connect(("two.example", port), 60.0).close()


def test_a_link_local_address_keeps_its_scope():
    """The kernel takes none without it."""
    reached = []

    class Recorded(socket.socket):
        def connect(self, target: Any) -> None:
            reached.append(target)

    found = socket.getaddrinfo("fe80::5%1", 80, type=socket.SOCK_STREAM)
    connect_any("x", found, time.monotonic() + 60.0, Recorded).close()

    assert reached == [("fe80::5", 80, 0, 1)]


def test_a_family_that_the_kernel_lacks_is_left_out(port: int):
    """IPv6 may be switched off, and a name have both."""
    found = socket.getaddrinfo("127.0.0.1", port, type=socket.SOCK_STREAM)
    found.insert(0, (-2, *found[0][1:]))
    connect_any("x", found, time.monotonic() + 60.0, socket.socket).close()
