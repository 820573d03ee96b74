"""A device for tests to kill: a real pipeline with real outputs, and a pose held and let go.

Arguments: the port of the broker, the URL of the webhook, the path of the log. Prints a line when
it runs. A hundred pictures a second; every third of them begins or ends a pose, so that about
every second kill comes while one is held. A call of an output that takes LIMIT seconds aborts the
process, as the watchdog would later.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
from scripted import EchoFamily, EchoRuntime

from edgepose.core.smoothing import make_smoother
from edgepose.engine.event_ids import live_stamp
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.perception import Detector, Interpreter, Perception
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.threads import PeriodicThread
from edgepose.outputs.base import Device
from edgepose.outputs.jsonl import Jsonl, JsonlOptions
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.webhook import Webhook, WebhookOptions
from edgepose.sources.base import Source
from edgepose.system.paths import outbox_path
from edgepose.types import Frame, Transition, WatchState

LIMIT = 10.0  # seconds; a third of the watchdog's


class Camera(Source):
    """A hundred grey pictures a second."""

    live = True

    def __init__(self) -> None:
        super().__init__()
        self._seq = 0

    def open(self) -> None:
        """Do nothing."""

    def read(self) -> Frame | None:
        """Return the next picture when it is due."""
        self.interrupted.wait(0.01)
        self._seq += 1
        now = time.monotonic()
        return Frame(np.full((8, 8, 3), 90, np.uint8), now, self._seq, captured=now)

    def close(self) -> None:
        """Do nothing."""


class Flapping:
    """A watch that starts and ends by turns, every third picture."""

    name = "up"
    max_age = 60.0
    is_on = True

    def __init__(self) -> None:
        self._steps = 0

    def step(self, poses, time, fresh):
        """Start or end at every third picture."""
        self._steps += 1
        if self._steps % 3:
            return WatchState("up"), ()
        kind = "start" if self._steps % 6 == 3 else "end"
        return WatchState("up"), (Transition(kind, 1, 1.0, 0.0, self._steps),)

    def finish(self, time):
        """End what is on."""
        return (Transition("end", 1, 0.0, 0.0),) if self._steps % 6 in (3, 4, 5) else ()


def abort_if_hung(pipeline: Pipeline) -> None:
    """End the process where an output has not come back for too long."""
    if any(worker.inside.seconds > LIMIT for worker in pipeline.outputs.values()):
        os.abort()


def main(port: int, url: str, log: Path) -> None:
    """Run until SIGTERM."""
    device = Device("lobby", ("up",), output="hook")
    outputs = {
        "log": Jsonl(JsonlOptions(path=log), device),
        "bus": Mqtt(MqttOptions(host="127.0.0.1", port=port), device),
        "hook": Webhook(WebhookOptions(url=url), device),
    }
    interpreter = Interpreter(
        "lobby", tracker=lambda poses, time: tuple(poses), selection=lambda poses, time: poses,
        new_smoother=lambda: make_smoother("none"), watches=[Flapping()], stamp=live_stamp,
    )  # fmt: skip
    perception = Perception(Detector(EchoFamily(), EchoRuntime()), interpreter)
    journal = EventJournal(outbox_path("lobby").with_suffix(".journal"), sys.excepthook)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    pipeline = Pipeline(Camera(), perception, outputs)
    journal.open()
    pipeline.use_journal(journal)
    PeriodicThread("watchdog", lambda: abort_if_hung(pipeline), 0.5, sys.excepthook).start()
    print("runs", flush=True)  # noqa: T201 - this is what the test reads
    pipeline.run(stop)
    journal.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
