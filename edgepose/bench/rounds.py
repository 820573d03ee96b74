"""Rounds of a measurement, and which of them can be trusted.

A round stands between two measurements of bare `invoke()`. It is dropped, and counted, where these
differ, where others used the machine meanwhile, and where its ratio is impossible.
"""

from __future__ import annotations

import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from edgepose.engine.stats import Snapshot

DRIFT: Final = 0.05  # of bare invoke(), between before and after
OTHERS: Final = 0.05  # of the time of all cores, used by other processes and the hypervisor
IMPOSSIBLE: Final = 1.05  # of bare invoke(), for each interpreter
PATIENCE: Final = 3  # rounds that are tried for each one that is wanted

Fault = Literal["drift", "others", "impossible"]


@dataclass(frozen=True, slots=True)
class Round:
    """One round.

    before, after: seconds of bare `invoke()`. figures: its results, by name. others: share of all
    cores that others used. most: that a throughput can be, in bare `invoke()`; 0 where the figures
    are none.
    """

    before: float
    after: float
    figures: Mapping[str, float]
    others: float = 0.0
    most: float = 0.0
    snapshot: Snapshot = field(default_factory=lambda: Snapshot(0.0))

    @property
    def fault(self) -> Fault | None:
        """Return why the round can't be trusted, None where it can."""
        if abs(self.after / self.before - 1) > DRIFT:
            return "drift"
        if self.others > OTHERS:
            return "others"
        if self.most and max(self.figures.values()) > self.most * IMPOSSIBLE:
            return "impossible"
        return None


@dataclass(frozen=True, slots=True)
class Rounds:
    """The rounds of one measurement. dropped: how many, by fault. is_spoilt: none was good."""

    kept: Sequence[Round]
    dropped: Mapping[Fault, int]
    is_spoilt: bool

    def spread(self, name: str) -> Quartiles:
        """Return one figure over the rounds."""
        return Quartiles.of([one.figures[name] for one in self.kept])

    @property
    def bare_ms(self) -> Quartiles:
        """Return bare `invoke()` over the rounds, in milliseconds."""
        return Quartiles.of([(one.before + one.after) / 2 * 1e3 for one in self.kept])


def take(wanted: int, run: Callable[[], Round]) -> Rounds:
    """Run rounds until `wanted` are good, PATIENCE times as many at most.

    Where none is good all are kept, and the whole is spoilt.
    """
    tried: list[Round] = []
    while len(tried) < PATIENCE * wanted and sum(not one.fault for one in tried) < wanted:
        tried.append(run())
    good = [one for one in tried if one.fault is None]
    faults = Counter(one.fault for one in tried if one.fault is not None)
    return Rounds(good or tried, faults, not good)


class Others:
    """What other processes use of the machine, from /proc/stat; a guest's stolen time counts.

    stat: the file to read. cores: that it counts.
    """

    def __init__(self, stat: Path = Path("/proc/stat"), cores: int | None = None) -> None:
        self._stat = stat
        self._cores = cores or os.cpu_count() or 1
        self._begin = self._now()

    def share(self) -> float:
        """Return the share 0..1 of all cores that others used since this object was made."""
        moment, busy, own = (b - a for a, b in zip(self._begin, self._now(), strict=True))
        return max(busy - own, 0.0) / max(moment * self._cores, 1e-6)

    def _now(self) -> tuple[float, float, float]:
        """Return a moment, the seconds that all were busy until then, and this process."""
        ticks = [float(word) for word in self._stat.read_text().split("\n", 1)[0].split()[1:9]]
        user, nice, system, _idle, _wait, irq, softirq, steal = ticks
        busy = (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return time.monotonic(), busy, sum(os.times()[:4])


@dataclass(frozen=True, slots=True)
class Quartiles:
    """One figure over the rounds: median, minimum and maximum."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Quartiles:
        """Return the median, minimum and maximum of some values."""
        return cls(statistics.median(values), min(values), max(values))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {k: round(getattr(self, k), 4) for k in ("median", "low", "high")}
