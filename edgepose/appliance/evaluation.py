"""How often a classifier is right about poses whose class is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.appliance.classifier import Dense
from edgepose.config.classifiers import Classifier, Network
from edgepose.core.trigger import Thresholds
from edgepose.definitions.classifier_file import MIN_SCORE, Examples
from edgepose.errors import ClassifierError, near_miss

ENTER: Final = Thresholds().enter


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a classifier said of some poses.

    confusion: (n, n) counts, rows the true class, columns the most likely one. unseen: poses of
    which too little is known to compare them; they count as wrong. recognised, mistaken: shares of
    poses whose own class, or another one, has a probability of `enter` (0.85) or more.
    """

    classes: tuple[str, ...]
    confusion: NDArray[np.intp]
    unseen: int
    recognised: float
    mistaken: float

    @property
    def poses(self) -> int:
        """Return how many poses were classified."""
        return int(self.confusion.sum()) + self.unseen

    @property
    def accuracy(self) -> float:
        """Return the share of poses whose most likely class is their own."""
        return float(np.trace(self.confusion)) / max(self.poses, 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the promised JSON form."""
        return {
            "accuracy": round(self.accuracy, 4),
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "poses": self.poses,
            "unseen": self.unseen,
            "recognised": round(self.recognised, 4),
            "mistaken": round(self.mistaken, 4),
        }


def evaluate(classifier: Classifier, known: Examples) -> Evaluation:
    """Return what a classifier says of poses whose class is known.

    Raises ClassifierError for poses of a class that the classifier has not got.
    """
    owners = _owners(classifier, known)
    likely, probabilities = _classified(classifier, known)
    seen = likely >= 0
    confusion = np.zeros((len(classifier.classes),) * 2, np.intp)
    np.add.at(confusion, (owners[seen], likely[seen]), 1)
    is_sure = probabilities >= ENTER
    own = is_sure[np.arange(len(owners)), owners]
    is_sure[np.arange(len(owners)), owners] = False
    return Evaluation(
        classifier.classes,
        confusion,
        int((~seen).sum()),
        float(own.mean()) if len(own) else 0.0,
        float(is_sure.any(1).mean()) if len(own) else 0.0,
    )


def _owners(classifier: Classifier, known: Examples) -> NDArray[np.intp]:
    """Return the class of each known pose as the classifier numbers it."""
    for name in known.classes:
        if name not in classifier.classes:
            miss = near_miss(name, classifier.classes)
            raise ClassifierError(f"the classifier has no class '{name}'{miss}")
    numbers = np.array([classifier.classes.index(name) for name in known.classes], np.intp)
    return numbers[known.owners]


def _classified(
    classifier: Classifier, known: Examples
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return (n,) the most likely class, -1 unseen, and (n, classes) probabilities."""
    if isinstance(classifier, Network):
        dense = Dense(classifier)
        scores = np.array([dense.of_pixels(keypoints) for keypoints in known.keypoints])
        dense.close()
        return scores.argmax(1), scores
    neighbours = classifier.neighbours(MIN_SCORE)
    votes = np.array([neighbours.vote(points)[0] for points in known.points])
    sure = np.array([neighbours.of_points(points) for points in known.points])
    return np.where(votes.any(1), votes.argmax(1), -1), sure


def split(examples: Examples, share: float, seed: int) -> tuple[Examples, Examples]:
    """Return (kept, held out): of each class a share, one at least, and never all, is held out.

    Raises ClassifierError where a class has one example only.
    """
    rng = np.random.default_rng(seed)
    held: list[int] = []
    for owner, name in enumerate(examples.classes):
        rows = rng.permutation(np.flatnonzero(examples.owners == owner))
        if len(rows) < 2:
            raise ClassifierError(f"class '{name}' has one example only; a split needs two or more")
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        held += rows[:count].tolist()
    out = np.sort(np.array(held, np.intp))
    return examples.take(np.setdiff1d(np.arange(len(examples)), out)), examples.take(out)
