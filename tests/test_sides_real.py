"""Count how often MoveNet exchanges left and right from one frame to the next, and what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from edgepose.core.families import recognise
from edgepose.core.sides import PAIRS, KeptSides
from edgepose.core.smoothing import Unsmoothed
from edgepose.engine.perception import Detector
from edgepose.runtimes.litert import LiteRT
from edgepose.types import Frame, Pose

CLIPS = ("neg_stand_up_and_walk.mp4", "neg_walk_away_forest.mp4")
APART = 0.08  # torso lengths between both keypoints, from which an exchange is more than noise


def followed(model: Path, clip: Path) -> Iterator[tuple[Pose, float]]:
    """Yield the pose of each frame in which somebody is found, and its time."""
    runtime = LiteRT(model, threads=1)
    runtime.open()
    detector = Detector(recognise(runtime.inputs, runtime.outputs), runtime)
    with av.open(str(clip)) as container:
        for seq, picture in enumerate(container.decode(video=0)):
            frame = Frame(picture.to_ndarray(format="rgb24"), float(picture.time), seq)
            for pose in detector.detect(frame):
                yield pose, frame.time
    runtime.close()


def exchanges(poses: list[Pose]) -> int:
    """Return how often a pair of keypoints changed places from one frame to the next."""
    places = np.array([pose.pixels for pose in poses])
    trunk = places[:, [5, 6], :2].mean(1) - places[:, [11, 12], :2].mean(1)
    torso = np.median(np.linalg.norm(trunk, axis=1))
    count = 0
    for pair in PAIRS:
        ways = (places[:, pair[0], :2] - places[:, pair[1], :2]) / torso
        sure = (places[:, list(pair), 2] >= 0.2).all(1) & (np.linalg.norm(ways, axis=1) > APART)
        turned, went = ways[1:] + ways[:-1], ways[1:] - ways[:-1]
        reversed_ = np.linalg.norm(turned, axis=1) < 0.5 * np.linalg.norm(went, axis=1)
        count += int((reversed_ & sure[1:] & sure[:-1]).sum())
    return count


@pytest.mark.parametrize("name", CLIPS)
def test_at_most_a_fifth_of_the_exchanges_is_left(lightning: Path, media: Path, name: str) -> None:
    """Somebody who walks past the camera, and away from it."""
    found = list(followed(lightning, media / "counted" / name))
    keep = KeptSides(Unsmoothed())
    before = exchanges([pose for pose, _ in found])
    after = exchanges([keep(pose, time) for pose, time in found])
    assert before >= 4
    assert 5 * after <= before
