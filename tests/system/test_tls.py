"""How certificates of servers are checked."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest

from edgepose.system.tls import client_context


@pytest.fixture
def home_made(tmp_path: Path) -> tuple[Path, Path]:
    """Return an authority and a server's certificate as tutorials make them: no key usage."""
    (tmp_path / "plain.cnf").write_text("[req]\ndistinguished_name=dn\n[dn]\n[ca]\n"
                                        "basicConstraints=critical,CA:true\n")  # fmt: skip
    (tmp_path / "san").write_text("subjectAltName=IP:127.0.0.1")
    new = "-newkey rsa:2048 -nodes -days 2 -config plain.cnf"
    for command in (
        f"req -x509 {new} -extensions ca -subj /CN=home -keyout ca.key -out ca.crt",
        f"req {new} -subj /CN=server -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2"
        " -extfile san -out server.crt",
    ):
        subprocess.run(["openssl", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "ca.crt", tmp_path / "server.crt"


def _shake_hands(context: ssl.SSLContext, server: Path, name: str = "127.0.0.1") -> None:
    """Connect to a server with that certificate. Raises SSLError."""
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(server, server.with_suffix(".key"))
    here, there = socket.socketpair()

    def serve() -> None:
        with contextlib.suppress(OSError), own.wrap_socket(there, server_side=True):
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with context.wrap_socket(here, server_hostname=name):
            pass
    finally:
        here.close()
        thread.join()


def test_an_authority_made_at_home_is_accepted_by_every_python(home_made: tuple[Path, Path]):
    """Python 3.13 refuses one without key usage by itself; who and which host is still checked."""
    authority, server = home_made
    _shake_hands(client_context(authority), server)
    _shake_hands(client_context(authority, beside_system=True), server)

    with pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"):
        _shake_hands(client_context(authority), server, "127.0.0.2")
    with pytest.raises(ssl.SSLCertVerificationError):
        _shake_hands(client_context(), server)
