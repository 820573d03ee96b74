"""Teach a pose: the median of a person's latest poses, what speaks against it, and tolerances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.matching import angle_difference
from edgepose.core.templates import (
    MIN_SCORE,
    SHARE_VISIBLE,
    Array,
    LimbRule,
    PoseShape,
    Template,
    facing,
    known_points,
    measure,
    merge,
    mirrored_points,
    plain,
)
from edgepose.errors import TemplateError, near_miss
from edgepose.skeleton import (
    KEYPOINTS,
    LIMB_ENDS,
    LIMB_GROUPS,
    LIMB_INDEX,
    LIMB_STARTS,
    LIMBS,
    MIRRORED,
    NUM_LIMBS,
)
from edgepose.types import Pose

FRAMES: Final = 15  # that a pose is taught from: half a second of a camera
SHARE_FOUND: Final = 0.5  # of the frames that must show the person

EDGE: Final = 0.02  # of the picture: what lies nearer to its border is cut off, or will be
MOVES: Final = 12.0
"""Degrees around its mean by which a limb may turn (root mean square) in the frames of a lesson.
A person who holds a pose stays below 4 with MoveNet Lightning, somebody on the way into it is
beyond 20."""

LONG: Final = 0.3  # torso lengths from which the angle of a limb is steady

LEAST: Final = 20.0  # degrees: no proposed tolerance is below a template's own
MOST: Final = 30.0
GAIN: Final = 0.5
"""Proposed tolerance = LEAST + GAIN x spread between the pictures, at most MOST. Measured on 18
yoga photos, each looked for by what three others of its class teach: 9 are found with the plain
tolerances, 14 with at most 25 degrees, 15 with 30, none of them as another class (72 pairs). With
teachers drawn from 33 pictures, drawings among them, 64 % of the photos are found and 2.6 % as
something else; at most 40 degrees finds 77 % and 3.3 %."""


class Trouble(Enum):
    """Why a pose is not learnt."""

    NOBODY = "nobody"
    CUT_OFF = "cut_off"
    UNSURE = "unsure"
    MOVING = "moving"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A pose that was not learnt: the kind of trouble, and what to do about it."""

    kind: Trouble
    reason: str


def lesson(
    poses: Sequence[Pose],
    frames: int,
    min_score: float = MIN_SCORE,
    ignore: frozenset[str] = frozenset(),
) -> Array | Refusal:
    """Return (17, 2) points in pixels that one person's poses in `frames` frames teach, or why not.

    min_score: below it a keypoint is not known. ignore: limbs that won't count, and so may be out
    of the picture.
    """
    if not poses or len(poses) < SHARE_FOUND * frames:
        seen = f"seen in {len(poses)} of {frames} frames" if poses else "not seen"
        way_out = "step in front of the camera and try again"
        return Refusal(Trouble.NOBODY, f"nobody is in sight for long enough ({seen}); {way_out}")
    points = _of_one_side(np.stack([known_points(pose, min_score) for pose in poses]))
    counted = np.array([limb.name not in ignore for limb in LIMBS])
    for check in (_cut_off, _unsure, _moving):
        if refusal := check(poses, points, counted):
            return refusal
    return median_points(points)


def _of_one_side(points: Array) -> Array:
    """Return (n, 17, 2) points, left and right exchanged where most frames show the other side.

    Nobody turns around in half a second: a model has taken a front for a back.
    """
    sides = np.array([facing(plain(one)) for one in points])
    swapped = sides * np.sign(sides.sum()) < 0
    return np.where(swapped[:, None, None], points[:, MIRRORED], points)


def median_points(points: Array) -> Array:
    """Return (17, 2), the median of (n, 17, 2); NaN where fewer than half of them know."""
    known = np.isfinite(points[..., 0]).sum(0) * 2 >= len(points)
    middle = np.full(points.shape[1:], np.nan)
    middle[known] = np.nanmedian(points[:, known], 0)
    return middle


def _needed(counted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (17,): keypoints that a limb that counts begins or ends with."""
    needed = np.zeros(len(KEYPOINTS), np.bool_)
    needed[LIMB_STARTS[counted]] = needed[LIMB_ENDS[counted]] = True
    return needed


def _cut_off(poses: Sequence[Pose], _: Array, counted: NDArray[np.bool_]) -> Refusal | None:
    """Refuse a person of whom a needed keypoint lies at or beyond the picture's border.

    A model places a foot that is out of the picture at its border, or nowhere near.
    """
    places = np.median([pose.keypoints[:, :2] for pose in poses], 0)
    outside = ((places < EDGE) | (places > 1.0 - EDGE)).any(1)
    cut = np.flatnonzero(outside & _needed(counted))
    if not len(cut):
        return None
    names = _parts(cut)
    way_out = "step back, or leave out the limbs that can't be seen"
    return Refusal(Trouble.CUT_OFF, f"{names} can't be seen whole in the picture; {way_out}")


def _unsure(_: Sequence[Pose], points: Array, counted: NDArray[np.bool_]) -> Refusal | None:
    """Refuse a pose of which the model knows too little."""
    known = np.isfinite(points[..., 0]).sum(0) * 2 >= len(points)
    limbs = known[LIMB_STARTS] & known[LIMB_ENDS] & counted
    if limbs.sum() >= np.ceil(SHARE_VISIBLE * counted.sum()):
        return None
    names = _parts(np.flatnonzero(~known & _needed(counted)))
    way_out = "more light, plain clothes or a larger model help"
    return Refusal(Trouble.UNSURE, f"the model is not sure of {names}; {way_out}")


def _moving(_: Sequence[Pose], points: Array, counted: NDArray[np.bool_]) -> Refusal | None:
    """Refuse somebody whose limbs turn while the pose is taken.

    A limb seen end-on turns by any angle without a movement, so short ones are left out, and so
    are the lines across shoulders and hips: whoever leans moves the sides of the trunk.
    """
    shapes = measure(points)
    turns = _spread(shapes.angles)
    torso = merge(shapes).proportions[2]
    turns[~counted | ~(torso > LONG)] = 0.0
    turns[[LIMB_INDEX["shoulders"], LIMB_INDEX["hips"]]] = 0.0
    worst = int(np.argmax(turns))
    if turns[worst] <= MOVES:
        return None
    name = LIMBS[worst].name.replace("_", " ")
    moved = f"the {name} turned by {2 * turns[worst]:.0f}°"
    return Refusal(Trouble.MOVING, f"hold still until the picture is taken: {moved}")


def _parts(keypoints: NDArray[np.intp]) -> str:
    """Return keypoints as words, a pair of both sides as one: "both ankles"."""
    names = [KEYPOINTS[i] for i in keypoints]
    words = []
    for name in names:
        side, _, part = name.partition("_")
        if side == "left" and f"right_{part}" in names:
            words.append(f"both {part}s")
        elif not (side == "right" and f"left_{part}" in names):
            words.append(f"the {side} {part}")
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _spread(angles: Array) -> Array:
    """Return (12,): the root mean square of (n, 12) angles around their mean, 0 where unknown."""
    mean = merge(PoseShape(angles, np.full((len(angles), 3, NUM_LIMBS), np.nan))).angles
    off = angle_difference(mean, angles)
    count = np.maximum(np.isfinite(off).sum(0), 1)
    spread: Array = np.sqrt(np.nansum(off**2, 0) / count)
    return spread


_TWIN: Final = np.array(
    [
        next(
            i
            for i, twin in enumerate(LIMBS)
            if MIRRORED[limb.start] in (twin.start, twin.end)
            and MIRRORED[limb.end] in (twin.start, twin.end)
        )
        for limb in LIMBS
    ]
)  # of each limb, the one on the other side


def spread(points: Array, mirror: bool = False) -> Array:
    """Return (12,) degrees by which the limbs of (n, 17, 2) pictures differ from their mean.

    mirror: a picture may show the mirror image; each is turned so that it is nearest to the first,
    and both sides get the larger spread.
    """
    angles = measure(points).angles
    if not mirror:
        return _spread(angles)
    reflected = measure(mirrored_points(points)).angles
    nearest = [min(pair, key=lambda one: _distance(angles[0], one))
               for pair in zip(angles, reflected, strict=True)]  # fmt: skip
    found = _spread(np.array(nearest))
    return np.maximum(found, found[_TWIN])


def _distance(one: Array, other: Array) -> float:
    """Return degrees between two poses, of which no limb decides alone."""
    off = np.abs(angle_difference(one, other))
    return float(np.nansum(np.minimum(off, 60.0)))


def with_tolerances(template: Template) -> Template:
    """Return a template with the tolerances that its pictures propose, limb by limb.

    What already has a rule for its angle keeps it. One picture proposes nothing.
    """
    if len(template.points) < 2:
        return template
    degrees = np.clip(LEAST + GAIN * spread(template.points, template.mirror), LEAST, MOST).round()
    rules = dict(template.limbs)
    for limb, proposed in zip(LIMBS, degrees.tolist(), strict=True):
        rule = rules.get(limb.name, LimbRule())
        counts = limb.name not in template.ignore and rule.angle_deviation is None
        if counts and proposed > template.angle_deviation:
            rules[limb.name] = replace(rule, angle_deviation=proposed)
    return replace(template, limbs=rules)


def left_out(ignore: Sequence[str] = (), only: Sequence[str] = ()) -> frozenset[str]:
    """Return the limbs that don't count, from names of limbs and of groups such as "arms".

    Raises TemplateError for a name that is neither.
    """
    ignored = _limbs(ignore)
    return ignored | (LIMB_INDEX.keys() - _limbs(only)) if only else ignored


def _limbs(names: Sequence[str]) -> frozenset[str]:
    known = LIMB_GROUPS | {limb: frozenset({limb}) for limb in LIMB_INDEX}
    for name in names:
        if name not in known:
            raise TemplateError(f"unknown limb '{name}'{near_miss(name, known)}")
    return frozenset().union(*(known[name] for name in names))
