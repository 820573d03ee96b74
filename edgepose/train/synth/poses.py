"""The table of pose families, and random draws from it, turned and varied.

The shares favour what a first network found hard: sitting, folded arms, back views, floor
exercises. Adding a family is one function and one line of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from edgepose.train.synth import poses_floor as floor
from edgepose.train.synth import poses_standing as feet
from edgepose.train.synth.limbs import Rng, between, near
from edgepose.train.synth.posture import Arm, Leg, Posture

UPRIGHT: Final = "upright"  # usually turned to the camera
SIDEWAYS: Final = "sideways"  # usually seen from the side
FAMILIES: Final[dict[str, tuple[Callable[[Rng], Posture], float, str]]] = {
    "standing": (feet.standing, 8, UPRIGHT),
    "gesturing": (feet.gesturing, 9, UPRIGHT),
    "hands_on_hips": (feet.hands_on_hips, 4, UPRIGHT),
    "arms_folded": (feet.arms_folded, 5, UPRIGHT),
    "hands_before_body": (feet.hands_before_body, 6, UPRIGHT),
    "hands_behind": (feet.hands_behind, 3, UPRIGHT),
    "t_pose": (feet.t_pose, 4, UPRIGHT),
    "arms_up": (feet.arms_up, 6, UPRIGHT),
    "jacks": (feet.jacks, 7, UPRIGHT),
    "squats": (feet.squats, 9, UPRIGHT),
    "lunge": (feet.lunge, 4, UPRIGHT),
    "walking": (feet.walking, 7, UPRIGHT),
    "sitting": (floor.sitting, 12, UPRIGHT),
    "sitting_on_floor": (floor.sitting_on_floor, 4, UPRIGHT),
    "push_up": (floor.push_up, 8, SIDEWAYS),
    "side_bend": (feet.side_bend, 3, UPRIGHT),
    "toe_touch": (feet.toe_touch, 4, UPRIGHT),
    "tree": (feet.tree, 4, UPRIGHT),
    "warrior": (feet.warrior, 4, UPRIGHT),
    "down_dog": (floor.down_dog, 3, SIDEWAYS),
    "cobra": (floor.cobra, 5, SIDEWAYS),
    "all_fours": (floor.all_fours, 3, SIDEWAYS),
    "waving": (feet.waving, 5, UPRIGHT),
    "kneeling": (floor.kneeling, 3, UPRIGHT),
    "kicking": (feet.kicking, 4, UPRIGHT),
    "arabesque": (feet.arabesque, 3, SIDEWAYS),
    "lying": (floor.lying, 2, SIDEWAYS),
    "anything": (feet.anything, 7, UPRIGHT),
}  # name: (draw, share, usual view)

_SHARES: Final = np.array([share for _, share, _ in FAMILIES.values()])
_NAMES: Final = tuple(FAMILIES)


def _varied_arm(rng: Rng, arm: Arm) -> Arm:
    lift, around, bend = rng.normal((arm.lift, arm.around, arm.bend), (10, 9, 10)).tolist()
    return replace(arm, lift=lift, around=around, bend=abs(bend))


def _varied_leg(rng: Rng, leg: Leg) -> Leg:
    flex, spread, knee = rng.normal((leg.flex, leg.spread, leg.knee), (5, 3, 6)).tolist()
    return replace(leg, flex=flex, spread=spread, knee=abs(knee))


def _varied(rng: Rng, posture: Posture) -> Posture:
    """Return the posture with small differences between the sides: people are not symmetric."""
    left, right = (_varied_arm(rng, arm) for arm in posture.arms)
    first, second = (_varied_leg(rng, leg) for leg in posture.legs)
    return replace(posture, arms=(left, right), legs=(first, second))


def _yaw(rng: Rng, view: str) -> float:
    if view == SIDEWAYS and rng.random() < 0.65:
        return float(rng.choice((-90.0, 90.0))) + near(rng, 0, 22)
    if rng.random() < 0.55:
        return near(rng, 0, 30)
    return between(rng, -180, 180)


def draw_posture(rng: Rng, family: str | None = None) -> Posture:
    """Draw a posture of a family (any, by share, when None), turned, looking about, mirrored."""
    name = family or _NAMES[rng.choice(len(_NAMES), p=_SHARES / _SHARES.sum())]
    draw, _, view = FAMILIES[name]
    posture = draw(rng)
    if rng.random() < 0.5:
        posture = _varied(rng, posture)
    if posture.neck == (0.0, 0.0, 0.0):
        posture = replace(posture, neck=(near(rng, 3, 13), near(rng, 0, 7), near(rng, 0, 22)))
    posture = replace(posture, yaw=_yaw(rng, view))
    return posture.mirrored() if rng.random() < 0.5 else posture
