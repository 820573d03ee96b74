"""Say how surely keypoints are a person: by their maps, and by being built like one.

A network that takes a chair for somebody finds keypoints in places that no body has, in maps that
are less sure of one place. The mean of the scores doesn't see that; a logistic regression over
scores, maps and limb lengths does (measured on `edgepose-nano`: `models/edgepose-nano.md`). The
weights belong to one network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.heatmap_decode import EVIDENCE
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, LIMBS, NUM_KEYPOINTS

_NECKS: Final = [(INDEX["nose"], INDEX["left_shoulder"]), (INDEX["nose"], INDEX["right_shoulder"])]
_STARTS, _ENDS = np.array([(limb.start, limb.end) for limb in LIMBS] + _NECKS).T
_SHORTEST: Final = 0.01  # of the whole pose: below it all lengths are as good as nothing

ANSWER: Final = 3 + EVIDENCE  # numbers a keypoint: y, x, score, and how its map looks
FEATURES: Final = NUM_KEYPOINTS * (1 + EVIDENCE) + 2 * len(_STARTS)


def features(answers: NDArray[Any]) -> NDArray[np.float64]:
    """Return (..., FEATURES) of answers (..., 17, ANSWER), y and x in any unit of length.

    The scores, each limb's length as a share of the pose's longer side, and its logarithm: both,
    so that a length can be too small and too great; and the maps' evidence.
    """
    keypoints = answers[..., :3]
    places, scores = keypoints[..., :2].astype(float), keypoints[..., 2]
    apart = places[..., _STARTS, :] - places[..., _ENDS, :]
    lengths = np.sqrt((apart * apart).sum(-1))
    whole = (places.max(-2) - places.min(-2)).max(-1, keepdims=True)
    shares = lengths / np.maximum(whole, 1e-6)
    logarithms = np.log(shares + _SHORTEST)
    looks = answers[..., 3:].reshape(*answers.shape[:-2], -1)
    return np.concatenate([scores, shares, logarithms, looks], -1)


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """Hold what one network's features weigh, float64 (FEATURES,), and their bias."""

    weights: NDArray[np.float64]
    bias: float

    @classmethod
    def parse(cls, numbers: Sequence[float]) -> Presence:
        """Return what a manifest or a configuration lists, the bias last; raises UserError."""
        if np.shape(numbers) != (FEATURES + 1,) or not np.isfinite(np.array(numbers, float)).all():
            raise UserError(
                f"heatmap.presence: expected {FEATURES + 1} numbers, as `edgepose train` writes "
                f"them, found {np.size(numbers)}"
            )
        values = np.array(numbers, float)
        return cls(values[:-1], float(values[-1]))

    def __call__(self, answer: NDArray[Any]) -> float:
        """Return the probability (0..1) that an answer (17, ANSWER) is a person's.

        Rounded to float32, so that the last bits of a processor's own logarithm don't show.
        """
        evidence = float(features(answer) @ self.weights) + self.bias
        return float(np.float32(0.5 + 0.5 * np.tanh(0.5 * evidence)))
