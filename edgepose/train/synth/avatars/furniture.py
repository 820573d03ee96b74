"""Things made of boxes round a person: seats, tables, mats, what hands hold. World axes, metres."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.avatars.clothes import draw_cloth
from edgepose.train.synth.skeleton3d import Matrix, Vector, rotation, unit

Rng = np.random.Generator
_CORNERS: Final = np.array(
    [[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)]
)
_SIDES: Final = (
    (0, 1, 3, 2),
    (4, 6, 7, 5),
    (0, 4, 5, 1),
    (2, 3, 7, 6),
    (0, 2, 6, 4),
    (1, 5, 7, 3),
)  # corners of a box's six faces
_SEAT_BELOW: Final = 0.13  # metres from the hips to what one sits on
_TEXELS: Final = 300.0  # pattern texels a metre


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """Triangles without a texture. points: (n, 6) places and normals. uv: (n, 2) texels."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    uv: NDArray[np.float32]
    cloth: NDArray[np.float64]


def box(centre: Vector, half: Vector, turn: Matrix, cloth: NDArray[np.float64]) -> Thing:
    """Return a box: half its sides along the columns of `turn`."""
    corners = (_CORNERS * half) @ turn.T + centre
    points, triangles, uv = [], [], []
    for number, side in enumerate(_SIDES):
        face = corners[list(side)]
        normal = unit(np.cross(face[1] - face[0], face[2] - face[0]))
        points += [[*corner, *normal] for corner in face]
        along, up = np.linalg.norm(face[1] - face[0]), np.linalg.norm(face[3] - face[0])
        uv += [[0, 0], [along, 0], [along, up], [0, up]]
        first = 4 * number
        triangles += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    texels = np.array(uv, np.float32) * np.float32(_TEXELS)
    return Thing(np.array(points), np.array(triangles, np.int32), texels, cloth)


def draw_seat(rng: Rng, hips: Matrix, stature: float) -> list[Thing]:
    """Draw what somebody sits on, the middle of the hips at the origin: box, stool or chair."""
    heading = _level(hips)
    cloth = draw_cloth(rng, 1.0)
    thick = float(rng.choice((0.03, 0.05, 0.2)))
    below = -_SEAT_BELOW * stature - thick
    wide, deep = rng.uniform(0.2, 0.45), rng.uniform(0.18, 0.26)
    things = [box(heading @ [0, below, 0.08], np.array([wide, thick, deep]), heading, cloth)]
    if rng.random() < 0.65:
        high = rng.uniform(0.2, 0.4)
        back = heading @ [0, below + high, 0.04 - deep - 0.05]
        things.append(box(back, np.array([wide, high, 0.03]), heading, cloth))
    if rng.random() < 0.6:
        for x, z in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
            foot = heading @ [x * (wide - 0.03), below - 0.25, 0.08 + z * (deep - 0.03)]
            things.append(box(foot, np.array([0.02, 0.22, 0.02]), heading, cloth))
    return things


def draw_table(rng: Rng, hips: Matrix, ground: float) -> list[Thing]:
    """Draw a table or counter before somebody, standing on the ground."""
    heading, cloth = _level(hips), draw_cloth(rng, 1.0)
    top = float(rng.uniform(0.02, 0.3)) if ground < -0.6 else float(rng.uniform(0.1, 0.35))
    near, wide, deep = rng.uniform(0.22, 0.45), rng.uniform(0.3, 0.9), rng.uniform(0.2, 0.4)
    if rng.random() < 0.4:
        half = (top - ground) / 2
        middle = heading @ [rng.normal(0, 0.2), ground + half, near + deep]
        return [box(middle, np.array([wide, half, deep]), heading, cloth)]
    middle = heading @ [rng.normal(0, 0.2), top, near + deep]
    things = [box(middle, np.array([wide, 0.02, deep]), heading, cloth)]
    for x in (-1, 1):
        leg = middle + heading @ [x * (wide - 0.05), (ground - top) / 2, deep * rng.uniform(-1, 1)]
        things.append(box(leg, np.array([0.025, (top - ground) / 2, 0.025]), heading, cloth))
    return things


def draw_mat(rng: Rng, hips: Matrix, ground: float) -> list[Thing]:
    """Draw a mat, a bench or a step under somebody on the floor."""
    thick = float(rng.choice((0.01, 0.02, 0.15)))
    heading = _level(hips) @ rotation(about_y=float(rng.normal(0, 8)))
    centre = np.array([rng.normal(0, 0.1), ground - thick, rng.normal(0, 0.1)])
    half = np.array([rng.uniform(0.3, 0.6), thick, rng.uniform(0.8, 1.2)])
    return [box(centre, half, heading, draw_cloth(rng, 1.0))]


def draw_held(rng: Rng, hands: NDArray[Any], across: Vector) -> list[Thing]:
    """Draw dumbbells, a bar, a phone or a box in the hands (2, 3)."""
    cloth, kind = draw_cloth(rng, 1.0), rng.integers(4)
    side = rotation(about_y=float(rng.uniform(0, 180)))
    if kind == 0:
        sizes = np.array([0.12, 0.03, 0.03]) * rng.uniform(0.7, 1.5)
        return [box(hand, sizes, _along(across), cloth) for hand in hands]
    if kind == 1:
        reach = rng.uniform(0.1, 0.5) + np.linalg.norm(hands[0] - hands[1]) / 2
        line = _along(hands[0] - hands[1])
        return [box(hands.mean(0), np.array([reach, 0.015, 0.015]), line, cloth)]
    hand = hands[rng.integers(2)]
    size = np.array([0.04, 0.08, 0.01]) if kind == 2 else rng.uniform(0.05, 0.2, 3)
    return [box(hand, size, side, cloth)]


def _level(hips: Matrix) -> Matrix:
    """Return the heading of somebody as a rotation about the vertical."""
    ahead = hips[:, 2] if abs(hips[1, 2]) < 0.8 else hips[:, 1]
    return rotation(about_y=float(np.degrees(np.arctan2(ahead[0], ahead[2]))))


def _along(direction: Vector) -> Matrix:
    """Return a rotation whose x is a direction."""
    x = unit(direction)
    y = unit(np.cross([0.0, 0.3, 1.0], x))
    return np.stack([x, y, np.cross(x, y)], 1)
