"""A followed person is kept at a lower score than a newcomer needs, for a while."""

from __future__ import annotations

import numpy as np
import pytest
from scripted import EchoFamily, EchoRuntime

from edgepose.engine.perception import KEPT_FOR, Detector
from edgepose.types import Frame


class Doubtful(EchoFamily):
    """A family that decodes anybody, whose newcomers need 100 and who are kept from 60 on."""

    min_score = 100.0
    keep_score = 60.0

    def decode(self, tensors, look, frame_size):
        return super().decode(tensors, look, frame_size) if tensors[0] >= self.keep_score else ()


def seen(detector: Detector, scores: list[int], step: float = 0.1) -> list[bool]:
    """Return in which frames somebody is reported; a frame's brightness is the score."""
    frames = [
        Frame(np.full((8, 8, 3), score, np.uint8), index * step, index)
        for index, score in enumerate(scores)
    ]
    return [bool(detector.detect(frame)) for frame in frames]


@pytest.mark.parametrize(
    ("scores", "reported"),
    [
        ([70, 99, 60], [False, False, False]),
        ([100, 70, 60, 99], [True, True, True, True]),
        ([100, 59, 70, 100, 70], [True, False, False, True, True]),
    ],
)
def test_a_newcomer_needs_more_than_who_is_followed(scores: list[int], reported: list[bool]):
    """One frame below the lower score makes a newcomer of them again."""
    assert seen(Detector(Doubtful(), EchoRuntime()), scores) == reported


def test_an_empty_place_does_not_hold_on_to_who_has_left():
    """After KEPT_FOR seconds without a newcomer's score nobody is there."""
    found = seen(Detector(Doubtful(), EchoRuntime()), [100] + [70] * 40)
    assert found.index(False) == round(KEPT_FOR / 0.1) + 1
    assert not any(found[found.index(False) :])


def test_the_whole_frame_knows_no_followed_person():
    """After `reset`, as between pictures, everybody is a newcomer."""
    detector = Detector(Doubtful(), EchoRuntime())
    assert seen(detector, [100, 70]) == [True, True]
    detector.reset()
    assert seen(detector, [70]) == [False]


def test_a_family_without_a_lower_score_is_left_alone():
    """Models for several people, and those whose scores need no help."""
    family = EchoFamily()
    family.min_score = 100.0
    assert seen(Detector(family, EchoRuntime()), [10]) == [True]
