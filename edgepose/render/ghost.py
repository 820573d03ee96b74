"""Show where somebody's limbs should be: the pose that is looked for, in the person's own size."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.render.figure import SWINGS, Figure, swing
from edgepose.render.strokes import Points, halo
from edgepose.render.style import INK
from edgepose.skeleton import LIMBS
from edgepose.types import DEVIATED, UNKNOWN, Image

_OPACITY: Final = 0.75
_CHAINS: Final = tuple(
    (i, next(j for j in range(i, len(LIMBS)) if LIMBS[j].start == LIMBS[i].end))
    for i in range(len(LIMBS))
    if SWINGS[i] and any(LIMBS[j].start == LIMBS[i].end for j in range(len(LIMBS)))
)  # (upper arm, forearm), (thigh, shin) of both sides


def draw_ghost(canvas: Image, figure: Figure, unit: float, mirror: bool) -> None:
    """Draw, softly, the arms and legs that are off where they should be.

    mirror: the canvas is mirrored, so that turns go the other way round.
    """
    lines = ghost_lines(figure, mirror)
    if len(lines):
        halo(canvas, lines, 0.9 * figure.width(unit), INK, _OPACITY)


def ghost_lines(figure: Figure, mirror: bool) -> Points:
    """Return (n, 2, 2): both ends of the limbs of each arm or leg that is off, put right.

    An arm or leg of which a limb isn't known, or isn't compared, ends there.
    """
    if figure.match is None:
        return np.empty((0, 2, 2))
    turns = figure.match.degrees * (-1 if mirror else 1)
    lines: list[Points] = []
    for chain in _CHAINS:
        if (figure.match.states[list(chain)] == DEVIATED).any():
            lines += _straightened(figure, figure.match.states, turns, chain)
    return np.array(lines).reshape(-1, 2, 2)


def _straightened(
    figure: Figure, states: NDArray[np.int8], turns: NDArray[np.float32], chain: tuple[int, int]
) -> list[Points]:
    """Return the limbs of a chain, each turned as it should and moved to the end of the last."""
    lines: list[Points] = []
    for limb in chain:
        if states[limb] == UNKNOWN or not figure.limbs[limb] or not np.isfinite(turns[limb]):
            break
        start, end = figure.lines[limb]
        there = swing(start, end, float(turns[limb]))[-1]
        begin = lines[-1][1] if lines else start
        lines.append(np.stack([begin, begin + there - start]))
    return lines
