"""Joint angles of a person, and the limits of human joints. Degrees."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Arm:
    """The position of an arm, by angles or by what the hand touches.

    lift: from hanging, 0..180. around: 0 out to the side, 90 to the front. bend: of the elbow.
    pull: where the forearm (or, when reaching, the elbow) turns to, axes of the trunk with x
    outwards. reach: the wrist's place in `frame` axes, metres, x outwards; it wins over angles.
    frame: "trunk" (from the middle of the shoulders) or "pelvis" (from the middle of the hips).
    """

    lift: float = 12.0
    around: float = 20.0
    bend: float = 12.0
    pull: Triple = (-0.2, 0.0, 1.0)
    reach: Triple | None = None
    frame: str = "trunk"


@dataclass(frozen=True, slots=True)
class Leg:
    """A leg: hip flexion (forward), abduction (outward), turn-in, knee, toe point."""

    flex: float = 0.0
    spread: float = 5.0
    knee: float = 4.0
    turn: float = 0.0
    point: float = 10.0


@dataclass(frozen=True, slots=True)
class Posture:
    """All joint angles. arms and legs: (left, right).

    spine, neck: (bend forward, bend to the left, twist to the left). pitch: the pelvis tips
    forward. roll: it tips to the left. yaw: the whole person turns, 0 faces the camera.
    """

    arms: tuple[Arm, Arm] = (Arm(), Arm())
    legs: tuple[Leg, Leg] = (Leg(), Leg())
    spine: Triple = (0.0, 0.0, 0.0)
    neck: Triple = (0.0, 0.0, 0.0)
    pitch: float = 0.0
    roll: float = 0.0
    yaw: float = 0.0

    def mirrored(self) -> Posture:
        """Return the posture as in a mirror: sides swapped, sideways angles negated."""
        return replace(
            self,
            arms=self.arms[::-1],
            legs=self.legs[::-1],
            spine=(self.spine[0], -self.spine[1], -self.spine[2]),
            neck=(self.neck[0], -self.neck[1], -self.neck[2]),
            roll=-self.roll,
            yaw=-self.yaw,
        )


LIMITS: Final = {
    "lift": (0.0, 180.0),
    "around": (-60.0, 130.0),
    "bend": (0.0, 150.0),
    "flex": (-35.0, 130.0),
    "spread": (-20.0, 80.0),
    "knee": (0.0, 150.0),
    "turn": (-45.0, 75.0),
    "point": (-25.0, 70.0),
}  # ranges of motion, rounded outwards: American Academy of Orthopaedic Surgeons

_SPINE_LIMITS: Final = ((-35.0, 75.0), (-40.0, 40.0), (-50.0, 50.0))
_NECK_LIMITS: Final = ((-50.0, 55.0), (-40.0, 40.0), (-80.0, 80.0))


def clip(value: float, low_high: tuple[float, float]) -> float:
    """Return the value nearest to `value` within (low, high)."""
    return float(min(max(value, low_high[0]), low_high[1]))


def _limited_limb(limb: Any) -> Any:
    names = (name for name in LIMITS if hasattr(limb, name))
    return replace(limb, **{name: clip(getattr(limb, name), LIMITS[name]) for name in names})


def _limited_triple(angles: Triple, limits: tuple[tuple[float, float], ...]) -> Triple:
    bend, side, twist = (clip(a, limit) for a, limit in zip(angles, limits, strict=True))
    return bend, side, twist


def limited(posture: Posture) -> Posture:
    """Return the nearest posture inside every joint's range of motion."""
    left_arm, right_arm = map(_limited_limb, posture.arms)
    left_leg, right_leg = map(_limited_limb, posture.legs)
    return replace(
        posture,
        arms=(left_arm, right_arm),
        legs=(left_leg, right_leg),
        spine=_limited_triple(posture.spine, _SPINE_LIMITS),
        neck=_limited_triple(posture.neck, _NECK_LIMITS),
    )
