"""Draw chains of ellipsoids with depth, light and texture. Compiled with numba; numbers only.

A body part is a chain: ellipsoids from one end to the other, their radii running from the
first end's to the second's. Camera space: x right, y down, z away, metres. Two passes: `splat`
keeps the nearest ellipsoid of each sub-pixel, `shade` colours the visible ones: face, cloth, folds.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgepose.train.extra import compiled, inlined

Floats = NDArray[np.float64]
Tint = tuple[float, float, float, float]
MATERIAL_COLUMNS: Final = 12
# 0-2 colour, 3 texture (-1 none), 4 texels a metre, 5 strength, 6-8 second colour,
# 9 two colours (0 or 1), 10 gloss, 11 wrinkles

FACE_COLUMNS: Final = 22
# 0-2 head centre, 3-11 head axes by rows, 12 scale, 13 hairline, 14 hair on top, 15 long hair,
# 16 beard, 17 glasses, 18 material of the skin, 19 of the hair, 20 mouth open, 21 eyes shut


@compiled
def _in_hair(face: Floats, x: float, y: float, z: float) -> bool:
    if face[14] <= 0.0:
        return False
    if y > face[13] - 0.25 * z or (z < 0.0 and y > -0.07):
        return True
    return face[15] > 0.0 and z < 0.03 and abs(x) > 0.05


@compiled
def _eye_tint(face: Floats, aside: float) -> Tint:
    """Return the tint inside an eye: iris, white or, when shut, lid."""
    if face[21] > 0.0:
        return 0.72, 0.0, 0.0, 0.0
    return (0.12, 0.0, 0.0, 0.0) if abs(aside - 0.033) < 0.0062 else (0.6, 0.0, 0.3, 0.0)


@compiled
def _lower_tint(face: Floats, aside: float, y: float) -> Tint:
    """Return the tint of mouth, beard and the shade below the nose."""
    if aside < 0.025 and abs(y + 0.062) < 0.006 + 0.012 * face[20]:
        return 0.72, 0.0, 0.0, 0.3
    if face[16] > 0.0 and (y < -0.05 or (aside > 0.05 and y < -0.01)):
        return 0.35, 0.65, 0.0, 0.0
    under = aside < 0.018 and -0.046 < y < -0.032
    return (0.8, 0.0, 0.0, 0.0) if under else (1.0, 0.0, 0.0, 0.0)


@compiled
def _face_tint(face: Floats, x: float, y: float) -> Tint:
    """Return (factor of the skin, share of hair colour, share of white, redness) at a point."""
    aside = abs(x)
    socket = ((aside - 0.033) / 0.015) ** 2 + ((y - 0.018) / 0.009) ** 2
    if face[17] > 0.0 and aside < 0.062 and abs(math.sqrt(socket) - 1.7) < 0.35:
        return 0.1, 0.0, 0.0, 0.0
    if socket < 1.0:
        return _eye_tint(face, aside)
    if socket < 2.4:
        return 0.72, 0.0, 0.0, 0.0
    if abs(aside - 0.033) < 0.02 and abs(y - 0.037) < 0.005:
        return 0.3, 0.6, 0.0, 0.0
    return _lower_tint(face, aside, y)


@compiled
def face_colour(face: Floats, point: Floats, materials: Floats, colour: Floats) -> None:
    """Set `colour` to the head's at a point in camera space: hair, eyes, brows, mouth, beard."""
    px, py, pz = point[0] - face[0], point[1] - face[1], point[2] - face[2]
    x = (face[3] * px + face[4] * py + face[5] * pz) / face[12]
    y = (face[6] * px + face[7] * py + face[8] * pz) / face[12]
    z = (face[9] * px + face[10] * py + face[11] * pz) / face[12]
    skin, hair = materials[int(face[18])], materials[int(face[19])]
    if _in_hair(face, x, y, z):
        colour[:] = hair[:3]
        return
    factor, share, white, red = 1.0, 0.0, 0.0, 0.0
    if z > 0.02:
        factor, share, white, red = _face_tint(face, x, y)
    for i in range(3):
        colour[i] = skin[i] * factor + hair[i] * share + 255.0 * white
    colour[0] *= 1.0 + red
    colour[1] *= 1.0 - red
    colour[2] *= 1.0 - 0.8 * red


@compiled
def textured(material: Floats, u: float, v: float, textures: Any, colour: Floats) -> None:
    """Modulate `colour` by the material's texture at (u, v) in metres on the surface."""
    which = int(material[3])
    if which < 0:
        return
    size = textures.shape[1]
    row, column = int(u * material[4]) % size, int(v * material[4]) % size
    value = (textures[which, row, column] - 128.0) / 128.0
    for i in range(3):
        if material[9] > 0.0:
            mix = min(1.0, max(0.0, 0.5 + 2.0 * value))
            colour[i] += (material[6 + i] - colour[i]) * mix
        else:
            colour[i] *= 1.0 + value * material[5]


@compiled
def wrinkle(material: Floats, textures: Any, out: Floats) -> None:
    """Tilt the normal of a surface point by cloth folds (a noise texture), and normalise it."""
    norm = math.sqrt(out[3] ** 2 + out[4] ** 2 + out[5] ** 2) + 1e-12
    if material[11] > 0.0:
        size = textures.shape[1] - 1
        i, j = int(out[7] * 110.0 + out[8] * 60.0) % size, int(out[8] * 90.0) % size
        middle = float(textures[0, i, j])
        out[3] += (float(textures[0, i, j + 1]) - middle) * norm * material[11]
        out[4] += (float(textures[0, i + 1, j]) - middle) * norm * material[11]
        norm = math.sqrt(out[3] ** 2 + out[4] ** 2 + out[5] ** 2) + 1e-12
    for i in range(3, 6):
        out[i] /= norm


@compiled
def light_on(light: Floats, lit: float, facing: float, out: Floats) -> tuple[float, float]:
    """Return (diffuse and ambient light, mirrored light before gloss) on a surface point.

    lit: as `lit_share` gives. facing: cosine between normal and light.
    """
    direct, mirrored = 0.0, 0.0
    if facing > 0.0:
        direct = facing * lit
        mirrored = max(0.0, -2.0 * facing * out[5] + light[2]) ** 10 * 200.0 * direct
    ambient = light[3] * (0.92 - 0.26 * out[4]) * (0.7 - 0.3 * out[5])
    return ambient + (1.0 - light[3]) * direct * light[4], mirrored


OVERSAMPLE: Final = 2  # sub-pixels a side
CHAIN_COLUMNS: Final = 19
# 0-2 first end, 3-5 second end, 6-8 unit side axis, 9 10 half width and depth at the first end,
# 11 12 at the second, 13 bulge in the middle, 14 overhang of the ends in radii,
# 15 16 materials before and after the border, 17 border 0..1, 18 index of the face, -1 for none

_FINENESS: Final = 0.5  # step along a chain in radii: bumps stay below 2 % of the radius
_STRETCH: Final = 1.5
_NEAR: Final = 0.2  # metres from the camera
SHADOW_STEPS: Final = 5


@compiled
def _blob(chain: Floats, t: float, camera: Floats, out: Floats) -> None:
    """Fill `out` with the ellipsoid at `t` of a chain: centre, inverse shape, extent, axes."""
    ax, ay, az = chain[3] - chain[0], chain[4] - chain[1], chain[5] - chain[2]
    length = math.sqrt(ax * ax + ay * ay + az * az) + 1e-9
    ax, ay, az = ax / length, ay / length, az / length
    sx, sy, sz = chain[6], chain[7], chain[8]
    dot = sx * ax + sy * ay + sz * az
    sx, sy, sz = sx - dot * ax, sy - dot * ay, sz - dot * az
    norm = math.sqrt(sx * sx + sy * sy + sz * sz) + 1e-9
    sx, sy, sz = sx / norm, sy / norm, sz / norm
    nx, ny, nz = ay * sz - az * sy, az * sx - ax * sz, ax * sy - ay * sx
    swell = 1.0 + 4.0 * chain[13] * t * (1.0 - t)
    wide = (chain[9] + (chain[11] - chain[9]) * t) * swell
    deep = (chain[10] + (chain[12] - chain[10]) * t) * swell
    tall = _STRETCH * min(wide, deep)
    inset = min((1.0 - chain[14]) * tall, 0.45 * length)
    place = (inset + (length - 2.0 * inset) * t) / length
    for i in range(3):
        out[i] = chain[i] + (chain[3 + i] - chain[i]) * place
    fw, ft, fd = 1.0 / (wide * wide), 1.0 / (tall * tall), 1.0 / (deep * deep)
    out[3] = sx * sx * fw + ax * ax * ft + nx * nx * fd
    out[4] = sy * sy * fw + ay * ay * ft + ny * ny * fd
    out[5] = sz * sz * fw + az * az * ft + nz * nz * fd
    out[6] = sx * sy * fw + ax * ay * ft + nx * ny * fd
    out[7] = sx * sz * fw + ax * az * ft + nx * nz * fd
    out[8] = sy * sz * fw + ay * az * ft + ny * nz * fd
    scale = camera[0] / max(out[2], _NEAR)
    out[9] = scale * math.sqrt((sx * wide) ** 2 + (ax * tall) ** 2 + (nx * deep) ** 2)
    out[10] = scale * math.sqrt((sy * wide) ** 2 + (ay * tall) ** 2 + (ny * deep) ** 2)
    out[11], out[12], out[13] = ax, ay, az
    out[14], out[15], out[16] = sx, sy, sz
    out[17], out[18], out[19] = place, wide, length


@compiled
def _blobs_of(chain: Floats, camera: Floats) -> int:
    """Return how many ellipsoids a chain needs: by its thickness, never finer than the pixels."""
    length = 0.0
    for i in range(3):
        length += (chain[3 + i] - chain[i]) ** 2
    thin = min(chain[9], chain[10], chain[11], chain[12])
    pixel = max(chain[2], _NEAR) / camera[0]
    return min(16, 2 + int(math.sqrt(length) / max(_FINENESS * thin, 1.5 * pixel)))


@compiled
def _stamp(blob: Floats, number: int, camera: Floats, depth: Any, owner: Any) -> None:
    """Write one ellipsoid into the depth and owner buffers where it is the nearest."""
    height, width = depth.shape
    zc = blob[2]
    u, v = camera[0] * blob[0] / zc + camera[1], camera[0] * blob[1] / zc + camera[2]
    per_pixel = zc / camera[0]
    left, right = max(0, int(u - blob[9])), min(width - 1, int(u + blob[9]) + 1)
    top, bottom = max(0, int(v - blob[10])), min(height - 1, int(v + blob[10]) + 1)
    a = blob[5]
    for row in range(top, bottom + 1):
        y = (row - v) * per_pixel
        for column in range(left, right + 1):
            x = (column - u) * per_pixel
            b = blob[7] * x + blob[8] * y
            c = blob[3] * x * x + 2.0 * blob[6] * x * y + blob[4] * y * y - 1.0
            inside = b * b - a * c
            if inside <= 0.0:
                continue
            z = zc + (-b - math.sqrt(inside)) / a
            if z < depth[row, column] and z > _NEAR:
                depth[row, column] = z
                owner[row, column] = number


@compiled
def splat(chains: Floats, camera: Floats, depth: Any, owner: Any, blobs: Floats) -> int:
    """Draw chains into depth (float32) and owner (int32, index into `blobs`); return the count.

    camera: (focal length, centre x, centre y) in sub-pixels. blobs: (n, 21), filled here; its
    last column is the chain's index.
    """
    count = 0
    for index in range(chains.shape[0]):
        chain = chains[index]
        if min(chain[2], chain[5]) < _NEAR:
            continue
        steps = _blobs_of(chain, camera)
        for step in range(steps):
            if count >= blobs.shape[0]:
                return count
            _blob(chain, step / (steps - 1.0), camera, blobs[count])
            blobs[count, 20] = index
            if blobs[count, 2] > _NEAR:
                _stamp(blobs[count], count, camera, depth, owner)
                count += 1
    return count


class Stage(NamedTuple):
    """The input of `shade`: the buffers of `splat`, and the materials.

    light: unit vector to the light (camera space), then ambient share, then power.
    textures: uint8 (n, size, size). The others as in `splat` and the column tables above.
    """

    depth: NDArray[np.float32]
    owner: NDArray[np.int32]
    blobs: Floats
    chains: Floats
    materials: Floats
    faces: Floats
    textures: NDArray[np.uint8]
    camera: Floats
    light: Floats


@compiled
def lit_share(depth: Any, camera: Floats, light: Floats, at: tuple[int, int, float]) -> float:
    """Return 1 where the light reaches a surface point, less where a nearer surface blocks it.

    Marches towards the light through the depth buffer: contact shadows of arms on the trunk.
    """
    row, column, z = at
    height, width = depth.shape
    reach = 0.025
    for _ in range(SHADOW_STEPS):
        scale = camera[0] * reach / z
        y, x = int(row + light[1] * scale), int(column + light[0] * scale)
        if y < 0 or x < 0 or y >= height or x >= width:
            return 1.0
        gap = z + light[2] * reach - depth[y, x]
        if 0.012 < gap < 0.3:
            return 0.35
        reach *= 1.7
    return 1.0


@compiled
def _surface(blob: Floats, camera: Floats, at: tuple[int, int, float], out: Floats) -> None:
    """Fill `out` with the visible point (camera space), its normal, and its place on the chain.

    out: 0-2 point, 3-5 normal (any length), 6 share of the chain, 7 8 metres along and round it.
    """
    row, column, depth = at
    per_pixel = blob[2] / camera[0]
    x = (column - camera[1]) * per_pixel - blob[0]
    y = (row - camera[2]) * per_pixel - blob[1]
    z = depth - blob[2]
    out[0], out[1], out[2] = x + blob[0], y + blob[1], z + blob[2]
    out[3] = blob[3] * x + blob[6] * y + blob[7] * z
    out[4] = blob[6] * x + blob[4] * y + blob[8] * z
    out[5] = blob[7] * x + blob[8] * y + blob[5] * z
    out[6] = blob[17] + (blob[11] * x + blob[12] * y + blob[13] * z) / blob[19]
    aside = (blob[14] * x + blob[15] * y + blob[16] * z) / blob[18]
    out[7] = out[6] * blob[19]
    out[8] = math.asin(min(1.0, max(-1.0, aside))) * blob[18]


@inlined
def _add_sample(stage: Stage, row: int, column: int, work: Floats, total: Floats) -> None:
    """Add the colour of one owned sub-pixel to `total`. work: room for 12 numbers."""
    number, colour = stage.owner[row, column], work[9:]
    blob, light, camera = stage.blobs[number], stage.light, stage.camera
    z = float(stage.depth[row, column])
    _surface(blob, camera, (row, column, z), work)
    chain = stage.chains[int(blob[20])]
    material = stage.materials[int(chain[15]) if work[6] < chain[17] else int(chain[16])]
    for i in range(3):
        colour[i] = material[i]
    face = int(chain[18])
    if face >= 0:
        face_colour(stage.faces[face], work, stage.materials, colour)
    textured(material, work[7], work[8], stage.textures, colour)
    wrinkle(material, stage.textures, work)
    facing = work[3] * light[0] + work[4] * light[1] + work[5] * light[2]
    lit = 0.0
    if facing > 0.0:
        lit = lit_share(stage.depth, camera, light, (row, column, z))
    strength, mirrored = light_on(light, lit, facing, work)
    for i in range(3):
        total[i] += min(255.0, colour[i] * strength + mirrored * material[10])


@compiled
def shade(stage: Stage, picture: Any) -> None:
    """Colour every owned sub-pixel and blend the average of each pixel's into `picture`.

    picture: float32 (height, width, 3), RGB 0..255, changed in place.
    """
    work, total = np.empty(12), np.empty(3)
    owner = stage.owner
    share = 1.0 / (OVERSAMPLE * OVERSAMPLE)
    for top in range(picture.shape[0]):
        for side in range(picture.shape[1]):
            covered = 0
            total[:] = 0.0
            for sub in range(OVERSAMPLE * OVERSAMPLE):
                row, column = top * OVERSAMPLE + sub // OVERSAMPLE, side * OVERSAMPLE
                column += sub % OVERSAMPLE
                if owner[row, column] >= 0:
                    covered += 1
                    _add_sample(stage, row, column, work, total)
            for i in range(3 if covered else 0):
                rest = picture[top, side, i] * (1.0 - covered * share)
                picture[top, side, i] = rest + total[i] * share
