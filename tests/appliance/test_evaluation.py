"""How often a classifier is right."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.appliance.evaluation import evaluate, split
from edgepose.definitions.classifier_file import Examples, examples_of
from edgepose.errors import ClassifierError

UPRIGHT = np.linspace([10, 20, 0.9], [200, 80, 0.9], 17)


def examples(**counts: int) -> Examples:
    """Return so many equal poses of each class; those of `up` have their arms up."""
    up = UPRIGHT.copy()
    up[7:11, 0] -= 150
    shapes = {"up": up, "hidden": UPRIGHT * (1, 1, 0)}
    return examples_of(
        [(name, "", shapes.get(name, UPRIGHT)) for name, n in counts.items() for _ in range(n)]
    )


def test_right_and_wrong_are_counted_by_class():
    """Poses of `up` that are labelled `down` are mistaken, and the table says for what."""
    trained = examples(down=3, up=3)
    known = examples(down=4, up=2)
    wrong = Examples(known.classes, np.array([0, 0, 1, 1, 1, 1]), known.keypoints, known.files)
    result = evaluate(trained, wrong)
    assert result.confusion.tolist() == [[2, 0], [2, 2]]
    assert result.accuracy == pytest.approx(4 / 6)
    assert result.recognised == pytest.approx(4 / 6)
    assert result.mistaken == pytest.approx(2 / 6)


def test_who_is_not_seen_counts_as_wrong():
    """A pose without keypoints is in no column."""
    trained = examples(down=3, hidden=3)
    result = evaluate(trained, examples(down=1, hidden=1))
    assert result.confusion.tolist() == [[1, 0], [0, 0]]
    assert (result.unseen, result.poses, result.accuracy) == (1, 2, 0.5)


def test_a_class_that_is_not_known_is_refused():
    """Its near miss is named."""
    with pytest.raises(ClassifierError, match="no class 'upp'; did you mean 'up'"):
        evaluate(examples(down=2, up=2), examples(down=1, upp=1))


@pytest.mark.parametrize("share", [0.01, 0.3, 0.99])
def test_a_split_leaves_every_class_on_both_sides(share: float):
    """Nothing is lost, and nothing is in both."""
    whole = examples(down=10, up=3)
    kept, held = split(whole, share, seed=4)
    assert len(kept) + len(held) == 13
    assert set(kept.owners) == set(held.owners) == {0, 1}


def test_one_example_can_not_be_split():
    """It would be missing on one side."""
    with pytest.raises(ClassifierError, match="class 'up' has one example only"):
        split(examples(down=5, up=1), 0.2, seed=1)
