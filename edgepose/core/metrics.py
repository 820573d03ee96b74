"""Measures of keypoint quality: OKS and its average precision, PCK, PCKh, pcp@25px, jitter, lag.

Points are (y, x) in pixels of one picture; a trailing score column is ignored. "Known" keypoints
are those that were annotated. Nothing known gives NaN, never a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import SIGMAS

Floats = NDArray[np.float64]

OKS_THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
MOST: Final = 20  # detections a picture
_RECALLS: Final = np.linspace(0.0, 1.0, 101)
_EPSILON: Final = float(np.spacing(1))  # as pycocotools, so that figures agree to the last digit


def distances(found: Any, truth: Any) -> Floats:
    """Return the distance of each keypoint, (..., k), of points (..., k, 2 or more)."""
    apart = np.asarray(found, float)[..., :2] - np.asarray(truth, float)[..., :2]
    return np.sqrt((apart**2).sum(-1))


def oks(found: Any, truth: Any, known: Any, area: float) -> float:
    """Return the object keypoint similarity of one person, 0..1; NaN when nothing is known.

    found, truth: (k, 2 or more). known: bool (k,). area: of the person's segment, square pixels.
    COCO keypoint evaluation: mean of exp(-d^2 / (2 * area * (2 sigma)^2)) over known keypoints.
    """
    known = np.asarray(known, bool)
    if not known.any():
        return float("nan")
    spread = 2 * (2 * SIGMAS[known]) ** 2 * (area + _EPSILON)
    return float(np.exp(-(distances(found, truth)[known] ** 2) / spread).mean())


def oks_outside(found: Any, box: Sequence[float], area: float) -> float:
    """Return how near keypoints are to a person with a box but no annotated keypoints.

    box: (x, y, width, height) in pixels, COCO's order. Distances count from the box grown to
    twice its size, as in pycocotools, which uses this to excuse detections of such people.
    """
    x, y, width, height = box
    low = np.array([y - height, x - width])
    high = np.array([y + 2 * height, x + 2 * width])
    points = np.asarray(found, float)[..., :2]
    apart = np.maximum(low - points, 0) + np.maximum(points - high, 0)
    spread = 2 * (2 * SIGMAS) ** 2 * (area + _EPSILON)
    return float(np.exp(-(apart**2).sum(-1) / spread).mean())


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One annotated person. ignored: neither found nor missed counts (crowds, no keypoints).

    keypoints: (k, 2) of (y, x). known: bool (k,). area: square pixels. box: (x, y, width, height).
    """

    keypoints: Any
    known: Any
    area: float
    box: tuple[float, float, float, float]
    ignored: bool = False
    crowd: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One person that a model found: keypoints (k, 2 or more) of (y, x) and a score to rank by."""

    keypoints: Any
    score: float


def similarity(found: Detection, person: Instance) -> float:
    """Return the OKS of a detection with a person, annotated or only boxed."""
    if np.any(person.known):
        return oks(found.keypoints, person.keypoints, person.known, person.area)
    return oks_outside(found.keypoints, person.box, person.area)


@dataclass(frozen=True, slots=True, eq=False)
class _Matched:
    """The matching of one picture: per threshold and detection, by falling score."""

    scores: Floats
    hits: NDArray[np.bool_]
    excused: NDArray[np.bool_]
    people: int


def _match_one(table: Floats, people: Sequence[Instance], threshold: float) -> tuple[Any, Any]:
    """Return (hit, excused) of each detection, greedily by score: COCO's protocol.

    People that count are preferred; an ignored one excuses, and only crowds do so repeatedly.
    """
    taken = np.zeros(len(people), bool)
    hit, excused = np.zeros(len(table), bool), np.zeros(len(table), bool)
    for row, similarities in enumerate(table):
        best, index = min(threshold, 1 - 1e-10), -1
        for column, person in enumerate(people):
            if taken[column] and not person.crowd:
                continue
            if index >= 0 and not people[index].ignored and person.ignored:
                break
            if similarities[column] >= best:
                best, index = similarities[column], column
        if index >= 0:
            taken[index] = True
            hit[row], excused[row] = True, people[index].ignored
    return hit, excused


def _match(found: Sequence[Detection], people: Sequence[Instance]) -> _Matched:
    ranked = sorted(found, key=lambda detection: -detection.score)[:MOST]
    ordered = sorted(people, key=lambda person: person.ignored)
    shape = len(ranked), len(ordered)
    table = np.array([[similarity(d, p) for p in ordered] for d in ranked]).reshape(shape)
    pairs = [_match_one(table, ordered, threshold) for threshold in OKS_THRESHOLDS]
    return _Matched(
        np.array([detection.score for detection in ranked]),
        np.array([hit for hit, _ in pairs]).reshape(len(pairs), -1),
        np.array([excused for _, excused in pairs]).reshape(len(pairs), -1),
        sum(not person.ignored for person in people),
    )


def _precision(hits: NDArray[np.bool_], people: int) -> tuple[float, float]:
    """Return (average precision at 101 recalls, final recall) of detections by falling score."""
    if not hits.size:
        return 0.0, 0.0
    right, wrong = np.cumsum(hits), np.cumsum(~hits)
    recall, precision = right / people, right / (right + wrong + _EPSILON)
    falling = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    reached = places < len(falling)
    return float(np.where(reached, falling[np.minimum(places, len(falling) - 1)], 0).mean()), float(
        recall[-1]
    )


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """COCO's keypoint figures, 0..1: mean over OKS .50:.05:.95, at .50, at .75, recall.

    All NaN when no person counts.
    """

    ap: float
    ap50: float
    ap75: float
    ar: float


def average_precision(
    pictures: Sequence[tuple[Sequence[Detection], Sequence[Instance]]],
) -> AveragePrecision:
    """Return COCO's AP and AR over pictures of (detections, people), MOST of them a picture."""
    matched = [_match(found, people) for found, people in pictures]
    people = sum(match.people for match in matched)
    if not people:
        return AveragePrecision(*[float("nan")] * 4)
    order = np.argsort(-np.concatenate([match.scores for match in matched]), kind="mergesort")
    hits = np.concatenate([match.hits for match in matched], 1)[:, order]
    excused = np.concatenate([match.excused for match in matched], 1)[:, order]
    figures = [_precision(h[~e], people) for h, e in zip(hits, excused, strict=True)]
    precision, recall = np.array(figures).T
    return AveragePrecision(
        float(precision.mean()), float(precision[0]), float(precision[5]), float(recall.mean())
    )


def pck(found: Any, truth: Any, known: Any, norm: Any, share: float = 0.2) -> Floats:
    """Return per keypoint the share of people whose keypoint lies within `share * norm` pixels.

    found, truth: (people, k, 2 or more). known: bool (people, k). norm: pixels, one a person:
    the longer side of the box, the torso or, for PCKh, the head. A keypoint that nobody has is
    NaN. Yang and Ramanan, "Articulated Human Detection" (2013).
    """
    near = distances(found, truth) <= share * np.asarray(norm, float).reshape(-1, 1)
    return _mean_where(near, known)


def pcp_25px(found: Any, truth: Any, known: Any) -> Floats:
    """Return per keypoint the share within a fixed radius of 25 pixels.

    Published as "PCP" with the small CPM it goes with; textbook PCP is about whole limbs.
    """
    return _mean_where(distances(found, truth) <= 25.0, known)


def _mean_where(right: Any, known: Any) -> Floats:
    known = np.asarray(known, bool)
    count = known.sum(0)
    return np.where(count > 0, (right & known).sum(0) / np.maximum(count, 1), np.nan)


def total(per_keypoint: Floats, known: Any) -> float:
    """Return the share over all known keypoints from the shares per keypoint; NaN without any."""
    count = np.asarray(known, bool).sum(0)
    if not count.sum():
        return float("nan")
    return float(np.nansum(per_keypoint * count) / count.sum())


def box_norm(truth: Any, known: Any) -> float:
    """Return the longer side of the box round the known keypoints, pixels; NaN without any."""
    points = np.asarray(truth, float)[np.asarray(known, bool), :2]
    return float(np.ptp(points, axis=0).max()) if len(points) else float("nan")


def study_norm(truth: Any, known: Any) -> float:
    """Return max(torso, 0.28 of the box side), pixels: the torso alone vanishes when seen edgewise.

    The torso runs from the middle of the shoulders to the middle of the hips.
    """
    points, known = np.asarray(truth, float)[:, :2], np.asarray(known, bool)
    shoulders, hips = slice(5, 7), slice(11, 13)
    torso = 0.0
    if known[shoulders].all() and known[hips].all():
        torso = float(distances(points[shoulders].mean(0), points[hips].mean(0)))
    return float(np.maximum(torso, 0.28 * box_norm(truth, known)))


def jitter(clip: Any, times: Any) -> float:
    """Return how much keypoints shake: the median size of their acceleration, pixels/s^2.

    clip: (frames, k, 2 or more), at least 3 frames at rising times (frames,), seconds; fewer or
    equal times give NaN. A steady movement has none, so a slow smoother is not punished.
    """
    points, times = np.asarray(clip, float)[..., :2], np.asarray(times, float)
    steps = np.diff(times)
    if len(points) < 3 or (steps <= 0).any():
        return float("nan")
    speed = np.diff(points, axis=0) / steps[:, None, None]
    middle = (steps[1:] + steps[:-1]) / 2
    force = np.diff(speed, axis=0) / middle[:, None, None]
    return float(np.median(np.sqrt((force**2).sum(-1))))


def lag(clip: Any, truth: Any, times: Any, most: float = 0.5) -> float:
    """Return by how many seconds `clip` trails `truth`: the shift with the least squared error.

    Arrays as for `jitter`; `most`: largest shift tried. Steps of a tenth of the mean frame
    time; earliest wins. NaN for fewer than 3 frames. A clip that stands still gives 0.
    """
    found, points = np.asarray(clip, float)[..., :2], np.asarray(truth, float)[..., :2]
    times = np.asarray(times, float)
    if len(times) < 3 or times[-1] <= times[0]:
        return float("nan")
    step = (times[-1] - times[0]) / (len(times) - 1) / 10
    shifts = np.arange(0, min(most, (times[-1] - times[0]) / 2) + step / 2, step)
    inner = times >= times[0] + shifts[-1]
    flat, past = found.reshape(len(times), -1), points.reshape(len(times), -1)
    errors = [_shift_error(flat, past, times, inner, shift) for shift in shifts]
    return float(shifts[int(np.argmin(np.round(errors, 12)))])


def _shift_error(found: Floats, truth: Floats, times: Floats, inner: Any, shift: float) -> float:
    """Return the mean squared difference to the truth `shift` seconds earlier."""
    wanted = times[inner] - shift
    columns = [np.interp(wanted, times, column) for column in truth.T]
    return float(((found[inner] - np.stack(columns, 1)) ** 2).mean())
