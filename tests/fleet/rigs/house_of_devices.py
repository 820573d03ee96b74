"""Many devices in one process: the real mqtt outputs, driven with made-up scenes and events.

Arguments: port, first number, count, folder, health document, seed. Reads `quiet` (no more events)
and `stop` from stdin. Writes into the folder, one JSON object a line: each event shown, and each
moment a device got in, was turned away, or lost the broker.
"""

from __future__ import annotations

import json
import logging
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose import backoff
from edgepose.errors import UserError
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.mqtt.broker_limits import BrokerLimits
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Event, Frame, Scene, WatchState

SCENES_EVERY: Final = 1.0  # seconds between two scenes of a device; states are told once a second
EVENTS_EVERY: Final = 10.0  # seconds between two events of a device, on average
PICTURE: Final = np.zeros((4, 4, 3), np.uint8)


class Log:
    """Write what happens, from any thread."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")
        self._lock = threading.Lock()

    def note(self, what: str, device: str, **more: Any) -> None:
        """Write a line with the clock of the machine."""
        line = {"what": what, "device": device, "at": time.monotonic()} | more
        with self._lock:
            self._file.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Finish the file."""
        self._file.close()


class Appliance(Controls):
    """Stand in for the engine: a real health document, and templates that are taken."""

    def __init__(self, name: str, health: dict[str, Any]) -> None:
        self._health = health | {"name": name, "pushed": {}, "fps": 29.9}

    def state(self) -> dict[str, Any]:
        """Return the health document."""
        return self._health

    def command(self, name: str, value: Any = None) -> str:
        """Take a template."""
        if name != "push_template":
            raise UserError("nobody does that here")
        said = {"id": value["id"], "state": "accepted", "text": "in place", "time": time.time()}
        self._health["pushed"] = {f"template/{value['name']}": said}
        return "in place"


class Watched(Mqtt):
    """Note when the broker lets a device in, and when it is gone."""

    def __init__(self, name: str, options: MqttOptions, health: dict[str, Any], log: Log) -> None:
        watches = tuple(health["watches"])
        super().__init__(options, Device(name, watches, "movenet", Appliance(name, health)))
        self.name, self._log, self._number = name, log, 0
        self.due = 0.0

    def connected(self, limits: BrokerLimits) -> None:
        """Note it."""
        self._log.note("in", self.name)
        super().connected(limits)

    def disconnected(self) -> None:
        """Note it."""
        self._log.note("out", self.name)
        super().disconnected()

    def act(self, dice: random.Random, *, with_events: bool) -> None:
        """Show one scene; now and then with an event."""
        self._number += 1
        events: tuple[Event, ...] = ()
        if with_events and dice.random() < SCENES_EVERY / EVENTS_EVERY:
            now = time.time()
            id = f"{self.name}-{self._number}"
            events = (Event(id, "start", "hands", self.name, now, now, 1, 0.9),)
            self._log.note("event", self.name, id=id)
        phase = "active" if events else "idle"
        watch = WatchState("hands", phase, dice.random(), count=self._number // 10)
        frame = Frame(PICTURE, time.monotonic(), self._number)
        self.show(Scene(frame, watches=(watch,), events=events, stats={"fps": 29.9}))


def main() -> None:
    """Run until stdin says stop; then wait until the broker has everything."""
    port, first, count, folder, health, seed = sys.argv[1:]
    logging.disable(logging.CRITICAL)
    if os.environ.get("NO_JITTER"):  # as paho does by itself: 1, 2, 4 ... s for everybody
        backoff.Backoff.next = _like_everybody  # type: ignore[method-assign]
    dice = random.Random(int(seed))
    log = Log(Path(folder) / f"devices-{first}.jsonl")
    options = MqttOptions(host="127.0.0.1", port=int(port), remote=True)
    document = json.loads(Path(health).read_text())
    devices = [
        Watched(f"device-{n:03}", options, dict(document), log)
        for n in range(int(first), int(first) + int(count))
    ]
    words = _words()
    for device in devices:
        device.due = time.monotonic() + dice.random() * SCENES_EVERY
        device.open()
    while words[-1] != "stop":
        _round(devices, dice, with_events=words[-1] != "quiet")
    _drain(devices)
    log.close()


def _round(devices: list[Watched], dice: random.Random, *, with_events: bool) -> None:
    start = time.monotonic()
    for device in devices:
        if device.due <= time.monotonic():
            device.due += SCENES_EVERY
            device.act(dice, with_events=with_events)
    time.sleep(max(0.0, 0.02 - (time.monotonic() - start)))


def _drain(devices: list[Watched]) -> None:
    for device in devices:
        device.tick()
    while any(device._outbox.waiting for device in devices):
        time.sleep(0.1)
    print("drained", flush=True)  # noqa: T201 - this is what the simulation waits for
    for device in devices:
        device.close()


def _words() -> list[str]:
    """Return a list that grows with each line of stdin."""
    words = ["go"]

    def read() -> None:
        words.extend(line.strip() for line in sys.stdin)
        words.append("stop")

    threading.Thread(target=read, daemon=True).start()
    return words


def _like_everybody(self: backoff.Backoff) -> float:
    pause, self._next = self._next / 2.0, min(2.0 * self._next, 60.0)
    return pause


if __name__ == "__main__":
    main()
