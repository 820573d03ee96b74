"""Score the limbs of a pose against those of views of templates.

A limb scores 1 up to its `angle_deviation`, falling linearly to 0 at three times that; a view
scores the weighted mean of its limbs that are known, 0 where too few are. This is written twice:
for few views in plain numbers, one after the other, for many in arrays, all at once. Tests hold the
two against each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgepose.core.templates import PoseView, Template, facing, plain
from edgepose.skeleton import LIMB_INDEX, NUM_LIMBS
from edgepose.types import value

ZERO_SCORE_AT: Final = 3.0  # a limb scores 0 at this many times its angle_deviation
_SLOPE: Final = 1.0 / (ZERO_SCORE_AT - 1.0)  # exactly a half: a product is quicker in arrays
FEW: Final = 8
"""Views up to which plain numbers are quicker: the limbs of one take 15 thousand instructions,
those of a thousand in arrays 0.75 million, and those of one in arrays still 150 thousand."""

DEVIATIONS: Final = (1e-3, 360.0)  # degrees: the range of tolerances that makes a difference
TURNED: Final = float(np.float32(0.65))
"""The highest score of a back for a front, in which left and right of the trunk are swapped. Below
every default threshold, and enough that the person is asked to turn around."""

_ACROSS: Final = (LIMB_INDEX["shoulders"], LIMB_INDEX["hips"])
"""From the side these are short and point anywhere, so how far they are off means nothing."""


class SeenLimbs(NamedTuple):
    """What is compared of a pose.

    angles: 12, degrees, None where unknown. rounded: the same for templates with `compat`.
    side: 1 for a front, -1 for a back, 0 where that is unclear.
    """

    angles: Sequence[float | None]
    rounded: Sequence[float | None]
    side: int


class WantedLimb(NamedTuple):
    """A limb of a view that counts.

    deviation: degrees up to which it is right. weight: of the heaviest limb. bars: whether it may
    bar a pose whose side is clear.
    """

    limb: int
    angle: float
    deviation: float
    weight: float
    bars: bool


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What is compared of a view of a template.

    required: limbs that must be known. is_rounded: the template has `compat`. side: which one it
    shows, as of SeenLimbs.
    """

    limbs: tuple[WantedLimb, ...]
    required: int
    is_rounded: bool
    side: int

    @classmethod
    def of(cls, template: Template, view: PoseView) -> Wanted:
        """Return what is compared of one view of a template."""
        side = facing(plain(view.points))
        angles = view.shape.angles
        weights = np.where(np.isfinite(angles), template.weights, 0.0)
        heaviest = weights.max() or 1.0  # only proportions matter
        deviations = template.angle_deviations.clip(*DEVIATIONS).tolist()
        rows = zip(angles.tolist(), deviations, (weights / heaviest).tolist(), strict=True)
        limbs = tuple(
            WantedLimb(limb, *row, bars=side != 0 or limb not in _ACROSS)
            for limb, row in enumerate(rows)
            if row[2] > 0
        )
        return cls(limbs, template.required, bool(template.compat), side)


@value
class FewScores:
    """The scores of few views, and how many limbs bar the pose for each."""

    values: Sequence[float]
    excess: Sequence[int]

    @property
    def highest(self) -> float:
        """Return the highest score, 0 without views."""
        return max(self.values) if self.values else 0.0

    @property
    def best(self) -> int:
        """Return the number of the view with the highest score, the first of equals."""
        return self.values.index(max(self.values))

    def capped(self, allowed: int, limit: float) -> FewScores:
        """Return scores of `limit` at most for views of which more than `allowed` limbs are off.

        Limbs that may bar a pose and are off by too much are counted; of a pose that is turned to
        the other side more than there are. Raises ValueError without views.
        """
        if max(self.excess) <= allowed:
            return self
        values = [
            min(score, limit) if excess > allowed else score
            for score, excess in zip(self.values, self.excess, strict=True)
        ]
        return FewScores(values, self.excess)


@dataclass(frozen=True, slots=True, eq=False)
class ManyScores:
    """The scores of many views, (views,).

    excess: counts the limbs that bar the pose, (views,); asked only of a pose that scores high.
    """

    values: NDArray[np.float32]
    excess: Callable[[], NDArray[np.float32]]

    @property
    def highest(self) -> float:
        """Return the highest score."""
        return float(self.values.max())

    @property
    def best(self) -> int:
        """Return the number of the view with the highest score, the first of equals."""
        return int(self.values.argmax())

    def capped(self, allowed: int, limit: float) -> ManyScores:
        """Return scores of `limit` at most for views of which more than `allowed` limbs are off."""
        lower = np.minimum(self.values, np.float32(limit))
        return replace(self, values=np.where(self.excess() > allowed, lower, self.values))


class FewViews:
    """Views that are scored one after the other."""

    def __init__(self, views: Sequence[Wanted], limit: float) -> None:
        self._views = [(view, list(map(tuple, view.limbs))) for view in views]
        self._limit = limit

    def scores(self, seen: SeenLimbs) -> FewScores:
        """Return the scores of the views."""
        values, excess = [], []
        for view, limbs in self._views:
            score, off = self._score(view, limbs, seen)
            values.append(score)
            excess.append(off)
        return FewScores(values, excess)

    def _score(
        self, view: Wanted, limbs: Sequence[tuple[Any, ...]], seen: SeenLimbs
    ) -> tuple[float, int]:
        """Return the score of a view and the limbs in excess. limbs: plain, quicker to unpack."""
        angles, limit = seen.rounded if view.is_rounded else seen.angles, self._limit
        known, excess, total, reached = 0, 0, 0.0, 0.0
        for limb, wanted, deviation, weight, bars in limbs:
            angle = angles[limb]
            if angle is None:
                continue
            known += 1
            total += weight
            off = abs(wanted - angle)  # in place: a call for each limb takes as long as the others
            times = (360.0 - off if off > 180.0 else off) / deviation
            if times <= 1.0:
                reached += weight
                continue
            if times < ZERO_SCORE_AT:
                reached += weight * (ZERO_SCORE_AT - times) / (ZERO_SCORE_AT - 1)
            if times > limit and (bars if seen.side else limb not in _ACROSS):
                excess += 1
        score = reached / total if known >= view.required else 0.0
        if view.side * seen.side < 0:
            return min(score, TURNED), NUM_LIMBS + 1
        return score, excess


class ManyViews:
    """Views that are scored all at once."""

    def __init__(self, views: Sequence[Wanted], limit: float) -> None:
        self._angles = _filled(views, "angle")
        self._deviations = _filled(views, "deviation", 1.0)
        self._weights = _filled(views, "weight")
        self._counted = (self._weights > 0).astype(np.float32)
        self._required = np.array([view.required for view in views], np.float32)
        self._rounded = np.array([view.is_rounded for view in views], np.bool_)
        self._any_rounded = bool(self._rounded.any())
        bars, aside = _filled(views, "bars"), self._counted.copy()
        aside[:, _ACROSS] = 0
        self._limits = _where(bars, limit, math.inf)  # of a pose whose side is clear
        self._limits_aside = _where(aside, limit, math.inf)
        sides = np.array([view.side for view in views])
        self._most = {side: _where(sides == -side, TURNED, math.inf) for side in (-1, 1)}
        self._turned = {side: _where(sides == -side, NUM_LIMBS + 1, 0.0) for side in (-1, 1)}

    def scores(self, seen: SeenLimbs) -> ManyScores:
        """Return the scores of the views."""
        known = np.array([angle is not None for angle in seen.angles], np.float32)
        times = self._off(seen)
        times /= self._deviations
        shares: NDArray[np.float32] = ZERO_SCORE_AT - times
        shares *= _SLOPE
        np.clip(shares, 0.0, 1.0, out=shares)
        shares *= self._weights
        values: NDArray[np.float32] = shares @ known
        values /= np.maximum(self._weights @ known, np.float32(1e-9))
        values *= self._counted @ known >= self._required
        if seen.side:
            np.minimum(values, self._most[seen.side], out=values)
        return ManyScores(values, partial(self._excess, times, known, seen.side))

    def _excess(
        self, times: NDArray[np.float32], known: NDArray[np.float32], side: int
    ) -> NDArray[np.float32]:
        """Return how many limbs bar the pose. times: their tolerance, (views, 12)."""
        limits = self._limits if side else self._limits_aside
        excess: NDArray[np.float32] = (times > limits).astype(np.float32) @ known
        return np.maximum(excess, self._turned[side]) if side else excess

    def _off(self, seen: SeenLimbs) -> NDArray[np.float32]:
        """Return (views, 12) degrees, meaningless where an angle is unknown."""
        angles = _numbers(seen.angles)
        if self._any_rounded:
            angles = np.where(self._rounded[:, None], _numbers(seen.rounded), angles)
        off: NDArray[np.float32] = self._angles - angles
        np.abs(off, out=off)
        return np.minimum(off, np.float32(360.0) - off, out=off)


Scores = FewScores | ManyScores
Scorer = FewViews | ManyViews


def scorer(views: Sequence[Wanted], limit: float) -> Scorer:
    """Return what scores poses against views.

    limit: times its tolerance by which a limb must be off to be in excess, at least 1.
    """
    return FewViews(views, limit) if len(views) <= FEW else ManyViews(views, limit)


def _filled(views: Sequence[Wanted], key: str, empty: float = 0.0) -> NDArray[np.float32]:
    """Return (views, 12) of one number of each limb that counts, `empty` for the others."""
    rows = np.full((len(views), NUM_LIMBS), empty, np.float32)
    for row, view in zip(rows, views, strict=True):
        row[[one.limb for one in view.limbs]] = [getattr(one, key) for one in view.limbs]
    return rows


def _where(chosen: NDArray[Any], value: float, other: float) -> NDArray[np.float32]:
    return np.where(chosen, value, other).astype(np.float32)


def _numbers(angles: Sequence[float | None]) -> NDArray[np.float32]:
    return np.array([angle or 0.0 for angle in angles], np.float32)
