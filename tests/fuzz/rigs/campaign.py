"""Throw many inputs at one target, judge each, and cut what fails down to its smallest form.

Input `number` of a campaign depends on nothing but the target's name, the seed and the number, so
that every one can be had again by itself.
"""

from __future__ import annotations

import itertools
import json
import signal
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Final

Input = tuple[bytes, ...]

TIME_LIMIT: Final = 10.0  # seconds for one input; the slowest that is sound takes 0.3 s here
STARVED: Final = 12  # times as long at most, where the machine has no processor to spare
SHRINKS: Final = 400  # tries to make one failing input smaller
SHOWN: Final = 300  # bytes of a file of the failing input
SHRINK_TIME: Final = 60.0  # seconds; what hangs takes its TIME_LIMIT each try
_PACKAGE: Final = "/edgepose/"


class Hang(BaseException):
    """Report an input that took longer than TIME_LIMIT; no `except Exception` may swallow it."""


class Target(ABC):
    """Take inputs: `check` raises for whatever must not happen, else says what became of one."""

    name: str

    @abstractmethod
    def make(self, random: Random) -> Input:
        """Return one input."""

    @abstractmethod
    def check(self, given: Input) -> str:
        """Return "taken", "refused" or the like; raise AssertionError, or let a fault through."""

    def close(self) -> None:  # noqa: B027 - many hold nothing
        """Let everything go."""


@dataclass(frozen=True)
class Finding:
    """Hold one fault: where it was raised, the input that showed it first, and its trace."""

    key: str
    number: int
    given: Input
    trace: str


@dataclass
class Report:
    """Say what a campaign found."""

    name: str
    seed: int
    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, Finding] = field(default_factory=dict)
    faults: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int] = (0.0, 0)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """Return how many inputs were given."""
        return self.outcomes.total() + self.faults.total()

    def __str__(self) -> str:
        took, number = self.slowest
        head = (
            f"{self.name}: {self.count} inputs, seed {self.seed}, {self.seconds:.0f} s "
            f"({self.count / max(self.seconds, 1e-9):.0f}/s); {dict(self.outcomes)}; "
            f"slowest {took:.2f} s (number {number}); {len(self.findings)} different faults"
        )
        return ascii_only("\n".join([head, *map(self._told, self.findings.values())]))

    def _told(self, finding: Finding) -> str:
        smallest = "\n".join(f"    {len(part)} bytes: {part[:SHOWN]!r}" for part in finding.given)
        return (
            f"\n== {finding.key}: {self.faults[finding.key]} times, first number {finding.number}"
            f"\n  again: {Path(__file__).with_name('run.py').name} {self.name} --seed {self.seed} "
            f"--first {finding.number} --count 1\n  smallest input:\n{smallest}\n{finding.trace}"
        )


def run(
    target: Target,
    count: int,
    seed: int = 1,
    first: int = 0,
    progress: Callable[[Report], None] = lambda report: None,
) -> Report:
    """Give a target `count` inputs from number `first` on, and report."""
    report = Report(target.name, seed)
    begun = time.monotonic()
    for number in range(first, first + count):
        given = made(target, seed, number)
        start = time.monotonic()
        _judge(target, given, number, report)
        report.slowest = max(report.slowest, (time.monotonic() - start, number))
        report.seconds = time.monotonic() - begun
        if (number + 1) % 5000 == 0:
            progress(report)
    return report


def made(target: Target, seed: int, number: int) -> Input:
    """Return one input of a campaign."""
    return target.make(Random(f"{target.name} {seed} {number}"))


def _judge(target: Target, given: Input, number: int, report: Report) -> None:
    outcome, key, trace = attempt(target, given)
    if not key:
        report.outcomes[outcome] += 1
        return
    report.faults[key] += 1
    if key not in report.findings:
        smallest = shrunk(given, lambda smaller: attempt(target, smaller)[1] == key)
        report.findings[key] = Finding(key, number, smallest, trace)
        print(ascii_only(report._told(report.findings[key])), file=sys.stderr)  # noqa: T201


def attempt(target: Target, given: Input) -> tuple[str, str, str]:
    """Return what became of an input: (outcome, "", ""), or ("", where it failed, trace)."""
    try:
        with at_most(TIME_LIMIT):
            return target.check(given), "", ""
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever comes is a finding
        return "", _key(error), "".join(traceback.format_exception(error)[-14:])


def ascii_only(text: str) -> str:
    """Return a text that any terminal takes, half characters included."""
    return text.encode("ascii", "backslashreplace").decode()


def _key(error: BaseException) -> str:
    """Return the error's class and the deepest line of ours, which tell faults apart."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if _PACKAGE in f.filename and "/tests/" not in f.filename]
    place = (ours or frames)[-1]
    asserted = str(error).split(":")[0][:60] if isinstance(error, AssertionError) else ""
    spot = asserted or f"{Path(place.filename).name}:{place.lineno}"
    return f"{type(error).__name__} at {spot}"


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise Hang in the main thread once the time is up, less what was spent in the queue."""
    begun, before_it = time.monotonic(), queued()

    def late(signum: int, frame: FrameType | None) -> None:
        allowed = min(seconds + max(queued() - before_it, 0.0), STARVED * seconds)
        left = begun + allowed - time.monotonic()
        if left <= 0.001:
            raise Hang(f"no answer after {seconds:g} s")
        signal.setitimer(signal.ITIMER_REAL, left)

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def queued() -> float:
    """Return the seconds that our threads could have run and had no processor; 0 if not known.

    On a machine with a load of 98 on two cores inputs took 10 s that take 0.1 s by themselves.
    """
    total_ns = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has just ended
            total_ns += int(path.read_text().split()[1])
    return total_ns / 1e9


def shrunk(given: Input, fails: Callable[[Input], bool], tries: int = SHRINKS) -> Input:
    """Return a smaller input that fails in the same way: pieces left out while that is so."""
    budget = itertools.takewhile(_in_time(SHRINK_TIME), range(tries))
    for index in range(len(given)):
        piece = max(len(given[index]) // 2, 1)
        while piece and next(budget, None) is not None:
            smaller = next(_without(given, index, piece, fails, budget), None)
            given, piece = (given, piece // 2) if smaller is None else (smaller, piece)
            piece = min(piece, len(given[index]))
    return given


def _in_time(seconds: float) -> Callable[[int], bool]:
    end = time.monotonic() + seconds
    return lambda number: time.monotonic() < end


def _without(
    given: Input, index: int, piece: int, fails: Callable[[Input], bool], budget: Iterator[int]
) -> Iterator[Input]:
    """Give the inputs that fail still without one piece of part `index`."""
    part = given[index]
    for start in range(0, len(part), piece):
        if next(budget, None) is None:
            return
        smaller = (*given[:index], part[:start] + part[start + piece :], *given[index + 1 :])
        if fails(smaller):
            yield smaller


def told(report: Report) -> None:
    """Say how far a campaign is, on stderr."""
    line = json.dumps({"count": report.count, "faults": dict(report.faults)})
    print(f"{report.name} {report.seconds:.0f} s {line}", file=sys.stderr, flush=True)  # noqa: T201
