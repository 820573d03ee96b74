"""Check where the crop lies: around the person with every hand in it, or over the whole frame."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgepose.core import crop
from edgepose.core.crop import SmartCrop, letterbox
from edgepose.skeleton import INDEX
from edgepose.types import Keypoints, Pose, Region, Size

FRAME: Size = (480, 640)
STANDING = {  # (y, x) from the centre of the hips, in body heights; the drawing-book proportions
    "nose": (-0.40, 0.0),
    "left_eye": (-0.42, 0.02),
    "right_eye": (-0.42, -0.02),
    "left_ear": (-0.41, 0.04),
    "right_ear": (-0.41, -0.04),
    "left_shoulder": (-0.288, 0.11),
    "right_shoulder": (-0.288, -0.11),
    "left_elbow": (-0.10, 0.14),
    "right_elbow": (-0.10, -0.14),
    "left_wrist": (0.04, 0.15),
    "right_wrist": (0.04, -0.15),
    "left_hip": (0.0, 0.06),
    "right_hip": (0.0, -0.06),
    "left_knee": (0.245, 0.06),
    "right_knee": (0.245, -0.06),
    "left_ankle": (0.47, 0.06),
    "right_ankle": (0.47, -0.06),
}
ARMS_UP = {
    "left_elbow": (-0.46, 0.13),
    "right_elbow": (-0.46, -0.13),
    "left_wrist": (-0.62, 0.12),
    "right_wrist": (-0.62, -0.12),
}


def crop_around(keypoints: Keypoints, frame_size: Size) -> Region | None:
    """Return the crop around a pose of these keypoints."""
    return crop.crop_around(Pose(keypoints, 1.0, frame_size))


def figure(
    hips: tuple[float, float] = (240.0, 320.0),
    height_px: float = 300.0,
    frame: Size = FRAME,
    score: float = 0.9,
    **places: tuple[float, float],
) -> Keypoints:
    """Return somebody standing with the hips at (y, x) pixels; `places` moves keypoints."""
    offsets = np.array([{**STANDING, **places}[name] for name in INDEX])
    placed = (np.array(hips) + offsets * height_px) / frame
    return np.column_stack([placed, np.full(17, score)]).astype(np.float32)


def pose_of(keypoints: Keypoints, frame: Size = FRAME) -> Pose:
    """Return a pose that is surely somebody."""
    return Pose(keypoints, 0.9, frame)


def inside(keypoints: Keypoints, region: Region) -> NDArray[np.bool_]:
    """Return for each keypoint whether it lies in the region."""
    seen = (keypoints[:, :2] - (region.y, region.x)) / (region.height, region.width)
    return ((seen >= -1e-5) & (seen <= 1 + 1e-5)).all(axis=1)


def close(a: Region, b: Region | None) -> bool:
    """Return whether two regions are the same but for rounding."""
    assert b is not None
    return np.allclose([a.y, a.x, a.height, a.width], [b.y, b.x, b.height, b.width], atol=1e-9)


def wanted(keypoints: Keypoints) -> NDArray[np.bool_]:
    """Return for each keypoint whether the crop must hold it."""
    in_frame = ((keypoints[:, :2] >= 0) & (keypoints[:, :2] <= 1)).all(axis=1)
    return in_frame & (keypoints[:, 2] >= 0.2)


def test_a_letterbox_holds_a_wide_or_a_tall_frame() -> None:
    """Pad the axis that is too short, evenly on both sides."""
    assert close(letterbox((480, 640), (192, 192)), Region(-1 / 6, 0, 4 / 3, 1))
    assert close(letterbox((640, 480), (192, 192)), Region(0, -1 / 6, 1, 4 / 3))
    assert letterbox((480, 640), (96, 128)) == Region(0, 0, 1, 1)


@given(
    frame=st.tuples(st.integers(16, 4000), st.integers(16, 4000)),
    size=st.tuples(st.integers(16, 1300), st.integers(16, 1300)),
)
@settings(deadline=None)
def test_a_letterbox_distorts_nothing_and_cuts_nothing_off(frame: Size, size: Size) -> None:
    """Keep pixels square for any input, hold the whole frame, and pad one axis at most."""
    region = letterbox(frame, size)
    step = (region.height * frame[0] / size[0], region.width * frame[1] / size[1])
    assert step[0] == pytest.approx(step[1])
    assert min(region.height, region.width) == pytest.approx(1)
    assert region.y == pytest.approx((1 - region.height) / 2)
    assert region.x == pytest.approx((1 - region.width) / 2)


def test_the_first_look_is_the_padded_whole() -> None:
    """Start from everything, so that somebody at the edge of a wide frame is found."""
    assert SmartCrop().region(FRAME) == letterbox(FRAME, (1, 1))


def test_the_crop_has_the_published_size() -> None:
    """Reach 1.9 torsos or 1.2 bodies from the hips, whichever is more."""
    region = crop_around(figure(height_px=300), FRAME)
    assert region is not None
    half = max(1.9 * 0.288, 1.2 * 0.47) * 300  # the feet decide
    assert region.height * FRAME[0] == pytest.approx(2 * half, rel=1e-5)
    assert region.width * FRAME[1] == pytest.approx(2 * half, rel=1e-5)
    assert region.y * FRAME[0] == pytest.approx(240 - half, abs=1e-3)
    assert region.x * FRAME[1] == pytest.approx(320 - half, abs=1e-3)


def test_the_trunk_decides_when_the_limbs_are_not_seen() -> None:
    """Leave room for limbs that are somewhere: 1.9 torsos."""
    keypoints = figure(height_px=300, score=0.1)
    for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip"):
        keypoints[INDEX[name], 2] = 0.9
    region = crop_around(keypoints, FRAME)
    assert region is not None
    assert region.height * FRAME[0] == pytest.approx(2 * 1.9 * 0.288 * 300, rel=1e-5)


def test_raised_hands_stay_in_the_crop() -> None:
    """Hold wrists overhead, which the public sample cuts off: it stops at 1.9 torsos."""
    keypoints = figure(height_px=250, **ARMS_UP)
    region = crop_around(keypoints, FRAME)
    assert region is not None
    assert inside(keypoints, region).all()
    assert region.height * FRAME[0] / 2 == pytest.approx(1.2 * 0.62 * 250, rel=1e-5)
    assert 1.9 * 0.288 < 0.62  # what the sample reaches, and where the wrists are


@st.composite
def people(draw: st.DrawFn) -> tuple[Keypoints, Size]:
    """Draw anybody anywhere: a trunk of any size, any limbs, any scores, partly off the frame."""
    frame = draw(st.sampled_from([(480, 640), (720, 1280), (640, 480), (500, 500)]))
    chance = np.random.default_rng(draw(st.integers(0, 2**32)))
    places = chance.uniform(-0.25, 1.25, (17, 2))
    trunk = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("hip", "shoulder")]
    places[trunk] = chance.uniform(0, 1, 2) + chance.uniform(0, 0.3) * places[trunk]
    scores = chance.choice([0.0, 0.19, 0.2, 0.21, 0.5, 1.0], 17)
    return np.column_stack([places, scores]).astype(np.float32), frame


@settings(deadline=None)
@given(people())
def test_the_next_look_holds_every_keypoint_it_should(person: tuple[Keypoints, Size]) -> None:
    """Hold whatever is in the frame and scores 0.2 or more, for any pose, before the low-pass."""
    keypoints, frame = person
    crop = SmartCrop()
    crop.update(pose_of(keypoints, frame), frame)
    assert inside(keypoints, crop.region(frame))[wanted(keypoints)].all()


@settings(deadline=None)
@given(
    height_px=st.floats(40, 260),
    hips=st.tuples(st.floats(0, 480), st.floats(0, 640)),
    arms=st.floats(-np.pi, np.pi),
)
def test_somebody_standing_anywhere_is_cropped_whole(
    height_px: float, hips: tuple[float, float], arms: float
) -> None:
    """Hold somebody of any size with arms at any angle, and really crop."""
    keypoints = figure(hips, height_px, **_arms_at(arms))
    region = crop_around(keypoints, FRAME)
    assert region is not None
    assert inside(keypoints, region)[wanted(keypoints)].all()


def _arms_at(angle: float) -> dict[str, tuple[float, float]]:
    """Return straight arms at an angle; 0 is level."""
    up, out = np.sin(angle), np.cos(angle)
    return {
        f"{side}_{part}": (-0.288 - reach * up, sign * (0.11 + reach * out))
        for side, sign in (("left", 1), ("right", -1))
        for part, reach in (("elbow", 0.17), ("wrist", 0.33))
    }


@settings(deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.floats(-np.pi, np.pi)),
        min_size=2,
        max_size=12,
    )
)
def test_the_low_passed_crop_holds_somebody_who_moves_fast(
    moves: list[tuple[float, float, float]],
) -> None:
    """Hold every keypoint after the low-pass too, for these motions a frame.

    The hips move by up to a third of the body's height down, up or sideways while the arms
    swing from any angle to any other.
    """
    crop, hips, height_px = SmartCrop(), np.array([240.0, 320.0]), 200.0
    for down, right, arms in moves:
        hips = np.clip(hips + np.array([down, right]) * height_px / 3, 0, FRAME)
        keypoints = figure((hips[0], hips[1]), height_px, **_arms_at(arms))
        crop.update(pose_of(keypoints), FRAME)
        assert inside(keypoints, crop.region(FRAME))[wanted(keypoints)].all()


def test_the_crop_follows_nine_tenths_of_the_way() -> None:
    """Low-pass each edge with 0.9, from the second region on."""
    crop = SmartCrop()
    crop.update(pose_of(figure((240, 300))), FRAME)
    first = crop.region(FRAME)
    crop.update(pose_of(figure((240, 340))), FRAME)
    second = crop.region(FRAME)
    target = crop_around(figure((240, 340)), FRAME)
    assert close(first, crop_around(figure((240, 300)), FRAME))
    assert target is not None
    assert second.x == pytest.approx(0.1 * first.x + 0.9 * target.x)
    assert second.width == pytest.approx(first.width)


@pytest.mark.parametrize("missing", ["shoulder", "hip"])
def test_without_a_trunk_the_next_look_is_whole(missing: str) -> None:
    """Look at everything again when both hips or both shoulders are lost."""
    crop = SmartCrop()
    crop.update(pose_of(figure()), FRAME)
    keypoints = figure()
    for side in ("left", "right"):
        keypoints[INDEX[f"{side}_{missing}"], 2] = 0.2
    crop.update(pose_of(keypoints), FRAME)
    assert crop.region(FRAME) == letterbox(FRAME, (1, 1))


def test_one_hip_and_one_shoulder_are_trunk_enough() -> None:
    """Crop around somebody seen from the side."""
    keypoints = figure(height_px=200)
    keypoints[[INDEX["left_hip"], INDEX["left_shoulder"]], 2] = 0.0
    assert crop_around(keypoints, FRAME) is not None


def test_nobody_makes_the_next_look_whole_and_forgets() -> None:
    """Start anew after a frame without a pose: the next crop isn't drawn to the old one."""
    crop = SmartCrop()
    crop.update(pose_of(figure((240, 200), 150)), FRAME)
    crop.update(None, FRAME)
    assert crop.region(FRAME) == letterbox(FRAME, (1, 1))
    crop.update(pose_of(figure((240, 440), 150)), FRAME)
    assert close(crop.region(FRAME), crop_around(figure((240, 440), 150), FRAME))


def test_a_reset_makes_the_next_look_whole() -> None:
    """Forget on demand."""
    crop = SmartCrop()
    crop.update(pose_of(figure()), FRAME)
    crop.reset()
    assert crop.region(FRAME) == letterbox(FRAME, (1, 1))


def test_a_frame_of_another_size_is_looked_at_whole() -> None:
    """Drop a region that was measured in another picture's pixels."""
    crop = SmartCrop()
    crop.update(pose_of(figure(height_px=200)), FRAME)
    turned = (640, 480)
    assert crop.region(turned) == letterbox(turned, (1, 1))
    keypoints = figure((300, 200), 200, turned)
    crop.update(pose_of(keypoints, turned), turned)
    assert close(crop.region(turned), crop_around(keypoints, turned))


def test_somebody_who_fills_the_frame_is_not_cropped() -> None:
    """Look at everything when the square would be wider than the frame is long."""
    assert crop_around(figure(height_px=600), FRAME) is None


def test_a_crop_may_reach_past_the_frame() -> None:
    """Keep the person in the middle at the picture's edge: the outside is black."""
    region = crop_around(figure((240, 10), 150), FRAME)
    assert region is not None
    assert region.x < 0
    assert region.x + region.width / 2 == pytest.approx(10 / 640, abs=1e-6)


@pytest.mark.parametrize("keypoints", [np.zeros((17, 3)), np.full((17, 3), 0.5)])
def test_keypoints_that_say_nothing_give_no_crop(keypoints: Keypoints) -> None:
    """Take neither nobody nor 17 keypoints on one spot for a place to look at."""
    assert crop_around(keypoints.astype(np.float32), FRAME) is None


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_gives_no_crop() -> None:
    """Never let NaN into the region, where it would stay for good."""
    keypoints = figure()
    keypoints[INDEX["left_hip"], 0] = np.nan
    assert crop_around(keypoints, FRAME) is None
