"""Shading of the body's surface: face, cloth, folds, light. Compiled with numba."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.extra import compiled

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

    lit: as `_lit` gives. facing: cosine between normal and light.
    """
    direct, mirrored = 0.0, 0.0
    if facing > 0.0:
        direct = facing * lit
        mirrored = max(0.0, -2.0 * facing * out[5] + light[2]) ** 10 * 200.0 * direct
    ambient = light[3] * (0.92 - 0.26 * out[4]) * (0.7 - 0.3 * out[5])
    return ambient + (1.0 - light[3]) * direct * light[4], mirrored
