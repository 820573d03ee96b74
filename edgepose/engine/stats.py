"""Figures of a running pipeline: rates, percentiles of each stage, drops. Cheap to record."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

WINDOW: Final = 1000  # latest values kept of each stage: p99 still rests on ten of them
RATE_WINDOW: Final = 30  # scenes the frame rate is taken over


@dataclass(frozen=True, slots=True)
class StageFigures:
    """Summarise one stage: count of all values, percentiles of the latest, in seconds."""

    count: int
    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Hold a pipeline's figures at one moment.

    fps: scenes a second, lately. stages: "prepare", "infer", "finish", "gap" (between two
    inferences), "age" (capture to scene) and one `output:NAME` each. counts: "captured",
    "scenes", "events", and drops as "dropped:STAGE".
    """

    fps: float
    stages: dict[str, StageFigures] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, durations in milliseconds."""
        stages = {
            name: {
                "count": figures.count,
                "p50_ms": round(figures.p50 * 1e3, 3),
                "p90_ms": round(figures.p90 * 1e3, 3),
                "p95_ms": round(figures.p95 * 1e3, 3),
                "p99_ms": round(figures.p99 * 1e3, 3),
            }
            for name, figures in self.stages.items()
        }
        return {"fps": round(self.fps, 2), "stages": stages, "counts": dict(self.counts)}


class Stats:
    """Collect figures from every thread of one pipeline."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, deque[float]] = {}
        self._totals: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._scenes: deque[float] = deque(maxlen=RATE_WINDOW)

    def record(self, stage: str, seconds: float) -> None:
        """Add one duration to a stage."""
        with self._lock:
            self._values.setdefault(stage, deque(maxlen=WINDOW)).append(seconds)
            self._totals[stage] += 1

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Record how long the block took, also when it fails."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.record(stage, time.monotonic() - start)

    def count(self, name: str, by: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += by

    def clear(self) -> None:
        """Forget everything so far: what follows is measured by itself."""
        with self._lock:
            for kept in (self._values, self._totals, self._counts, self._scenes):
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
            values = self._values.get(stage)
            return float(np.median(list(values)[-RATE_WINDOW:])) if values else 0.0

    def snapshot(self) -> Snapshot:
        """Return all figures as they stand."""
        with self._lock:
            values = {stage: list(kept) for stage, kept in self._values.items()}
            totals, counts, rate = dict(self._totals), dict(self._counts), self._rate()
        return Snapshot(rate, {s: _figures(v, totals[s]) for s, v in values.items()}, counts)

    def _rate(self) -> float:
        if len(self._scenes) < 2:
            return 0.0
        span = self._scenes[-1] - self._scenes[0]
        return (len(self._scenes) - 1) / span if span > 0 else 0.0


def _figures(values: list[float], total: int) -> StageFigures:
    return StageFigures(total, *np.percentile(values, [50, 90, 95, 99]).tolist())
