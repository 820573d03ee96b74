"""Pose templates: the shape of a pose - limb angles and proportions - with tolerances.

Angles and lengths are taken in pixels, where a circle is round; the shape keeps angles and ratios
of lengths only, so that place and size in the picture don't matter. Matching is in `matching`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from math import atan2, degrees
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.points import Points
from edgepose.errors import TemplateError, near_miss
from edgepose.skeleton import (
    INDEX,
    LIMB_ENDS,
    LIMB_INDEX,
    LIMB_STARTS,
    LIMBS,
    MIRRORED,
    NUM_KEYPOINTS,
    NUM_LIMBS,
)
from edgepose.types import Pose

Array = NDArray[np.float64]

MIN_SCORE: Final = 0.15
"""A keypoint that scores less is unknown. One of the score steps of MoveNet Lightning int8 (0.12,
0.16, 0.20, 0.25, 0.30 ...): at 0.25 and more, limbs blurred by motion drop out of jumping jacks and
the rest of the body, which fits, decides (false starts in a street rise from 0 to 1 a clip)."""

SHARE_VISIBLE: Final = 0.75
"""Share of the counted limbs that must be known. With a third of them hidden, a person whose arms
are out of view can't be told from one who holds them up."""

MIN_SEEN: Final = 4  # limbs; a picture of head and shoulders shows at most three

COMPAT: Final = ("", "kunyankin")
FACING: Final = ("front", "any")

_SHOULDERS: Final = LIMB_INDEX["shoulders"]
_HIPS: Final = LIMB_INDEX["hips"]
_SIDES: Final = [LIMB_INDEX["left_side"], LIMB_INDEX["right_side"]]
MIN_ANCHOR: Final = 0.2  # of the longest limb; too short in a side view otherwise

_WEIGHTS: Final = {
    "shoulders": 0.75,
    "hips": 0.75,
    "left_side": 0.75,
    "right_side": 0.75,
    "left_thigh": 1.5,
    "right_thigh": 1.5,
}  # the others weigh 1
DEFAULT_WEIGHTS: Final = np.array([_WEIGHTS.get(limb.name, 1.0) for limb in LIMBS])
DEFAULT_WEIGHTS.setflags(write=False)
"""The four limbs of the trunk move as one and fit nearly any upright pose; the thighs are what
makes a squat. Measured with squat templates from 13 frames, each seen in three ways: standing
scores 0.67 at most (equal weights 0.71), a walker with her hands before her chest 0.85 (0.88). Of
arms-up templates from 60 frames of five people, 99.2 % find each jumping jack of the four others
once (equal weights 99.2 %; the trunk at 0.5 95 %)."""


@dataclass(frozen=True, slots=True, eq=False)
class PoseShape:
    """Angles and proportions of one pose, or of many along the first axes; NaN where unknown.

    angles: float64 (..., 12), degrees counter-clockwise from the picture's right, -180..180,
    from a limb's start to its end. proportions: float64 (..., 3, 12), the limb's length over
    the distance of the shoulders, of the hips, and over the length of the torso.
    """

    angles: Array
    proportions: Array

    def __getitem__(self, rows: Any) -> PoseShape:
        return PoseShape(self.angles[rows], self.proportions[rows])


def known_points(pose: Pose, min_score: float = MIN_SCORE) -> Array:
    """Return (17, 2) of (y, x) in pixels, NaN for keypoints that score below `min_score`."""
    known = pose.keypoints[:, 2] >= min_score  # a NaN score is below everything
    known &= np.isfinite(pose.keypoints).all(1)
    height, width = pose.size
    points = pose.keypoints[:, :2].astype(np.float64) * (height, width)
    points[~known] = np.nan
    return points


def plain(points: Array) -> Points:
    """Return (17, 2) of (y, x) as plain numbers, None for NaN."""
    return [None if math.isnan(y + x) else (y, x) for y, x in points.tolist()]


def angles_of(points: Points) -> Sequence[float | None]:
    """Return the 12 angles of limbs as `limb_angles` does, None where unknown."""
    angles: list[float | None] = []
    for start, end in _ENDS:
        one, other = points[start], points[end]
        if one is None or other is None or one == other:
            angles.append(None)
        else:
            angles.append(degrees(atan2(one[0] - other[0], other[1] - one[1])))
    return angles


_ENDS: Final = [(limb.start, limb.end) for limb in LIMBS]


def rounded_angles(points: Points) -> Sequence[float | None]:
    """Return the 12 angles of limbs as `limb_angles` does with `rounded`, None where unknown."""
    cut = [point and (math.trunc(point[0]), math.trunc(point[1])) for point in points]
    return [angle and round(angle) for angle in angles_of(cut)]


def measure(points: Array, rounded: bool = False) -> PoseShape:
    """Return the shape of (..., 17, 2) points of (y, x) in pixels, y downwards, NaN unknown.

    rounded: cut pixels and round angles and lengths to whole numbers, for `compat: kunyankin`.
    A limb without length has no angle and is unknown.
    """
    vectors = _limb_vectors(points, rounded)
    lengths = np.hypot(vectors[..., 0], vectors[..., 1])
    lengths[lengths == 0] = np.nan
    if rounded:
        lengths = np.rint(lengths)
    proportions = lengths[..., None, :] / _anchors(lengths)[..., None]
    return PoseShape(limb_angles(points, rounded), proportions)


def limb_angles(points: Array, rounded: bool = False) -> Array:
    """Return the angles of a PoseShape alone: enough for a score, in a third of the time."""
    vectors = _limb_vectors(points, rounded)
    angles = np.degrees(np.arctan2(-vectors[..., 0], vectors[..., 1]))
    angles[~vectors.any(-1)] = np.nan
    return np.rint(angles) if rounded else angles


def _limb_vectors(points: Array, rounded: bool) -> Array:
    """Return (..., 12, 2), the vector (y, x) from each limb's start to its end."""
    if rounded:
        points = np.trunc(points)
    return points[..., LIMB_ENDS, :] - points[..., LIMB_STARTS, :]


def _anchors(lengths: Array) -> Array:
    """Return (..., 3) of shoulder distance, hip distance and torso length; NaN where too short."""
    left, right = lengths[..., _SIDES[0]], lengths[..., _SIDES[1]]
    torso = (np.fmin(left, right) + np.fmax(left, right)) / 2  # the one that is known, or the mean
    anchors = np.stack((lengths[..., _SHOULDERS], lengths[..., _HIPS], torso), -1)
    longest = np.fmax.reduce(lengths, -1)[..., None]
    with np.errstate(invalid="ignore"):
        anchors[anchors < MIN_ANCHOR * longest] = np.nan
    return anchors


@dataclass(frozen=True, slots=True, eq=False)
class PoseView:
    """One look of a pose: its shape, and (17, 2) points in pixels of a picture that shows it."""

    shape: PoseShape
    points: Array


def groups(shapes: PoseShape, tolerances: Array) -> list[list[int]]:
    """Return which of several pictures of a pose look alike: rows by group, in order.

    A picture joins the first group whose first picture it resembles: every limb that both know is
    within its tolerance, (12,) degrees. The mean of a pose to the left and one to the right would
    be neither.
    """
    found: list[list[int]] = []
    for row, angles in enumerate(shapes.angles):
        for group in found:
            off = np.abs((shapes.angles[group[0]] - angles + 180.0) % 360.0 - 180.0)
            if not (off > tolerances).any():  # NaN is not above
                group.append(row)
                break
        else:
            found.append([row])
    return found


def merge(shapes: PoseShape) -> PoseShape:
    """Return the mean of several shapes of one pose, (n, ...) -> (...).

    Angles are averaged on the circle, proportions by the median; what fewer than half of the
    shapes know is unknown.
    """
    known = np.isfinite(shapes.angles).sum(0) * 2 >= len(shapes.angles)
    turns = np.nanmean(np.exp(1j * np.radians(shapes.angles[:, known])), 0)
    angles = np.full(NUM_LIMBS, np.nan)
    angles[known] = np.degrees(np.angle(turns))
    return PoseShape(angles, _median(shapes.proportions))


def _median(values: Array) -> Array:
    """Return the median over the first axis of what is known, NaN where less than half is."""
    known = np.isfinite(values).sum(0) * 2 >= len(values)
    middle = np.full(values.shape[1:], np.nan)
    middle[known] = np.nanmedian(values[:, known], 0)
    return middle


def mirrored_points(points: Array) -> Array:
    """Return (..., 17, 2) points of the mirror image: sides swapped, x reversed."""
    return points[..., MIRRORED, :] * (1.0, -1.0)


def turned_points(points: Array) -> Array:
    """Return (..., 17, 2) points of the same pose from behind: x reversed, sides as they were.

    Exact for a camera far away, which sees no perspective.
    """
    return points * (1.0, -1.0)


_TRUNK: Final = [
    INDEX[f"{side}_{part}"] for part in ("shoulder", "hip") for side in ("left", "right")
]
_CLEAR_SHOULDERS: Final = (0.3, 1.6)
_CLEAR_HIPS: Final = (0.1, 1.6)
"""Widths in trunk lengths, between which a front or a back is clear. From the side models swap left
and right; somebody who bends towards the camera shows hardly a trunk."""


def facing(points: Points) -> int:
    """Return which side 17 points show: 1 the front, -1 the back, 0 unclear.

    That is whether the left shoulder and the left hip lie to the right of the trunk, looking from
    the hips to the shoulders, whichever way the trunk points.
    """
    ends = [point for index in _TRUNK if (point := points[index])]
    if len(ends) < len(_TRUNK):
        return 0
    (ly, lx), (ry, rx), (hly, hlx), (hry, hrx) = ends
    up, along = (ly + ry - hly - hry) / 2, (lx + rx - hlx - hrx) / 2
    square = max(up * up + along * along, 1e-9)
    shoulders = (along * (ly - ry) - up * (lx - rx)) / square
    hips = (along * (hly - hry) - up * (hlx - hrx)) / square
    is_clear = _is_between(shoulders, _CLEAR_SHOULDERS) and _is_between(hips, _CLEAR_HIPS)
    return (shoulders > 0) - (shoulders < 0) if is_clear and shoulders * hips > 0 else 0


def _is_between(width: float, bounds: tuple[float, float]) -> bool:
    return bounds[0] < abs(width) < bounds[1]


@dataclass(frozen=True, slots=True)
class LimbRule:
    """Exceptions for one limb; None takes the template's own value."""

    weight: float | None = None
    angle_deviation: float | None = None
    size_deviation: float | None = None


@dataclass(frozen=True, eq=False)
class Template:  # noqa: PLW1641 - a hash of arrays is not needed
    """A pose to look for, taught from one or several pictures, and its tolerances.

    name: shown to people. points: float64 (n, 17, 2) of (y, x) in pixels of the n pictures it
    was taught from, NaN for keypoints that were not seen; the pictures may differ in size. Those
    that look alike count as one view, by their mean; others are further views of the pose.
    angle_deviation: degrees up to which a limb is right; its score falls to 0 at three times that.
    size_deviation: how far a limb's proportion may be off. limbs: by name, exceptions from the
    defaults. ignore: limbs that don't count. min_visible: limbs that must be known for a score
    above 0; None takes three quarters of those that count. mirror: the mirror image counts as well.
    facing: "any": the pose seen from behind counts as well.
    compat: "kunyankin" rounds as the well-known tutorial for PoseNet does; the difference of angles
    stays circular, where it goes wrong at 180.

    Raises TemplateError for values out of range, unknown limbs, a pose with too little known.
    """

    name: str
    points: Array
    angle_deviation: float = 20.0
    size_deviation: float = 1.0
    limbs: Mapping[str, LimbRule] = field(default_factory=dict)
    ignore: frozenset[str] = frozenset()
    min_visible: int | None = None
    mirror: bool = False
    compat: str = ""
    facing: str = "front"

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.name.isprintable():
            raise TemplateError(f"template {self.name!r}: the name must be printable text")
        if self.points.shape[1:] != (NUM_KEYPOINTS, 2) or not len(self.points):
            raise self._error("expected the 17 keypoints of a pose")
        for limb in (*self.limbs, *sorted(self.ignore)):
            if limb not in LIMB_INDEX:
                hint = near_miss(limb, LIMB_INDEX)
                raise self._error(f"unknown limb '{limb}'{hint}")
        if self.compat not in COMPAT:
            raise self._error(f"compat is '' or 'kunyankin', not '{self.compat}'")
        if self.facing not in FACING:
            raise self._error(f"facing is one of {', '.join(FACING)}, not '{self.facing}'")
        self._check_ranges()
        self._check_visible()

    def _error(self, text: str) -> TemplateError:
        return TemplateError(f"template '{self.name}': {text}")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self._values() == other._values()

    def _values(self) -> tuple[object, ...]:
        points = self.points.shape, self.points.tobytes()
        return points, *(getattr(self, f.name) for f in fields(self) if f.name != "points")

    def _check_ranges(self) -> None:
        tolerances = np.concatenate((self.angle_deviations, self.size_deviations))
        if not (np.isfinite(tolerances).all() and (tolerances > 0).all()):
            raise self._error("a deviation must be a number above 0")
        if not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise self._error("a weight must be a number, 0 or more")

    def _check_visible(self) -> None:
        seen, counted = int(np.isfinite(self.shape.angles).sum()), int(self.counted.sum())
        if seen < MIN_SEEN:
            raise self._error(
                f"{seen} of the {NUM_LIMBS} limbs are seen in the pose, "
                "too few to recognise it; use a picture that shows more of the person"
            )
        if not counted:
            raise self._error(
                "every limb that is seen is ignored or weighs 0; let at least one count"
            )
        if not 1 <= self.required <= counted:
            raise self._error(
                f"min_visible must lie between 1 and {counted}, the limbs "
                f"that are seen and count; found {self.required}"
            )

    @cached_property
    def views(self) -> tuple[PoseView, ...]:
        """Return every look that counts as the pose; the first one as it was taught."""
        looks = [self.points]
        if self.mirror:
            looks.append(mirrored_points(self.points))
        if self.facing == "any":
            looks += [turned_points(points) for points in looks]
        return tuple(view for points in looks for view in self._views(points))

    def _views(self, points: Array) -> list[PoseView]:
        shapes = measure(points, bool(self.compat))
        tolerances = np.where(self.weights > 0, self.angle_deviations, np.inf)
        return [
            PoseView(merge(shapes[rows]), points[rows[0]]) for rows in groups(shapes, tolerances)
        ]

    @property
    def shape(self) -> PoseShape:
        """Return the shape of the first view."""
        return self.views[0].shape

    @cached_property
    def weights(self) -> Array:
        """Return (12,) weights, 0 for ignored limbs."""
        weights = self._by_limb("weight", DEFAULT_WEIGHTS)
        weights[[LIMB_INDEX[limb] for limb in self.ignore]] = 0
        return weights

    @cached_property
    def angle_deviations(self) -> Array:
        """Return (12,) degrees."""
        return self._by_limb("angle_deviation", np.full(NUM_LIMBS, self.angle_deviation))

    @cached_property
    def size_deviations(self) -> Array:
        """Return (12,) proportions."""
        return self._by_limb("size_deviation", np.full(NUM_LIMBS, self.size_deviation))

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Return (12,): limbs that are known in the first view and weigh something."""
        return (self.weights > 0) & np.isfinite(self.shape.angles)

    @property
    def required(self) -> int:
        """Return how many limbs must be known for a score above 0."""
        if self.min_visible is not None:
            return self.min_visible
        return int(np.ceil(SHARE_VISIBLE * self.counted.sum()))

    def _by_limb(self, key: str, default: Array) -> Array:
        values = default.astype(np.float64)
        for limb, rule in self.limbs.items():
            value = getattr(rule, key)
            if value is not None:
                values[LIMB_INDEX[limb]] = value
        return values


def teach(
    name: str, poses: Sequence[Pose], min_score: float = MIN_SCORE, **tolerances: Any
) -> Template:
    """Return the template of one pose, or of several pictures of the same one.

    min_score: keypoints below it don't count as seen. tolerances: as of Template.
    Raises TemplateError when nobody was found or too little of the person is seen.
    """
    if not poses:
        raise TemplateError(f"template '{name}': nobody was found in the picture; use another one")
    return Template(name, np.stack([known_points(pose, min_score) for pose in poses]), **tolerances)
