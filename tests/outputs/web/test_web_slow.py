"""Clients that are slow, silent, many or gone."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPException
from typing import Any

import numpy as np
import pytest

from edgepose.outputs.web import Web, streams
from edgepose.outputs.web.limits import ConnectionLimiter
from edgepose.types import Frame, Scene

CROWD = 200


@pytest.fixture
def crowd(client) -> Iterator[Callable[[bytes], list[socket.socket]]]:
    """Return a function that opens many connections and sends the same on each."""
    with ExitStack() as stack:

        def come(data: bytes) -> list[socket.socket]:
            return [stack.enter_context(client.raw(data)) for _ in range(CROWD)]

        yield come


def limiter_of(page: Web) -> ConnectionLimiter:
    """Return what counts the connections of a page."""
    assert page._server is not None
    return page._server._limiter


def is_closed(connection: socket.socket) -> bool:
    """Wait for the end of a connection."""
    with contextlib.suppress(ConnectionResetError):
        while connection.recv(65536):
            pass
    return True


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET /api/state HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    ],
    ids=["silent", "half a request", "idle afterwards"],
)
def test_a_crowd_that_keeps_silent_locks_nobody_out(client, crowd, page: Web, said: bytes):
    """Who asks is answered, before any patience has run out; only so many stay open."""
    crowd(said)

    assert client.get("/api/state")[0] == 200
    assert len(limiter_of(page)) <= ConnectionLimiter.most


def test_who_keeps_silent_is_hung_up_on(
    monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., Web], new_client: Callable[..., Any]
):
    """Though there is room; a page that asks now and then stays."""
    monkeypatch.setattr(ConnectionLimiter, "patience", 0.2)
    client = new_client(open_page())

    with client.raw(b"") as silent, client.raw(b"GET / HTTP/1.1\r\nHost: ") as slow:
        assert is_closed(silent)
        assert is_closed(slow)


SLOW_BODY = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nt"
)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_slow_bodies_shut_nobody_out(client, page: Web, address: str):
    """Neither others nor the same address, though each request is half there."""
    with ExitStack() as stack:
        for _ in range(90):
            with contextlib.suppress(ConnectionError):  # refused, which is fine
                slow = stack.enter_context(client.raw(client.request("/nothing"), address))
                slow.recv(4096)  # by then the one before was parsed
                slow.sendall(SLOW_BODY)
        for _ in range(3):
            assert client.get("/api/state")[0] == 200


def test_one_address_has_a_part_of_the_connections_only(client, page: Web):
    """Its further connections close its own older ones, never those of others."""
    with client.raw() as other, ExitStack() as stack:
        for _ in range(2 * ConnectionLimiter.most):
            stack.enter_context(client.raw(b"", "127.0.0.2"))
        assert client.get("/login")[0] == 303
        ours = 2  # the other, and that of the answer
        assert len(limiter_of(page)) <= ConnectionLimiter.most_by_address + ours
        other.sendall(client.request("/api/state"))
        assert other.recv(64).startswith(b"HTTP/1.1 200")


def test_an_address_that_is_busy_everywhere_is_refused(client, page: Web, monkeypatch):
    """Where none of its connections is silent; others come in."""
    monkeypatch.setattr(ConnectionLimiter, "most_by_address", 2)
    with ExitStack() as stack:
        streams = [client.raw(client.request("/api/events"), "127.0.0.2") for _ in range(2)]
        for stream in streams:
            stack.enter_context(stream)
            assert stream.recv(12) == b"HTTP/1.1 200"
        assert is_closed(stack.enter_context(client.raw(b"", "127.0.0.2")))
        assert client.get("/api/state")[0] == 200


def test_a_body_that_never_comes_is_given_up(client, monkeypatch: pytest.MonkeyPatch):
    """The connection is told and closed."""
    monkeypatch.setattr("edgepose.outputs.web.server.BODY_TIMEOUT", 0.1)
    head = (
        f"POST /api/command HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {client.token}\r\n"
    )
    with client.raw(
        head.encode() + b"Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
    ) as connection:
        assert connection.recv(64).startswith(b"HTTP/1.1 408")
        assert is_closed(connection)


def test_a_crowd_of_watchers_that_never_read_holds_nothing_up(
    client, crowd, page: Web, scene: Callable[..., Scene]
):
    """Scenes are taken as before, and who reads is answered."""
    crowd(client.request("/stream"))
    for seq in range(300):
        page.show(scene(seq))

    assert client.get("/api/state")[0] == 200
    with client.stream("/api/events") as reader:
        assert b" 200 " in reader.readline()


def noisy(seq: int) -> Scene:
    """Return a scene whose picture is as large a JPEG as can be."""
    rng = np.random.default_rng(seq)
    return Scene(Frame(rng.integers(0, 256, (480, 640, 3), np.uint8), seq / 30, seq))


def test_a_watcher_that_stalls_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., Web], new_client: Callable[..., Any]
):
    """It has its buffers full for a while, and then no connection any more."""
    monkeypatch.setattr(streams, "STALLED", 0.2)
    page = open_page(frames="full", fps=30)
    client, gone = new_client(page), threading.Event()

    def film() -> None:
        seq = 0
        while not gone.wait(0.02):
            page.show(noisy(seq))
            seq += 1

    camera = threading.Thread(target=film)
    camera.start()
    try:
        with client.raw(client.request("/stream")) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while limiter_of(page):
                assert camera.is_alive()
                gone.wait(0.01)
    finally:
        gone.set()
        camera.join(5)


def test_closing_hangs_up_on_who_does_not_read(
    open_page: Callable[..., Web], new_client: Callable[..., Any]
):
    """No socket is left open, though what was sent is still waiting to be read."""
    page, seq = open_page(frames="full", fps=30), 0
    client, patience = new_client(page), threading.Event()
    with client.raw(client.request("/stream")):
        while not (open_now := list(limiter_of(page)._open.values())):
            patience.wait(0.01)
        transport = open_now[0].transport
        while not transport.get_write_buffer_size():
            page.show(noisy(seq))
            seq += 1
            patience.wait(0.02)
        page.close()
        assert transport.get_extra_info("socket").fileno() == -1


def test_who_was_accepted_while_the_page_closes_is_hung_up_on(client, page: Web):
    """The loop learns of the end and of five visitors in the same round; no socket is forgotten."""
    assert page._thread is not None
    loop, stop = page._thread._loop, page._thread._stop
    assert loop is not None
    assert stop is not None
    go_on = threading.Event()
    loop.call_soon_threadsafe(go_on.wait, 10)
    with ExitStack() as stack:
        visitors = [stack.enter_context(client.raw(client.request("/"))) for _ in range(5)]
        loop.call_soon_threadsafe(stop.set)
        go_on.set()
        page.close()

        assert all(map(is_closed, visitors))


def test_a_question_under_way_while_the_page_closes_is_no_fault(
    page: Web, client, appliance, caplog: pytest.LogCaptureFixture
):
    """Those who ask when it ends are hung up on, or answered; nothing is logged as an error."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError, HTTPException):
                client.get("/api/state")

    visitors = [threading.Thread(target=ask) for _ in range(4)]
    for visitor in visitors:
        visitor.start()
    for _ in range(5):
        client.get("/api/state")
        page.close()
        page.open()
        client.port = page.port
    over.set()
    for visitor in visitors:
        visitor.join()

    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_command_that_hangs_holds_nothing_else_up(
    monkeypatch: pytest.MonkeyPatch, open_page: Callable[..., Web], new_client: Callable[..., Any],
    appliance, scene: Callable[..., Scene],
):  # fmt: skip
    """It is given up with a sentence, and pictures go on meanwhile."""
    monkeypatch.setattr("edgepose.outputs.web.api.COMMAND_TIMEOUT", 0.3)
    hang = threading.Event()
    monkeypatch.setattr(appliance, "state", lambda: hang.wait(20) and {})
    page = open_page(frames="full")
    client = new_client(page)
    page.show(scene(0))
    asked = client.raw(client.request("/api/state"))

    with asked, client.stream("/stream") as reader:
        assert b"200" in reader.readline()
        assert asked.recv(64).startswith(b"HTTP/1.1 504")
    hang.set()


def test_who_goes_away_in_the_middle_is_no_fault(client, page: Web, scene, caplog):
    """Of a request, of a stream, of a form."""
    page.show(scene(0))
    for data in (b"GET / HT", b"GET /login HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"):
        client.raw(data).close()
    for path in ("/stream", "/api/events"):
        client.stream(path).close()

    assert client.get("/api/state")[0] == 200
    page.close()
    assert not caplog.records
