"""Give every test its own search path, and a web server that fails on demand."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from edgepose.modelstore.manifest import Entry

MODEL = b"\x1c\0\0\0TFL3" + bytes(range(256)) * 800  # 204,808 bytes: several blocks

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answer from the server's table of paths; remember what was asked."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        """Answer one request as the test wants it."""
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        self.close_connection = True
        answers = self.server.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def head(self, code: int, length: int, **headers: str) -> None:
        """Send status and headers; in names `_` stands for `-`."""
        self.send_response(code)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Serve what `answers` says: a list a path, used up one by one, the last one for ever."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str]] = []

    def url(self, path: str) -> str:
        """Return the address of `path` on this server."""
        return f"http://127.0.0.1:{self.server_address[1]}{path}"


def whole(body: bytes) -> Answer:
    """Send all, whatever was asked: a server that can't resume."""

    def answer(handler: Handler) -> None:
        handler.head(200, len(body))
        handler.wfile.write(body)

    return answer


def ranged(body: bytes, most: int | None = None) -> Answer:
    """Resume where asked to; with `most`, break the connection after so many bytes."""

    def answer(handler: Handler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        rest = body[start:]
        if start and not rest:
            handler.head(416, 0)
        elif start:
            span = f"bytes {start}-{len(body) - 1}/{len(body)}"
            handler.head(206, len(rest), Content_Range=span)
        else:
            handler.head(200, len(rest))
        handler.wfile.write(rest[:most])

    return answer


def status(code: int) -> Answer:
    """Send an error."""
    return lambda handler: handler.head(code, 0)


@pytest.fixture
def server() -> Iterator[Server]:
    """Return a web server on the loopback interface."""
    server = Server()
    thread = threading.Thread(
        target=server.serve_forever, name="test-server", kwargs={"poll_interval": 0.01}
    )
    thread.start()
    yield server
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the first folder of a search path that nothing else is on."""
    models = tmp_path / "models"
    models.mkdir()
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(models))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr("edgepose.modelstore.folders.packaged_folder", lambda: tmp_path / "package")
    return models


def known(*urls: str, body: bytes = MODEL, **keys: object) -> Entry:
    """Return a manifest entry for `body`."""
    fields = {
        "name": "dancer", "family": "movenet", "quantisation": "int8", "licence": "Apache-2.0",
        "files": ("dancer.tflite", "old_name.tflite"), "urls": urls, "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }  # fmt: skip
    return Entry(**{**fields, **keys})  # type: ignore[arg-type]


class Kit:
    """Hand the builders above to tests."""

    model = MODEL
    whole = staticmethod(whole)
    ranged = staticmethod(ranged)
    status = staticmethod(status)
    known = staticmethod(known)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    """Return the builders of answers and entries."""
    return Kit
