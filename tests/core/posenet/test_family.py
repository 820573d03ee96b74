"""Say which models are PoseNet, what goes into them, and what their tensors mean in the frame."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from edgepose.core.families.posenet.family import PoseNet, flipped
from edgepose.core.families.posenet.options import PoseNetOptions
from edgepose.core.families.posenet.tree import EDGES
from edgepose.types import Pose, Tensor, TensorSpec, empty_keypoints

FLOAT = np.dtype(np.float32)
FRAME = (480, 640)
CORAL = {
    "pixels": ("uint8", 0.0078125, 128),
    "heatmaps": (0.078431375, 128),
    "offsets": (0.078431375, 128),
    "steps": (1.3875765, 117),
}  # of project-posenet's 353 x 481 build, as the file says


def picture(
    size: tuple[int, int] = (257, 257), dtype: str = "float32", scale: float = 0.0, zero: int = 0
) -> TensorSpec:
    """Return an input."""
    return TensorSpec("sub_2", (1, *size, 3), np.dtype(dtype), scale, zero)


def maps(channels: int, name: str = "", grid: tuple[int, int] = (17, 17)) -> TensorSpec:
    """Return an output of float maps."""
    return TensorSpec(name, (1, *grid, channels), FLOAT)


def posenet(outputs: Sequence[TensorSpec], pixels: TensorSpec | None = None) -> PoseNet:
    """Return the decoder, which there must be."""
    family = PoseNet.recognise([pixels or picture()], outputs)
    assert family is not None
    return family


TFJS = (
    maps(17, "MobilenetV1/heatmap_2/BiasAdd"),
    maps(34, "MobilenetV1/offset_2/BiasAdd"),
    maps(32, "MobilenetV1/displacement_fwd_2/BiasAdd"),
    maps(32, "MobilenetV1/displacement_bwd_2/BiasAdd"),
)


def person_at(y: float, x: float) -> np.ndarray:
    """Return (17, 2) keypoints in input pixels, all different, 120 px tall."""
    sides = np.array([0, *[1, -1] * 8]) * (1 + np.arange(17) % 3) * 10
    return np.stack([y + np.linspace(-60, 60, 17), x + sides], 1)


def tensors_of(keypoints: np.ndarray, grid: tuple[int, int] = (17, 17)) -> list[np.ndarray]:
    """Return heatmaps, offsets, forward and backward displacements of one person, stride 16."""
    heat = np.full((1, *grid, 17), -8, np.float32)
    offsets, forward, backward = (np.zeros((1, *grid, n), np.float32) for n in (34, 32, 32))
    cells = np.stack(np.indices(grid), 2) * 16.0
    for k, place in enumerate(keypoints):
        near = np.hypot(*(cells - place).transpose(2, 0, 1)) < 32
        heat[0, near, k] = 5 - np.hypot(*(cells[near] - place).T) / 16
        offsets[0, near, k], offsets[0, near, 17 + k] = (place - cells[near]).T
        for edge, (parent, child) in enumerate(EDGES):
            if k == parent:
                forward[0, near, edge], forward[0, near, 16 + edge] = keypoints[child] - place
            if k == child:
                backward[0, near, edge], backward[0, near, 16 + edge] = keypoints[parent] - place
    return [heat, offsets, forward, backward]


def decoded(
    family: PoseNet, tensors: Sequence[Tensor], frame: tuple[int, int] = FRAME
) -> tuple[Pose, ...]:
    """Return the poses for the look at a whole frame."""
    return family.decode(tensors, family.full_frame(frame), frame)


# --- recognised by its tensors


@pytest.mark.parametrize(
    "outputs",
    [
        TFJS,
        TFJS[::-1],
        TFJS[:2],
        (maps(17), maps(34), maps(64)),
        (maps(17), maps(34), maps(64), maps(1, "float_segments")),
        (
            maps(17),
            maps(34),
            maps(34, "float_long_offsets"),
            maps(32),
            maps(32),
            maps(24),
            maps(48),
        ),
        tuple(maps(n, grid=(9, 9)) for n in (17, 34, 32, 32)),
        tuple(maps(n, grid=(-1, -1)) for n in (17, 34, 64)),
    ],
)
def test_heatmaps_with_offsets_are_posenet(outputs: Sequence[TensorSpec]) -> None:
    """In any order, with and without displacements, segments and long offsets aside."""
    assert PoseNet.recognise([picture()], outputs) is not None


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([picture()], [maps(17)]),
        ([picture()], [maps(17), maps(34, grid=(9, 9))]),
        ([picture()], [maps(34), maps(64)]),
        ([picture()], [maps(17), maps(34), maps(32)]),
        ([picture()], [TensorSpec("", (1, 1, 17, 3), FLOAT)]),
        ([picture(), picture()], TFJS),
        ([TensorSpec("", (1, 257, 257, 1), FLOAT)], TFJS),
        ([TensorSpec("", (1, 51), FLOAT)], TFJS),
        ([], []),
    ],
)
def test_anything_else_is_not(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Heatmaps alone, maps of two sizes, one direction of displacements, a grey picture ..."""
    assert PoseNet.recognise(inputs, outputs) is None


def test_displacements_are_told_by_name_and_else_by_order() -> None:
    """Backward before forward, as the int8 build has them, gives the same person."""
    somebody = person_at(128, 128)
    heat, offsets, forward, backward = tensors_of(somebody)
    named = posenet((TFJS[3], TFJS[2], TFJS[0], TFJS[1]))
    unnamed = posenet((maps(17), maps(34), maps(32), maps(32)))
    for found in (
        decoded(named, [backward, forward, heat, offsets]),
        decoded(unnamed, [heat, offsets, forward, backward]),
    ):
        assert len(found) == 1
        assert found[0].score > 0.95


def test_a_block_of_64_channels_is_forward_then_backward() -> None:
    """The mid offsets of Coral's builds give the same person as two tensors."""
    heat, offsets, forward, backward = tensors_of(person_at(128, 128))
    two = decoded(posenet(TFJS), [heat, offsets, forward, backward])
    block = posenet((maps(17), maps(34), maps(64)))
    one = decoded(block, [heat, offsets, np.concatenate((forward, backward), 3)])
    np.testing.assert_array_equal(one[0].keypoints, two[0].keypoints)


def test_long_offsets_are_not_taken_for_short_ones() -> None:
    """Both have 34 channels: the name decides, wherever it stands."""
    heat, offsets, *_ = tensors_of(person_at(128, 128))
    family = posenet((maps(34, "float_long_offsets"), maps(34, "float_short_offsets"), maps(17)))
    (pose,) = decoded(family, [np.full_like(offsets, 40), offsets, heat], (257, 257))
    np.testing.assert_allclose(pose.pixels[:, :2], person_at(128, 128) + 0.5, atol=0.01)


# --- where it looks


def test_the_look_takes_in_the_whole_frame_without_distortion() -> None:
    """In a square input a 640 x 480 frame has black above and below."""
    look = posenet(TFJS).full_frame((480, 640))
    assert look.size == (257, 257)
    assert (look.region.x, look.region.width) == (0, 1)
    assert look.region.height == pytest.approx(640 / 480)


def test_the_look_has_the_shape_of_the_input() -> None:
    """A 640 x 480 frame fits an input of 353 x 481 nearly as it is."""
    look = posenet(TFJS, picture((353, 481))).full_frame((480, 640))
    assert look.size == (353, 481)
    assert (look.region.height, look.region.width) == pytest.approx(
        (1.0, 480 / 353 * 481 / 640), abs=0.03
    )


def test_a_model_of_any_size_looks_at_the_options_resolution() -> None:
    """-1 in the input's shape is filled from `input_resolution`, rounded to the stride."""
    family = posenet(TFJS, picture((-1, -1)))
    wider = family.with_options(PoseNetOptions(input_resolution=(480, 640)))
    assert (family.input_size, wider.input_size) == ((257, 257), (481, 641))


# --- what goes in


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (picture((1, 3)), [-1.0, 0.00392157, 1.0]),
        (picture((1, 3), "uint8", 0.0078125, 128), [0, 128, 255]),
        (picture((1, 3), "uint8"), [0, 128, 255]),
        (picture((1, 3), "int8", 0.0078125, 0), [-128, 1, 127]),
        (picture((1, 3), "int8", 0.010970537, 2), [-89, 2, 93]),
        (picture((1, 3), "int8"), [-128, 0, 127]),
    ],
)
def test_pixels_become_what_the_input_is_made_for(
    pixels: TensorSpec, expected: list[float]
) -> None:
    """0, 128 and 255 as -1..1 in float or in the input's own scale; Coral's as they are."""
    image = np.repeat(np.array([[[0], [128], [255]]], np.uint8), 3, 2)
    tensor = posenet(TFJS, pixels).encode(image)
    assert (tensor.shape, tensor.dtype) == (pixels.shape, pixels.dtype)
    for channel in range(3):
        np.testing.assert_allclose(tensor[0, 0, :, channel], expected, atol=1e-6)


def test_the_middle_grey_is_zero() -> None:
    """127 and 128 lie as far from it, on either side."""
    image = np.array([[[127] * 3, [128] * 3]], np.uint8)
    tensor = posenet(TFJS, picture((1, 2))).encode(image)
    assert tensor[0, 0, 0, 0] == -tensor[0, 0, 1, 0]


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (picture((1, 1)), [-113.15, -95.90, -73.06]),
        (picture((1, 1), "uint8", 1.0, 124), [11, 28, 51]),
    ],
)
def test_resnet_takes_pixels_less_the_mean(pixels: TensorSpec, expected: list[float]) -> None:
    """Red, green and blue have means of their own, in that order."""
    family = posenet(TFJS, pixels).with_options(PoseNetOptions("ResNet50"))
    tensor = family.encode(np.array([[[10, 20, 30]]], np.uint8))
    np.testing.assert_allclose(tensor[0, 0, 0], expected, atol=1e-4)


# --- what comes out


@pytest.mark.parametrize("max_poses", [1, 10])
@pytest.mark.parametrize("frame", [(480, 640), (640, 480), (257, 257)])
def test_keypoints_come_out_in_the_frame(max_poses: int, frame: tuple[int, int]) -> None:
    """Input pixel p is the frame's (p + 0.5) / 257 of the region, the letterbox undone."""
    somebody = person_at(128, 128)
    family = posenet(TFJS).with_options(PoseNetOptions(max_poses=max_poses))
    (pose,) = decoded(family, tensors_of(somebody), frame)
    scale = max(frame) / 257
    expected = (somebody + 0.5) * scale - (max(frame) - np.array(frame)) / 2
    np.testing.assert_allclose(pose.pixels[:, :2], expected, atol=0.02)
    assert (pose.size, pose.person) == (frame, 0)
    assert pose.score == pytest.approx(pose.keypoints[:, 2].mean(), abs=1e-5)


def test_each_tensor_is_dequantised_by_its_own_parameters() -> None:
    """With the scales of Coral's file the person comes out within the steps of its offsets."""
    somebody = person_at(128, 128)
    heat, offsets, forward, backward = tensors_of(somebody)
    values = [heat, offsets, np.concatenate((forward, backward), 3)]
    parameters = [CORAL[name] for name in ("heatmaps", "offsets", "steps")]
    specs, tensors = [], []
    for value, (scale, zero) in zip(values, parameters, strict=True):
        specs.append(TensorSpec("", value.shape, np.dtype(np.uint8), scale, zero))
        tensors.append((np.rint(value / scale) + zero).clip(0, 255).astype(np.uint8))
    (pose,) = decoded(posenet(specs, picture((257, 257), *CORAL["pixels"])), tensors, (257, 257))
    assert np.abs(pose.pixels[:, :2] - (somebody + 0.5)).max() < 1.5
    assert pose.score > 0.9


def test_keypoints_outside_the_picture_score_0() -> None:
    """What lies in the letterbox's border was not seen."""
    family = posenet(TFJS)
    (pose,) = decoded(family, tensors_of(person_at(220, 128)), (480, 640))
    below = pose.keypoints[:, 0] > 1
    assert below.any()
    assert (pose.keypoints[below, 2] == 0).all()
    assert (pose.keypoints[~below, 2] > 0.5).all()


def test_a_score_may_be_negative_in_nothing() -> None:
    """Scores are 0..1 whatever the logits."""
    tensors = tensors_of(person_at(128, 128))
    tensors[0] *= 50
    (pose,) = decoded(posenet(TFJS), tensors)
    assert ((pose.keypoints[:, 2] >= 0) & (pose.keypoints[:, 2] <= 1)).all()


def test_several_people_come_best_first() -> None:
    """Sorted by their score, not by their surest keypoint; at most `max_poses`."""
    left, right = tensors_of(person_at(128, 60)), tensors_of(person_at(128, 200))
    left[0][..., 0] += 4
    left[0][..., 1:] -= 3
    both = [np.concatenate((a[:, :, :8], b[:, :, 8:]), 2) for a, b in zip(left, right, strict=True)]
    family = posenet(TFJS)
    poses = decoded(family, both)
    assert [pose.keypoints[0, 1] > 0.5 for pose in poses] == [True, False]
    assert poses[0].score > poses[1].score
    wide = family.with_options(PoseNetOptions(max_poses=2, nms_radius=500.0))
    assert len(decoded(wide, both)) == 1


def test_one_pose_is_decoded_from_each_keypoints_best_cell() -> None:
    """As tfjs: with `max_poses` 1 the nose may be one person's and the rest another's."""
    left, right = tensors_of(person_at(128, 60)), tensors_of(person_at(128, 200))
    left[0][..., 0] += 4
    left[0][..., 1:] -= 3
    both = [np.concatenate((a[:, :, :8], b[:, :, 8:]), 2) for a, b in zip(left, right, strict=True)]
    (pose,) = decoded(posenet(TFJS).with_options(PoseNetOptions(max_poses=1)), both)
    assert pose.keypoints[0, 1] < 0.5 < pose.keypoints[1:, 1].min()


@pytest.mark.parametrize("max_poses", [1, 10])
def test_nobody_there_is_no_pose(max_poses: int) -> None:
    """Empty maps, and maps of NaN, give `()` with either decoder."""
    family = posenet(TFJS).with_options(PoseNetOptions(max_poses=max_poses))
    tensors = [np.zeros((1, 17, 17, n), np.float32) for n in (17, 34, 32, 32)]
    tensors[0] -= 6
    assert decoded(family, tensors) == ()
    assert decoded(family, [np.full_like(tensor, np.nan) for tensor in tensors]) == ()


def test_min_score_decides_who_is_reported() -> None:
    """A person's mean score of about 0.95 passes 0.9 and not 0.99."""
    family = posenet(TFJS)
    tensors = tensors_of(person_at(128, 128))
    family.min_score = 0.99
    assert decoded(family, tensors) == ()
    family.min_score = 0.9
    assert len(decoded(family, tensors)) == 1


def test_a_model_without_displacements_decodes_one_person() -> None:
    """Whatever `max_poses` says."""
    heat, offsets, *_ = tensors_of(person_at(128, 128))
    assert len(decoded(posenet(TFJS[:2]), [heat, offsets])) == 1


def test_maps_of_9x9_have_a_stride_of_32() -> None:
    """The stride follows from input and maps, not from an option."""
    family = posenet(tuple(maps(n, grid=(9, 9)) for n in (17, 34, 32, 32)))
    tensors = [np.zeros((1, 9, 9, n), np.float32) for n in (17, 34, 32, 32)]
    tensors[0] -= 6
    tensors[0][0, 3, 4] = 4
    single = family.with_options(PoseNetOptions(output_stride=32, max_poses=1))
    (pose,) = decoded(single, tensors, (257, 257))
    np.testing.assert_allclose(pose.pixels[:, :2], [[96.5, 128.5]] * 17, atol=1e-3)


def test_the_option_decides_who_decodes_several_people() -> None:
    """One sure keypoint alone starts a person in tfjs, and is too little on average for Coral."""
    tensors = tensors_of(person_at(128, 128))
    tensors[0][..., 1:] = -1.0
    counts = {}
    for decoder in ("coral", "tfjs"):
        family = posenet(TFJS).configured({"decoder": decoder, "scoreThreshold": 0.5})
        counts[decoder] = len(decoded(family, tensors))
    assert counts == {"coral": 0, "tfjs": 1}


@pytest.mark.parametrize(("decoder", "expected"), [("coral", 1), ("tfjs", 0)])
def test_each_decoder_has_its_own_threshold(decoder: str, expected: int) -> None:
    """Somebody whose keypoints all score 0.4 is found at Coral's 0.2, not at tfjs' 0.5."""
    tensors = tensors_of(person_at(128, 128))
    tensors[0][:] = -0.4
    family = posenet(TFJS).with_options(PoseNetOptions(max_poses=2, decoder=decoder))
    assert bool(decoded(family, tensors)) == bool(expected)


# --- mirrored


def some_pose() -> Pose:
    """Return a pose with a box; frame 100 pixels wide."""
    keypoints = empty_keypoints()
    keypoints[:, 1] = np.linspace(0.105, 0.905, 17)
    return Pose(keypoints, 0.5, (50, 100), box=(0.1, 0.2, 0.3, 0.6))


def test_flipping_mirrors_pixel_x_to_width_minus_1_minus_x() -> None:
    """Pixel index 10, whose centre is 10.5 of 100, goes to index 89; names stay."""
    pose, mirror = some_pose(), flipped(some_pose())
    np.testing.assert_allclose(mirror.pixels[0, 1] - 0.5, 99 - (pose.pixels[0, 1] - 0.5), rtol=1e-5)
    np.testing.assert_array_equal(mirror.keypoints[:, [0, 2]], pose.keypoints[:, [0, 2]])
    assert mirror.box == pytest.approx((0.1, 0.4, 0.3, 0.8))


def test_flipping_twice_changes_nothing() -> None:
    """Also without a box."""
    pose = replace(some_pose(), box=None)
    again = flipped(flipped(pose))
    np.testing.assert_allclose(again.keypoints, pose.keypoints, atol=1e-6)
    assert again.box is None


def test_the_option_flips_what_is_reported() -> None:
    """Left stays the person's left, on the other side of the picture."""
    family = posenet(TFJS)
    tensors = tensors_of(person_at(128, 100))
    (plain,) = decoded(family, tensors)
    options = replace(family.options, flip_horizontal=True)
    (mirror,) = decoded(family.with_options(options), tensors)
    np.testing.assert_allclose(mirror.keypoints[:, 1], 1 - plain.keypoints[:, 1], atol=1e-6)
