"""The page behind a certificate, asked by real clients."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from web_phone import TOKEN

from edgepose.errors import OutputLost
from edgepose.outputs.web import Web
from edgepose.outputs.web.limits import ConnectionLimiter
from edgepose.system.tls import client_context
from edgepose.types import Scene

CROWD = 200
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def tls(certificates: Path) -> dict[str, str]:
    """Return the option."""
    return {"cert": str(certificates / "server.crt"), "key": str(certificates / "server.key")}


@pytest.fixture
def page(open_page: Callable[..., Web], tls: dict[str, str]) -> Web:
    """Return an open page that is encrypted."""
    return open_page(frames="full", tls=tls)


@pytest.fixture
def connect(page: Web, certificates: Path) -> Callable[[], http.client.HTTPSConnection]:
    """Return a function that makes a client who trusts the signer, and checks the name."""
    trust = client_context(certificates / "ca.crt")
    return lambda: http.client.HTTPSConnection("127.0.0.1", page.port, timeout=20, context=trust)


def ask(
    client: http.client.HTTPSConnection, method: str, path: str, body: str = "", **headers: str
) -> http.client.HTTPResponse:
    """Return the answer; `_` in header names stands for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    client.request(method, path, body or None, sent | BEARER)
    return client.getresponse()


def test_the_page_is_served_encrypted(page: Web, connect: Callable[..., Any]):
    """To who trusts its signer; the cookie never travels in the clear, the address says https."""
    with contextlib.closing(connect()) as client:
        state = ask(client, "GET", "/api/state")
        assert state.status == 200
        assert state.read()
        form = {"Content_Type": "application/x-www-form-urlencoded"}
        entered = ask(client, "POST", "/login", f"token={TOKEN}", **form)
        entered.read()
        assert "; Secure" in entered.headers["Set-Cookie"]
    assert page.url == f"https://127.0.0.1:{page.port}/"


def test_pictures_come_through(page: Web, connect: Callable[..., Any], scene: Callable[..., Scene]):
    """The endless answers too, more than fits in one record of TLS."""
    with contextlib.closing(connect()) as client:
        client.request("GET", "/stream", headers=BEARER)
        answer = client.getresponse()
        seen = b""
        seq = 0
        while seen.count(b"\xff\xd8\xff") < 30:
            page.show(scene(seq))
            seq += 1
            seen += answer.read1(65536)


def test_who_does_not_trust_it_is_not_let_down(page: Web):
    """A client without the signer refuses; one that speaks no TLS is hung up on."""
    stranger = http.client.HTTPSConnection("127.0.0.1", page.port, timeout=20)
    with contextlib.closing(stranger), pytest.raises(ssl.SSLCertVerificationError):
        stranger.request("GET", "/")
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as plain:
        plain.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"HTTP" not in everything(plain)


def everything(connection: socket.socket) -> bytes:
    """Return all that comes until the other side ends it."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while some := connection.recv(65536):
            said += some
    return said


def test_a_crowd_that_begins_no_handshake_locks_nobody_out(page: Web, connect: Callable[..., Any]):
    """They are counted before any TLS is spoken: the first of them make room for others."""
    with ExitStack() as stack:
        crowd = [
            stack.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=20))
            for _ in range(CROWD)
        ]
        with contextlib.closing(connect()) as client:
            assert ask(client, "GET", "/api/state").read()

        assert everything(crowd[0]) == b""
        assert page._server is not None
        assert len(page._server._limiter) <= ConnectionLimiter.most


def test_who_does_not_finish_the_handshake_is_sent_away(page: Web, monkeypatch: pytest.MonkeyPatch):
    """After the door's patience, with half a greeting."""
    monkeypatch.setattr(ConnectionLimiter, "patience", 0.3)
    page.close()
    page.open()
    with socket.create_connection(("127.0.0.1", page.port), timeout=20) as visitor:
        visitor.sendall(b"\x16\x03\x01\x02\x00\x01")

        assert everything(visitor) == b""


def test_closing_hangs_up_on_handshakes(page: Web):
    """Nothing is left behind of who had only just come."""
    with ExitStack() as stack:
        visitors = [
            stack.enter_context(socket.create_connection(("127.0.0.1", page.port), timeout=20))
            for _ in range(5)
        ]
        page.close()

        assert [everything(visitor) for visitor in visitors] == [b""] * 5


@pytest.mark.parametrize(("which", "other"), [("cert", "ca.key"), ("key", "ca.key")])
def test_files_that_do_not_fit_are_told(
    open_page: Callable[..., Web], tls: dict[str, str], certificates: Path, which: str, other: str
):
    """A key as certificate, somebody else's key: one sentence with both files."""
    with pytest.raises(OutputLost, match=r"server\..*ca\.key|ca\.key.*server\..*: expected a PEM"):
        open_page(tls=tls | {which: str(certificates / other)})


def test_a_key_with_a_passphrase_is_told(
    open_page: Callable[..., Web], tls: dict[str, str], tmp_path: Path
):
    """Instead of asking for it on a terminal that nobody sees."""
    import subprocess

    locked = tmp_path / "locked.key"
    command = ["openssl", "rsa", "-aes128", "-passout", "pass:secret", "-in", tls["key"], "-out"]
    subprocess.run([*command, str(locked)], check=True, capture_output=True)

    with pytest.raises(OutputLost, match="without a passphrase"):
        open_page(tls=tls | {"key": str(locked)})
