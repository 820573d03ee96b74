"""Troubles that outputs can have: who is at the other end, and what became of the events."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgepose.outbox import Outbox
from edgepose.outputs.mqtt import outbox_path

EAR_PATIENCE = 5.0  # seconds for what the broker keeps to be heard


class Hook(http.server.ThreadingHTTPServer):
    """Take posts after `wait` seconds; hang up on every second one where it flaps."""

    daemon_threads = True

    def __init__(self, wait: float = 0.0, flaps: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.ids: set[str] = set()
        self.wait, self.flaps, self.asked = wait, flaps, 0
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()


class _Taker(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        hook: Any = self.server
        body = self.rfile.read(int(self.headers["Content-Length"]))
        hook.asked += 1
        time.sleep(hook.wait)
        if hook.flaps and hook.asked % 2:
            return
        hook.ids.add(json.loads(body)["id"])
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


Case = tuple[dict[str, Any], Callable[[set[str]], str]]
"""Options of the output, and what became of the events: told once the pipeline has stopped."""


def uncounted(ids: set[str]) -> str:
    """Say how many events there were; there is no other end that could tell."""
    return f"{len(ids)} events"


@contextlib.contextmanager
def hook(wait: float = 0.0, flaps: bool = False, dead: bool = False) -> Iterator[Case]:
    """Have somebody who takes posts, badly or not at all."""
    server = Hook(wait, flaps)
    port = server.server_address[1]
    if dead:
        server.shutdown()
        server.server_close()
    options = {"url": f"http://127.0.0.1:{port}/", "timeout": 3.0}
    yield options, lambda ids: f"{len(ids & server.ids)} of {len(ids)} taken"
    if not dead:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def broker(trouble: str = "") -> Iterator[Case]:
    """Have mosquitto and a subscriber: well, dead, frozen, or stopped and started every second."""
    folder = Path(tempfile.mkdtemp())
    os.environ["STATE_DIRECTORY"] = str(folder / "state")
    port = free_port()
    user = "user root\n" if os.getuid() == 0 else ""
    conf = folder / "mosquitto.conf"
    keep = f"persistence true\npersistence_location {folder}/\n"
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}{keep}")
    heard: set[str] = set()
    over = threading.Event()
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        processes.append(subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL))

    def flap() -> None:
        while not over.wait(1.0):
            processes[-1].terminate()
            processes[-1].wait()
            if not over.wait(1.0):
                start()

    # Its session outlives the broker: what comes while the ear is away is kept for it.
    ear = Client(CallbackAPIVersion.VERSION2, "ear", clean_session=False)
    ear.reconnect_delay_set(1, 1)
    ear.on_connect = lambda client, *_: client.subscribe("edgepose/bench/events", 1)
    ear.on_message = lambda c, u, m: heard.add(json.loads(m.payload)["id"])
    if trouble != "dead":
        start()
        time.sleep(0.5)
        ear.connect_async("127.0.0.1", port)
        ear.loop_start()
        time.sleep(0.3)
    if trouble == "frozen":
        processes[-1].send_signal(signal.SIGSTOP)
    flapper = threading.Thread(target=flap)
    if trouble == "flapping":
        flapper.start()

    def calm() -> None:
        over.set()
        if flapper.is_alive():
            flapper.join()
        if processes and processes[-1].poll() is not None:
            start()

    def told(ids: set[str]) -> str:
        calm()
        kept = Outbox(outbox_path("bench"), 100_000)
        kept.open()
        waiting = {message.id for message in kept.after(0, 100_000)}
        kept.close()
        deadline = time.monotonic() + (EAR_PATIENCE if processes else 0.0)
        while not ids <= heard | waiting and time.monotonic() < deadline:
            time.sleep(0.1)
        return f"{len(ids & (heard | waiting))} of {len(ids)} heard or in the outbox"

    yield {"host": "127.0.0.1", "port": port}, told
    calm()
    ear.loop_stop()
    for process in processes:
        process.kill()
        process.wait()
    shutil.rmtree(folder)


@contextlib.contextmanager
def lines(full: bool = False) -> Iterator[Case]:
    """Have a file, or a disk that is full."""
    folder = Path(tempfile.mkdtemp())
    path = Path("/dev/full") if full else folder / "events.jsonl"

    def told(ids: set[str]) -> str:
        return f"{len(path.read_text().splitlines())} of {len(ids)} written"

    yield {"path": path}, uncounted if full else told
    shutil.rmtree(folder)


@contextlib.contextmanager
def clients(path: str, stuck: bool, **options: Any) -> Iterator[Case]:
    """Have twelve clients that ask and then never read; or none."""
    port, found = free_port(), []
    over = threading.Event()

    def ask() -> None:
        token = options.get("token")
        ask = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
        while len(found) < 12 and not over.wait(0.05):
            with contextlib.suppress(OSError):
                link = socket.create_connection(("127.0.0.1", port), timeout=1)
                link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
                link.sendall(ask.encode())
                found.append(link)

    asking = threading.Thread(target=ask)
    if stuck:
        asking.start()
    yield {"port": port, **options}, uncounted
    over.set()
    if stuck:
        asking.join()
    for link in found:
        link.close()


@contextlib.contextmanager
def plain(**options: Any) -> Iterator[Case]:
    """Need nobody at the other end."""
    yield options, uncounted


TOKEN = "correct-horse-battery"
CASES: dict[str, tuple[str, Callable[[], AbstractContextManager[Case]], Callable[[], Any]]] = {
    "mqtt, broker dead": ("mqtt", broker, lambda: broker("dead")),
    "mqtt, broker frozen": ("mqtt", broker, lambda: broker("frozen")),
    "mqtt, broker flapping": ("mqtt", broker, lambda: broker("flapping")),
    "webhook, server dead": ("webhook", hook, lambda: hook(dead=True)),
    "webhook, answers after 2 s": ("webhook", hook, lambda: hook(wait=2.0)),
    "webhook, every other cut": ("webhook", hook, lambda: hook(flaps=True)),
    "jsonl, disk full": ("jsonl", lines, lambda: lines(full=True)),
    "web, 12 clients stuck": (
        "web", lambda: clients("/stream", False, token=TOKEN),
        lambda: clients("/stream", True, token=TOKEN),
    ),
    "prometheus, 12 scrapers stuck": (
        "prometheus", lambda: clients("/metrics", False), lambda: clients("/metrics", True),
    ),
    "hdmi, no screen": ("hdmi", lambda: plain(sink="null"), lambda: plain(sink="kms")),
    "gpio, no such chip": (
        "gpio", lambda: plain(line=4, when="up", chip="fake"),
        lambda: plain(line=4, when="up", chip="/dev/gpiochip99"),
    ),
    "the same twice (noise)": ("jsonl", lines, lines),
}  # fmt: skip


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
