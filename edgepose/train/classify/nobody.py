"""Poses that are none of some classes: what a classifier has to say no to.

A third are drawn people in everyday postures, a third are examples whose limbs and trunk are
turned: without those, a dancer with both hands on the floor is a dog in every second frame. A third
have the upper body of one example and the legs of another, half of them turned as well: without
those, a breakdancer is one of five yoga poses in 1.2 to 1.7 % of the frames instead of 0 to 0.6 %,
and of a new person's poses 0.73 are recognised instead of 0.72.
"""

from __future__ import annotations

from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.watches.embedding import FAR, NEAR, Neighbours
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.train.synth.camera import Framing, frame_person
from edgepose.train.synth.poses import draw_posture
from edgepose.train.synth.skeleton3d import Build, pose_figure

Array = NDArray[np.float64]

_TURNS: Final = (
    ((11, 12), 70.0, range(17)),  # the whole person about the hips
    ((11, 12), 35.0, range(11)),  # the trunk with head and arms
    ((5,), 60.0, (7, 9)),
    ((6,), 60.0, (8, 10)),
    ((7,), 60.0, (9,)),
    ((8,), 60.0, (10,)),
    ((11,), 45.0, (13, 15)),
    ((12,), 45.0, (14, 16)),
    ((13,), 45.0, (15,)),
    ((14,), 45.0, (16,)),
)  # about which keypoints, degrees (standard deviation), what turns
_LEGS: Final = 11  # the first keypoint of hips and legs
_SIZE: Final = 256  # pixels of the picture that a drawn person is seen in
_TOO_NEAR: Final = (NEAR + FAR) / 2
_TRIES: Final = 10  # draws for each that is wanted; of five yoga classes a quarter is too near
_SHAKE: Final = 3.0  # pixels that a pose model errs by


def draw_others(points: Array, examples: Neighbours, count: int, seed: int) -> Array:
    """Return (count, 17, 2) of (y, x) in pixels of people who do something else.

    points: (n, 17, 2) of the examples. Poses near an example are drawn again: they may well be of
    its class. There are fewer where the examples leave hardly anything else to do.
    """
    rng = np.random.default_rng(seed)
    drawn = (_drawn(rng, points, number) for number in range(_TRIES * count))
    others = (pose for pose in drawn if examples.vote(pose)[1] > _TOO_NEAR)
    return np.array(list(islice(others, count))).reshape(-1, NUM_KEYPOINTS, 2)


def _drawn(rng: np.random.Generator, points: Array, number: int) -> Array:
    if number % 3 == 0:
        joined = _joined(*points[rng.integers(len(points), size=2)])
        return _distorted(rng, joined) if number % 2 else joined
    return _draw(rng) if number % 2 else _distorted(rng, points[rng.integers(len(points))])


def _joined(upper: Array, lower: Array) -> Array:
    """Return the upper body of one pose on the legs of another, as large as the first."""
    legs = lower - _hips(lower)
    size = _torso(upper) / max(_torso(lower), 1.0)
    return np.concatenate((upper[:_LEGS], legs[_LEGS:] * size + _hips(upper)))


def _hips(points: Array) -> Array:
    middle: Array = points[[11, 12]].mean(0)
    return middle


def _torso(points: Array) -> float:
    return float(np.linalg.norm(points[[5, 6]].mean(0) - _hips(points)))


def _distorted(rng: np.random.Generator, points: Array) -> Array:
    """Return a pose with its limbs turned at random about their joints, and as a whole."""
    moved = points.copy()
    for centre, spread, moving in _TURNS:
        angle = np.radians(rng.normal(0.0, spread)) * (rng.random() < 0.6)
        way = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        pivot = moved[list(centre)].mean(0)
        moved[list(moving)] = (moved[list(moving)] - pivot) @ way + pivot
    return moved


_USUAL = Framing(near=0.0, whole=0.74, small=0.1, headless=0.0)  # classes are poses seen whole


def _draw(rng: np.random.Generator) -> Array:
    """Return (17, 2) of (y, x) in pixels of somebody in any posture, seen from anywhere."""
    figure = pose_figure(Build(), draw_posture(rng))
    camera = frame_person(rng, figure.keypoints, _SIZE, _USUAL)
    points = camera.project(figure.keypoints)[:, ::-1]
    return points + rng.normal(0.0, _SHAKE, points.shape)
