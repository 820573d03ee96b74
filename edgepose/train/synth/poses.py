"""Pose families: random postures of standing, sitting, kneeling and lying people.

First the arms and legs that postures are made of, then the families, then their table with a share
each, and random draws from it. The shares favour what a first network found hard: sitting, folded
arms, back views, floor exercises. A new family is one function and one line of the table. Lengths
are metres, angles degrees; everything comes from the generator that is passed in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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


UPRIGHT: Final = "upright"  # usually turned to the camera
SIDEWAYS: Final = "sideways"  # usually seen from the side
FAMILIES: Final[dict[str, tuple[Callable[[Rng], Posture], float, str]]] = {
    "standing": (standing, 8, UPRIGHT),
    "gesturing": (gesturing, 9, UPRIGHT),
    "hands_on_hips": (hands_on_hips, 4, UPRIGHT),
    "arms_folded": (arms_folded, 5, UPRIGHT),
    "hands_before_body": (hands_before_body, 6, UPRIGHT),
    "hands_behind": (hands_behind, 3, UPRIGHT),
    "t_pose": (t_pose, 4, UPRIGHT),
    "arms_up": (arms_up, 6, UPRIGHT),
    "jacks": (jacks, 7, UPRIGHT),
    "squats": (squats, 9, UPRIGHT),
    "lunge": (lunge, 4, UPRIGHT),
    "walking": (walking, 7, UPRIGHT),
    "sitting": (sitting, 12, UPRIGHT),
    "sitting_on_floor": (sitting_on_floor, 4, UPRIGHT),
    "push_up": (push_up, 8, SIDEWAYS),
    "side_bend": (side_bend, 3, UPRIGHT),
    "toe_touch": (toe_touch, 4, UPRIGHT),
    "tree": (tree, 4, UPRIGHT),
    "warrior": (warrior, 4, UPRIGHT),
    "down_dog": (down_dog, 3, SIDEWAYS),
    "cobra": (cobra, 5, SIDEWAYS),
    "all_fours": (all_fours, 3, SIDEWAYS),
    "waving": (waving, 5, UPRIGHT),
    "kneeling": (kneeling, 3, UPRIGHT),
    "kicking": (kicking, 4, UPRIGHT),
    "arabesque": (arabesque, 3, SIDEWAYS),
    "lying": (lying, 2, SIDEWAYS),
    "anything": (anything, 7, UPRIGHT),
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


def draw_yaw(rng: Rng, view: str = UPRIGHT) -> float:
    """Draw where somebody is turned to, 0 to the camera, by the usual view of what they do."""
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
    posture = replace(posture, yaw=draw_yaw(rng, view))
    return posture.mirrored() if rng.random() < 0.5 else posture
