"""Troubles that outputs can have: who is at the other end, and what became of the events."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import peers
from peers import ids_in, running
from ports import free_port

from edgepose.options import Options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.outbox import Outbox
from edgepose.system.paths import outbox_path
from edgepose.types import Scene

EAR_PATIENCE: Final = 5.0  # seconds for what the broker keeps to be heard
CLIENTS: Final = 12
TOKEN: Final = "correct-horse-battery"

Case = tuple[dict[str, Any], Callable[[set[str]], str]]
"""Options of the output, and what became of the events: told once the pipeline has stopped."""


def uncounted(ids: set[str]) -> str:
    """Say how many events there were; there is no other end that could tell."""
    return f"{len(ids)} events"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Have a folder for a while."""
    with tempfile.TemporaryDirectory(prefix="edgepose-trouble-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def hook(wait: float = 0.0, flaps: bool = False, dead: bool = False) -> Iterator[Case]:
    """Have somebody who takes posts, badly or not at all."""
    with scratch() as folder, ExitStack() as stack:
        port, path = free_port(), folder / "ids"
        if not dead:
            stack.enter_context(running(peers.take_posts, port, path, wait, flaps))
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        address = f"http://127.0.0.1:{port}"

        def told(ids: set[str]) -> str:
            kept = ids_in(path) | _waiting(outbox_path("bench", f"webhook-{address}"))
            return f"{len(ids & kept)} of {len(ids)} taken or in the outbox"

        yield {"url": f"{address}/", "timeout": 3.0}, told


@dataclass
class Broker:
    """Run mosquitto, which keeps what a subscriber has not heard over a restart."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        user = "user root\n" if os.getuid() == 0 else ""
        conf = self.folder / "mosquitto.conf"
        keep = f"persistence true\npersistence_location {self.folder}/\n"
        conf.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}{keep}")
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        self.process = subprocess.Popen([program, "-c", str(conf)], stderr=subprocess.DEVNULL)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it; may be called twice."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(number)
            process.wait()

    @contextlib.contextmanager
    def flapping(self) -> Iterator[None]:
        """Stop and start it every second, and leave it running."""
        over = threading.Event()

        def flap() -> None:
            while not over.wait(1.0):
                self.stop()
                over.wait(1.0)
                self.start()

        flapper = threading.Thread(target=flap)
        flapper.start()
        yield
        over.set()
        flapper.join()


@contextlib.contextmanager
def broker(trouble: str = "") -> Iterator[Case]:
    """Have mosquitto and a subscriber: well, dead, frozen, at 2 kB/s, or up and down."""
    with scratch() as folder, ExitStack() as stack:
        os.environ["STATE_DIRECTORY"] = str(folder / "state")
        it, heard = Broker(folder), folder / "ids"
        port = it.port
        if trouble != "dead":
            it.start()
            stack.callback(it.stop, signal.SIGKILL)
            stack.enter_context(running(peers.hear_events, it.port, heard))
        if trouble == "frozen" and it.process:
            it.process.send_signal(signal.SIGSTOP)
        if trouble == "slow":
            port = free_port()
            stack.enter_context(running(peers.throttle, port, it.port, 2000))
        calm = stack.enter_context(ExitStack())
        if trouble == "flapping":
            calm.enter_context(it.flapping())

        def told(ids: set[str]) -> str:
            calm.close()
            return _told(ids, heard, EAR_PATIENCE if trouble in ("", "flapping", "slow") else 0)

        yield {"host": "127.0.0.1", "port": port}, told


def _waiting(path: Path) -> set[str]:
    """Return the ids in an outbox."""
    kept = Outbox(path, 100_000)
    kept.open()
    waiting = {message.id for message in kept.after(0, 100_000)}
    kept.close()
    return waiting


def _told(ids: set[str], heard: Path, patience: float) -> str:
    waiting = _waiting(outbox_path("bench"))
    deadline = time.monotonic() + patience
    while not ids <= ids_in(heard) | waiting and time.monotonic() < deadline:
        time.sleep(0.1)
    return f"{len(ids & (ids_in(heard) | waiting))} of {len(ids)} heard or in the outbox"


@contextlib.contextmanager
def lines(full: bool = False) -> Iterator[Case]:
    """Have a file, or a disk that is full."""
    with scratch() as folder:
        path = Path("/dev/full") if full else folder / "events.jsonl"

        def told(ids: set[str]) -> str:
            return f"{len(path.read_text().splitlines())} of {len(ids)} written"

        yield {"path": path}, uncounted if full else told


@contextlib.contextmanager
def clip(lost: bool = False) -> Iterator[Case]:
    """Have a folder for a clip, or a file in its place."""
    with scratch() as folder:
        place = folder / "clips"
        if lost:
            place.touch()
        yield {"path": place / "all.mp4"}, uncounted


@contextlib.contextmanager
def clients(path: str, reads: bool, count: int = CLIENTS, **options: Any) -> Iterator[Case]:
    """Have clients that ask and then read, or never do."""
    port = free_port()
    token = f"Authorization: Bearer {options.get('token')}"
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{token}\r\n\r\n".encode()
    with running(peers.ask, port, request, count, reads):
        yield {"port": port, **options}, uncounted


@contextlib.contextmanager
def plain(**options: Any) -> Iterator[Case]:
    """Need nobody at the other end."""
    yield options, uncounted


class Stuck(Output):
    """Take its time for each scene, as any output may."""

    class Options(Options):
        """seconds: for a scene. ids: where those of the events go that were shown."""

        seconds: float
        ids: Any

    def __init__(self, options: Any, device: Device) -> None:
        self._seconds, self._ids = options.seconds, options.ids

    def open(self) -> None:
        pass

    def show(self, scene: Scene) -> None:
        time.sleep(self._seconds)
        self._ids.update(event.id for event in scene.events)

    def close(self) -> None:
        pass


@contextlib.contextmanager
def stuck(seconds: float) -> Iterator[Case]:
    """Have an output that is slow, whatever it is."""
    ids: set[str] = set()
    yield {"seconds": seconds, "ids": ids}, lambda all_: f"{len(all_ & ids)} of {len(all_)} shown"


Make = Callable[[], AbstractContextManager[Case]]
CASES: Final[dict[str, tuple[str | type[Output], Make, Make]]] = {
    "any, 2 s a scene": (Stuck, partial(stuck, 0.0), partial(stuck, 2.0)),
    "mqtt, broker dead": ("mqtt", broker, partial(broker, "dead")),
    "mqtt, broker frozen": ("mqtt", broker, partial(broker, "frozen")),
    "mqtt, 2 kB/s": ("mqtt", broker, partial(broker, "slow")),
    "mqtt, broker flapping": ("mqtt", broker, partial(broker, "flapping")),
    "webhook, server dead": ("webhook", hook, partial(hook, dead=True)),
    "webhook, answers after 2 s": ("webhook", hook, partial(hook, wait=2.0)),
    "webhook, every other cut": ("webhook", hook, partial(hook, flaps=True)),
    "jsonl, disk full": ("jsonl", lines, partial(lines, full=True)),
    "video, no folder": ("video", clip, partial(clip, lost=True)),
    "web, 12 clients stuck": (
        "web", partial(clients, "/stream", reads=True, token=TOKEN),
        partial(clients, "/stream", reads=False, token=TOKEN),
    ),
    "prometheus, 12 scrapers stuck": (
        "prometheus", partial(clients, "/metrics", reads=True),
        partial(clients, "/metrics", reads=False),
    ),
    "hdmi, no screen": ("hdmi", partial(plain, sink="null"), partial(plain, sink="kms")),
    "gpio, no such chip": (
        "gpio", partial(plain, line=4, when="up", chip="fake"),
        partial(plain, line=4, when="up", chip="/dev/gpiochip99"),
    ),
    "the same twice (noise)": ("jsonl", lines, lines),
}  # fmt: skip
