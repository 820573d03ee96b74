"""A device that runs for a million frames, with everything around it failing, grows in nothing.

`scripts/test --soak`; by hand, with fewer frames: `tests/soak/rigs/soak.py --frames 20000`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent / "rigs"))

import soak
from soak_figures import Figures, Slope

HOURS = 3600


def samples(count: int = 200, **growth: float) -> list[dict[str, Any]]:
    """Return samples of a device that trembles, and grows in some things by so much a sample."""
    random = np.random.default_rng(1)
    steady = {"rss": 150e6, "threads": 20, "fds": 14, "p50_ms": 5.0, "p99_ms": 9.0}
    trembling = {"rss": 1e5}
    rows = []
    for i in range(count):
        row: dict[str, Any] = {
            "frames": 1000 * (i + 1),
            "at": float(i),
            "events": i,
            "cpu": 0.5 * i,
        }
        for key, value in steady.items():
            noise = random.normal(0.0, trembling.get(key, 0.0))
            row[key] = value + noise + growth.get(key, 0.0) * i
        rows.append(row | {"counts": {}})
    return rows


def test_a_slope_is_found_to_within_its_error():
    """Half a megabyte a million frames in noise: found; without it: within the noise."""
    frames = np.arange(1000) * 1e3
    noise = np.random.default_rng(2).normal(0.0, 0.05, 1000)
    flat, rising = Slope.of(frames, noise), Slope.of(frames, noise + frames / 1e6 * 0.5)
    assert flat.is_within_noise
    assert not rising.is_within_noise
    assert abs(rising.value - 0.5) < 3 * rising.error < 0.1


def test_wandering_counts_for_less_than_trembling():
    """Samples that follow each other closely say less: the error grows with their correlation."""
    frames, steps = np.arange(1000) * 1e3, np.random.default_rng(3).normal(0.0, 1.0, 1000)
    assert Slope.of(frames, np.cumsum(steps)).error > 3 * Slope.of(frames, steps * 20).error / 2


def test_what_is_given_back_in_time_is_no_leak():
    """Now and then 4 MB more for some samples, oftener towards the end; the floor tells a leak."""
    frames, values = np.arange(1000) * 1e3, np.random.default_rng(4).normal(170.0, 0.05, 1000)
    leaking = values + frames / 1e6 * 3.0
    for peak in (300, 600, 700, 800, 850, 900, 950):
        values[peak : peak + 15] += 4.0
        leaking[peak : peak + 15] += 4.0
    assert Slope.of(frames, values).value > 1.0
    assert Slope.of_floor(frames, values).is_within_noise
    assert abs(Slope.of_floor(frames, leaking).value - 3.0) < 0.2


@pytest.mark.parametrize(
    ("growth", "leaks"),
    [
        ({}, []),
        ({"rss": 3000.0}, ["memory"]),
        ({"threads": 0.1}, ["threads"]),
        ({"fds": 0.1}, ["descriptors"]),
    ],
)
def test_what_grows_is_named(growth: dict[str, float], leaks: list[str]):
    """3 kB a block of a thousand frames is 3 MB a million: a leak."""
    figures = Figures.of(samples(**growth))
    assert figures.leaks == leaks
    assert "RSS slope" in str(figures)


@pytest.mark.slow
@pytest.mark.timeout(8 * HOURS)
@pytest.mark.parametrize(
    ("frames", "model"), [(1_000_000, ""), (100_000, "movenet-lightning-int8")]
)
def test_nothing_grows(
    frames: int, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], request: Any
):
    """A million frames with recorded answers, 100,000 with MoveNet; the table is printed."""
    if model:
        request.getfixturevalue("lightning")
    figures = Figures.of(soak.soak(frames, model, tmp_path, screen=bool(model), seconds=8 * HOURS))
    with capsys.disabled():
        print(f"\n{figures}")  # noqa: T201 - the table is the result
    seen = frames - figures.counts.get("dropped:infer", 0)  # at the others the model failed
    assert figures.frames == seen // soak.BLOCK * soak.BLOCK
    assert not figures.leaks
