"""Dress an avatar: colours, patterns, sleeves and legs; skin and hair a little varied."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.avatars.avatar import (
    FOREARM,
    HAIR,
    HIPS,
    NUM_ZONES,
    SHIN,
    SHOE,
    SKIN,
    THIGH,
    TRUNK,
    UPPER_ARM,
)
from edgepose.train.synth.avatars.drawing import CLOTH_COLUMNS
from edgepose.train.synth.looks import HAIR_COLOURS, NUM_TEXTURES, draw_colour

Rng = np.random.Generator
_OWN_CLOTHES: Final = 0.3  # share of people who keep their avatar's clothes
_TOPS: Final = ((TRUNK, UPPER_ARM, FOREARM), (TRUNK, UPPER_ARM), (TRUNK,))  # by sleeve
_BOTTOMS: Final = ((HIPS, THIGH, SHIN), (HIPS, THIGH), (HIPS,))  # by leg


def plain_cloth(gain: float = 1.0) -> NDArray[np.float64]:
    """Return a cloth that leaves the texture as it is, `gain` times as bright."""
    row = np.zeros(CLOTH_COLUMNS)
    row[4], row[5], row[12] = gain, -1.0, 0.02
    return row


def draw_cloth(rng: Rng, cover: float) -> NDArray[np.float64]:
    """Draw a cloth that covers the texture's own colour by `cover` 0..1."""
    row = plain_cloth(rng.uniform(0.6, 1.2))
    row[0], row[1:4] = cover, draw_colour(rng)
    if rng.random() < 0.35:
        row[5] = rng.integers(NUM_TEXTURES)
        row[6:8] = rng.uniform(0.4, 3.0), rng.uniform(0.1, 0.8)
        row[8:11], row[11] = draw_colour(rng), rng.random() < 0.4
    row[12] = rng.uniform(0, 0.25) ** 2
    return row


def _bare(rng: Rng, skin: NDArray[Any], gain: float) -> NDArray[np.float64]:
    row = plain_cloth(gain)
    row[0], row[1:4], row[12] = 1.0, skin * gain, rng.uniform(0, 0.1)
    return row


def _own_hair(rng: Rng) -> NDArray[np.float64]:
    row = plain_cloth(rng.uniform(0.6, 1.4))
    if rng.random() < 0.5:
        row[0] = 1.0
        row[1:4] = HAIR_COLOURS[rng.integers(len(HAIR_COLOURS))] * rng.uniform(0.7, 1.3)
    return row


def draw_clothes(rng: Rng, skin: NDArray[Any]) -> NDArray[np.float64]:
    """Draw what an avatar wears: cloths (zones, columns). skin: RGB of its face."""
    gain = float(rng.uniform(0.9, 1.35))
    rows = np.stack([plain_cloth(gain)] * NUM_ZONES)
    rows[HAIR] = _own_hair(rng)
    if rng.random() < _OWN_CLOTHES:
        return rows
    cover = float(rng.choice((1.0, 1.0, 0.75)))
    for layers in (_TOPS, _BOTTOMS):
        cloth = draw_cloth(rng, cover)
        short = int(rng.choice(3, p=(0.55, 0.33, 0.12) if layers is _TOPS else (0.68, 0.26, 0.06)))
        for zone in layers[0]:
            rows[zone] = cloth if zone in layers[short] else _bare(rng, skin, gain)
    if rng.random() < 0.15:
        rows[[HIPS, THIGH]] = rows[TRUNK]
    rows[SHOE] = draw_cloth(rng, 1.0) if rng.random() < 0.7 else _bare(rng, skin, gain)
    rows[SKIN] = plain_cloth(gain)
    return rows
