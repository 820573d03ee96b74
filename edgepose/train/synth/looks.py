"""Appearance: colours, clothes and hair of a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.raster import MATERIAL_COLUMNS
from edgepose.train.synth.skeleton3d import Build

Rng = np.random.Generator
Colour = NDArray[np.float64]

SKIN, TOP, BOTTOM, SHOE, HAIR, EXTRA = range(6)
NUM_MATERIALS: Final = 6
NUM_TEXTURES: Final = 24
_CLOUDS: Final = 8  # the first textures are smooth noise
_TEXTURE_SIZE: Final = 128

_SKINS: Final = np.array(
    [
        [255, 224, 196],
        [243, 205, 175],
        [232, 184, 148],
        [214, 160, 124],
        [190, 132, 96],
        [150, 100, 70],
        [112, 74, 52],
        [84, 56, 42],
        [62, 42, 34],
    ],
    float,
)  # light to dark, drawn evenly
HAIR_COLOURS: Final = np.array(
    [[22, 18, 17], [40, 28, 20], [72, 48, 32], [120, 86, 52], [186, 150, 98], [150, 148, 145]],
    float,
)


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """Clothes and hair. materials: (6, columns) for `raster`.

    sleeve, leg: how far cloth goes down the limb, 0..2 (1 elbow or knee). loose: cloth width
    factor. hair: "bald", "short", "full", "long" or "tail". skirt: share of the thigh, 0 none.
    """

    materials: NDArray[np.float64]
    sleeve: float
    leg: float
    loose: float
    top_length: float
    midriff: bool
    skirt: float
    flare: float
    hair: str
    hairline: float
    bosom: float
    beard: bool
    glasses: bool
    mask: bool
    hat: bool
    hood: bool
    fist: float
    held: str  # "", "ball" or "bar"


def draw_build(rng: Rng) -> Build:
    """Draw a person's proportions; children and tall people included."""
    draw = rng.normal
    return Build(
        stature=float(np.clip(draw(1.0, 0.08), 0.7, 1.2)),
        shoulder=float(draw(0.182, 0.014)),
        hip=float(draw(0.095, 0.008)),
        upper_arm=float(draw(0.292, 0.013)),
        forearm=float(draw(0.255, 0.012)),
        thigh=float(draw(0.425, 0.018)),
        shin=float(draw(0.420, 0.018)),
        trunk=float(draw(0.490, 0.020)),
        head=float(np.clip(draw(1.02, 0.07), 0.85, 1.3)),
        girth=float(np.clip(draw(1.02, 0.16), 0.78, 1.6)),
        limb_girth=float(np.clip(draw(1.02, 0.13), 0.75, 1.5)),
    )


def draw_colour(rng: Rng) -> Colour:
    """Draw an RGB colour 0..255 as things have them: many greys and dark ones, few bright."""
    kind = rng.random()
    if kind < 0.38:
        return np.clip(rng.uniform(8, 80) + rng.normal(0, 6, 3), 0, 255)
    if kind < 0.58:
        return np.clip(rng.uniform(140, 250) + rng.normal(0, 8, 3), 0, 255)
    hue = (int(rng.integers(180)), int(rng.integers(40, 230)), int(rng.integers(40, 245)))
    pixel = np.array([[hue]], np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], float)


def _cloth(rng: Rng) -> NDArray[np.float64]:
    row = np.zeros(MATERIAL_COLUMNS)
    row[:3] = draw_colour(rng)
    row[3] = -1
    if rng.random() < 0.5:
        row[3:6] = rng.integers(NUM_TEXTURES), rng.uniform(80, 600), rng.uniform(0.1, 0.9)
        row[6:9] = draw_colour(rng)
        row[9] = rng.random() < 0.35
    row[10] = rng.uniform(0, 0.25) ** 2
    row[11] = rng.uniform(0, 0.012)
    return row


def _plain(rng: Rng, colour: Colour, gloss: float) -> NDArray[np.float64]:
    row = np.zeros(MATERIAL_COLUMNS)
    row[:3] = np.clip(colour, 8, 255)
    row[3:6] = rng.integers(_CLOUDS), rng.uniform(100, 500), rng.uniform(0.04, 0.35)
    row[10] = gloss
    return row


def _materials(rng: Rng) -> NDArray[np.float64]:
    rows = np.stack([_cloth(rng) for _ in range(NUM_MATERIALS)])
    skin = _SKINS[rng.integers(len(_SKINS))] * rng.uniform(0.88, 1.08) + rng.normal(0, 4, 3)
    rows[SKIN] = _plain(rng, skin, rng.uniform(0, 0.22))
    rows[SKIN, 5] = 0.1
    hair = HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))] * rng.uniform(0.7, 1.3)
    rows[HAIR] = _plain(rng, hair, rng.uniform(0, 0.2))
    if rng.random() < 0.22:
        rows[BOTTOM] = rows[TOP]
    if rng.random() < 0.2:
        rows[SHOE] = rows[SKIN]
    return rows


_HAIR_STYLES: Final = ("bald", "short", "full", "long", "tail")


def draw_look(rng: Rng) -> Appearance:
    """Draw clothes, hair and accessories."""
    female = bool(rng.random() < 0.5)
    shares = (0.03, 0.30, 0.17, 0.27, 0.23) if female else (0.14, 0.62, 0.18, 0.04, 0.02)
    hair = _HAIR_STYLES[rng.choice(5, p=shares)]
    return Appearance(
        materials=_materials(rng),
        sleeve=float(rng.choice((0.0, 0.05, 0.45, 0.55, 0.7, 1.3, 1.95, 1.95))),
        leg=float(rng.choice((0.3, 0.5, 0.75, 1.3, 1.9, 1.95, 1.95, 1.95))),
        loose=max(1.0, float(rng.normal(1.08, 0.12))),
        top_length=float(rng.choice((0.0, 0.6, 0.95, 1.0))),
        midriff=bool(female and rng.random() < 0.25),
        skirt=float(rng.uniform(0.4, 1.6)) if female and rng.random() < 0.12 else 0.0,
        flare=float(rng.choice((0.85, 1.0, 1.0, 1.35))),
        hair=hair,
        hairline=float(rng.uniform(0.045, 0.075)),
        bosom=float(rng.uniform(0.4, 1.1)) if female else 0.0,
        beard=bool(not female and rng.random() < 0.35),
        glasses=bool(rng.random() < 0.15),
        mask=bool(rng.random() < 0.04),
        hat=bool(rng.random() < 0.08),
        hood=bool(rng.random() < 0.03),
        fist=float(rng.uniform(0.45, 1.0)),
        held=str(rng.choice(("", "", "", "", "", "", "ball", "bar"))),
    )


def _clouds(rng: Rng) -> NDArray[Any]:
    total = np.zeros((_TEXTURE_SIZE, _TEXTURE_SIZE), np.float32)
    strength = 1.0
    for cells in (4, 8, 16, 32, 64):
        grid = rng.normal(0, 1, (cells, cells)).astype(np.float32)
        size = (_TEXTURE_SIZE, _TEXTURE_SIZE)
        total += strength * cv2.resize(grid, size, interpolation=cv2.INTER_CUBIC)
        strength *= rng.uniform(0.4, 0.85)
    return (total - total.min()) / np.ptp(total) * 255


def _stripes(rng: Rng) -> NDArray[Any]:
    period, share = int(rng.choice((8, 16, 32))), rng.uniform(0.2, 0.6)
    line = 255.0 * ((np.arange(_TEXTURE_SIZE) % period) / period < share)
    rows = np.repeat(line[:, None], _TEXTURE_SIZE, 1)
    kind = rng.integers(3)
    return (rows, rows.T, np.maximum(rows, rows.T))[kind]


def _checks(rng: Rng) -> NDArray[Any]:
    period = int(rng.choice((8, 16, 32)))
    y, x = np.mgrid[:_TEXTURE_SIZE, :_TEXTURE_SIZE] // period
    return 255.0 * ((x + y) % 2)


def _spots(rng: Rng) -> NDArray[Any]:
    texture = np.full((_TEXTURE_SIZE, _TEXTURE_SIZE), 60, np.uint8)
    for _ in range(int(rng.integers(5, 30))):
        place = tuple(map(int, rng.integers(0, _TEXTURE_SIZE, 2)))
        cv2.circle(texture, place, int(rng.integers(3, 14)), int(rng.integers(100, 255)), -1)
    return texture


def draw_textures(rng: Rng) -> NDArray[np.uint8]:
    """Draw the bank (24, 128, 128) of grey textures: noise, stripes, checks, prints."""
    makers = [_clouds] * _CLOUDS + [_stripes] * 6 + [_checks] * 3 + [_spots] * 7
    return np.stack([np.clip(make(rng), 0, 255).astype(np.uint8) for make in makers])
