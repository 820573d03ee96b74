"""Say where MoveNet MultiPose looks, and whom its rows of 56 numbers show."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.families.movenet_multipose import MoveNetMultiPose
from edgepose.errors import UserError
from edgepose.types import Pose, TensorSpec

ROWS = TensorSpec("", (1, 6, 56), np.dtype(np.float32))


def picture(height: int = -1, width: int = -1, dtype: str = "uint8") -> TensorSpec:
    """Return an input, by default of any size."""
    return TensorSpec("serving_default_input:0", (1, height, width, 3), np.dtype(dtype))


def family(pixels: TensorSpec | None = None) -> MoveNetMultiPose:
    """Return the decoder."""
    found = MoveNetMultiPose.recognise([pixels or picture()], [ROWS])
    assert found is not None
    return found


def people(*scores: float) -> np.ndarray:
    """Return (1, 6, 56) in which person i has this score, keypoint k at (k / 32, i / 8)."""
    tensor = np.zeros((1, 6, 56), np.float32)
    for i, score in enumerate(scores):
        for k in range(17):
            tensor[0, i, 3 * k : 3 * k + 3] = k / 32, i / 8, 0.6
        tensor[0, i, 51:] = 0.1, 0.2, 0.3, 0.4, score
    return tensor


def decoded(
    decoder: MoveNetMultiPose, tensor: np.ndarray, frame: tuple[int, int]
) -> tuple[Pose, ...]:
    """Return the poses for the look at a whole frame."""
    return decoder.decode([tensor], decoder.full_frame(frame), frame)


# --- recognised by its tensors


@pytest.mark.parametrize(
    "pixels", [picture(), picture(256, 256), picture(1, 1), picture(dtype="int32")]
)
def test_rows_of_56_numbers_are_multipose(pixels: TensorSpec) -> None:
    """With an input of any size or of a fixed one."""
    assert MoveNetMultiPose.recognise([pixels], [ROWS]) is not None


def test_anything_else_is_not() -> None:
    """MoveNet's single pose, two outputs, two inputs, a grey picture."""
    single = TensorSpec("", (1, 1, 17, 3), np.dtype(np.float32))
    grey = TensorSpec("", (1, -1, -1, 1), np.dtype(np.uint8))
    wrong = (
        ([picture()], [single]),
        ([picture()], [ROWS, ROWS]),
        ([picture(), picture()], [ROWS]),
        ([grey], [ROWS]),
        ([], []),
    )
    assert all(MoveNetMultiPose.recognise(*tensors) is None for tensors in wrong)


# --- where it looks


@pytest.mark.parametrize(
    ("frame", "size", "region"),
    [
        ((480, 640), (192, 256), (1.0, 1.0)),
        ((640, 480), (256, 192), (1.0, 1.0)),
        ((720, 1280), (160, 256), (160 / 144, 1.0)),
        ((1280, 720), (256, 160), (1.0, 160 / 144)),
        ((500, 500), (256, 256), (1.0, 1.0)),
        ((10, 1000), (32, 256), (32 / 2.56, 1.0)),
    ],
)
def test_the_long_side_is_256_and_both_are_filled_up_to_32(
    frame: tuple[int, int], size: tuple[int, int], region: tuple[float, float]
) -> None:
    """What is added lies below or on the right of the picture."""
    look = family().full_frame(frame)
    assert look.size == size
    assert (look.region.y, look.region.x) == (0, 0)
    assert (look.region.height, look.region.width) == pytest.approx(region)


@pytest.mark.parametrize("pixels", [picture(), picture(1, 1)])
def test_an_input_that_has_no_size_yet_takes_any(pixels: TensorSpec) -> None:
    """Written as -1, or as the 1 x 1 that interpreters show before they are told."""
    assert family(pixels).full_frame((480, 640)).size == (192, 256)


@given(st.integers(16, 2000), st.integers(16, 2000), st.sampled_from([128, 256, 512]))
def test_every_look_holds_the_whole_frame_undistorted(
    height: int, width: int, long_side: int
) -> None:
    """Both sides are multiples of 32, pixels stay square, at most a step is added."""
    look = MoveNetMultiPose(picture(), ROWS, long_side).full_frame((height, width))
    assert look.size[0] % 32 == look.size[1] % 32 == 0
    assert max(look.size) == long_side
    assert look.region.height > 0.999999
    assert look.region.width > 0.999999
    scale = look.size[0] / (look.region.height * height)
    assert math.isclose(scale, look.size[1] / (look.region.width * width), rel_tol=1e-6)
    assert math.isclose(scale, long_side / max(height, width), rel_tol=1e-6)
    assert look.size[0] - height * scale < 32


def test_an_input_of_fixed_size_is_filled_from_the_upper_left() -> None:
    """A 640 x 480 frame in 256 x 256: the lower quarter is black."""
    look = family(picture(256, 256)).full_frame((480, 640))
    assert look.size == (256, 256)
    assert (look.region.height, look.region.width) == pytest.approx((4 / 3, 1.0))


@pytest.mark.parametrize("long_side", [100, 96, 544, 0, -256])
def test_a_long_side_that_the_model_does_not_take_is_a_users_mistake(long_side: int) -> None:
    """128 to 512 in steps of 32."""
    with pytest.raises(UserError, match=f"a multiple of 32 from 128 to 512, found {long_side}"):
        MoveNetMultiPose(picture(), ROWS, long_side)


# --- what goes in


@pytest.mark.parametrize(
    ("dtype", "expected"), [("uint8", [0, 255]), ("int32", [0, 255]), ("int8", [-128, 127])]
)
def test_the_picture_goes_in_as_it_is(dtype: str, expected: list[int]) -> None:
    """In the input's dtype."""
    tensor = family(picture(dtype=dtype)).encode(np.array([[[0] * 3, [255] * 3]], np.uint8))
    assert tensor.dtype == np.dtype(dtype)
    assert tensor.shape == (1, 1, 2, 3)
    assert tensor[0, 0, :, 0].tolist() == expected


# --- what comes out


def test_padding_is_undone_exactly() -> None:
    """In 720 x 1280 the picture is 144 of 160 rows high: 0.1 of the input is 0.111 of the frame."""
    (pose,) = decoded(family(), people(0.9), (720, 1280))
    np.testing.assert_allclose(pose.keypoints[:, 0], np.arange(17) / 32 * 160 / 144, atol=1e-6)
    np.testing.assert_allclose(pose.keypoints[:, 1:], [[0.0, 0.6]] * 17, atol=1e-6)
    assert pose.box == pytest.approx((0.1 * 160 / 144, 0.2, 0.3 * 160 / 144, 0.4))
    assert (pose.size, pose.score) == ((720, 1280), pytest.approx(0.9))


def test_people_come_best_first_and_only_above_min_score() -> None:
    """Six rows, of which those of 0.25 and more are people."""
    poses = decoded(family(), people(0.3, 0.9, 0.24, 0.25, 0.0, 0.5), (480, 640))
    assert [pose.score for pose in poses] == pytest.approx([0.9, 0.5, 0.3, 0.25])
    assert [round(float(pose.keypoints[0, 1]) * 8) for pose in poses] == [1, 5, 0, 3]


def test_nobody_is_nobody() -> None:
    """Rows of zeros and rows of NaN."""
    assert decoded(family(), people(), (480, 640)) == ()
    assert decoded(family(), np.full((1, 6, 56), np.nan, np.float32), (480, 640)) == ()


def test_nan_spoils_only_its_own_keypoint_or_box() -> None:
    """That keypoint scores 0, that person has no box."""
    tensor = people(0.9, 0.8)
    tensor[0, 0, 6], tensor[0, 1, 52] = np.nan, np.inf
    first, second = decoded(family(), tensor, (480, 640))
    assert first.keypoints[2, 2] == 0
    assert np.isfinite(first.keypoints).all()
    assert first.box is not None
    assert second.box is None
    assert (second.keypoints[:, 2] > 0.5).all()


def test_scores_stay_within_0_and_1() -> None:
    """Whatever the model says."""
    tensor = people(7.0)
    tensor[0, 0, 2] = 3.0
    (pose,) = decoded(family(), tensor, (480, 640))
    assert pose.score == 1.0
    assert pose.keypoints[0, 2] == 1.0


def test_input_resolution_is_the_long_side_of_a_model_of_any_size() -> None:
    """More pixels find smaller people; a model of fixed size refuses it."""
    wider = family().configured({"inputResolution": 384})
    assert wider.full_frame((480, 640)).size == (288, 384)
    assert family().configured({}).full_frame((480, 640)).size == (192, 256)
    with pytest.raises(UserError, match="the model's file has 256 x 256; remove it"):
        family(picture(256, 256)).configured({"inputResolution": 384})
