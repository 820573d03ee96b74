"""A device in a process of its own, with real things to go wrong around it: camera, broker, disk.

What every test of the matrix saw is printed as a table at the end.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from ports import free_port

from edgepose.registry import part

PATIENCE = 90.0  # seconds; only a broken build, or a very busy machine, takes long
ROOT = Path(__file__).parents[2]
TABLE: list[tuple[str, str, str]] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the fault matrix."""
    if TABLE:
        terminalreporter.section("fault matrix")
        for fault, when, seen in TABLE:
            terminalreporter.write_line(f"{fault:<22} {when:<13} {seen}")


@pytest.fixture
def saw() -> Callable[[str, str, str], None]:
    """Return a writer of rows of the matrix: fault, when, what the health document said."""
    return lambda fault, when, seen: TABLE.append((fault, when, " ".join(seen.split())[:110]))


def wait_for(found: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Return the first true answer; fail with what did not come."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.05)
    return answer


@pytest.fixture(scope="session")
def pictures() -> tuple[bytes, ...]:
    """Return JPEGs of a mannequin that raises its arms again and again, with a sensor's noise."""
    kind = part("source", "synthetic")
    options = {"motion": "arms_up", "size": (240, 320), "fps": 10, "seconds": 8, "noise": 4}
    source = kind(kind.Options(**options, pace="fast"))
    source.open()
    images = iter(source.read, None)
    return tuple(cv2.imencode(".jpg", image.image[..., ::-1])[1].tobytes() for image in images)


class Camera:
    """Be a network camera whose plug, lens and buffers can fail. mode: see `_picture`."""

    def __init__(self, pictures: tuple[bytes, ...]) -> None:
        self.mode = "well"
        self.port = free_port()
        self._pictures = pictures
        self._black = cv2.imencode(".jpg", np.zeros((240, 320, 3), np.uint8))[1].tobytes()
        self._gone = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def plug_in(self) -> None:
        """Be there."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

            def do_GET(self) -> None:
                """Give ten pictures a second until somebody pulls the plug."""
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=edge")
                self.end_headers()
                number = 0
                while not camera._gone.wait(0.1):
                    number += 1
                    jpeg = camera._picture(number)
                    head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}"
                    try:
                        self.wfile.write(head.encode() + b"\r\n\r\n" + jpeg + b"\r\n")
                    except OSError:
                        return

        self._gone.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def unplug(self) -> None:
        """Be gone; may be called twice."""
        self._gone.set()
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _picture(self, number: int) -> bytes:
        if self.mode == "black":
            return self._black
        return self._pictures[0 if self.mode == "frozen" else number % len(self._pictures)]

    @property
    def source(self) -> str:
        """Return the source that watches it."""
        url = f"http://127.0.0.1:{self.port}/live"
        return f"source: {{type: stream, url: '{url}', timeout: 2, frozen_after: 2}}\n"


@pytest.fixture
def camera(pictures: tuple[bytes, ...]) -> Iterator[Camera]:
    """Return a camera that nobody has plugged in yet."""
    camera = Camera(pictures)
    yield camera
    camera.unplug()


class Broker:
    """Run mosquitto; the port stays the same over restarts."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *lines: str) -> None:
        """Start with further lines of configuration, and wait until it listens."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        own = (f"listener {self.port} 127.0.0.1", "max_queued_messages 0")
        root = ("user root",) if not os.getuid() else ()
        conf = self._folder / "mosquitto.conf"
        conf.write_text("\n".join([*own, *root, *(lines or ("allow_anonymous true",)), ""]))
        log = (self._folder / "mosquitto.log").open("ab")
        self._process = subprocess.Popen([program, "-c", str(conf)], stdout=log, stderr=log)
        log.close()
        wait_for(self._listens, "mosquitto to listen")

    def signal(self, number: int) -> None:
        """Send a signal: SIGSTOP freezes it with its connections open."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it at once; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """Return a broker that is not running yet."""
    broker = Broker(tmp_path)
    yield broker
    broker.kill()


class Device:
    """Be `edgepose run` as a service: asked how it is through the file that `status` reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "device.yaml"
        self.runtime, self.state = folder / "run", folder / "state"
        self.env: dict[str, str] = {}
        self.process: subprocess.Popen[str] | None = None
        self.log = folder / "device.log"
        self.wrapper: list[str] = []
        for made in (self.runtime, self.state):
            made.mkdir()

    def write(self, *lines: str, source: str = "") -> None:
        """Write the configuration: watches arms that go up, logs events; and these lines."""
        template = ROOT / "configs" / "templates" / "arms_up.yaml"
        drawn = "source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 10}\n"
        text = f"version: 1\nname: lobby\n{source or drawn}"
        text += f"watch: {{arms: {{template: {template}}}}}\n" + "".join(lines)
        self.config.write_text(text)

    def start(self) -> None:
        """Start the process, without waiting for anything."""
        given = {
            "RUNTIME_DIRECTORY": str(self.runtime), "STATE_DIRECTORY": str(self.state),
            "WATCHDOG_USEC": "600000", "OMP_NUM_THREADS": "1", **self.env,
        }  # fmt: skip
        environment = {**os.environ, **given}
        command = [sys.executable, "-m", "edgepose", "-v", "run", "-q", "--service"]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [*self.wrapper, *command, str(self.config)],
                env=environment, stderr=log, stdout=log, text=True, cwd=self.folder,
            )  # fmt: skip

    @property
    def health(self) -> dict[str, Any]:
        """Return the latest document of the process that runs, empty before its first."""
        try:
            report = json.loads((self.runtime / "status.json").read_text())
        except (OSError, ValueError):
            return {}
        is_own = self.process is not None and report["pid"] == self.process.pid
        return dict(report["health"]) if is_own or self.wrapper else {}

    def wait(self, is_so: Callable[[dict[str, Any]], Any], what: str) -> dict[str, Any]:
        """Return the first document that is as asked."""

        def found() -> dict[str, Any] | None:
            assert self.process is not None
            assert self.process.poll() is None, f"it ended:\n{self.log.read_text()[-3000:]}"
            health = self.health
            return health if health and is_so(health) else None

        try:
            return dict(wait_for(found, what))
        except AssertionError as error:
            parts = {k: self.health.get(k) for k in ("troubles", "source", "runtime", "outputs")}
            raise AssertionError(f"{error}\n{parts}\n{self.log.read_text()[-2000:]}") from None

    def part(self, name: str, health: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return a part of the document: source, runtime, or an output."""
        health = self.health if health is None else health
        found = health.get("outputs", {}).get(name) or health.get(name) or {}
        return dict(found)

    def wait_part(self, name: str, state: str, words: str = "") -> dict[str, Any]:
        """Return a part once it is in a state, with these words as its reason."""

        def is_so(health: dict[str, Any]) -> bool:
            found = self.part(name, health)
            return found.get("state") == state and words in str(found.get("reason"))

        return self.part(name, self.wait(is_so, f"{name} to be {state} ({words})"))

    def wait_events(self, more: int = 2) -> int:
        """Return how many events there are once there are `more` than now."""
        enough = len(self.events()) + more
        self.wait(lambda _: len(self.events()) >= enough, f"{more} more events")
        return len(self.events())

    def events(self) -> list[dict[str, Any]]:
        """Return the events in the log file."""
        path = self.folder / "events.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines if line]

    def hup(self) -> None:
        """Let it read its configuration anew."""
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> int:
        """End it in order; return its exit code. May be called when it has ended."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE)

    def no_event_is_lost(self) -> list[dict[str, Any]]:
        """Check that each start has its end, counted without a gap; return the events."""
        events = self.events()
        pairs = list(zip(events[::2], events[1::2], strict=False))
        assert pairs, "no event came at all"
        assert {(a["type"], b["type"]) for a, b in pairs} == {("start", "end")}
        assert all(a["count"] == b["count"] for a, b in pairs)
        assert len({event["id"] for event in events}) == len(events)
        return events


@pytest.fixture
def device(tmp_path: Path, lightning: Path) -> Iterator[Device]:
    """Return a device that is not started yet."""
    device = Device(tmp_path)
    device.write("outputs: {log: {type: jsonl, path: events.jsonl}}\n")
    yield device
    if device.process is not None:
        device.process.kill()
        device.process.wait()
