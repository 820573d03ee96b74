"""Numbers that describe one pose: joint angles, tilts, heights, distances, likeness to a template.

All are free of the person's place, size and mirror image, and NaN where a keypoint is unknown.
They are plain floats: a watch reads a few of them in every frame, for every person.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from edgepose.core.matching import Templates
from edgepose.core.templates import MIN_SCORE
from edgepose.skeleton import EXTRA_INDEX, INDEX
from edgepose.types import Pose, rows_of

Side = Literal["left", "right"]
Place = tuple[int, ...]  # keypoints whose middle is meant; usually one
Way = tuple[float, float]  # (down, right) in pixels

SIDES: Final[tuple[Side, Side]] = ("left", "right")
NAMED: Final = INDEX | EXTRA_INDEX  # those beyond COCO's are unknown to most models
SIDED: Final = tuple(name.removeprefix("left_") for name in NAMED if name.startswith("left_"))
_PLURALS: Final = {"pinky": "pinkies", "index": "indexes", "foot_index": "foot_indexes"}
MIDDLES: Final = {
    _PLURALS.get(name, f"{name}s"): (NAMED[f"left_{name}"], NAMED[f"right_{name}"])
    for name in SIDED
}
LIMBS: Final = {
    "trunk": ("shoulders", "hips"),
    "side": ("shoulder", "hip"),
    "arm": ("shoulder", "wrist"),
    "upper_arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
    "leg": ("hip", "ankle"),
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "head": ("nose", "shoulders"),
}  # each from the end that is up in somebody who stands; `head` and `trunk` have no side

GUESSED: Final = 0.4  # score up to which MoveNet guesses legs outside the picture: 0.36 mostly
SURE: Final = 0.45  # score that it hardly ever gave them; legs in the picture have 0.5 and more
PLACES: Final = (*NAMED, *SIDED, *MIDDLES)  # every name that `place` knows


@lru_cache
def places(names: tuple[str, ...], side: Side) -> tuple[Place, ...]:
    """Return the keypoints of several names, as `place` does."""
    return tuple(place(name, side) for name in names)


def place(name: str, side: Side) -> Place:
    """Return the keypoints of a name: `hip` of that side, `left_hip` whatever the side, `hips`.

    Raises KeyError for another name.
    """
    if name in MIDDLES:
        return MIDDLES[name]
    return (NAMED[name if name in NAMED else f"{side}_{name}"],)


_TORSO: Final = (MIDDLES["shoulders"], MIDDLES["hips"])
_NO_SCORES: Final = [0.0] * len(EXTRA_INDEX)
_NO_POINTS: Final = [None] * len(EXTRA_INDEX)


class _Measured(NamedTuple):
    """What every exercise reads of a pose: made once, as Body describes it.

    middles: of several keypoints, as far as somebody asked for them.
    """

    scores: Sequence[float]
    points: Sequence[Way | None]
    middles: dict[Place, Way | None]
    torso: float


def _measured(pose: Pose, min_score: float) -> _Measured:
    """Return what exercises read; a score of float32 is compared with `min_score` as it is."""
    height, width = map(float, pose.size)
    rows = pose.rows if pose.extra is None else pose.rows + rows_of(pose.extra)
    scores = [score for _, _, score in rows]
    points = [(y * height, x * width) if score >= min_score else None for y, x, score in rows]
    if pose.extra is None:
        scores += _NO_SCORES
        points += _NO_POINTS
    middles: dict[Place, Way | None] = {where: _middle(points, where) for where in _TORSO}
    shoulders, hips = middles.values()
    torso = math.dist(shoulders, hips) if shoulders and hips else math.nan
    return _Measured(scores, points, middles, torso)


def _middle(points: Sequence[Way | None], where: Place) -> Way | None:
    """Return the middle of those of some points that are known, None without any."""
    known = [point for index in where if (point := points[index]) is not None]
    if not known:
        return None
    return sum(y for y, _ in known) / len(known), sum(x for _, x in known) / len(known)


class Body:
    """The keypoints of one pose as signals read them.

    pose: the whole, for those that compare it. torso: from the middle of the shoulders to that
    of the hips, pixels; NaN where it is unknown. rise: of the feet above the ground, in torso
    lengths, which only their past can tell (see Ground); NaN where nobody has noted it.
    """

    __slots__ = ("_middles", "_min_score", "_points", "_sure", "pose", "rise", "scores", "torso")

    def __init__(self, pose: Pose, min_score: float = MIN_SCORE) -> None:
        """Take a pose; keypoints whose score is below `min_score` are unknown."""
        self.pose = pose
        self.rise = math.nan
        self._min_score = min_score
        self._sure: Body | None = None
        self.scores, self._points, self._middles, self.torso = pose.once(_measured, min_score)

    @property
    def sure(self) -> Body:
        """Return the same pose without the keypoints that the model may only have guessed."""
        if self._sure is None:
            guessed = self._min_score < SURE
            self._sure = Body(self.pose, SURE) if guessed else self
            self._sure.rise = self.rise
        return self._sure

    def at(self, where: Place) -> Way | None:
        """Return (y, x) in pixels, of several keypoints the middle of those that are known."""
        if len(where) == 1:
            return self._points[where[0]]
        if where not in self._middles:
            self._middles[where] = _middle(self._points, where)
        return self._middles[where]

    def way(self, start: Place, end: Place) -> Way | None:
        """Return the vector from one place to another."""
        one, other = self.at(start), self.at(end)
        if one is None or other is None:
            return None
        return other[0] - one[0], other[1] - one[1]

    def length(self, start: Place, end: Place) -> float:
        """Return the distance between two places in pixels, NaN where one is unknown."""
        way = self.way(start, end)
        return math.nan if way is None else math.hypot(*way)

    def visibility(self, places: Sequence[Place]) -> float:
        """Return how well the worst of some places is seen, 0..1; 1 for no place."""
        return min((max(self.scores[i] for i in where) for where in places), default=1.0)


@dataclass(frozen=True, slots=True)
class Angle:
    """The angle at a joint, 0..180 degrees; 180 is straight."""

    start: Place
    joint: Place
    end: Place

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return self.start, self.joint, self.end

    def __call__(self, body: Body) -> float:
        """Return the angle."""
        one, other = body.way(self.joint, self.start), body.way(self.joint, self.end)
        if one is None or other is None:
            return math.nan
        cross = one[0] * other[1] - one[1] * other[0]
        dot = one[0] * other[0] + one[1] * other[1]
        return math.degrees(math.atan2(abs(cross), dot)) if cross or dot else math.nan


@dataclass(frozen=True, slots=True)
class Tilt:
    """The angle of a limb against straight down, 0..180 degrees.

    A thigh of somebody who stands has 0, a trunk that lies 90, an arm straight up 180.
    """

    start: Place
    end: Place

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return self.start, self.end

    def __call__(self, body: Body) -> float:
        """Return the tilt."""
        way = body.way(self.start, self.end)
        if way is None or way == (0.0, 0.0):
            return math.nan
        return math.degrees(math.atan2(abs(way[1]), way[0]))


@dataclass(frozen=True, slots=True)
class Height:
    """How far one place is above another in torso lengths; negative below it."""

    of: Place
    over: Place

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return self.of, self.over, *_TORSO

    def __call__(self, body: Body) -> float:
        """Return the height."""
        way = body.way(self.of, self.over)
        return way[0] / body.torso if way is not None and body.torso else math.nan


@dataclass(frozen=True, slots=True)
class Distance:
    """How far two places are apart in torso lengths."""

    start: Place
    end: Place

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return self.start, self.end, *_TORSO

    def __call__(self, body: Body) -> float:
        """Return the distance."""
        return body.length(self.start, self.end) / body.torso if body.torso else math.nan


LEAK: Final = 0.02  # torso lengths a second by which the ground comes up again


class Ground:
    """Where a person's feet were lowest of late: what a rise onto the toes is measured from."""

    def __init__(self) -> None:
        self._lowest = math.nan  # y of the ankles, pixels
        self._time = math.nan

    def note(self, body: Body, time: float) -> None:
        """Take one pose in which both ankles may be known, and set its `rise`."""
        ankles = [body.at((index,)) for index in MIDDLES["ankles"]]
        heights = [point[0] for point in ankles if point is not None]
        if len(heights) < len(ankles) or not body.torso > 0:
            return
        lower = max(heights)
        if math.isnan(self._lowest):
            self._lowest, self._time = lower, time
        leaked = self._lowest - LEAK * body.torso * max(time - self._time, 0.0)
        self._lowest, self._time = max(lower, leaked), time
        body.rise = (self._lowest - lower) / body.torso


@dataclass(frozen=True, slots=True)
class Rise:
    """How far both feet are above the ground they stood on, in torso lengths."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return (*((index,) for index in MIDDLES["ankles"]), *_TORSO)

    def __call__(self, body: Body) -> float:
        """Return the rise."""
        return body.rise


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """The score of a template, 0..1, or of one minus that of another, -1..1."""

    template: Templates
    minus: Templates | None = None

    @property
    def places(self) -> tuple[Place, ...]:
        """Return nothing: a template says itself how much of it must be seen."""
        return ()

    def __call__(self, body: Body) -> float:
        """Return the score."""
        score = self.template.compare(body.pose).score
        return score if self.minus is None else score - self.minus.compare(body.pose).score


Combined = Literal["mean", "min", "max", "minus"]

_COMBINE: Final[dict[Combined, Callable[[list[float]], float]]] = {
    "mean": lambda values: sum(values) / len(values),
    "min": min,
    "max": max,
    "minus": lambda values: values[0] - sum(values[1:]),
}


@dataclass(frozen=True, slots=True)
class Combination:
    """Several signals made one; unknown where one of them is."""

    how: Combined
    parts: tuple[Signal, ...]

    @property
    def places(self) -> tuple[Place, ...]:
        """Return what must be seen."""
        return tuple(where for part in self.parts for where in part.places)

    def __call__(self, body: Body) -> float:
        """Return the mean, the least, the most or the difference."""
        values = [part(body) for part in self.parts]
        return math.nan if any(map(math.isnan, values)) else _COMBINE[self.how](values)


Signal = Angle | Tilt | Height | Distance | Rise | Likeness | Combination

Sides = Literal["left", "right", "best", "both", "mean", "min", "max", "left - right"]


@dataclass(frozen=True, slots=True)
class Measure:
    """A signal for either side of the body, and which of them counts.

    side: `best` is the one that is seen better, `both` are two that count by themselves; `mean`,
    `min` and `max` take what is known of both.
    """

    left: Signal
    right: Signal
    side: Sides = "best"

    @property
    def joins_sides(self) -> bool:
        """Return whether one value is made of both sides."""
        return self.side in _OF_SIDES

    def __call__(self, body: Body, side: Side = "left") -> float:
        """Return the value, NaN where it is unknown. side: the one that `best` and `both` take."""
        if self.side == "left - right":
            return self.left(body) - self.right(body)
        combine = _OF_SIDES.get(self.side)
        if combine is None:
            chosen = side if self.side in ("best", "both") else self.side
            return self.left(body) if chosen == "left" else self.right(body)
        known = [v for v in (self.left(body), self.right(body)) if not math.isnan(v)]
        return combine(known) if known else math.nan


_OF_SIDES: Final[dict[Sides, Callable[[list[float]], float]]] = {
    "mean": _COMBINE["mean"], "min": min, "max": max
}  # fmt: skip

BETTER: Final = 0.15  # of a keypoint score, by which the other side must be seen better
SLOWLY: Final = 0.05  # of the way to the present visibility in each frame; 0.7 s at 30 a second


class BestSide:
    """The side of the body that is seen better, with hysteresis."""

    def __init__(self, measure: Measure) -> None:
        self.side: Side = "left"
        self._measure = measure
        self._lead: float | None = None  # of the left side over the right, smoothed

    def update(self, body: Body, may_switch: bool) -> None:
        """Take one pose. may_switch: a repetition is under way on one side until it ends."""
        lead = body.visibility(self._measure.left.places)
        lead -= body.visibility(self._measure.right.places)
        if self._lead is None:
            self._lead, self.side = lead, "left" if lead >= 0 else "right"
        self._lead += SLOWLY * (lead - self._lead)
        if may_switch and abs(self._lead) > BETTER:
            self.side = "left" if self._lead > 0 else "right"
