"""A pinhole camera that frames a person: world metres to pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.skeleton3d import Matrix, Vector, rotation

_FLIP = np.array([[1.0], [-1.0], [-1.0]])  # world (y up, z to the camera) to (y down, z away)
_MARGIN = 0.1  # metres of body around the keypoints


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """The projection of points: `turn @ point + shift` is camera space (x right, y down, z away).

    focal, centre: pixels, centre as (x, y).
    """

    turn: Matrix
    shift: Vector
    focal: float
    centre: tuple[float, float]

    def see(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return (n, 3) camera-space points of (n, 3) world points."""
        return points @ self.turn.T + self.shift

    def project(self, points: NDArray[Any]) -> NDArray[np.float64]:
        """Return (n, 2) pixels as (x, y) of (n, 3) world points in front of the camera."""
        seen = self.see(points)
        return seen[:, :2] / seen[:, 2:] * self.focal + np.array(self.centre)

    def sampled(self, factor: int) -> NDArray[np.float64]:
        """Return (focal, x, y) in sub-pixels whose index starts half a pixel early."""
        shift = (factor - 1) / 2
        x, y = self.centre
        return np.array([self.focal * factor, x * factor + shift, y * factor + shift])


def look_at(centre: Vector, distance: float, pitch: float, roll: float) -> tuple[Matrix, Vector]:
    """Return (turn, shift) of a camera `distance` before `centre`, looking down by `pitch`."""
    turn = rotation(about_z=roll) @ rotation(about_x=pitch) * _FLIP
    return turn, np.array([0.0, 0.0, distance]) - turn @ centre


@dataclass(frozen=True, slots=True)
class Framing:
    """How pictures are framed, as shares of all: people whole or small, else with legs cut off.

    near: with a camera up to 2.2 m away, where perspective is strong. headless: without the head.
    """

    near: float = 0.25
    whole: float = 0.71
    small: float = 0.1
    headless: float = 0.07


_HARD = Framing()  # more that is hard than in life, for a network to learn from


def _share(rng: np.random.Generator, framing: Framing) -> tuple[float, slice]:
    """Draw (share of the picture, keypoints that must be in it): whole, small or cut off."""
    kind = rng.random()
    if kind < framing.whole:
        return rng.uniform(0.5, 1.0), slice(17)
    if kind < framing.whole + framing.small:
        return rng.uniform(0.28, 0.5), slice(17)
    if kind < 1.0 - framing.headless:
        return rng.uniform(0.7, 1.1), slice(int(rng.choice((11, 13, 15))))
    return rng.uniform(0.75, 1.1), slice(int(rng.choice((5, 5, 7, 11))), 17)


def _distance(rng: np.random.Generator, framing: Framing) -> float:
    """Draw metres from the middle of the body."""
    is_near = framing.near > 0 and rng.random() < framing.near
    return float(rng.uniform(1.3, 2.2 if is_near else 6.5))


def frame_person(
    rng: np.random.Generator, keypoints: NDArray[Any], size: int, framing: Framing = _HARD
) -> Camera:
    """Draw a camera with the person in a square picture of `size` pixels, framed well or badly."""
    distance = _distance(rng, framing)
    pitch = float(rng.normal(7, 9 if rng.random() < 0.75 else 24))
    middle = (keypoints.min(0) + keypoints.max(0)) / 2
    turn, shift = look_at(middle, distance, pitch, float(rng.normal(0, 4)))
    share, inside = _share(rng, framing)
    seen = keypoints[inside] @ turn.T + shift
    flat = seen[:, :2] / np.maximum(seen[:, 2:], 0.3)
    low, high = flat.min(0) - _MARGIN / distance, flat.max(0) + _MARGIN / distance
    focal = share * size / float((high - low).max())
    slack = np.maximum(0.0, size - (high - low) * focal)
    x, y = size / 2 - (low + high) / 2 * focal + rng.uniform(-0.45, 0.45, 2) * slack
    return Camera(turn, shift, focal, (float(x), float(y)))
