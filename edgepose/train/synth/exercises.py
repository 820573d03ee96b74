"""Exercises: moments of push-ups, sit-ups, lunges, lifted legs and raised arms, from any side.

For avatars alone: the families of `poses`, which drawn people are made of, keep their shares. What
is here is what a network trained with those missed: bodies near the floor seen from an oblique
angle, and people on one leg. Lengths are metres, angles degrees, as in `poses`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from edgepose.train.synth.poses import (
    AHEAD,
    UP,
    any_arms,
    arabesque,
    between,
    cobra,
    draw_pull,
    hanging_arm,
    head_arm,
    lunge,
    near,
    reaching_arm,
    sitting,
    some,
    squat_at,
    stance,
    straight_legs,
    tree,
    two_arms,
    upright,
)
from edgepose.train.synth.posture import Arm, Leg, Posture

Rng = np.random.Generator
_ARM: Final = 0.54  # metres from shoulder to wrist, nearly straight


def _floor_hand(rng: Rng, pitch: float, height: float) -> Arm:
    """Draw an arm whose hand is `height` below the shoulder of a trunk that is tipped by `pitch`.

    The elbow goes out and back towards the hips.
    """
    ahead = near(rng, 0.0, 0.06)
    down = math.radians(pitch)
    along = -height * math.cos(down) + ahead * math.sin(down)
    below = height * math.sin(down) + ahead * math.cos(down)
    pull = (between(rng, 0.1, 1.2), between(rng, -1.0, -0.2), -0.3)
    return Arm(pull=pull, reach=(between(rng, 0.16, 0.42), along, below))


def _plank_legs(rng: Rng) -> tuple[Leg, Leg]:
    """Draw stretched legs on their toes; sometimes on the knees, or with a knee at the chest."""
    kind = rng.random()
    if kind < 0.12:
        return (Leg(between(rng, -5, 20), 6, between(rng, 40, 100), point=30),) * 2
    spread = between(rng, 0, 14)
    legs = [Leg(near(rng, 0, 5), spread, some(rng, 6), point=-18) for _ in "lr"]
    if kind < 0.25:
        legs[0] = Leg(between(rng, 50, 110), near(rng, 8, 8), between(rng, 60, 125), point=20)
    return legs[0], legs[1]


def push_up(rng: Rng) -> Posture:
    """Be at any height of a push-up, hands narrow or wide, level, or one or both on a step."""
    height = between(rng, 0.16, _ARM)
    step = between(rng, 0.0, 0.5) if rng.random() < 0.25 else 0.0
    pitch = 88 - math.degrees(math.asin((height + step - 0.08) / 1.35)) + near(rng, 0, 4)
    odd = between(rng, 0.0, 0.15) if rng.random() < 0.2 else 0.0
    heights = (height, max(0.16, height - odd))
    arms = [_floor_hand(rng, pitch, each) for each in heights]
    neck = (near(rng, -25, 22), near(rng, 0, 8), near(rng, 0, 16))
    return Posture((arms[0], arms[1]), _plank_legs(rng), (near(rng, 0, 7), 0, 0), neck, pitch)


def plank(rng: Rng) -> Posture:
    """Hold a plank on the forearms."""
    pitch = near(rng, 80, 3)
    arm = Arm(pitch, near(rng, 84, 8), near(rng, 92, 8), (-0.3, 1.0, 0.1))
    neck = (near(rng, -15, 20), near(rng, 0, 8), near(rng, 0, 16))
    return Posture((arm, arm), _plank_legs(rng), (near(rng, 3, 8), 0, 0), neck, pitch)


def side_plank(rng: Rng) -> Posture:
    """Hold the body sideways on one hand or forearm, the other arm up or along the body."""
    roll = between(rng, 62, 82)
    bend = 0.0 if rng.random() < 0.5 else 90.0
    low = Arm(roll + near(rng, 4, 5), near(rng, 3, 6), bend, (0.0, 0.0, 1.0))
    high = Arm(near(rng, 85, 14), near(rng, 0, 10), some(rng, 10))
    legs = (Leg(near(rng, 0, 4), near(rng, 0, 3), some(rng, 5)), Leg(near(rng, 0, 4), 2, 3))
    return Posture((low, high if rng.random() < 0.6 else hanging_arm(rng)), legs, roll=roll)


def _sit_up_arms(rng: Rng) -> tuple[Arm, Arm]:
    kind = rng.integers(3)
    if kind == 0:
        return two_arms(rng, head_arm)
    if kind == 1:
        return reaching_arm(rng, (-0.1, -0.12, 0.17), 0.03), reaching_arm(
            rng, (-0.1, -0.16, 0.19), 0.03
        )
    lift = between(rng, 60, 178)
    arms = [Arm(near(rng, lift, 6), near(rng, 84, 8), some(rng, 14), UP) for _ in "lr"]
    return arms[0], arms[1]


def sit_up(rng: Rng) -> Posture:
    """Be anywhere between lying on the back with bent knees and sitting up to them."""
    up = between(rng, 0, 1)
    flex, knee = between(rng, 35, 65) + 55 * up, between(rng, 70, 125)
    legs = [Leg(near(rng, flex, 3), some(rng, 10), near(rng, knee, 4)) for _ in "lr"]
    spine = (near(rng, 15, 6) + 25 * up, 0, near(rng, 0, 8))
    neck = (near(rng, 15, 14), 0, near(rng, 0, 12))
    pitch = near(rng, -86, 4) + 55 * up
    return Posture(_sit_up_arms(rng), (legs[0], legs[1]), spine, neck, pitch)


def on_the_back(rng: Rng) -> Posture:
    """Lift the legs, or the hips, off the floor."""
    arms = two_arms(rng, hanging_arm)
    neck = (near(rng, 8, 10), 0, near(rng, 0, 12))
    if rng.random() < 0.4:
        knee = between(rng, 60, 95)
        legs = [Leg(near(rng, 0, 6), some(rng, 6), near(rng, knee, 5)) for _ in "lr"]
        return Posture(arms, (legs[0], legs[1]), neck=neck, pitch=-between(rng, 95, 120))
    flex, knee = between(rng, 10, 100), between(rng, 0, 100)
    both = [Leg(near(rng, flex, 12), some(rng, 6), near(rng, knee, 12)) for _ in "lr"]
    return Posture(arms, (both[0], both[1]), (between(rng, 0, 30), 0, 0), neck, -88)


def high_knee(rng: Rng) -> Posture:
    """Stand on one leg with the other knee high, hands running, free or at the knee."""
    lifted = Leg(
        between(rng, 45, 120), near(rng, 4, 8), between(rng, 40, 135), point=between(rng, -10, 45)
    )
    kind = rng.random()
    arms = any_arms(rng)
    if kind < 0.35:
        bend = between(rng, 60, 110)
        arms = (
            Arm(between(rng, 10, 60), -80, bend, AHEAD),
            Arm(between(rng, 10, 70), 80, bend, AHEAD),
        )
    elif kind < 0.5:
        arms = two_arms(rng, lambda each: reaching_arm(each, (0.0, -0.4, 0.38), 0.06))
    return upright(rng, arms, (stance(rng), lifted))


def tree_pose(rng: Rng) -> Posture:
    """Stand on one leg with the other foot against its shin, knee or thigh."""
    flex, spread = between(rng, 15, 50), between(rng, 26, 46)
    folded = Leg(flex, spread, between(rng, 105, 149), between(rng, 45, 70), 40)
    return replace(tree(rng), legs=(stance(rng), folded))


def leg_aside_or_behind(rng: Rng) -> Posture:
    """Stand on one leg with the other held out to the side, behind, or by the hand."""
    aside = Leg(near(rng, 5, 12), between(rng, 20, 75), some(rng, 12), point=30)
    heel = Leg(-between(rng, 0, 30), near(rng, 4, 5), between(rng, 70, 145), point=40)
    back = Leg(-between(rng, 12, 35), 4, some(rng, 20), point=40)
    legs = (stance(rng), (aside, heel, back)[rng.integers(3)])
    return replace(upright(rng, any_arms(rng), legs), pitch=some(rng, 14))


def warrior_three(rng: Rng) -> Posture:
    """Stand on one leg, trunk and other leg level, arms ahead, aside or along the body."""
    pitch = between(rng, 60, 92)
    lift = rng.choice((170.0, 90.0, 12.0)) + near(rng, 0, 7)
    arm = Arm(lift, near(rng, 20, 15), some(rng, 8))
    standing = Leg(pitch + near(rng, 0, 6), near(rng, 2, 3), some(rng, 8))
    level = Leg(pitch - 90 + near(rng, -4, 9), near(rng, 2, 4), some(rng, 8), point=50)
    neck = (near(rng, -18, 16), 0, near(rng, 0, 10))
    return Posture((arm, arm), (standing, level), (near(rng, -4, 7), 0, 0), neck, pitch)


def squat(rng: Rng) -> Posture:
    """Be at any depth of a squat, arms ahead, up as in a chair pose, or holding a weight."""
    posture = squat_at(between(rng, 0.0, 1.15), near(rng, 32, 9), near(rng, 10, 9))
    high = Arm(between(rng, 140, 178), near(rng, 70, 15), some(rng, 8), UP)
    place = (0.04, between(rng, -0.35, -0.1), between(rng, 0.18, 0.3))
    weight = reaching_arm(rng, place, 0.02), reaching_arm(rng, place, 0.02)
    return replace(posture, arms=(posture.arms, (high, high), weight)[rng.integers(3)])


def lifting(rng: Rng) -> Posture:
    """Raise weights ahead or to the sides, curl or press them, standing or seated."""
    kind, up = rng.integers(4), between(rng, 0, 1)
    draws: tuple[Callable[[], Arm], ...] = (
        lambda: Arm(near(rng, 8, 4) + 100 * up, near(rng, 84, 8), some(rng, 12), AHEAD),
        lambda: Arm(near(rng, 8, 4) + 95 * up, near(rng, 10, 10), some(rng, 15), draw_pull(rng)),
        lambda: Arm(some(rng, 14), near(rng, 60, 25), 10 + 130 * up, AHEAD),
        lambda: reaching_arm(rng, (0.3 - 0.12 * up, 0.05 + 0.5 * up, 0.08), 0.03),
    )
    arms = draws[kind](), draws[kind]() if rng.random() < 0.8 else hanging_arm(rng)
    legs = sitting(rng).legs if kind > 1 and rng.random() < 0.3 else straight_legs(rng)
    return upright(rng, arms, legs)


EXERCISES: Final[dict[str, tuple[Callable[[Rng], Posture], float]]] = {
    "push_up": (push_up, 22),
    "plank": (plank, 6),
    "side_plank": (side_plank, 3),
    "sit_up": (sit_up, 11),
    "on_the_back": (on_the_back, 4),
    "lunge": (lunge, 7),
    "high_knee": (high_knee, 9),
    "leg_aside_or_behind": (leg_aside_or_behind, 5),
    "tree": (tree_pose, 8),
    "warrior_three": (warrior_three, 5),
    "arabesque": (arabesque, 2),
    "squat": (squat, 8),
    "lifting": (lifting, 7),
    "cobra": (cobra, 3),
}  # name: (draw, share)

_NAMES: Final = tuple(EXERCISES)
_SHARES: Final = np.array([share for _, share in EXERCISES.values()])
_VIEWS: Final = (0.0, 0.0, 40.0, 50.0, 90.0, 90.0, 90.0, 130.0, 180.0)  # degrees from the front


def draw_exercise(rng: Rng, name: str | None = None) -> Posture:
    """Draw a moment of an exercise (any, by share, when None), turned as people film themselves."""
    draw, _ = EXERCISES[name or _NAMES[rng.choice(len(_NAMES), p=_SHARES / _SHARES.sum())]]
    posture = draw(rng)
    if posture.neck == (0.0, 0.0, 0.0):
        posture = replace(posture, neck=(near(rng, 3, 13), near(rng, 0, 7), near(rng, 0, 22)))
    posture = replace(posture, yaw=float(rng.choice(_VIEWS)) + near(rng, 0, 14))
    return posture.mirrored() if rng.random() < 0.5 else posture
