"""Count exchanged ids on a street scene against truth checked by hand.

Two women embrace, turn round and walk past each other in front of two bystanders, while the
camera moves: frames 96 to 204 of the clip. The places of their hips were read off every twelfth
frame. An exchange is counted whenever somebody is found under another id than the last time.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose import imaging
from edgepose.core.crop import Crop
from edgepose.core.families import recognise
from edgepose.core.tracking import Tracker, TrackerSettings
from edgepose.registry import part
from edgepose.runtimes.litert import LiteRT
from edgepose.types import Frame, Pose

FIRST, STEP = 96, 12
NAMES = ("jacket", "turquoise", "backpack", "dress")
TABLE = """
    342 734   nan nan   306 553   294 361
    362 753   nan nan   330 577   318 380
    407 734   395 813   323 585   335 397
    407 724   371 828   323 597   335 387
    362 681   338 794   290 558   290 356
    374 652   338 765   290 512   294 308
    383 686   342 765   294 500   282 277
    391 772   nan nan   294 500   294 279
    359 866   323 758   287 500   299 257
    378 982   323 758   287 505   299 248
"""  # y x of each in turn, pixels of 720 x 1280; one row every twelve frames; nan: hidden
HIPS = np.array(TABLE.split(), float).reshape(-1, len(NAMES), 2)
NEAR_PX, TALL_PX = 45, 120  # a pose is somebody's when its hips are so near and it is so tall

pytestmark = pytest.mark.timeout(300)
Seen = list[tuple[float, tuple[Pose, ...]]]


@pytest.fixture(scope="module")
def street(models: Path, media: Path) -> Seen:
    """Return time and poses of the piece, everybody that PoseNet finds with tfjs' decoder.

    With Coral's, which finds 6 people a frame instead of 8, it is 12 exchanges, 25 by boxes alone.
    """
    runtime = LiteRT(models / "posenet_mobilenet_v1_075_481_641_quant.tflite", threads=1)
    runtime.open()
    family = recognise(runtime.inputs, runtime.outputs).configured({"decoder": "tfjs"})
    seen = []
    for frame in frames(media / "clips" / "openpose_street.avi"):
        if frame.seq >= FIRST:
            look = family.full_frame(frame.size)
            pixels, shown = imaging.sample(frame, look.region, look.size)
            tensors = runtime.infer(family.encode(pixels))
            seen.append((frame.time, family.decode(tensors, Crop(shown, look.size), frame.size)))
    return seen


def frames(path: Path) -> Iterator[Frame]:
    """Yield every frame of a clip."""
    video = part("source", "video")
    source = video(video.Options.model_validate({"path": str(path), "pace": "fast"}))
    source.open()
    try:
        yield from iter(source.read, None)
    finally:
        source.close()


def places(row: float) -> NDArray[np.float64]:
    """Return (4, 2) of (y, x) of their hips at a fractional row of the truth, NaN while hidden."""
    before = min(int(row), len(HIPS) - 2)
    share = row - before
    return HIPS[before] * (1 - share) + HIPS[before + 1] * share


def owners(poses: tuple[Pose, ...], row: float) -> dict[str, int]:
    """Return which id each of the four has, nearest first, every pose once."""
    pairs = []
    for pose in poses:
        sure = pose.pixels[pose.keypoints[:, 2] > 0.3, 0]
        if len(sure) and np.ptp(sure) > TALL_PX:
            apart = np.hypot(*(places(row) - pose.pixels[11:13, :2].mean(0)).T)
            pairs += [(d, name, pose.person) for d, name in zip(apart, NAMES, strict=True)]
    found: dict[str, int] = {}
    for _, name, person in sorted(pair for pair in pairs if pair[0] < NEAR_PX):
        if name not in found and person not in found.values():
            found[name] = person
    return found


def exchanges(street: Seen, settings: TrackerSettings) -> tuple[int, int]:
    """Return how often somebody changed the id, and how often anybody was found."""
    tracker = Tracker(settings)
    last: dict[str, int] = {}
    changed = seen = 0
    for i, (time, poses) in enumerate(street):
        found = owners(tracker.track(poses, time), i / STEP)
        changed += sum(last.get(name, person) != person for name, person in found.items())
        seen += len(found)
        last |= found
    return changed, seen


def test_people_who_cross_keep_their_ids(street: Seen) -> None:
    """At most 10 exchanges in some 350 sightings, and far fewer than by boxes alone (23).

    6 with the resize as it is. It depends on details: up to 9 with other rounding of the pixels.
    """
    by_keypoints, seen = exchanges(street, TrackerSettings())
    by_boxes, _ = exchanges(street, TrackerSettings("box"))
    assert seen > 300
    assert by_keypoints <= 10
    assert by_keypoints < by_boxes / 2


def test_no_ghost_lives_longer_than_its_age(street: Seen) -> None:
    """An id that was not seen for more than a second never comes back, nor is it remembered."""
    tracker = Tracker()
    last: dict[int, float] = {}
    for time, poses in street:
        for pose in tracker.track(poses, time):
            assert time - last.get(pose.person, time) <= 1.0
            last[pose.person] = time
        assert all(time - last[person] <= 1.0 for person in tracker.people)
