"""A pose as a vector with place, size and mirror taken out, and the nearest examples of it.

Place and size are taken out as TensorFlow's pose-classification tutorial does: relative to the
middle of the hips, over the larger of 2.5 torso lengths and the farthest keypoint. The 10 nearest
examples are looked for both ways round, by mean absolute difference, as in MediaPipe's k-NN pose
classifier. Deviations from those two, measured on `yoga_train_data.csv` against
the 495 poses of a person who is not in it:

- MediaPipe's 23 distances of keypoints (46 numbers) are replaced by 13 keypoints and 10 limb
  directions (46 numbers as well): from 8 examples a class 0.94 are right instead of 0.90, from 3
  0.88 instead of 0.82 (from all 0.98 either way), and more of the right poses are nearer than
  any frame of clips with everyday movement: 81 % instead of 73 %.
- No first choice of 30 by the largest difference: with it 0.956 are right.
- Neighbours vote by the inverse square of their distance, and there are fewer of them where
  examples are few: from 3 a class, three equal votes make 0.79 of 0.88.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.templates import MIN_SCORE, known_points, mirrored_points
from edgepose.skeleton import INDEX, LIMB_ENDS, LIMB_STARTS, LIMBS
from edgepose.types import Pose

Array = NDArray[np.float64]
Vectors = NDArray[np.float32]

TORSO_MULTIPLIER: Final = 2.5
NEIGHBOURS: Final = 10

BODY: Final = [INDEX["nose"], *range(INDEX["left_shoulder"], len(INDEX))]  # eyes and ears add 0
HIPS: Final = [INDEX["left_hip"], INDEX["right_hip"]]
SHOULDERS: Final = [INDEX["left_shoulder"], INDEX["right_shoulder"]]
_MOVING: Final = [i for i, limb in enumerate(LIMBS) if limb.name not in ("shoulders", "hips")]
STARTS, ENDS = LIMB_STARTS[_MOVING], LIMB_ENDS[_MOVING]
SIZE: Final = 2 * (len(BODY) + len(_MOVING))

SHORT: Final = 0.15  # of the size; a limb that points at the camera has no sure direction
MIN_COMMON: Final = 0.6  # of the numbers, known of a pose and of an example, to be compared at all
MIN_KNOWN: Final = 0.74  # to be sure: two keypoints of an arm or a leg may be out of sight
"""With 0.6, 94 % of the frames of a walking man whose legs are out of sight are a tree."""

NEAR: Final = 0.095
FAR: Final = 0.155
"""Mean distance of the neighbours up to which a pose is one of the examples', and from which it is
none. Of poses of a new person 80 % are nearer than 0.104, where 0.85 is left (`enter`), and none
of those is taken for another class; of 1,671 frames of street, dance, walking and hugging 0.2 %."""

_EPSILON: Final = 1e-3  # of a distance; an example itself has a weight that can be divided by


def embed(points: Array) -> Vectors:
    """Return float32 (..., 46) of (..., 17, 2) points of (y, x) in pixels, NaN where unknown.

    All is NaN where neither hip is known, or the person has no size.
    """
    hips, shoulders = _middle(points, HIPS), _middle(points, SHOULDERS)
    body = points[..., BODY, :] - hips[..., None, :]
    limbs = points[..., ENDS, :] - points[..., STARTS, :]
    torso = TORSO_MULTIPLIER * _length(shoulders - hips)
    size = np.fmax(torso, np.fmax.reduce(_length(body), -1))[..., None, None]
    size = np.where(size > 0, size, np.nan)
    directions = limbs / (_length(limbs)[..., None] + SHORT * size)
    vector = np.concatenate((body / size, directions), -2)
    return vector.reshape(*vector.shape[:-2], SIZE).astype(np.float32)


def _middle(points: Array, ends: Sequence[int]) -> Array:
    """Return the middle of two keypoints; the one that is known where the other is not."""
    first, second = points[..., ends[0], :], points[..., ends[1], :]
    return (np.fmin(first, second) + np.fmax(first, second)) / 2


def _length(ways: Array) -> Array:
    return np.hypot(ways[..., 0], ways[..., 1])


def is_enough(vectors: Vectors) -> NDArray[np.bool_]:
    """Return (...) for vectors (..., 46): so much is known that it can be compared."""
    return np.isfinite(vectors).mean(-1) >= MIN_COMMON


class Neighbours:
    """A k-NN classifier of poses: `classifier(pose)` returns the probability of each class.

    classes: their names, in the order of the probabilities. Those sum up to 1 at most; the
    missing part is the probability that the pose is none of them.
    """

    def __init__(
        self,
        points: Array,
        owners: Sequence[int],
        classes: Sequence[str],
        min_score: float = MIN_SCORE,
    ) -> None:
        """Take the examples.

        points: (n, 17, 2) of (y, x) in pixels, NaN unknown. owners: the class of each, an index
        into `classes`. min_score: a keypoint of a pose below it is unknown. Examples that show
        too little are left out; a class without any has probability 0.
        """
        vectors = embed(points)
        use = is_enough(vectors)
        vectors = vectors[use]
        self.classes = tuple(classes)
        self._owners = np.asarray(owners, np.intp)[use]
        self._min_score = min_score
        self._known = np.isfinite(vectors).astype(np.float32)
        self._vectors = np.nan_to_num(vectors)
        self._counts = self._known.sum(-1)
        self._k = neighbours_for(np.bincount(self._owners))

    def __len__(self) -> int:
        return len(self._owners)

    def __call__(self, pose: Pose) -> NDArray[np.float64]:
        """Return (classes,) probabilities; all 0 for a pose of which too little is known."""
        return self.of_points(known_points(pose, self._min_score))

    def of_points(self, points: Array) -> NDArray[np.float64]:
        """Return (classes,) probabilities of (17, 2) points of (y, x) in pixels, NaN unknown."""
        both = embed(np.stack((points, mirrored_points(points))))
        shares, distance = self._vote(both)
        is_sure = np.isfinite(both[0]).mean() >= MIN_KNOWN
        return shares * (closeness(distance) if is_sure else 0.0)

    def vote(self, points: Array) -> tuple[NDArray[np.float64], float]:
        """Return (classes,) shares of the neighbours' votes, and the neighbours' mean distance.

        points: (17, 2) of (y, x) in pixels, NaN unknown. However far the examples are, they vote:
        this says what a pose is most likely if it is any of the classes. The shares are all 0,
        and the distance infinite, where too little is known.
        """
        return self._vote(embed(np.stack((points, mirrored_points(points)))))

    def _vote(self, both: Vectors) -> tuple[NDArray[np.float64], float]:
        nobody = np.zeros(len(self.classes)), np.inf
        if not len(self) or not is_enough(both[0]):
            return nobody
        distances = np.fmin(self._distances(both[0]), self._distances(both[1]))
        rows = np.argpartition(distances, self._k - 1)[: self._k]
        rows = rows[np.isfinite(distances[rows])]
        if not len(rows):  # no example knows enough of what the pose shows
            return nobody
        near = distances[rows].astype(np.float64)
        weights = 1 / (near + _EPSILON) ** 2
        votes = np.bincount(self._owners[rows], weights, len(self.classes))
        return votes / weights.sum(), float(weights @ near / weights.sum())

    def _distances(self, vector: Vectors) -> Vectors:
        """Return (n,) mean distances of the examples from a vector, over what both know."""
        known = np.isfinite(vector)
        both_know = self._known if known.all() else self._known * known
        common = self._counts if known.all() else np.einsum("ij->i", both_know)
        off = self._vectors - np.nan_to_num(vector)
        np.abs(off, out=off)
        # einsum, not @: a BLAS of several threads waits for its slowest, 10 ms on a busy machine
        sums: Vectors = np.einsum("ij,ij->i", off, both_know)
        return np.where(common >= MIN_COMMON * SIZE, sums / np.maximum(common, 1), np.inf)


def neighbours_for(per_class: NDArray[np.intp]) -> int:
    """Return how many neighbours vote: half the examples of the smallest class, 1 to 10."""
    fewest = min(per_class[per_class > 0].tolist(), default=0)
    return min(max(fewest // 2, 1), NEIGHBOURS)


def closeness(distance: float) -> float:
    """Return how surely a pose at a distance from its neighbours is one of theirs, 0..1."""
    return min(max((FAR - distance) / (FAR - NEAR), 0.0), 1.0)
