"""Who is at the other end of an output, each a process of its own, so that its work isn't ours."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import multiprocessing
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

PATIENCE: Final = 30.0  # seconds for a process to start
_SPAWN: Final = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def running(work: Callable[..., None], *args: Any) -> Iterator[None]:
    """Run `work(ready, *args)` in a process of its own, from when it has set `ready`."""
    ready = _SPAWN.Event()
    process = _SPAWN.Process(target=work, args=(ready, *args), daemon=True)
    process.start()
    try:
        if not ready.wait(PATIENCE):
            raise RuntimeError(f"{work.__name__} did not start within {PATIENCE:g} s")
        yield
    finally:
        process.kill()
        process.join()


def take_posts(ready: Any, port: int, path: Path, wait: float, flaps: bool) -> None:
    """Write down the ids of posts, each after `wait` seconds; hang up on every other one."""

    class Taker(http.server.BaseHTTPRequestHandler):
        asked = 0

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            Taker.asked += 1
            time.sleep(wait)
            if flaps and Taker.asked % 2:
                return
            _note(path, json.loads(body)["id"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Taker)
    ready.set()
    server.serve_forever()


def hear_events(ready: Any, port: int, path: Path) -> None:
    """Subscribe, in a session that outlives connection and broker; write the ids that are heard."""
    ear = Client(CallbackAPIVersion.VERSION2, "ear", clean_session=False)
    ear.reconnect_delay_set(1, 1)
    ear.on_connect = lambda client, *_: client.subscribe("edgepose/bench/events", 1)
    ear.on_subscribe = lambda *_: ready.set()
    ear.on_message = lambda c, u, m: _note(path, json.loads(m.payload)["id"])
    ear.connect_async("127.0.0.1", port)
    ear.loop_forever(retry_first_connection=True)


def throttle(ready: Any, port: int, onward: int, rate: int) -> None:
    """Pass on `rate` bytes a second each way."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(max(rate // 10, 1)):
                writer.write(data)
                await writer.drain()
                await asyncio.sleep(len(data) / rate)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", onward)
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async def main() -> None:
        await asyncio.start_server(serve, "127.0.0.1", port, limit=1024)
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(main())


def ask(ready: Any, port: int, request: bytes, count: int, reads: bool) -> None:
    """Be `count` clients that ask once somebody listens, and then read on, or never do."""
    ready.set()
    links: list[socket.socket] = []
    selector = selectors.DefaultSelector()
    while True:
        if len(links) < count:
            with contextlib.suppress(OSError):
                link = socket.create_connection(("127.0.0.1", port), timeout=1)
                link.sendall(request)
                links.append(link)
                selector.register(link, selectors.EVENT_READ)
        if not reads or not links:
            time.sleep(0.05)
            continue
        for key, _ in selector.select(0.05):
            if not key.fileobj.recv(65536):  # type: ignore[union-attr]
                selector.unregister(key.fileobj)


def ids_in(path: Path) -> set[str]:
    """Return what the other end has written down."""
    return set(path.read_text().split()) if path.exists() else set()


def _note(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(f"{text}\n")
