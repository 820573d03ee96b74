"""Figures of a running pipeline: rates, percentiles of each stage, drops. Cheap to record.

Percentiles are not numpy's, which loads 3 MB of masked arrays for them.
"""

from __future__ import annotations

import statistics
import threading
from bisect import bisect_left
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

WINDOW: Final = 1000  # latest values kept of each stage: p99 still rests on ten of them
RATE_WINDOW: Final = 30  # scenes the frame rate is taken over
BOUNDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
)  # fmt: skip
"""Seconds up to which a histogram counts: from the gap between two inferences to one given up."""


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Summary of one stage: count and sum of all values, percentiles of the latest, in seconds.

    within: how many of all values were at most each of BOUNDS.
    """

    count: int
    p50: float
    p90: float
    p95: float
    p99: float
    total: float = 0.0
    within: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: percentiles in milliseconds, sum and bounds in seconds."""
        return {
            "count": self.count,
            "p50_ms": round(self.p50 * 1e3, 3),
            "p90_ms": round(self.p90 * 1e3, 3),
            "p95_ms": round(self.p95 * 1e3, 3),
            "p99_ms": round(self.p99 * 1e3, 3),
            "sum": round(self.total, 6),
            "within": {str(bound): n for bound, n in zip(BOUNDS, self.within, strict=True)},
        }


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A pipeline's figures at one moment.

    fps: scenes a second, lately. stages: "prepare", "infer", "decode", "finish" (decoding and all
    that follows), "gap" (between two inferences), "age" (capture to scene) and one `output:NAME`
    each. counts: "captured", "scenes", "events", and drops as "dropped:STAGE".
    """

    fps: float
    stages: dict[str, StageFigures] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        stages = {name: figures.to_dict() for name, figures in self.stages.items()}
        return {"fps": round(self.fps, 2), "stages": stages, "counts": dict(self.counts)}


class _Stage:
    """The latest durations of one stage, and count, sum and histogram of all."""

    def __init__(self) -> None:
        self.values: deque[float] = deque(maxlen=WINDOW)
        self._total = 0.0
        self._bins = [0] * (len(BOUNDS) + 1)  # the last: beyond every bound

    def add(self, seconds: float) -> None:
        self.values.append(seconds)
        self._total += seconds
        self._bins[bisect_left(BOUNDS, seconds)] += 1

    def copy(self) -> _Stage:
        made = _Stage()
        made.values, made._total, made._bins = self.values.copy(), self._total, self._bins.copy()
        return made

    def figures(self) -> StageFigures:
        values = list(self.values) * (1 if len(self.values) > 1 else 2)  # it takes at least two
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        p50, p90, p95, p99 = cuts[49], cuts[89], cuts[94], cuts[98]
        *within, count = accumulate(self._bins)
        return StageFigures(count, p50, p90, p95, p99, self._total, tuple(within))


class Stats:
    """Figures from every thread of one pipeline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stages: dict[str, _Stage] = {}
        self._counts: Counter[str] = Counter()
        self._scenes: deque[float] = deque(maxlen=RATE_WINDOW)

    def record(self, stage: str, seconds: float) -> None:
        """Add one duration to a stage."""
        with self._lock:
            kept = self._stages.get(stage)
            if kept is None:
                kept = self._stages[stage] = _Stage()
            kept.add(seconds)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def clear(self) -> None:
        """Forget everything so far: what follows is measured by itself."""
        with self._lock:
            for kept in (self._stages, self._counts, self._scenes):
                kept.clear()

    def scene(self, now: float) -> float:
        """Note that a scene is done; return the frame rate over the latest scenes."""
        with self._lock:
            self._scenes.append(now)
            self._counts["scenes"] += 1
            return self._rate()

    def median(self, stage: str) -> float:
        """Return the median of a stage's latest values in seconds, 0 before the first."""
        with self._lock:
            kept = self._stages.get(stage)
            return statistics.median(list(kept.values)[-RATE_WINDOW:]) if kept else 0.0

    @property
    def fps(self) -> float:
        """Return the frame rate over the latest scenes."""
        with self._lock:
            return self._rate()

    def snapshot(self) -> Snapshot:
        """Return all figures as they stand."""
        with self._lock:  # only copying is done here: whoever records would wait
            stages = {name: stage.copy() for name, stage in self._stages.items()}
            rate, counts = self._rate(), dict(self._counts)
        return Snapshot(rate, {name: stage.figures() for name, stage in stages.items()}, counts)

    def _rate(self) -> float:
        if len(self._scenes) < 2:
            return 0.0
        span = self._scenes[-1] - self._scenes[0]
        return (len(self._scenes) - 1) / span if span > 0 else 0.0
