"""The probability that keypoints are a person's, from scores, heatmaps and limb lengths.

A network that mistakes a chair for a person finds keypoints in impossible proportions, and its maps
have no single peak. The mean of the scores doesn't show that; a logistic regression over scores,
maps and limb lengths does (measured on `edgepose-nano`: `models/edgepose-nano.md`). The weights
belong to one network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.heatmap_decode import MAP_FEATURES
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, LIMBS, NUM_KEYPOINTS

_NECKS: Final = [(INDEX["nose"], INDEX["left_shoulder"]), (INDEX["nose"], INDEX["right_shoulder"])]
_STARTS, _ENDS = np.array([(limb.start, limb.end) for limb in LIMBS] + _NECKS).T
_SHORTEST: Final = 0.01  # of the whole pose: shorter limbs all count alike

COLUMNS: Final = 3 + MAP_FEATURES  # numbers a keypoint: y, x, score, and the features of its map
FEATURES: Final = NUM_KEYPOINTS * (1 + MAP_FEATURES) + 2 * len(_STARTS)


def features(found: NDArray[Any]) -> NDArray[np.float64]:
    """Return (..., FEATURES) of keypoints (..., 17, COLUMNS), y and x in any unit of length.

    The scores, each limb's length as a share of the pose's longer side, and its logarithm: both,
    so that a length can be too small and too large; and the features of the maps.
    """
    keypoints = found[..., :3]
    places, scores = keypoints[..., :2].astype(float), keypoints[..., 2]
    apart = places[..., _STARTS, :] - places[..., _ENDS, :]
    lengths = np.sqrt((apart * apart).sum(-1))
    whole = (places.max(-2) - places.min(-2)).max(-1, keepdims=True)
    shares = lengths / np.maximum(whole, 1e-6)
    logarithms = np.log(shares + _SHORTEST)
    maps = found[..., 3:].reshape(*found.shape[:-2], -1)
    return np.concatenate([scores, shares, logarithms, maps], -1)


@dataclass(frozen=True, slots=True, eq=False)
class Presence:
    """The logistic regression of one network: weights float64 (FEATURES,) and the bias."""

    weights: NDArray[np.float64]
    bias: float

    @classmethod
    def parse(cls, numbers: Sequence[float]) -> Presence:
        """Return the presence of a list of numbers, the bias last; raises UserError."""
        if np.shape(numbers) != (FEATURES + 1,) or not np.isfinite(np.array(numbers, float)).all():
            raise UserError(
                f"heatmap.presence: expected {FEATURES + 1} numbers, as `edgepose train` writes "
                f"them, found {np.size(numbers)}"
            )
        values = np.array(numbers, float)
        return cls(values[:-1], float(values[-1]))

    def __call__(self, found: NDArray[Any]) -> float:
        """Return the probability (0..1) that keypoints (17, COLUMNS) are a person's.

        Rounded to float32, since the last bits of a logarithm differ between processors.
        """
        logit = float(features(found) @ self.weights) + self.bias
        return float(np.float32(0.5 + 0.5 * np.tanh(0.5 * logit)))
