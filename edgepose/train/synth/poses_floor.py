"""Pose families that sit, kneel, lie or stand on the hands: random postures."""

from __future__ import annotations

from dataclasses import replace

from edgepose.train.synth.limbs import (
    AHEAD,
    Rng,
    any_arms,
    between,
    free_arm,
    near,
    reaching_arm,
    some,
    stance,
    two_arms,
    upright,
)
from edgepose.train.synth.poses_standing import arms_folded
from edgepose.train.synth.posture import Arm, Leg, Posture


def _seated_leg(rng: Rng) -> Leg:
    return Leg(between(rng, 72, 100), near(rng, 8, 10), between(rng, 55, 110), near(rng, 0, 12))


def _lap_arm(rng: Rng) -> Arm:
    return reaching_arm(rng, (0.08, 0.1, between(rng, 0.15, 0.42)), 0.04, "pelvis")


def sitting(rng: Rng) -> Posture:
    """Sit on something, hands in the lap, folded, busy or anywhere; sometimes legs crossed."""
    legs = (_seated_leg(rng), _seated_leg(rng))
    if rng.random() < 0.2:
        legs = (Leg(98, -8, 85, 10), Leg(88, 0, 92))
    arms = two_arms(rng, _lap_arm) if rng.random() < 0.45 else any_arms(rng)
    if rng.random() < 0.12:
        arms = arms_folded(rng).arms
    return replace(upright(rng, arms, legs), spine=(near(rng, 8, 12), near(rng, 0, 5), 0))


def sitting_on_floor(rng: Rng) -> Posture:
    """Sit on the floor: legs stretched, hugged or crossed."""
    legs = (
        (Leg(85, 8, some(rng, 20)), Leg(85, 8, some(rng, 40))),
        (Leg(115, 8, 120), Leg(115, 8, 120)),
        (Leg(95, 48, 128, 62), Leg(92, 48, 132, 62)),
    )[rng.integers(3)]
    return replace(upright(rng, any_arms(rng), legs), pitch=near(rng, -8, 10))


def push_up(rng: Rng) -> Posture:
    """Hold a plank anywhere between straight and bent elbows."""
    down = between(rng, 0, 1)
    arm = Arm(88 - 25 * down, 90 - 45 * down, 95 * down, (-0.2, 0.3, 1.0))
    legs = (Leg(near(rng, 0, 5), 4, some(rng, 5), point=-15),) * 2
    if rng.random() < 0.15:
        legs = (Leg(0, 4, between(rng, 40, 90)),) * 2
    neck = (near(rng, -20, 20), near(rng, 0, 8), near(rng, 0, 12))
    return Posture((arm, arm), legs, (near(rng, 0, 5), 0, 0), neck, 80 - 8 * (1 - down))


def down_dog(rng: Rng) -> Posture:
    """Stand on hands and feet with the hips high."""
    leg = Leg(between(rng, 80, 112), near(rng, 5, 3), some(rng, 9))
    arm = Arm(between(rng, 158, 178), 60, some(rng, 6))
    return Posture((arm, arm), (leg, leg), pitch=between(rng, 120, 150))


def cobra(rng: Rng) -> Posture:
    """Lie on the belly with the chest lifted on the arms."""
    arm = Arm(between(rng, 30, 65), between(rng, 60, 90), some(rng, 22), (0, 0.3, 1))
    leg = Leg(-between(rng, 0, 12), 3, some(rng, 5), point=60)
    neck = (-between(rng, 0, 30), 0, near(rng, 0, 15))
    return Posture((arm, arm), (leg, leg), (-between(rng, 12, 32), 0, 0), neck, 82)


def all_fours(rng: Rng) -> Posture:
    """Kneel on hands and knees."""
    arm = Arm(between(rng, 75, 100), 88, some(rng, 10), AHEAD)
    leg = Leg(between(rng, 70, 100), near(rng, 5, 4), between(rng, 80, 105), point=55)
    return Posture((arm, arm), (leg, leg), pitch=between(rng, 70, 95), neck=(-10, 0, 0))


def kneeling(rng: Rng) -> Posture:
    """Kneel on one or both knees."""
    down = Leg(between(rng, 0, 25), between(rng, 0, 10), between(rng, 85, 140), point=55)
    up = Leg(between(rng, 75, 98), 5, between(rng, 80, 105))
    return upright(rng, any_arms(rng), (up if rng.random() < 0.5 else down, down))


def lying(rng: Rng) -> Posture:
    """Lie on the back, arms and legs anywhere."""
    leg = Leg(between(rng, 0, 85), between(rng, 0, 20), between(rng, 0, 115))
    return Posture(two_arms(rng, free_arm), (leg, stance(rng)), pitch=near(rng, -88, 6))
