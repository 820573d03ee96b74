"""Draw textured triangles with depth, light and clothes. Compiled with numba; numbers only.

As in `raster`, camera space is x right, y down, z away, in metres, and there are two passes:
`splat_triangles` keeps the nearest triangle of each sub-pixel, `shade_triangles` colours it.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgepose.train.extra import compiled, inlined
from edgepose.train.synth.raster import OVERSAMPLE, Floats, light_on, lit_share

CLOTH_COLUMNS: Final = 13
# 0 share of the cloth's own colour in the result, 1-3 colour, 4 gain of the texture,
# 5 pattern (-1 none), 6 pattern texels a texel, 7 strength, 8-10 second colour,
# 11 two colours (0 or 1), 12 gloss

_NEAR: Final = 0.15  # metres from the camera
_BRIGHT: Final = 2.2  # a texel brighter than its zone's mean by more counts as this
_SUBPIXELS: Final = OVERSAMPLE * OVERSAMPLE
_GREY: Final = 128.0  # of a thing without texture


class RestMesh(NamedTuple):
    """A mesh at rest: vertices and normals (n, 3), four joints and their weights (n, 4)."""

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    joints: NDArray[np.int32]
    weights: NDArray[np.float32]


@compiled
def skin_vertices(mesh: RestMesh, maps: Floats, shifts: Floats, out: Any) -> None:
    """Fill `out` (n, 6) with posed places and unit normals: linear blend skinning.

    maps, shifts: of every joint, from rest into camera space.
    """
    for i in range(mesh.vertices.shape[0]):
        x, y, z = mesh.vertices[i, 0], mesh.vertices[i, 1], mesh.vertices[i, 2]
        u, v, w = mesh.normals[i, 0], mesh.normals[i, 1], mesh.normals[i, 2]
        for k in range(6):
            out[i, k] = 0.0
        for k in range(4):
            share = mesh.weights[i, k]
            if share <= 0.0:
                continue
            turn, shift = maps[mesh.joints[i, k]], shifts[mesh.joints[i, k]]
            for r in range(3):
                out[i, r] += share * (turn[r, 0] * x + turn[r, 1] * y + turn[r, 2] * z + shift[r])
                out[i, 3 + r] += share * (turn[r, 0] * u + turn[r, 1] * v + turn[r, 2] * w)
        norm = math.sqrt(out[i, 3] ** 2 + out[i, 4] ** 2 + out[i, 5] ** 2) + 1e-12
        for r in range(3, 6):
            out[i, r] /= norm


class Buffers(NamedTuple):
    """What each sub-pixel shows. depth: float32, metres. owner: int32, the triangle, -1 for none.

    shares: float32 (rows, columns, 2), how much of the surface point are the triangle's second and
    third corner (in space, not on the picture).
    """

    depth: NDArray[np.float32]
    owner: NDArray[np.int32]
    shares: NDArray[np.float32]


def empty_buffers(side: int) -> Buffers:
    """Return buffers of (side, side) sub-pixels in which nothing is drawn yet."""
    depth = np.full((side, side), 1e6, np.float32)
    owner = np.full((side, side), -1, np.int32)
    return Buffers(depth, owner, np.zeros((side, side, 2), np.float32))


@compiled
def _splat_one(corners: Floats, number: int, camera: Floats, to: Buffers) -> None:
    """Draw one triangle, corners (3, 3) in camera space, where it is the nearest."""
    height, width = to.depth.shape
    za, zb, zc = corners[0, 2], corners[1, 2], corners[2, 2]
    ax, ay = camera[0] * corners[0, 0] / za, camera[0] * corners[0, 1] / za
    bx, by = camera[0] * corners[1, 0] / zb - ax, camera[0] * corners[1, 1] / zb - ay
    cx, cy = camera[0] * corners[2, 0] / zc - ax, camera[0] * corners[2, 1] / zc - ay
    ax, ay = ax + camera[1], ay + camera[2]
    area = bx * cy - by * cx
    if abs(area) < 1e-9:
        return
    left = max(0, math.ceil(ax + min(0.0, bx, cx)))
    right = min(width - 1, math.floor(ax + max(0.0, bx, cx)))
    top = max(0, math.ceil(ay + min(0.0, by, cy)))
    bottom = min(height - 1, math.floor(ay + max(0.0, by, cy)))
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            x, y = column - ax, row - ay
            s, t = (x * cy - y * cx) / area, (bx * y - by * x) / area
            if s < 0.0 or t < 0.0 or s + t > 1.0:
                continue
            z = 1.0 / ((1.0 - s - t) / za + s / zb + t / zc)
            if z < to.depth[row, column]:
                to.depth[row, column] = z
                to.owner[row, column] = number
                to.shares[row, column, 0] = s * z / zb
                to.shares[row, column, 1] = t * z / zc


@compiled
def splat_triangles(points: Any, triangles: Any, camera: Floats, to: Buffers) -> None:
    """Draw triangles (m, 3) of points (n, 6) into the buffers where they are the nearest.

    camera: (focal length, centre x, centre y) in sub-pixels.
    """
    corners = np.empty((3, 3))
    for number in range(triangles.shape[0]):
        nearest = 1e9
        for k in range(3):
            for i in range(3):
                corners[k, i] = points[triangles[number, k], i]
            nearest = min(nearest, corners[k, 2])
        if nearest > _NEAR:
            _splat_one(corners, number, camera, to)


class Set(NamedTuple):
    """The input of `shade_triangles`: buffers, meshes and their colours.

    points: (n, 6) places and normals, camera space. uv: (n, 2) texels (row, column). things: (m,)
    which thing a triangle belongs to. pages: (things,), the texture of each, -1 for none.
    textures: uint8 (pages, rows, columns, 3); zones: uint8 (pages, rows, columns). cloths:
    (things, zones, CLOTH_COLUMNS). bright: mean brightness (things, zones) of the texels.
    patterns: uint8 (n, size, size). light: as in `raster.Stage`.
    """

    buffers: Buffers
    points: NDArray[np.float32]
    uv: NDArray[np.float32]
    triangles: NDArray[np.int32]
    things: NDArray[np.int32]
    pages: NDArray[np.int32]
    textures: NDArray[np.uint8]
    zones: NDArray[np.uint8]
    cloths: Floats
    bright: Floats
    patterns: NDArray[np.uint8]
    camera: Floats
    light: Floats


@compiled
def _blended(values: Any, corners: Any, shares: tuple[float, float], k: int) -> float:
    """Return column k of a triangle's values at a point, from those of its corners."""
    first, second, third = corners[0], corners[1], corners[2]
    s, t = shares
    return float((1.0 - s - t) * values[first, k] + s * values[second, k] + t * values[third, k])


@compiled
def cloth_colour(
    cloth: Floats, bright: float, at: tuple[float, float], patterns: Any, colour: Any
) -> None:
    """Change `colour`, a texel's, as its cloth does: recoloured, patterned, brighter or darker.

    bright: mean brightness of the zone. at: (row, column) of the texel.
    """
    lightness = (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / max(bright, 8.0)
    lightness = min(lightness, _BRIGHT)
    mix = 0.0
    if cloth[5] >= 0.0:
        pattern = patterns[int(cloth[5])]
        size = pattern.shape[0]
        row, column = int(at[0] * cloth[6]) % size, int(at[1] * cloth[6]) % size
        value = pattern[row, column] / 128.0 - 1.0
        mix = min(1.0, max(0.0, 0.5 + 2.0 * value)) if cloth[11] > 0.0 else 0.0
        lightness *= 1.0 if cloth[11] > 0.0 else 1.0 + value * cloth[7]
    for i in range(3):
        own = cloth[1 + i] + (cloth[8 + i] - cloth[1 + i]) * mix
        colour[i] = cloth[0] * own * lightness + (1.0 - cloth[0]) * colour[i] * cloth[4]


@compiled
def _texel(stage: Set, thing: int, at: tuple[float, float], colour: Floats) -> int:
    """Set `colour` to a thing's texel at (row, column); return its zone."""
    page = stage.pages[thing]
    if page < 0:
        colour[:] = _GREY
        return 0
    texture = stage.textures[page]
    i, j = int(at[0]) % texture.shape[0], int(at[1]) % texture.shape[1]
    for k in range(3):
        colour[k] = texture[i, j, k]
    return int(stage.zones[page, i, j])


@compiled
def _facing_normal(stage: Set, row: int, column: int, out: Floats) -> None:
    """Fill out[3:6] with the unit normal of what a sub-pixel shows, turned to the camera."""
    corners = stage.triangles[stage.buffers.owner[row, column]]
    s = float(stage.buffers.shares[row, column, 0])
    t = float(stage.buffers.shares[row, column, 1])
    for k in range(3, 6):
        out[k] = _blended(stage.points, corners, (s, t), k)
    norm = math.sqrt(out[3] ** 2 + out[4] ** 2 + out[5] ** 2) + 1e-12
    x = (column - stage.camera[1]) / stage.camera[0]
    y = (row - stage.camera[2]) / stage.camera[0]
    if out[3] * x + out[4] * y + out[5] > 0.0:
        norm = -norm
    for k in range(3, 6):
        out[k] /= norm


@inlined
def _add_colour(stage: Set, row: int, column: int, work: Floats, total: Floats) -> None:
    """Add the colour of one owned sub-pixel to `total`. work: room for 12 numbers."""
    number, colour = stage.buffers.owner[row, column], work[9:]
    corners, thing = stage.triangles[number], stage.things[number]
    s = float(stage.buffers.shares[row, column, 0])
    t = float(stage.buffers.shares[row, column, 1])
    at = _blended(stage.uv, corners, (s, t), 0), _blended(stage.uv, corners, (s, t), 1)
    zone = _texel(stage, thing, at, colour)
    cloth = stage.cloths[thing, zone]
    cloth_colour(cloth, stage.bright[thing, zone], at, stage.patterns, colour)
    _facing_normal(stage, row, column, work)
    light = stage.light
    facing = work[3] * light[0] + work[4] * light[1] + work[5] * light[2]
    lit = 0.0
    if facing > 0.0:
        place = (row, column, float(stage.buffers.depth[row, column]))
        lit = lit_share(stage.buffers.depth, stage.camera, light, place)
    strength, mirrored = light_on(light, lit, facing, work)
    for k in range(3):
        total[k] += min(255.0, colour[k] * strength + mirrored * cloth[12])


@compiled
def shade_triangles(stage: Set, picture: Any) -> None:
    """Colour owned sub-pixels and blend the average of each pixel's into `picture`.

    Where all of a pixel's sub-pixels are owned, two that are diagonal stand for all.
    picture: float32 (height, width, 3), RGB 0..255, changed in place.
    """
    work, total = np.empty(12), np.empty(3)
    share, owner = 1.0 / _SUBPIXELS, stage.buffers.owner
    for top in range(picture.shape[0]):
        for side in range(picture.shape[1]):
            row, column, covered, coloured = top * OVERSAMPLE, side * OVERSAMPLE, 0, 0
            for sub in range(_SUBPIXELS):
                covered += (
                    stage.buffers.owner[row + sub // OVERSAMPLE, column + sub % OVERSAMPLE] >= 0
                )
            total[:] = 0.0
            step = _SUBPIXELS - 1 if covered == _SUBPIXELS else 1
            for sub in range(0, _SUBPIXELS if covered else 0, step):
                i, j = row + sub // OVERSAMPLE, column + sub % OVERSAMPLE
                if owner[i, j] >= 0:
                    coloured += 1
                    _add_colour(stage, i, j, work, total)
            for k in range(3 if covered else 0):
                behind = picture[top, side, k] * (1.0 - covered * share)
                picture[top, side, k] = behind + total[k] * share * covered / coloured
