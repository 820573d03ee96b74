"""Draw people: limbs coloured by match, keypoints, head, and arrows for deviated limbs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.correction import WHOLE_BODY
from edgepose.render.strokes import Points, dots, edge, fill, halo, outlined, ring, stroke
from edgepose.render.style import INK, OUTLINE, Palette, Rgb, rgb
from edgepose.skeleton import INDEX, LIMB_ENDS, LIMB_INDEX, LIMB_STARTS, LIMBS, NUM_LIMBS
from edgepose.types import DEVIATED, OK, UNKNOWN, Image, Match

Known = NDArray[np.bool_]

_FACE: Final = slice(0, INDEX["left_shoulder"])
_BODY: Final = slice(INDEX["left_shoulder"], None)
_SHOULDERS: Final = slice(INDEX["left_shoulder"], INDEX["left_elbow"])
_HIPS: Final = slice(INDEX["left_hip"], INDEX["left_knee"])
SWINGS: Final = np.arange(NUM_LIMBS) >= LIMB_INDEX["left_upper_arm"]  # the trunk's limbs don't

_WIDTHS: Final = ((UNKNOWN, 0.7), (OK, 1.0), (DEVIATED, 1.0))  # deviated limbs last, on top
_MIN_TURN: Final = 8.0  # degrees: an arrow for less can't be read
_MAX_TURN: Final = 60.0  # a longer arrow crosses half the picture
_MAX_ARROWS: Final = 3  # the worst ones first; people can't follow more


@dataclass(frozen=True, slots=True)
class Brush:
    """The colours of limbs by state, and the pixels of one unit (1 at 720 rows)."""

    states: tuple[Rgb, Rgb, Rgb]  # by UNKNOWN, OK, DEVIATED
    plain: Rgb
    unit: float

    @classmethod
    def of(cls, palette: Palette, unit: float) -> Brush:
        """Return the brush for a palette."""
        states = (rgb(palette.unknown), rgb(palette.matching), rgb(palette.deviating))
        return cls(states, rgb(palette.plain), unit)


@dataclass(frozen=True, eq=False)
class Figure:
    """One person on the canvas.

    points: (17, 2) of (x, y) in canvas pixels. known: bool (17,), False where a point is not
    finite. match: None draws everything in the plain colour. glow: the pose is held.
    """

    points: Points
    known: Known
    match: Match | None = None
    glow: bool = False

    @cached_property
    def lines(self) -> Points:
        """Return (12, 2, 2): both ends of every limb."""
        return np.stack([self.points[LIMB_STARTS], self.points[LIMB_ENDS]], axis=1)

    @cached_property
    def limbs(self) -> Known:
        """Return bool (12,): limbs of which both ends are known."""
        return self.known[LIMB_STARTS] & self.known[LIMB_ENDS]

    @cached_property
    def moves_first(self) -> bool:
        """Return whether the person should turn, step back or lie down before anything else."""
        found = () if self.match is None else self.match.explain()
        return any(one.action in WHOLE_BODY for one in found)

    def width(self, unit: float) -> float:
        """Return the width of a limb in pixels: bold for near people, finer for distant ones."""
        return min(max(0.024 * self._extent, 3 * unit), 12 * unit)

    @cached_property
    def _extent(self) -> float:
        """Return the diagonal of the known points, in pixels; 0 where none is known."""
        known = self.points[self.known]
        return math.hypot(*(known.max(0) - known.min(0)).tolist()) if len(known) else 0.0


def draw_figure(canvas: Image, figure: Figure, brush: Brush) -> None:
    """Draw one person; limbs with an unknown end are left out."""
    width = figure.width(brush.unit)
    shown = figure.lines[figure.limbs]
    _draw_halo(canvas, shown, width, brush.states[OK] if figure.glow else None)
    _draw_head(canvas, figure, brush, width)
    stroke(canvas, shown, OUTLINE, width + 2 * edge(width))
    if figure.match is None:
        stroke(canvas, shown, brush.plain, width)
    else:
        _draw_states(canvas, figure, figure.match.states, brush, width)
    dots(canvas, figure.points[_BODY][figure.known[_BODY]], 0.55 * width, INK)


def _draw_halo(canvas: Image, lines: Points, width: float, light: Rgb | None) -> None:
    halo(canvas, lines, width, light, 0.9 if light else 0.4)


def _draw_states(
    canvas: Image, figure: Figure, states: NDArray[np.int8], brush: Brush, width: float
) -> None:
    for state, share in _WIDTHS:
        chosen = figure.lines[figure.limbs & (states == state)]
        stroke(canvas, chosen, brush.states[state], share * width)


def _draw_head(canvas: Image, figure: Figure, brush: Brush, width: float) -> None:
    """Draw a ring around the face and a small dot on each of its keypoints."""
    face = figure.points[_FACE][figure.known[_FACE]]
    if not len(face):
        return
    colour = brush.plain if figure.match is None else brush.states[UNKNOWN]
    radius = head_radius(figure)
    ring(canvas, face.mean(0), radius, colour, 0.4 * width)
    dots(canvas, face, min(0.22 * width, 0.06 * radius), colour)


def head_radius(figure: Figure) -> float:
    """Return a radius in pixels that covers the face from any side.

    In profile the keypoints of the face are close together, and the shoulders too; the trunk is
    short when a person bends. The largest of the three estimates is right in all these cases.
    """
    face = figure.points[_FACE][figure.known[_FACE]]
    spread = np.hypot(*(face - face.mean(0)).T).max()
    shoulders, hips = figure.points[_SHOULDERS], figure.points[_HIPS]
    sizes = [1.45 * float(spread)]
    if figure.known[_SHOULDERS].all():
        sizes.append(0.42 * float(np.hypot(*(shoulders[0] - shoulders[1]))))
        if figure.known[_HIPS].all():
            sizes.append(0.24 * float(np.hypot(*(shoulders.mean(0) - hips.mean(0)))))
    return max(sizes)


def draw_corrections(canvas: Image, figure: Figure, unit: float, mirror: bool) -> None:
    """Draw an arrow along the way to swing, for the arms and legs that deviate most.

    mirror: the canvas is mirrored, so that turns go the other way round.
    """
    if figure.match is None or figure.moves_first:
        return
    turns = np.nan_to_num(figure.match.degrees)
    off = figure.limbs & SWINGS & (figure.match.states == DEVIATED) & (np.abs(turns) >= _MIN_TURN)
    worst = sorted(np.flatnonzero(off), key=lambda limb: -abs(turns[limb]))[:_MAX_ARROWS]
    for limb in worst:
        turn = float(np.clip(turns[limb], -_MAX_TURN, _MAX_TURN))
        start, end = figure.lines[limb]
        _draw_arrow(canvas, swing(start, end, -turn if mirror else turn), 0.45 * figure.width(unit))


def swing(start: Points, end: Points, degrees: float) -> Points:
    """Return (n, 2) points of the arc that `end` runs through when the limb turns by `degrees`.

    Counter-clockwise as seen is positive; rows grow downwards, hence the signs of the sines.
    """
    turn = np.radians(np.linspace(0.0, degrees, max(int(abs(degrees) / 6), 1) + 1))
    x, y = end - start
    cos, sin = np.cos(turn), np.sin(turn)
    return start + np.stack([x * cos + y * sin, y * cos - x * sin], axis=1)


def _draw_arrow(canvas: Image, arc: Points, width: float) -> None:
    step = arc[-1] - arc[-2]
    along = 2.2 * width * step / max(float(np.hypot(*step)), 1e-6)
    across = np.array([-along[1], along[0]])
    head = np.array([arc[-1] + 1.4 * along, arc[-1] + across, arc[-1] - across])
    stroke(canvas, [head[[0, 1, 2, 0]]], OUTLINE, 3 * edge(width))
    outlined(canvas, [arc], INK, width)
    fill(canvas, head, INK)


_OPACITY: Final = 0.75
_CHAINS: Final = tuple(
    (i, next(j for j in range(i, len(LIMBS)) if LIMBS[j].start == LIMBS[i].end))
    for i in range(len(LIMBS))
    if SWINGS[i] and any(LIMBS[j].start == LIMBS[i].end for j in range(len(LIMBS)))
)  # (upper arm, forearm), (thigh, shin) of both sides


def draw_ghost(canvas: Image, figure: Figure, unit: float, mirror: bool) -> None:
    """Draw deviated arms and legs, softly, where they should be.

    mirror: the canvas is mirrored, so that turns go the other way round.
    """
    lines = ghost_lines(figure, mirror)
    if len(lines) and not figure.moves_first:
        halo(canvas, lines, 0.9 * figure.width(unit), INK, _OPACITY)


def ghost_lines(figure: Figure, mirror: bool) -> Points:
    """Return (n, 2, 2): both ends of the limbs of each deviated arm or leg, corrected.

    The chain ends at a limb that is not known or not compared.
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
    """Return the limbs of a chain, each corrected and moved to the end of the one before."""
    lines: list[Points] = []
    for limb in chain:
        if states[limb] == UNKNOWN or not figure.limbs[limb] or not np.isfinite(turns[limb]):
            break
        start, end = figure.lines[limb]
        there = swing(start, end, float(turns[limb]))[-1]
        begin = lines[-1][1] if lines else start
        lines.append(np.stack([begin, begin + there - start]))
    return lines
