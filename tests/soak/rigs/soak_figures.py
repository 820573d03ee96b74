"""From the samples of a soak to its figures: slopes with their error, first tenth against last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

SIGMAS: Final = 3.0  # standard errors from which a slope counts as one
GROWTH: Final = 1.0  # megabytes a million frames that count as a leak; below, nobody ever notices
STRETCHES: Final = 45  # of a run: of a million frames each holds two swaps of the model


@dataclass(frozen=True)
class Slope:
    """Hold a least-squares slope per million frames over the second half, with its error.

    error: standard error with as many independent samples as their correlation leaves.
    """

    value: float
    error: float

    @classmethod
    def of_floor(cls, frames: Sequence[float], values: Sequence[float]) -> Slope:
        """Fit the least of each of STRETCHES stretches: what is given back in time is no leak."""
        length = max(len(values) // STRETCHES, 1)
        stretches = range(0, len(values) - length + 1, length)
        least = [min(values[at : at + length]) for at in stretches]
        return cls.of([frames[at] for at in stretches], least)

    @classmethod
    def of(cls, frames: Sequence[float], values: Sequence[float]) -> Slope:
        """Fit the second half. frames, values: one each a sample, at least 8."""
        half = len(frames) // 2
        x = np.asarray(frames[half:], float) / 1e6
        y = np.asarray(values[half:], float)
        x -= x.mean()
        spread = float(x @ x)
        slope = float(x @ y) / spread
        rest = y - y.mean() - slope * x
        variance = float(rest @ rest) / max(len(x) - 2, 1)
        return cls(slope, float(np.sqrt(variance / spread * _inflation(rest))))

    @property
    def is_within_noise(self) -> bool:
        """Tell whether the slope could be none."""
        return abs(self.value) <= SIGMAS * self.error


def _inflation(rest: np.ndarray[Any, Any]) -> float:
    """Return how much less neighbouring samples say than independent ones, for lag one."""
    power = float(rest @ rest)
    correlation = float(rest[1:] @ rest[:-1]) / power if power > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.98)
    return (1 + correlation) / (1 - correlation)


@dataclass(frozen=True)
class Figures:
    """Hold what a soak showed. Tenths: (first after the warm-up, last)."""

    frames: int
    seconds: float
    events: int
    counts: dict[str, int]
    rss_mb: tuple[float, float]
    rss_slope: Slope
    threads: tuple[float, float]
    fds: tuple[float, float]
    p50_ms: tuple[float, float]
    p99_ms: tuple[float, float]
    cpu_ms: tuple[float, float]

    @classmethod
    def of(cls, samples: Sequence[dict[str, Any]]) -> Figures:
        """Return the figures of samples in order."""
        frames = [sample["frames"] for sample in samples]
        tenth = max(len(samples) // 10, 1)

        def tenths(key: str, scale: float = 1.0) -> tuple[float, float]:
            first = [sample[key] * scale for sample in samples[tenth : 2 * tenth]]
            last = [sample[key] * scale for sample in samples[-tenth:]]
            return float(np.median(first)), float(np.median(last))

        def cpu(part: Sequence[dict[str, Any]]) -> float:
            done = part[-1]["frames"] - part[0]["frames"]
            return float(part[-1]["cpu"] - part[0]["cpu"]) / max(done, 1) * 1e3

        return cls(
            frames=frames[-1],
            seconds=samples[-1]["at"] - samples[0]["at"],
            events=samples[-1]["events"],
            counts=samples[-1]["counts"],
            rss_mb=tenths("rss", 1e-6),
            rss_slope=Slope.of_floor(frames, [sample["rss"] * 1e-6 for sample in samples]),
            threads=tenths("threads"),
            fds=tenths("fds"),
            p50_ms=tenths("p50_ms"),
            p99_ms=tenths("p99_ms"),
            cpu_ms=(cpu(samples[tenth : 2 * tenth + 1]), cpu(samples[-tenth - 1 :])),
        )

    @property
    def leaks(self) -> list[str]:
        """Return what grew: memory beyond noise, threads, descriptors."""
        found = []
        slope = self.rss_slope
        if not slope.is_within_noise and slope.value > GROWTH:
            found.append("memory")
        found += ["threads"] * (self.threads[1] > self.threads[0] + 1)
        found += ["descriptors"] * (self.fds[1] > self.fds[0] + 2)
        return found

    def __str__(self) -> str:
        rows = {
            "RSS, MB": self.rss_mb, "threads": self.threads, "descriptors": self.fds,
            "latency p50, ms": self.p50_ms, "latency p99, ms": self.p99_ms,
            "CPU a frame, ms": self.cpu_ms,
        }  # fmt: skip
        head = (
            f"{self.frames} frames in {self.seconds:.0f} s ({self.frames / self.seconds:.0f}/s), "
            f"{self.events} events\n"
            f"RSS slope over the second half: {self.rss_slope.value:+.3f} "
            f"+- {self.rss_slope.error:.3f} MB a million frames; grew: {self.leaks or 'nothing'}\n"
            f"counts: {self.counts}\n{'':18}{'first tenth':>12}{'last tenth':>12}"
        )
        return "\n".join([head, *(f"{k:18}{a:12.3f}{b:12.3f}" for k, (a, b) in rows.items())])
