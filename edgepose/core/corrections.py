"""What a person should change about a pose, in words that can be followed without a diagram.

Whole arms and legs come before their halves, what is the same on both sides is one thing, and who
is turned around has nothing else to do first. Left and right are the person's own. Vectors are
complex numbers: the real part points to the picture's right, the imaginary part up.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from edgepose.correction import Correction
from edgepose.skeleton import INDEX, LIMB_INDEX, LIMBS

Points = Sequence[Sequence[float]]  # 17 of (y, x), NaN unknown; plain numbers, faster than arrays

SIDES: Final = ("left", "right")
_UNKNOWN: Final = complex(math.nan, math.nan)
_ACROSS: Final = ("shoulders", "hips")
_DOWN: Final = -90.0  # degrees of a trunk that stands

SIDEWAYS: Final = 0.2  # of the trunk's length: shoulders that look narrower are seen from the side
FACING: Final = 0.4  # of the trunk's length: shoulders that look wider are seen from the front
FRONTAL: Final = 0.6  # the same, where a lean in the picture is one to the side: 0.7 is a front
LOOKING: Final = 0.1  # of the trunk's length by which the nose of a profile is before the shoulders
LEVEL: Final = 12.0  # degrees
UPRIGHT: Final = 15.0  # degrees: a trunk that leans less stands
LYING: Final = 55.0  # degrees: a trunk or a thigh that leans more lies
STEEP: Final = 0.4  # share of the way sideways; a hand that also rises that much is raised
ALIKE: Final = 60.0  # degrees by which two halves of an arm or leg may differ and turn as one
BEND: Final = 25.0  # degrees by which a joint must open or close to be named
FAR: Final = 60.0  # degrees from which an upper arm is moved before the elbow is bent
NEARER: Final = 30.0  # the same where the forearm turns the same way: the whole arm comes first
NEAR_EDGE: Final = 0.1  # of the picture's height: a body that ends there goes on below it


@dataclass(frozen=True, slots=True)
class BodyVectors:
    """A person, or the pose of a template, as vectors.

    ways: 12, from start to end of each limb; NaN where unknown. points: as Points.
    """

    ways: tuple[complex, ...]
    points: Points

    @classmethod
    def of(cls, points: Points) -> BodyVectors:
        """Return the body of keypoints."""
        places = [complex(x, -y) for y, x in points]
        return cls(tuple(places[limb.end] - places[limb.start] for limb in LIMBS), points)

    @property
    def trunk(self) -> complex:
        """Return the way from the shoulders to the hips, NaN where unknown."""
        known = [way for name in ("left_side", "right_side") if _is_known(way := self.way(name))]
        return sum(known) / len(known) if known else _UNKNOWN

    @property
    def facing(self) -> float:
        """Return how wide the person looks, in trunk lengths: below 0 from behind, 0 sideways."""
        down = self.trunk
        across = [way for name in ("shoulders", "hips") if _is_known(way := self.way(name))]
        if not across or not _is_known(down):
            return math.nan
        widths = [(down.imag * way.real - down.real * way.imag) / abs(down) ** 2 for way in across]
        return max(widths, key=abs)

    @property
    def left(self) -> int:
        """Return 1 where the person's left is on the picture's right, -1 on its left, else 0."""
        facing = self.facing
        return 0 if math.isnan(facing) or abs(facing) < SIDEWAYS else int(math.copysign(1, facing))

    @property
    def look(self) -> int:
        """Return 1 for a profile that looks to the picture's right, -1 to its left, else 0."""
        nose, down = self._place("nose"), self.trunk
        shoulders = [place for side in SIDES if _is_known(place := self._place(f"{side}_shoulder"))]
        if not shoulders or not _is_known(nose) or not _is_known(down):
            return 0
        ahead = (nose - sum(shoulders) / len(shoulders)) / (down * 1j)
        return 0 if abs(ahead.real) < LOOKING else int(math.copysign(1, ahead.real))

    def way(self, limb: str) -> complex:
        """Return the vector of a limb."""
        return self.ways[LIMB_INDEX[limb]]

    def _place(self, keypoint: str) -> complex:
        y, x = self.points[INDEX[keypoint]]
        return complex(x, -y)


@dataclass(frozen=True, slots=True)
class Deviation:
    """How a person differs from the pose they should take, limb by limb.

    turns: 12 degrees by which limbs must turn, counter-clockwise; 0 where right, NaN where not
    compared. stretch: 12, how much too long the limb looks where its length deviates, else 0.
    missing: limbs that should be compared and aren't seen. height: of the picture, pixels.
    """

    person: BodyVectors
    wanted: BodyVectors
    turns: Sequence[float]
    stretch: Sequence[float]
    missing: frozenset[str] = frozenset()
    height: float = math.inf

    def turn(self, limb: str) -> float:
        """Return by how many degrees a limb must turn, 0 where it is right or unknown."""
        turn = self.turns[LIMB_INDEX[limb]]
        return 0.0 if math.isnan(turn) else turn

    def is_off(self, *limbs: str) -> bool:
        """Return whether one of some limbs deviates."""
        return any(self.turn(limb) or self.stretch[LIMB_INDEX[limb]] for limb in limbs)

    def move(self, limb: str) -> complex:
        """Return by how much the end of a limb moves against its start."""
        way = self.person.way(limb)
        return way * cmath.rect(1.0, math.radians(self.turn(limb))) - way

    def bend(self, upper: str, lower: str) -> tuple[float, float]:
        """Return the degrees by which a joint is bent, and by which it should be."""
        above, below = self.person.way(upper), self.person.way(lower)
        now = _degrees(below) - _degrees(above)
        return abs(_wrapped(now)), abs(_wrapped(now + self.turn(lower) - self.turn(upper)))


def corrections(deviation: Deviation) -> tuple[Correction, ...]:
    """Return what to change, the worst first; each limb is in one of them at most."""
    first = _first(deviation)
    if first is not None:
        return (first,)
    found = [*_trunk(deviation)]
    for left, right in ((_arm(deviation, "left"), _arm(deviation, "right")),
                        (_leg(deviation, "left"), _leg(deviation, "right"))):  # fmt: skip
        found += _joined(left, right)
    return tuple(sorted(found, key=lambda one: -one.degrees))


def _first(deviation: Deviation) -> Correction | None:
    """Return what must be done before anything else makes sense."""
    if _is_cut_off(deviation):
        return Correction("step_back", limbs=tuple(sorted(deviation.missing)), degrees=180.0)
    action = _get_up_or_down(deviation) or _turning(deviation)
    off = tuple(limb.name for limb in LIMBS if deviation.is_off(limb.name))
    return Correction(action, limbs=off, degrees=180.0) if action else None


def _is_cut_off(deviation: Deviation) -> bool:
    """Return whether both lower legs are wanted and below the picture."""
    if not {"left_shin", "right_shin"} <= deviation.missing:
        return False
    lowest = max((y for y, _ in deviation.person.points if not math.isnan(y)), default=0.0)
    return lowest >= (1 - NEAR_EDGE) * deviation.height


def _get_up_or_down(deviation: Deviation) -> str:
    """Return how somebody who stands comes to lie, or the other way round."""
    now, wanted = _lies(deviation.person), _lies(deviation.wanted)
    if not deviation.is_off("left_side", "right_side") or None in (now, wanted) or now is wanted:
        return ""
    return "lie_down" if wanted else "get_up"


def _lies(body: BodyVectors) -> bool | None:
    """Return whether somebody lies or stands; None where trunk and thighs differ, as in a cobra."""
    thighs = [body.way(f"{side}_thigh") for side in SIDES]
    lying = {_tilt(way) > LYING for way in (body.trunk, *filter(_is_known, thighs))}
    return lying.pop() if len(lying) == 1 else None


def _turning(deviation: Deviation) -> str:
    """Return how to turn; "" for somebody who is seen from the side that is wanted."""
    person, wanted = deviation.person, deviation.wanted
    now, then = person.facing, wanted.facing
    if math.isnan(now) or math.isnan(then):
        return ""
    if abs(then) < SIDEWAYS:
        return _into_profile(person, wanted)
    is_asked = any(not math.isnan(deviation.turns[LIMB_INDEX[one]]) for one in _ACROSS)
    is_right = now * math.copysign(1, then) >= SIDEWAYS or abs(then) < FACING
    if not is_asked or is_right or not deviation.is_off(*LIMB_INDEX):
        return ""
    return "turn_to_face" if then > 0 else "turn_away"


def _into_profile(person: BodyVectors, wanted: BodyVectors) -> str:
    """Return how to turn for a pose that is seen from the side."""
    if abs(person.facing) >= FACING:
        sides = {1: "turn_left", -1: "turn_right", 0: "turn_sideways"}
        return sides[wanted.look * person.left]
    return "turn_around" if person.look * wanted.look < 0 and not person.left else ""


def _trunk(deviation: Deviation) -> Iterator[Correction]:
    """Yield how the upper body should lean, or else which shoulder or hip should rise."""
    sides = ("left_side", "right_side")
    if deviation.is_off(*sides):
        action = _leaning(deviation)
        if action:
            worst = max((deviation.turn(side) for side in sides), key=abs)
            yield Correction(action, limbs=sides, degrees=abs(worst))
    elif deviation.person.left:
        slope = _level(deviation, "shoulder") or _level(deviation, "hip")
        yield from filter(None, (slope,))


def _leaning(deviation: Deviation) -> str:
    turns = [turn for side in ("left_side", "right_side") if (turn := deviation.turn(side))]
    if not turns:
        too_long = deviation.stretch[LIMB_INDEX["left_side"]] > 0
        return "lean_forward" if too_long else "straighten_up"
    now = deviation.person.trunk
    then = now * cmath.rect(1.0, math.radians(sum(turns) / len(turns)))
    if _tilt(then) < UPRIGHT:
        return "straighten_up"
    to_right = (now - then).real  # by which the shoulders move
    wanted = deviation.wanted
    if abs(wanted.facing) < FRONTAL and wanted.look:  # half turned, a squat leans forward
        return "lean_forward" if to_right * wanted.look > 0 else "lean_back"
    if deviation.person.left:
        return "lean_left" if to_right * deviation.person.left > 0 else "lean_right"
    if deviation.person.look:
        return "lean_forward" if to_right * deviation.person.look > 0 else "lean_back"
    return "straighten_up" if _tilt(then) < _tilt(now) else ""


def _level(deviation: Deviation, part: str) -> Correction | None:
    """Return what to do about shoulders or hips that slope."""
    limb = f"{part}s"
    turn = deviation.turn(limb)
    if not turn or abs(turn) > 90:
        return None
    if abs(deviation.wanted.way(limb).imag) < math.tan(math.radians(LEVEL)) * abs(
        deviation.wanted.way(limb).real
    ):
        return Correction(f"level_{limb}", limbs=(limb,), degrees=abs(turn))
    side = "right" if deviation.move(limb).imag > 0 else "left"
    return Correction("raise", f"{side}_{part}", (limb,), abs(turn))


def _arm(deviation: Deviation, side: str) -> Correction | None:
    """Return what one arm should do: as a whole, or its elbow, or its hand."""
    upper, lower = f"{side}_upper_arm", f"{side}_forearm"
    if not deviation.is_off(upper, lower):
        return None
    first, second = deviation.turn(upper), deviation.turn(lower)
    now, then = deviation.bend(upper, lower)
    if not first and not second:
        action, part = _resized(deviation, upper, lower), "elbow"
    elif first and (_turn_as_one(first, second) or not _is_known(deviation.person.way(lower))):
        action, part = _direction(deviation, side, (upper, lower)), "arm"
    elif abs(first) >= (NEARER if first * second > 0 else FAR):
        action, part = _direction(deviation, side, (upper,)), "arm"
    elif second and abs(then - now) >= BEND:
        action, part = "bend" if then > now else "straighten", "elbow"
    elif first:
        action, part = _direction(deviation, side, (upper,)), "elbow"
    else:
        action, part = _direction(deviation, side, (lower,)), "hand"
    return _of_limbs(deviation, action, f"{side}_{part}", (upper, lower))


def _leg(deviation: Deviation, side: str) -> Correction | None:
    """Return what one leg should do: as a whole, or its knee, or its foot."""
    upper, lower = f"{side}_thigh", f"{side}_shin"
    if not deviation.is_off(upper, lower):
        return None
    first, second = deviation.turn(upper), deviation.turn(lower)
    now, then = deviation.bend(upper, lower)
    if not first and not second:
        action, part = _resized(deviation, upper, lower), "knee"
    elif first and _turn_as_one(first, second):
        action, part = _direction(deviation, side, (upper, lower)), "leg"
        part = "foot" if action not in ("raise", "lower") else part
    elif abs(then - now) >= BEND:
        action, part = _bent_knee(deviation, side, then > now)
    elif first:
        action, part = _direction(deviation, side, (upper,)), "knee"
    else:
        action, part = _direction(deviation, side, (lower,)), "foot"
    return _of_limbs(deviation, action, f"{side}_{part}", (upper, lower))


def _bent_knee(deviation: Deviation, side: str, more: bool) -> tuple[str, str]:
    """Return how a knee bends or straightens; of one leg alone, where the knee goes."""
    other = "right" if side == "left" else "left"
    thighs = {one: deviation.wanted.way(f"{one}_thigh") for one in SIDES}
    own = deviation.person.way(f"{side}_thigh")
    alone = not _tilt(thighs[other]) > LYING
    if more and alone and _tilt(thighs[side]) > LYING and deviation.move(f"{side}_thigh").imag > 0:
        return "raise", "knee"
    is_raised = alone and _tilt(own) > LYING and not deviation.is_off(f"{other}_thigh")
    if not more and is_raised and deviation.move(f"{side}_thigh").imag < 0:
        return "lower", "leg"
    return ("bend" if more else "straighten"), "knee"


def _turn_as_one(first: float, second: float) -> bool:
    """Return whether both halves of an arm or leg must turn the same way."""
    return first * second > 0 and abs(first - second) <= ALIKE


def _resized(deviation: Deviation, upper: str, lower: str) -> str:
    """Return what makes halves look shorter or longer: bending the joint between them."""
    stretch = max((deviation.stretch[LIMB_INDEX[limb]] for limb in (upper, lower)), key=abs)
    return "bend" if stretch > 0 else "straighten"


def _direction(deviation: Deviation, side: str, limbs: Sequence[str]) -> str:
    """Return where the end of a chain of limbs must go; "" where no word says it."""
    move = sum((way for limb in limbs if _is_known(way := deviation.move(limb))), start=0j)
    person = deviation.person
    if abs(move.imag) < STEEP * abs(move.real):
        if person.left:
            outwards = person.left * (1 if side == "left" else -1)
            return "out" if move.real * outwards > 0 else "in"
        if person.look:
            return "forward" if move.real * person.look > 0 else "back"
    return "raise" if move.imag > 0 else "lower"


def _of_limbs(
    deviation: Deviation, action: str, part: str, limbs: tuple[str, str]
) -> Correction | None:
    worst = max(abs(deviation.turn(limb)) for limb in limbs)
    off = tuple(limb for limb in limbs if deviation.is_off(limb))
    return Correction(action, part, off, worst)


_BOTH: Final = {
    "arm": "arms", "elbow": "elbows", "hand": "hands", "leg": "legs", "knee": "knees",
    "foot": "feet",
}  # fmt: skip
_FEET: Final = {"out": "stand_wider", "in": "stand_closer"}


def _joined(left: Correction | None, right: Correction | None) -> Iterator[Correction]:
    """Yield the corrections of both sides, as one where they are the same."""
    if left is None or right is None or not _are_same(left, right):
        yield from filter(None, (left, right))
        return
    part = left.part.removeprefix("left_")
    worst = max(left, right, key=lambda one: one.degrees)
    both = replace(worst, part=_BOTH[part], limbs=left.limbs + right.limbs)
    if part == "foot" and left.action in _FEET:
        both = replace(both, action=_FEET[left.action], part="")
    yield both


def _are_same(left: Correction, right: Correction) -> bool:
    halves = left.part.removeprefix("left_"), right.part.removeprefix("right_")
    return left.action == right.action and halves[0] == halves[1]


def _is_known(way: complex) -> bool:
    return not cmath.isnan(way)


def _degrees(way: complex) -> float:
    return math.degrees(cmath.phase(way))


def _wrapped(degrees: float) -> float:
    return (degrees + 180.0) % 360.0 - 180.0


def _tilt(way: complex) -> float:
    """Return the degrees of a limb against straight down, NaN where unknown."""
    return abs(_wrapped(_degrees(way) - _DOWN)) if _is_known(way) else math.nan
