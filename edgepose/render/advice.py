"""What a person is told to change: few things at a time, for long enough to be read."""

from __future__ import annotations

from typing import Final

import numpy as np

from edgepose.types import LimbMatch, Match

MOST: Final = 3  # more can't be followed at a time
READING: Final = 0.5  # seconds that words stay as they are; degrees that change in every frame blur


class Advice:
    """Choose the words; they change at a pace to read, but go at once when they are heeded."""

    def __init__(self) -> None:
        """Begin without words."""
        self._chosen: tuple[LimbMatch, ...] = ()
        self._since = float("-inf")
        self._about = ""

    def words(self, match: Match | None, time: float) -> list[str]:
        """Return one line for each of the worst limbs, in the order of the skeleton.

        match: of the watch that matters most, None when nobody is compared. time: seconds, of
        the frame; when it goes back, or another pose is meant, words are chosen anew.
        """
        if match is None:
            self._chosen, self._since = (), float("-inf")
            return []
        off = [limb for limb in match.deviated if limb.text]
        if match.name != self._about or not 0 <= time - self._since < READING:
            self._chosen, self._since, self._about = _worst(off), time, match.name
        still = {limb.limb for limb in off}
        return [limb.text for limb in self._chosen if limb.limb in still]


def _worst(off: list[LimbMatch]) -> tuple[LimbMatch, ...]:
    ranked = sorted(off, key=lambda limb: -abs(np.nan_to_num(limb.degrees)))[:MOST]
    return tuple(limb for limb in off if limb in ranked)
