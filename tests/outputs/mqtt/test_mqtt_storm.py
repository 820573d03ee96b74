"""Nothing is lost and nothing invented, whatever is stopped, frozen or killed, on either side."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

PUBLISHER: Final = Path(__file__).parent / "rigs" / "publisher.py"
EACH: Final = 5  # events a scene


class Publisher:
    """Run the process that shows events.

    number: how many it said it has shown. allowed: how many it was told to show.
    """

    def __init__(self, port: int, total: int) -> None:
        """Start the first one."""
        self.number = self.allowed = 0
        self._arguments = port, total
        self._start()

    def allow(self, number: int) -> None:
        """Let it show events up to a number; it does so while others act."""
        self.allowed = number
        assert self._process.stdin is not None
        self._process.stdin.write(f"{number}\n")
        self._process.stdin.flush()

    def reach(self, number: int) -> None:
        """Wait until it has shown as many."""
        assert self._process.stdout is not None
        while self.number < number:
            line = self._process.stdout.readline()
            assert line, f"the publisher ended at {self.number}"
            self.number = int(line)

    def kill(self) -> None:
        """Kill it, and start another one where it was."""
        self._process.kill()
        assert self._process.stdout is not None
        rest = self._process.stdout.read().split("\n")
        self.number = max([self.number, *(int(line) for line in rest[:-1])])
        self._end()
        self._start()

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def finish(self) -> None:
        """Wait until it ends by itself."""
        assert self._process.wait(60) == 0
        self._end()

    def _start(self) -> None:
        arguments = [str(n) for n in (*self._arguments, self.number, EACH)]
        self._process = subprocess.Popen(
            [sys.executable, str(PUBLISHER), *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | {},
        )  # fmt: skip

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                pipe.close()
            except BrokenPipeError:
                continue
        self._process.wait()


class Storm:
    """Do things to a broker while a publisher works; `heard` are the events that came, in order."""

    def __init__(self, broker: Any, new_ear: Callable[[int], Any], publisher: Publisher) -> None:
        """Listen."""
        self.broker = broker
        self.publisher = publisher
        self.heard: list[dict[str, Any]] = []
        self._new_ear = new_ear
        self._ear = new_ear(broker.port)

    def restart(self, how: int) -> None:
        """End the broker in the midst of it; the publisher finds it back when the ear listens.

        Without that, a message could come through a broker on which nobody listens yet.
        """
        self.broker.stop(how)
        self.collect()
        self.publisher.signal(signal.SIGSTOP)
        self.broker.start()
        self._ear = self._new_ear(self.broker.port)
        self.publisher.signal(signal.SIGCONT)

    def freeze(self) -> None:
        """Let the broker do nothing until all that is allowed is shown: showing never waits."""
        self.broker.freeze()
        self.publisher.allow(self.publisher.allowed + 3 * EACH)
        self.publisher.reach(self.publisher.allowed)
        self.broker.thaw()

    def arrive(self, number: int) -> None:
        """Wait until the event of this number, or a later one, has come."""
        self._ear.wait(lambda: self._newest() >= number, f"event {number}")

    def _newest(self) -> int:
        payload = self._ear.last("edgepose/lobby/events")
        return int(json.loads(payload)["count"]) if payload else -1

    def collect(self) -> None:
        """Take what the ear heard before its connection ended."""
        self._ear.wait_end()
        self.heard += self._ear.documents("edgepose/lobby/events")

    def end(self) -> None:
        """Wait for the publisher's good-bye, then stop the broker."""
        self.publisher.finish()
        self._ear.wait_last("edgepose/lobby/available", b"stopped")
        self.broker.stop()
        self.collect()


def rage(storm: Storm, total: int, broker_kills: int, process_kills: int) -> None:
    """Show `total` events in as many parts as there are kills, each part hit at a random moment."""
    rng = random.Random(5)
    restarts = [[signal.SIGTERM, signal.SIGKILL][n % 2] for n in range(broker_kills)]
    blows: list[Callable[[], None]] = [lambda how=how: storm.restart(how) for how in restarts]
    blows += [storm.publisher.kill] * process_kills
    blows += [storm.freeze] * (broker_kills // 2)
    rng.shuffle(blows)
    part = total // (len(blows) + 1) // EACH * EACH
    for blow in blows:
        storm.publisher.allow(storm.publisher.allowed + part)
        hit = storm.publisher.allowed - rng.randrange(1, part)
        if rng.random() < 0.75:
            storm.arrive(hit)  # in the midst of sending
        else:
            storm.publisher.reach(hit)  # perhaps while it is not connected
        blow()
    storm.publisher.allow(total)
    storm.publisher.reach(total)
    storm.end()


def check(heard: list[dict[str, Any]], total: int) -> None:
    """Compare what came with what was shown: all, in order, to the letter, told apart by id."""
    first_of: dict[str, dict[str, Any]] = {}
    for event in heard:
        assert first_of.setdefault(event["id"], event) == event
    expected = [
        {
            "id": f"id-{n}", "type": "start", "name": "arms_up", "device": "lobby",
            "time": 1.73e9 + n, "frame_time": round(n / 30, 4), "person": 1, "score": 0.9,
            "count": n,
        }
        for n in range(total)
    ]  # fmt: skip
    assert list(first_of) == [event["id"] for event in expected]
    assert json.loads(json.dumps(list(first_of.values()))) == expected


@pytest.fixture
def storm(broker: Any, heard: Any) -> Callable[[int], Storm]:
    """Return the maker of storms for a number of events."""
    return lambda total: Storm(broker, heard, Publisher(broker.port, total))


@pytest.mark.timeout(120)
def test_no_event_is_lost_or_invented(storm: Callable[[int], Storm]):
    """400 events, 2 ends and a freeze of the broker, 2 kills of the process."""
    made = storm(400)

    rage(made, 400, broker_kills=2, process_kills=2)

    check(made.heard, 400)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_event_is_lost_or_invented_in_a_long_storm(storm: Callable[[int], Storm]):
    """10,000 events, 20 ends and 10 freezes of the broker, 20 kills of the process."""
    made = storm(10_000)

    rage(made, 10_000, broker_kills=20, process_kills=20)

    check(made.heard, 10_000)
