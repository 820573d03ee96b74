"""Measure what an output that is dead, slow or flapping does to the pipeline: by hand, minutes.

    python tests/rigs/outputs_in_trouble.py [ROUNDS] [SECONDS]

One process, saturated with frames; well and ill take turns in every round, with everything else the
same. Printed is the median over the rounds of ill : well, lowest and highest, for scenes a second
and for the process's own CPU seconds a scene, which a busy machine disturbs less. Every event is
counted afterwards at the other end, or where it is kept.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import click
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgepose.app import new_interpreter
from edgepose.bench.pipeline import StillSource
from edgepose.cli.run import tune_python
from edgepose.config import load
from edgepose.engine.perception import Detector, Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.eyes import Eyes, open_eyes
from edgepose.outputs.base import Device, Output
from edgepose.registry import part
from edgepose.types import Scene

WARM_UP = 0.7  # seconds
TEMPLATES = Path(__file__).parents[2] / "configs" / "templates"
CONFIG = """\
version: 1
name: bench
source: {{type: synthetic, motion: arms_up, size: [480, 640]}}
watch: {{up: {{template: {templates}/arms_up.yaml, hold: 0, release: 0}}}}
"""


class Witness(Output):
    """Count scenes and remember the ids of events."""

    def __init__(self) -> None:
        self.scenes = 0
        self.ids: set[str] = set()

    def open(self) -> None:
        pass

    def show(self, scene: Scene) -> None:
        self.scenes += 1 + scene.missed
        self.ids |= {event.id for event in scene.events}

    def close(self) -> None:
        pass


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
    """Say nothing of events."""
    return ""


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
    conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}")
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

    ear = Client(CallbackAPIVersion.VERSION2)
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

    def told(ids: set[str]) -> str:
        from edgepose.outbox import Outbox
        from edgepose.outputs.mqtt import outbox_path

        kept = Outbox(outbox_path("bench"), 100_000)
        kept.open()
        waiting = {message.id for message in kept.after(0, 100_000)}
        kept.close()
        return f"{len(ids & (heard | waiting))} of {len(ids)} heard or in the outbox"

    yield {"host": "127.0.0.1", "port": port}, told
    over.set()
    if trouble == "flapping":
        flapper.join()
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


def measured(
    eyes: Eyes, images: list[Any], kind: str, case: AbstractContextManager[Case], seconds: float
) -> tuple[float, float, str]:
    """Return scenes a second, CPU seconds a scene, and what became of the events."""
    config = load(_config())
    with case as (options, told):
        made = part("output", kind)
        device = Device("bench", ("up",), "model")
        witness = Witness()
        outputs = {"witness": witness, "it": made(made.Options(**options), device)}
        interpreter = new_interpreter(config, family=eyes.detector.family)
        detector = Detector(eyes.detector.family, *eyes.detector.runtimes)
        pipeline = Pipeline(StillSource(images, 400.0), Perception(detector, interpreter), outputs)
        pipeline.start()
        time.sleep(WARM_UP)
        scenes, cpu, start = witness.scenes, _cpu(), time.monotonic()
        time.sleep(seconds)
        scenes, cpu = witness.scenes - scenes, _cpu() - cpu
        rate = scenes / (time.monotonic() - start)
        pipeline.stop()
        return rate, cpu / max(scenes, 1), told(witness.ids)


def _config() -> Path:
    path = Path(tempfile.gettempdir()) / f"bench-{os.getpid()}.yaml"
    path.write_text(CONFIG.format(templates=TEMPLATES))
    return path


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(rounds: int = 5, seconds: float = 3.0) -> None:
    """Measure every case and print a row each."""
    tune_python()
    config = load(_config())
    eyes = open_eyes(config.model.model_copy(update={"threads": 1}))
    synthetic = part("source", "synthetic")
    source = synthetic(
        synthetic.Options(size=(480, 640), fps=10, pace="fast", seconds=4.0, motion="arms_up")
    )
    source.open()
    images = [frame.image for frame in iter(source.read, None)]
    for name, (kind, well, ill) in CASES.items():
        pairs, words = [], []
        for _ in range(rounds):
            before = measured(eyes, images, kind, well(), seconds)
            after = measured(eyes, images, kind, ill(), seconds)
            if before[0]:
                pairs.append((after[0] / before[0], after[1] / before[1]))
            words.append(after[2])
        rate, cpu = ([pair[i] for pair in pairs] for i in (0, 1))
        cells = (f"{statistics.median(r):.3f} | {min(r):.3f} | {max(r):.3f}" for r in (rate, cpu))
        click.echo(f"| {name} | {' | '.join(cells)} | {'; '.join(filter(None, words))} |")
    eyes.close()


if __name__ == "__main__":
    rounds, seconds = [*sys.argv[1:], "5", "3"][:2] if len(sys.argv) != 2 else [sys.argv[1], "3"]
    main(int(rounds), float(seconds))
