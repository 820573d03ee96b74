"""Pose families that stand on the feet: random postures from a seeded generator."""

from __future__ import annotations

from dataclasses import replace

from edgepose.train.synth.limbs import (
    AHEAD,
    UP,
    Rng,
    any_arms,
    between,
    draw_pull,
    free_arm,
    hanging_arm,
    head_arm,
    hip_arm,
    near,
    reaching_arm,
    some,
    stance,
    two_arms,
    upright,
)
from edgepose.train.synth.posture import Arm, Leg, Posture


def standing(rng: Rng) -> Posture:
    """Stand with the arms down."""
    return upright(rng, two_arms(rng, hanging_arm))


def gesturing(rng: Rng) -> Posture:
    """Stand with the arms anywhere."""
    return upright(rng, two_arms(rng, free_arm))


def hands_on_hips(rng: Rng) -> Posture:
    """Stand with the hands on the hips."""
    return upright(rng, two_arms(rng, hip_arm))


def arms_folded(rng: Rng) -> Posture:
    """Stand with each hand at the other elbow."""
    low, high = between(rng, -0.32, -0.2), between(rng, -0.26, -0.16)
    first = Arm(pull=(0.6, -0.8, 0.1), reach=(-0.12, low, 0.2))
    second = Arm(pull=(0.6, -0.8, 0.1), reach=(-0.1, high, 0.25))
    return upright(rng, (first, second))


def hands_before_body(rng: Rng) -> Posture:
    """Hold the hands together before belly or chest: a phone, a cup, a kettlebell."""
    height = between(rng, -0.45, 0.0)
    place = (between(rng, 0.0, 0.08), height, between(rng, 0.16, 0.4))
    return upright(rng, (reaching_arm(rng, place, 0.02), reaching_arm(rng, place, 0.02)))


def hands_behind(rng: Rng) -> Posture:
    """Fold the hands behind the back or behind the head."""
    if rng.random() < 0.5:
        return upright(rng, two_arms(rng, head_arm))
    behind = (0.02, 0.1, -0.18)
    return upright(rng, (reaching_arm(rng, behind, 0.03, "pelvis"),) * 2)


def t_pose(rng: Rng) -> Posture:
    """Hold both arms out to the sides."""
    lift = between(rng, 70, 110)
    arms = [Arm(near(rng, lift, 6), near(rng, 5, 14), some(rng, 18), draw_pull(rng)) for _ in "lr"]
    return upright(rng, (arms[0], arms[1]))


def arms_up(rng: Rng) -> Posture:
    """Raise both arms."""
    lift = between(rng, 120, 178)
    arms = [Arm(near(rng, lift, 7), near(rng, 10, 20), some(rng, 32), UP) for _ in "lr"]
    return upright(rng, (arms[0], arms[1]))


def jumping_jack(phase: float, slack: float = 0.0) -> Posture:
    """Return the jumping jack at `phase`: 0 arms down and feet together, 1 arms up, feet apart."""
    arm = Arm(12 + 158 * phase, 8, 14 + slack, UP)
    leg = Leg(0, 3 + 20 * phase, 3 + 0.5 * slack, -5, point=10 + 10 * phase)
    return Posture((arm, arm), (leg, leg))


def jacks(rng: Rng) -> Posture:
    """Draw a moment of a jumping jack."""
    posture = jumping_jack(between(rng, 0, 1), some(rng, 14))
    return replace(posture, spine=(near(rng, 0, 4), near(rng, 0, 4), near(rng, 0, 6)))


def squat_at(phase: float, lean: float = 30.0, spread: float = 14.0) -> Posture:
    """Return a squat with the arms ahead at `phase`: 0 standing, 1 thighs level."""
    arm = Arm(12 + 76 * phase, 84, 6, AHEAD)
    leg = Leg(105 * phase, spread, 100 * phase + 3, -0.4 * spread, point=8 - 30 * phase)
    return Posture((arm, arm), (leg, leg), spine=(8 * phase, 0, 0), pitch=lean * phase)


def squats(rng: Rng) -> Posture:
    """Draw a moment of a squat with the arms ahead, folded before the chest or anywhere."""
    posture = squat_at(between(rng, 0.15, 1.15), near(rng, 30, 7), near(rng, 15, 8))
    chest = (0.05, -0.12, 0.2)
    arms = (
        posture.arms,
        (reaching_arm(rng, chest, 0.03), reaching_arm(rng, chest, 0.03)),
        two_arms(rng, head_arm),
        any_arms(rng),
    )[rng.integers(4)]
    return replace(posture, arms=arms)


def lunge(rng: Rng) -> Posture:
    """Step far forward and sink."""
    flex = between(rng, 30, 95)
    front = Leg(flex, some(rng, 5), near(rng, flex, 12))
    back = Leg(-between(rng, 5, 30), some(rng, 5), between(rng, 20, 95), point=-15)
    return upright(rng, any_arms(rng), (front, back))


def walking(rng: Rng) -> Posture:
    """Walk or run, arms swinging against the legs."""
    reach, bend = between(rng, 5, 60), between(rng, 5, 100)
    front = Leg(reach, some(rng, 3), some(rng, 30))
    back = Leg(-0.6 * reach, some(rng, 3), 0.8 * reach + some(rng, 25), point=25)
    behind, ahead = Arm(reach, -80, bend, (0, 0, 1)), Arm(0.9 * reach, 80, bend, (0, 0.2, 1))
    return replace(upright(rng, (behind, ahead), (front, back)), pitch=some(rng, 12))


def side_bend(rng: Rng) -> Posture:
    """Bend the trunk to one side."""
    spine = (near(rng, 5, 6), between(rng, -40, 40), near(rng, 0, 15))
    return replace(upright(rng, any_arms(rng), (Leg(0, between(rng, 5, 25)),) * 2), spine=spine)


def toe_touch(rng: Rng) -> Posture:
    """Bend forward with the arms hanging or reaching down."""
    pitch = between(rng, 20, 95)
    leg = Leg(0.95 * pitch + near(rng, 0, 6), between(rng, 2, 20), some(rng, 12))
    arm = Arm(between(rng, 50, 150), between(rng, 60, 90), some(rng, 20), AHEAD)
    spine = (between(rng, 5, 50), near(rng, 0, 6), near(rng, 0, 12))
    return Posture((arm, arm), (leg, leg), spine, (near(rng, 0, 20), 0, 0), pitch)


def tree(rng: Rng) -> Posture:
    """Stand on one leg with the other foot at the knee or thigh."""
    folded = Leg(between(rng, 25, 55), between(rng, 45, 65), between(rng, 105, 140), 70, 40)
    high = Arm(between(rng, 150, 178), 15, between(rng, 5, 50), UP)
    palms = reaching_arm(rng, (0.02, -0.15, 0.22), 0.01)
    arm = high if rng.random() < 0.6 else palms
    return upright(rng, (arm, arm), (Leg(2, 2, 2), folded))


def warrior(rng: Rng) -> Posture:
    """Hold the arms out over one bent and one straight leg, looking along an arm."""
    bent = Leg(between(rng, 15, 35), between(rng, 45, 70), between(rng, 40, 90), -35)
    arms = [Arm(near(rng, 90, 6), near(rng, 0, 8), some(rng, 6)) for _ in "lr"]
    legs = (bent, Leg(0, between(rng, 30, 48), 3))
    return replace(upright(rng, (arms[0], arms[1]), legs), neck=(0, 0, between(rng, 30, 80)))


def waving(rng: Rng) -> Posture:
    """Raise one hand."""
    hand = Arm(between(rng, 60, 165), between(rng, 0, 50), between(rng, 10, 130), (-0.3, 1, 0.2))
    return upright(rng, (hand, hanging_arm(rng)))


def kicking(rng: Rng) -> Posture:
    """Lift one leg to the front or the side."""
    kick = Leg(between(rng, 20, 110), between(rng, 0, 45), some(rng, 40), point=30)
    return replace(upright(rng, any_arms(rng), (kick, stance(rng))), pitch=near(rng, -6, 10))


def arabesque(rng: Rng) -> Posture:
    """Stand on one leg with the trunk ahead and the other leg behind."""
    pitch = between(rng, 30, 85)
    legs = (Leg(pitch, 2, some(rng, 8)), Leg(-between(rng, 0, 25), 4, some(rng, 12), point=50))
    arm = Arm(between(rng, 60, 175), between(rng, 0, 70), some(rng, 10))
    return Posture((arm, arm), legs, neck=(-20, 0, 0), pitch=pitch)


def anything(rng: Rng) -> Posture:
    """Draw every joint on its own."""
    legs = [
        Leg(near(rng, 28, 40), near(rng, 12, 14), min(145.0, some(rng, 60)), near(rng, 0, 15))
        for _ in "lr"
    ]
    spine = (near(rng, 10, 20), near(rng, 0, 15), near(rng, 0, 20))
    return Posture(
        two_arms(rng, free_arm),
        (legs[0], legs[1]),
        spine,
        pitch=near(rng, 5, 25),
        roll=near(rng, 0, 16),
    )
