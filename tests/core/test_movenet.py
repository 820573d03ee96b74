"""Check how MoveNet is recognised, fed and read, on tensors of the published files' shapes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from edgepose.core.crop import Crop
from edgepose.core.families import recognise
from edgepose.core.families.movenet import MoveNet
from edgepose.errors import ModelError
from edgepose.types import Region, TensorSpec

OUTPUT = TensorSpec("out", (1, 1, 17, 3), np.dtype(np.float32))
WHOLE = Crop(Region(0, 0, 1, 1), (192, 192))


def picture(side: int, dtype: str) -> TensorSpec:
    """Describe a square input."""
    return TensorSpec("in", (1, side, side, 3), np.dtype(dtype))


def movenet(dtype: str = "uint8") -> MoveNet:
    """Return Lightning's decoder."""
    return MoveNet(picture(192, dtype), OUTPUT)


def found(score: float = 0.8) -> NDArray[np.float32]:
    """Return an output with keypoints along the diagonal, all of one score."""
    places = np.linspace(0.1, 0.9, 17, dtype=np.float32)
    return np.stack([places, places, np.full(17, score, np.float32)], 1).reshape(1, 1, 17, 3)


@pytest.mark.parametrize("side", [192, 256, 320])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32", "float32", "float16"])
def test_every_published_build_is_recognised(side: int, dtype: str) -> None:
    """Know Lightning, Thunder and other squares, whatever their input's dtype."""
    family = recognise([picture(side, dtype)], [OUTPUT])
    assert isinstance(family, MoveNet)
    assert family.full_frame((480, 640)).size == (side, side)
    assert family.smart_crop


@pytest.mark.parametrize(
    ("pixels", "outputs"),
    [
        (picture(192, "uint8"), [replace(OUTPUT, shape=(1, 6, 56))]),
        (picture(192, "uint8"), [OUTPUT, OUTPUT]),
        (picture(192, "uint8"), []),
        (replace(OUTPUT, shape=(1, 192, 256, 3)), [OUTPUT]),
        (replace(OUTPUT, shape=(1, -1, -1, 3)), [OUTPUT]),
        (replace(OUTPUT, shape=(1, 51)), [OUTPUT]),
        (picture(192, "bool"), [OUTPUT]),
    ],
)
def test_other_tensors_are_left_to_other_families(
    pixels: TensorSpec, outputs: list[TensorSpec]
) -> None:
    """Answer None for anything that isn't a square picture in and 17 keypoints out."""
    assert MoveNet.recognise([pixels], outputs) is None


def test_a_model_of_no_family_is_described() -> None:
    """Say which families there are and which tensors were found."""
    other = [TensorSpec("x", (1, 40), np.dtype(np.float32))]
    numbers = [TensorSpec("y", (1, 5), np.dtype(np.float32))]
    with pytest.raises(ModelError) as caught:
        recognise(other, numbers, "other.tflite")
    message = str(caught.value)
    assert message.startswith("other.tflite: expected the tensors of a pose model (")
    assert "movenet" in message
    assert "found input float32 1x40 and output float32 1x5" in message


def test_pixels_go_in_as_they_are() -> None:
    """Feed 0..255 in the dtype of the model; int8 is the same shifted by 128."""
    pixels = np.arange(192 * 192 * 3, dtype=np.uint32).astype(np.uint8).reshape(192, 192, 3)
    for dtype in ("uint8", "int32", "float32", "float16"):
        tensor = movenet(dtype).encode(pixels)
        assert tensor.dtype == dtype
        np.testing.assert_array_equal(tensor[0], pixels)
    shifted = movenet("int8").encode(pixels)
    assert shifted.dtype == np.int8
    np.testing.assert_array_equal(shifted[0].astype(int), pixels.astype(int) - 128)


def test_the_look_takes_in_the_whole_frame_undistorted() -> None:
    """Pad the shorter axis so that a pixel of the input is square in the frame."""
    region = movenet().full_frame((480, 640)).region
    assert region.x == 0
    assert region.width == 1
    assert region.height * 480 == pytest.approx(640)
    assert region.y == pytest.approx(-(region.height - 1) / 2)


def test_keypoints_are_mapped_from_the_region_to_the_frame() -> None:
    """Give frame coordinates in the order (y, x, score), in the model's order of keypoints."""
    look = Crop(Region(0.5, 0.2, 0.4, 0.8), (192, 192))
    (pose,) = movenet().decode([found()], look, (480, 640))
    np.testing.assert_allclose(pose.keypoints[0], [0.54, 0.28, 0.8], rtol=1e-6)
    np.testing.assert_allclose(pose.keypoints[16], [0.86, 0.92, 0.8], rtol=1e-6)
    assert pose.size == (480, 640)


def test_the_score_is_the_mean_of_the_sure_keypoints() -> None:
    """Leave keypoints of 0.2 and less out of the pose's score, but in the pose."""
    tensor = found(0.6)
    tensor[..., :8, 2] = 0.2
    (pose,) = movenet().decode([tensor], WHOLE, (192, 192))
    assert pose.score == pytest.approx(0.6)
    assert (pose.keypoints[:8, 2] == np.float32(0.2)).all()


def test_nobody_is_reported_below_the_score_asked_for() -> None:
    """Gate at 0.25 by default, and where the manifest says otherwise."""
    assert movenet().decode([found(0.24)], WHOLE, (192, 192)) == ()
    assert movenet().decode([found(0.0)], WHOLE, (192, 192)) == ()
    family = movenet()
    family.min_score = 0.5
    assert family.decode([found(0.45)], WHOLE, (192, 192)) == ()
    assert len(family.decode([found(0.55)], WHOLE, (192, 192))) == 1


def test_a_few_keypoints_are_nobody() -> None:
    """Ask for four keypoints above 0.3: two or three turn up in any empty room."""
    tensor = found(0.1)
    tensor[..., :3, 2] = 0.9
    assert movenet().decode([tensor], WHOLE, (192, 192)) == ()
    tensor[..., 3, 2] = 0.3
    assert movenet().decode([tensor], WHOLE, (192, 192)) == ()
    tensor[..., 3, 2] = 0.4
    assert len(movenet().decode([tensor], WHOLE, (192, 192))) == 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [0, 1, 2])
def test_nan_counts_as_a_keypoint_never_found(bad: float, column: int) -> None:
    """Zero the row, and leave it out of the score."""
    tensor = found()
    tensor[0, 0, 3, column] = bad
    (pose,) = movenet().decode([tensor], WHOLE, (192, 192))
    np.testing.assert_array_equal(pose.keypoints[3], 0)
    assert pose.score == pytest.approx(0.8)
    tensor[:] = np.nan
    assert movenet().decode([tensor], WHOLE, (192, 192)) == ()


def test_a_keypoint_never_found_is_zero_in_frame_coordinates_too() -> None:
    """Leave a row that was NaN at 0 when the region doesn't start at 0."""
    tensor = found()
    tensor[0, 0, 3] = np.nan
    look = Crop(Region(0.5, 0.2, 0.4, 0.8), (192, 192))
    (pose,) = movenet().decode([tensor], look, (480, 640))
    np.testing.assert_array_equal(pose.keypoints[3], 0)


def test_the_output_is_not_written_to() -> None:
    """Leave the runtime's tensors as they were."""
    tensor = found()
    tensor[0, 0, 0] = np.nan
    before = tensor.copy()
    tensor.setflags(write=False)
    movenet().decode([tensor], WHOLE, (192, 192))
    np.testing.assert_array_equal(tensor, before)


def test_quantised_keypoints_are_dequantised_as_the_model_says() -> None:
    """Read scale and zero point from the model's own parameters."""
    spec = replace(OUTPUT, dtype=np.dtype(np.uint8), scale=1 / 200, zero_point=10)
    family = MoveNet(picture(192, "uint8"), spec)
    tensor = np.full((1, 1, 17, 3), 110, np.uint8)
    (pose,) = family.decode([tensor], WHOLE, (192, 192))
    np.testing.assert_allclose(pose.keypoints, 0.5, rtol=1e-6)
