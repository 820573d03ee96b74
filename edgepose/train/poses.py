"""What people do: a table of pose families, each drawing a posture from a seeded generator.

The shares lean to what a study of a first net found hard: sitting, folded arms, backs, floor
work. Adding a family is one function and one line of the table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from edgepose.train.skeleton3d import Arm, Leg, Posture, Triple

Rng = np.random.Generator
_UP: Final = (-1.0, 0.2, 0.3)  # pulls: where a bent forearm goes
_AHEAD: Final = (-0.3, 0.2, 1.0)


def _near(rng: Rng, mean: float, spread: float) -> float:
    return float(rng.normal(mean, spread))


def _some(rng: Rng, spread: float) -> float:
    return float(abs(rng.normal(0.0, spread)))


def _between(rng: Rng, low: float, high: float) -> float:
    return float(rng.uniform(low, high))


def _pull(rng: Rng) -> Triple:
    return _near(rng, -0.4, 0.7), _near(rng, 0.4, 0.8), _near(rng, 0.7, 0.6)


def hanging_arm(rng: Rng) -> Arm:
    """Draw an arm at rest beside the body."""
    return Arm(_some(rng, 14), _near(rng, 20, 30), _some(rng, 22), (_near(rng, -0.2, 0.4), 0, 1))


def free_arm(rng: Rng) -> Arm:
    """Draw an arm anywhere within reach."""
    bend = min(150.0, _some(rng, 60))
    return Arm(_between(rng, 5, 178), _between(rng, -25, 115), bend, _pull(rng))


def reaching_arm(rng: Rng, place: Triple, slack: float, frame: str = "trunk") -> Arm:
    """Draw an arm whose hand is within about `slack` metres of `place`, elbow out and back."""
    x, y, z = rng.normal(place, slack).tolist()
    elbow = (_near(rng, 0.8, 0.3), _near(rng, -0.5, 0.3), _near(rng, -0.4, 0.3))
    return Arm(pull=elbow, reach=(x, y, z), frame=frame)


def _two(rng: Rng, draw: Callable[[Rng], Arm]) -> tuple[Arm, Arm]:
    return draw(rng), draw(rng)


def _any_arms(rng: Rng) -> tuple[Arm, Arm]:
    draw: Callable[[Rng], Arm] = (hanging_arm, free_arm, _hip_arm, _belly_arm)[rng.integers(4)]
    return _two(rng, draw)


def _hip_arm(rng: Rng) -> Arm:
    return reaching_arm(rng, (0.15, 0.06, 0.05), 0.025, "pelvis")


def _belly_arm(rng: Rng) -> Arm:
    return reaching_arm(rng, (0.0, -0.36, 0.26), 0.06)


def _head_arm(rng: Rng) -> Arm:
    return reaching_arm(rng, (0.08, 0.18, -0.06), 0.03)


def _straight_legs(rng: Rng) -> tuple[Leg, Leg]:
    return _stance(rng), _stance(rng)


def _stance(rng: Rng) -> Leg:
    return Leg(_near(rng, 0, 6), _near(rng, 5, 4), _some(rng, 7), _near(rng, -8, 8))


def _upright(rng: Rng, arms: tuple[Arm, Arm], legs: tuple[Leg, Leg] | None = None) -> Posture:
    return Posture(
        arms,
        legs or _straight_legs(rng),
        spine=(_near(rng, 2, 6), _near(rng, 0, 5), _near(rng, 0, 8)),
        pitch=_near(rng, 0, 4),
        roll=_near(rng, 0, 2.5),
    )


def standing(rng: Rng) -> Posture:
    """Stand with the arms down."""
    return _upright(rng, _two(rng, hanging_arm))


def gesturing(rng: Rng) -> Posture:
    """Stand with the arms anywhere."""
    return _upright(rng, _two(rng, free_arm))


def hands_on_hips(rng: Rng) -> Posture:
    """Stand with the hands on the hips."""
    return _upright(rng, _two(rng, _hip_arm))


def arms_folded(rng: Rng) -> Posture:
    """Stand with each hand at the other elbow."""
    low, high = _between(rng, -0.32, -0.2), _between(rng, -0.26, -0.16)
    first = Arm(pull=(0.6, -0.8, 0.1), reach=(-0.12, low, 0.2))
    second = Arm(pull=(0.6, -0.8, 0.1), reach=(-0.1, high, 0.25))
    return _upright(rng, (first, second))


def hands_before_body(rng: Rng) -> Posture:
    """Hold the hands together before belly or chest: a phone, a cup, a kettlebell."""
    height = _between(rng, -0.45, 0.0)
    place = (_between(rng, 0.0, 0.08), height, _between(rng, 0.16, 0.4))
    return _upright(rng, (reaching_arm(rng, place, 0.02), reaching_arm(rng, place, 0.02)))


def hands_behind(rng: Rng) -> Posture:
    """Fold the hands behind the back or behind the head."""
    if rng.random() < 0.5:
        return _upright(rng, _two(rng, _head_arm))
    behind = (0.02, 0.1, -0.18)
    return _upright(rng, (reaching_arm(rng, behind, 0.03, "pelvis"),) * 2)


def t_pose(rng: Rng) -> Posture:
    """Hold both arms out to the sides."""
    lift = _between(rng, 70, 110)
    arms = [Arm(_near(rng, lift, 6), _near(rng, 5, 14), _some(rng, 18), _pull(rng)) for _ in "lr"]
    return _upright(rng, (arms[0], arms[1]))


def arms_up(rng: Rng) -> Posture:
    """Raise both arms."""
    lift = _between(rng, 120, 178)
    arms = [Arm(_near(rng, lift, 7), _near(rng, 10, 20), _some(rng, 32), _UP) for _ in "lr"]
    return _upright(rng, (arms[0], arms[1]))


def jumping_jack(phase: float, slack: float = 0.0) -> Posture:
    """Return the jumping jack at `phase`: 0 arms down and feet together, 1 arms up, feet apart."""
    arm = Arm(12 + 158 * phase, 8, 14 + slack, _UP)
    leg = Leg(0, 3 + 20 * phase, 3 + 0.5 * slack, -5, point=10 + 10 * phase)
    return Posture((arm, arm), (leg, leg))


def jacks(rng: Rng) -> Posture:
    """Draw a moment of a jumping jack."""
    posture = jumping_jack(_between(rng, 0, 1), _some(rng, 14))
    return replace(posture, spine=(_near(rng, 0, 4), _near(rng, 0, 4), _near(rng, 0, 6)))


def squat_at(phase: float, lean: float = 30.0, spread: float = 14.0) -> Posture:
    """Return a squat with the arms ahead at `phase`: 0 standing, 1 thighs level."""
    arm = Arm(12 + 76 * phase, 84, 6, _AHEAD)
    leg = Leg(105 * phase, spread, 100 * phase + 3, -0.4 * spread, point=8 - 30 * phase)
    return Posture((arm, arm), (leg, leg), spine=(8 * phase, 0, 0), pitch=lean * phase)


def squats(rng: Rng) -> Posture:
    """Draw a moment of a squat with the arms ahead, folded before the chest or anywhere."""
    posture = squat_at(_between(rng, 0.15, 1.15), _near(rng, 30, 7), _near(rng, 15, 8))
    chest = (0.05, -0.12, 0.2)
    arms = (
        posture.arms,
        (reaching_arm(rng, chest, 0.03), reaching_arm(rng, chest, 0.03)),
        _two(rng, _head_arm),
        _any_arms(rng),
    )[rng.integers(4)]
    return replace(posture, arms=arms)


def lunge(rng: Rng) -> Posture:
    """Step far forward and sink."""
    flex = _between(rng, 30, 95)
    front = Leg(flex, _some(rng, 5), _near(rng, flex, 12))
    back = Leg(-_between(rng, 5, 30), _some(rng, 5), _between(rng, 20, 95), point=-15)
    return _upright(rng, _any_arms(rng), (front, back))


def walking(rng: Rng) -> Posture:
    """Walk or run, arms swinging against the legs."""
    reach, bend = _between(rng, 5, 60), _between(rng, 5, 100)
    front = Leg(reach, _some(rng, 3), _some(rng, 30))
    back = Leg(-0.6 * reach, _some(rng, 3), 0.8 * reach + _some(rng, 25), point=25)
    behind, ahead = Arm(reach, -80, bend, (0, 0, 1)), Arm(0.9 * reach, 80, bend, (0, 0.2, 1))
    return replace(_upright(rng, (behind, ahead), (front, back)), pitch=_some(rng, 12))


def _seated_leg(rng: Rng) -> Leg:
    return Leg(_between(rng, 72, 100), _near(rng, 8, 10), _between(rng, 55, 110), _near(rng, 0, 12))


def _lap_arm(rng: Rng) -> Arm:
    return reaching_arm(rng, (0.08, 0.1, _between(rng, 0.15, 0.42)), 0.04, "pelvis")


def sitting(rng: Rng) -> Posture:
    """Sit on something, hands in the lap, folded, busy or anywhere; sometimes legs crossed."""
    legs = (_seated_leg(rng), _seated_leg(rng))
    if rng.random() < 0.2:
        legs = (Leg(98, -8, 85, 10), Leg(88, 0, 92))
    arms = _two(rng, _lap_arm) if rng.random() < 0.45 else _any_arms(rng)
    if rng.random() < 0.12:
        arms = arms_folded(rng).arms
    return replace(_upright(rng, arms, legs), spine=(_near(rng, 8, 12), _near(rng, 0, 5), 0))


def sitting_on_floor(rng: Rng) -> Posture:
    """Sit on the floor: legs stretched, hugged or crossed."""
    legs = (
        (Leg(85, 8, _some(rng, 20)), Leg(85, 8, _some(rng, 40))),
        (Leg(115, 8, 120), Leg(115, 8, 120)),
        (Leg(95, 48, 128, 62), Leg(92, 48, 132, 62)),
    )[rng.integers(3)]
    return replace(_upright(rng, _any_arms(rng), legs), pitch=_near(rng, -8, 10))


def push_up(rng: Rng) -> Posture:
    """Hold a plank anywhere between straight and bent elbows."""
    down = _between(rng, 0, 1)
    arm = Arm(88 - 25 * down, 90 - 45 * down, 95 * down, (-0.2, 0.3, 1.0))
    legs = (Leg(_near(rng, 0, 5), 4, _some(rng, 5), point=-15),) * 2
    if rng.random() < 0.15:
        legs = (Leg(0, 4, _between(rng, 40, 90)),) * 2
    neck = (_near(rng, -20, 20), _near(rng, 0, 8), _near(rng, 0, 12))
    return Posture((arm, arm), legs, (_near(rng, 0, 5), 0, 0), neck, 80 - 8 * (1 - down))


def side_bend(rng: Rng) -> Posture:
    """Bend the trunk to one side."""
    spine = (_near(rng, 5, 6), _between(rng, -40, 40), _near(rng, 0, 15))
    return replace(_upright(rng, _any_arms(rng), (Leg(0, _between(rng, 5, 25)),) * 2), spine=spine)


def toe_touch(rng: Rng) -> Posture:
    """Bend forward with the arms hanging or reaching down."""
    pitch = _between(rng, 20, 95)
    leg = Leg(0.95 * pitch + _near(rng, 0, 6), _between(rng, 2, 20), _some(rng, 12))
    arm = Arm(_between(rng, 50, 150), _between(rng, 60, 90), _some(rng, 20), _AHEAD)
    spine = (_between(rng, 5, 50), _near(rng, 0, 6), _near(rng, 0, 12))
    return Posture((arm, arm), (leg, leg), spine, (_near(rng, 0, 20), 0, 0), pitch)


def tree(rng: Rng) -> Posture:
    """Stand on one leg with the other foot at the knee or thigh."""
    folded = Leg(_between(rng, 25, 55), _between(rng, 45, 65), _between(rng, 105, 140), 70, 40)
    high = Arm(_between(rng, 150, 178), 15, _between(rng, 5, 50), _UP)
    palms = reaching_arm(rng, (0.02, -0.15, 0.22), 0.01)
    arm = high if rng.random() < 0.6 else palms
    return _upright(rng, (arm, arm), (Leg(2, 2, 2), folded))


def warrior(rng: Rng) -> Posture:
    """Hold the arms out over one bent and one straight leg, looking along an arm."""
    bent = Leg(_between(rng, 15, 35), _between(rng, 45, 70), _between(rng, 40, 90), -35)
    arms = [Arm(_near(rng, 90, 6), _near(rng, 0, 8), _some(rng, 6)) for _ in "lr"]
    legs = (bent, Leg(0, _between(rng, 30, 48), 3))
    return replace(_upright(rng, (arms[0], arms[1]), legs), neck=(0, 0, _between(rng, 30, 80)))


def down_dog(rng: Rng) -> Posture:
    """Stand on hands and feet with the hips high."""
    leg = Leg(_between(rng, 80, 112), _near(rng, 5, 3), _some(rng, 9))
    arm = Arm(_between(rng, 158, 178), 60, _some(rng, 6))
    return Posture((arm, arm), (leg, leg), pitch=_between(rng, 120, 150))


def cobra(rng: Rng) -> Posture:
    """Lie on the belly with the chest lifted on the arms."""
    arm = Arm(_between(rng, 30, 65), _between(rng, 60, 90), _some(rng, 22), (0, 0.3, 1))
    leg = Leg(-_between(rng, 0, 12), 3, _some(rng, 5), point=60)
    neck = (-_between(rng, 0, 30), 0, _near(rng, 0, 15))
    return Posture((arm, arm), (leg, leg), (-_between(rng, 12, 32), 0, 0), neck, 82)


def all_fours(rng: Rng) -> Posture:
    """Kneel on hands and knees."""
    arm = Arm(_between(rng, 75, 100), 88, _some(rng, 10), _AHEAD)
    leg = Leg(_between(rng, 70, 100), _near(rng, 5, 4), _between(rng, 80, 105), point=55)
    return Posture((arm, arm), (leg, leg), pitch=_between(rng, 70, 95), neck=(-10, 0, 0))


def waving(rng: Rng) -> Posture:
    """Raise one hand."""
    hand = Arm(_between(rng, 60, 165), _between(rng, 0, 50), _between(rng, 10, 130), (-0.3, 1, 0.2))
    return _upright(rng, (hand, hanging_arm(rng)))


def kneeling(rng: Rng) -> Posture:
    """Kneel on one or both knees."""
    down = Leg(_between(rng, 0, 25), _between(rng, 0, 10), _between(rng, 85, 140), point=55)
    up = Leg(_between(rng, 75, 98), 5, _between(rng, 80, 105))
    return _upright(rng, _any_arms(rng), (up if rng.random() < 0.5 else down, down))


def kicking(rng: Rng) -> Posture:
    """Lift one leg to the front or the side."""
    kick = Leg(_between(rng, 20, 110), _between(rng, 0, 45), _some(rng, 40), point=30)
    return replace(_upright(rng, _any_arms(rng), (kick, _stance(rng))), pitch=_near(rng, -6, 10))


def arabesque(rng: Rng) -> Posture:
    """Stand on one leg with the trunk ahead and the other leg behind."""
    pitch = _between(rng, 30, 85)
    legs = (Leg(pitch, 2, _some(rng, 8)), Leg(-_between(rng, 0, 25), 4, _some(rng, 12), point=50))
    arm = Arm(_between(rng, 60, 175), _between(rng, 0, 70), _some(rng, 10))
    return Posture((arm, arm), legs, neck=(-20, 0, 0), pitch=pitch)


def lying(rng: Rng) -> Posture:
    """Lie on the back, arms and legs anywhere."""
    leg = Leg(_between(rng, 0, 85), _between(rng, 0, 20), _between(rng, 0, 115))
    return Posture(_two(rng, free_arm), (leg, _stance(rng)), pitch=_near(rng, -88, 6))


def anything(rng: Rng) -> Posture:
    """Draw every joint on its own."""
    legs = [
        Leg(_near(rng, 28, 40), _near(rng, 12, 14), min(145.0, _some(rng, 60)), _near(rng, 0, 15))
        for _ in "lr"
    ]
    spine = (_near(rng, 10, 20), _near(rng, 0, 15), _near(rng, 0, 20))
    return Posture(
        _two(rng, free_arm),
        (legs[0], legs[1]),
        spine,
        pitch=_near(rng, 5, 25),
        roll=_near(rng, 0, 16),
    )


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


def _loosened_arm(rng: Rng, arm: Arm) -> Arm:
    lift, around, bend = rng.normal((arm.lift, arm.around, arm.bend), (10, 9, 10)).tolist()
    return replace(arm, lift=lift, around=around, bend=abs(bend))


def _loosened_leg(rng: Rng, leg: Leg) -> Leg:
    flex, spread, knee = rng.normal((leg.flex, leg.spread, leg.knee), (5, 3, 6)).tolist()
    return replace(leg, flex=flex, spread=spread, knee=abs(knee))


def _loosened(rng: Rng, posture: Posture) -> Posture:
    """Return the posture with both sides moved a little apart: nobody is symmetric."""
    left, right = (_loosened_arm(rng, arm) for arm in posture.arms)
    first, second = (_loosened_leg(rng, leg) for leg in posture.legs)
    return replace(posture, arms=(left, right), legs=(first, second))


def _yaw(rng: Rng, view: str) -> float:
    if view == SIDEWAYS and rng.random() < 0.65:
        return float(rng.choice((-90.0, 90.0))) + _near(rng, 0, 22)
    if rng.random() < 0.55:
        return _near(rng, 0, 30)
    return _between(rng, -180, 180)


def draw_posture(rng: Rng, family: str | None = None) -> Posture:
    """Draw a posture of a family (any, by share, when None), turned, looking about, mirrored."""
    name = family or _NAMES[rng.choice(len(_NAMES), p=_SHARES / _SHARES.sum())]
    draw, _, view = FAMILIES[name]
    posture = draw(rng)
    if rng.random() < 0.5:
        posture = _loosened(rng, posture)
    if posture.neck == (0.0, 0.0, 0.0):
        posture = replace(posture, neck=(_near(rng, 3, 13), _near(rng, 0, 7), _near(rng, 0, 22)))
    posture = replace(posture, yaw=_yaw(rng, view))
    return posture.mirrored() if rng.random() < 0.5 else posture
