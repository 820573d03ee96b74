"""The other ends of outputs while they are measured, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edgepose.system.python import CHILD

PATIENCE: Final = 10.0  # seconds for a server to listen
TOKEN: Final = "of-the-bench-alone"

_RECEIVER: Final = """
import http.server, sys
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver).serve_forever()
"""
_VIEWER: Final = """
import sys, time, urllib.request
url, token = sys.argv[1:]
while True:
    try:
        asked = urllib.request.Request(url, headers={"Authorization": "Bearer " + token})
        with urllib.request.urlopen(asked, timeout=5) as stream:
            while stream.read1(65536):
                pass
    except OSError:
        time.sleep(0.05)
"""


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def receiver(port: int) -> Iterator[None]:
    """Run a server that accepts every post."""
    with _running([*CHILD, "-c", _RECEIVER, str(port)]):
        _await_listener(port)
        yield


@contextmanager
def broker(port: int) -> Iterator[None]:
    """Run mosquitto, which has to be installed."""
    with _running(["mosquitto", "-p", str(port)]):
        _await_listener(port)
        yield


@contextmanager
def viewer(port: int) -> Iterator[None]:
    """Run a browser that shows the stream of the web page, as soon as there is one."""
    url = f"http://127.0.0.1:{port}/stream"
    with _running([*CHILD, "-c", _VIEWER, url, TOKEN]):
        yield


@contextmanager
def own_state(folder: Path) -> Iterator[None]:
    """Let outputs keep their state, as events that wait, in a folder of the bench."""
    before = os.environ.get("STATE_DIRECTORY")
    os.environ["STATE_DIRECTORY"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["STATE_DIRECTORY"]
        else:
            os.environ["STATE_DIRECTORY"] = before


@contextmanager
def _running(command: Sequence[str]) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _await_listener(port: int) -> None:
    """Wait until somebody listens. Raises OSError where nobody does in time."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
