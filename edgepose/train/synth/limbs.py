"""Draw arms and legs: the pieces that pose families are put together from.

Lengths are metres, angles degrees, all from the generator that is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edgepose.train.synth.posture import Arm, Leg, Posture, Triple

Rng = np.random.Generator
UP: Final = (-1.0, 0.2, 0.3)  # pulls: where a bent forearm goes
AHEAD: Final = (-0.3, 0.2, 1.0)


def near(rng: Rng, mean: float, spread: float) -> float:
    """Draw from a normal distribution."""
    return float(rng.normal(mean, spread))


def some(rng: Rng, spread: float) -> float:
    """Draw the size of a normal deviation: mostly little, never negative."""
    return float(abs(rng.normal(0.0, spread)))


def between(rng: Rng, low: float, high: float) -> float:
    """Draw evenly from a range."""
    return float(rng.uniform(low, high))


def draw_pull(rng: Rng) -> Triple:
    """Draw where a bent forearm turns to."""
    return near(rng, -0.4, 0.7), near(rng, 0.4, 0.8), near(rng, 0.7, 0.6)


def hanging_arm(rng: Rng) -> Arm:
    """Draw an arm at rest beside the body."""
    return Arm(some(rng, 14), near(rng, 20, 30), some(rng, 22), (near(rng, -0.2, 0.4), 0, 1))


def free_arm(rng: Rng) -> Arm:
    """Draw an arm anywhere within reach."""
    bend = min(150.0, some(rng, 60))
    return Arm(between(rng, 5, 178), between(rng, -25, 115), bend, draw_pull(rng))


def reaching_arm(rng: Rng, place: Triple, slack: float, frame: str = "trunk") -> Arm:
    """Draw an arm whose hand is within about `slack` metres of `place`, elbow out and back."""
    x, y, z = rng.normal(place, slack).tolist()
    elbow = (near(rng, 0.8, 0.3), near(rng, -0.5, 0.3), near(rng, -0.4, 0.3))
    return Arm(pull=elbow, reach=(x, y, z), frame=frame)


def two_arms(rng: Rng, draw: Callable[[Rng], Arm]) -> tuple[Arm, Arm]:
    """Draw both arms in the same way, each for itself."""
    return draw(rng), draw(rng)


def hip_arm(rng: Rng) -> Arm:
    """Draw an arm with the hand on the hip."""
    return reaching_arm(rng, (0.15, 0.06, 0.05), 0.025, "pelvis")


def belly_arm(rng: Rng) -> Arm:
    """Draw an arm with the hand before the belly."""
    return reaching_arm(rng, (0.0, -0.36, 0.26), 0.06)


def head_arm(rng: Rng) -> Arm:
    """Draw an arm with the hand behind the head."""
    return reaching_arm(rng, (0.08, 0.18, -0.06), 0.03)


def any_arms(rng: Rng) -> tuple[Arm, Arm]:
    """Draw both arms in one of the usual ways."""
    draw: Callable[[Rng], Arm] = (hanging_arm, free_arm, hip_arm, belly_arm)[rng.integers(4)]
    return two_arms(rng, draw)


def stance(rng: Rng) -> Leg:
    """Draw a leg that one stands on."""
    return Leg(near(rng, 0, 6), near(rng, 5, 4), some(rng, 7), near(rng, -8, 8))


def straight_legs(rng: Rng) -> tuple[Leg, Leg]:
    """Draw both legs standing."""
    return stance(rng), stance(rng)


def upright(rng: Rng, arms: tuple[Arm, Arm], legs: tuple[Leg, Leg] | None = None) -> Posture:
    """Draw a posture with the trunk about upright, standing unless legs are given."""
    return Posture(
        arms,
        legs or straight_legs(rng),
        spine=(near(rng, 2, 6), near(rng, 0, 5), near(rng, 0, 8)),
        pitch=near(rng, 0, 4),
        roll=near(rng, 0, 2.5),
    )
