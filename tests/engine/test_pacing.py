"""When a frame is prepared while the one before is still inferred."""

from __future__ import annotations

import pytest

from edgepose.engine.pacing import Pacing
from edgepose.engine.stats import Stats


def pacing_of(*, infer: float, between: float, lossless: bool = False, follows: bool = True):
    """Return the pacing after a scene, with an inference and the work around it in seconds."""
    stats = Stats()
    for stage, seconds in (("infer", infer), ("prepare", between / 2), ("decode", between / 2)):
        stats.record(stage, seconds)
    pacing = Pacing(stats, 1, is_lossless=lossless, is_following=follows)
    pacing.scene_done()
    return pacing


@pytest.mark.parametrize(("infer", "ahead"), [(0.005, 1), (0.1, 0)], ids=["fast", "slow"])
def test_a_frame_of_a_camera_is_prepared_ahead_for_a_fast_chip_only(infer, ahead):
    """A slow one loses little by waiting, and its crop follows the latest pose."""
    assert pacing_of(infer=infer, between=0.001).ahead == ahead


def test_it_is_taken_as_late_as_the_work_allows():
    """So that it is recent: shortly before the expected end of the inference."""
    taken_at = pacing_of(infer=0.01, between=0.002).not_before(100.0)
    assert 100.0 < taken_at < 100.01 - 0.002


@pytest.mark.parametrize("infer", [0.005, 0.1])
def test_a_lossless_source_never_works_ahead_of_a_pose_that_the_crop_follows(infer):
    """Its results don't depend on the speed of anything."""
    assert pacing_of(infer=infer, between=0.001, lossless=True).ahead == 0


@pytest.mark.parametrize("infer", [0.005, 0.1])
def test_a_lossless_source_always_works_ahead_where_no_crop_follows_a_pose(infer):
    """The whole frame can be prepared at once, with the same result."""
    pacing = pacing_of(infer=infer, between=0.001, lossless=True, follows=False)
    assert pacing.ahead == 1
    assert pacing.not_before(100.0) <= 100.0
