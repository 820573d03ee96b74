"""Say which models are heatmap networks, and which map is which keypoint."""

from collections.abc import Sequence

import numpy as np
import pytest

from edgepose.core.crop import Crop
from edgepose.core.families.heatmap import ORDERS, HeatmapOptions, Heatmaps
from edgepose.core.families.presence import FEATURES
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, KEYPOINTS
from edgepose.types import Region, TensorSpec

FLOAT = np.dtype(np.float32)
FRAME = (480, 640)
MPII_LIMBS = [name for name in KEYPOINTS if not name.endswith(("nose", "eye", "ear"))]


def picture(size: int = 192, dtype: str = "float32") -> TensorSpec:
    """Return a square input."""
    return TensorSpec("input", (1, size, size, 3), np.dtype(dtype))


def maps(count: int, size: int = 48, name: str = "maps") -> TensorSpec:
    """Return an output of square float maps."""
    return TensorSpec(name, (1, size, size, count), FLOAT)


def family(*outputs: TensorSpec, pixels: TensorSpec | None = None) -> Heatmaps:
    """Return the decoder, which there must be."""
    found = Heatmaps.recognise([pixels or picture()], outputs)
    assert found is not None
    return found


def beliefs(count: int, size: int = 48) -> np.ndarray:
    """Return (1, size, size, count) maps in which map i has its one peak at cell (i, 2 i)."""
    tensor = np.zeros((1, size, size, count), np.float32)
    tensor[0, np.arange(count), 2 * np.arange(count), np.arange(count)] = 0.9
    return tensor


# --- recognised by its tensors


@pytest.mark.parametrize(
    "outputs",
    [
        [maps(17)],
        [maps(16)],
        [maps(16, 224)],
        [maps(16, 28), maps(16, 28), maps(16, 224)],
        [TensorSpec("", (1, 17, 48, 48), FLOAT)],
    ],
)
def test_16_or_17_maps_are_a_heatmap_network(outputs: Sequence[TensorSpec]) -> None:
    """Of any size, of several stages, channels first as well."""
    assert Heatmaps.recognise([picture()], outputs) is not None


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        ([picture()], []),
        ([picture()], [maps(13)]),
        ([picture()], [TensorSpec("", (1, 17, 3), FLOAT)]),
        ([picture()], [TensorSpec("", (1, 1, 17, 3), FLOAT)]),
        ([picture()], [TensorSpec("", (1, 1, 1, 17), FLOAT)]),
        ([picture(), picture()], [maps(17)]),
        ([TensorSpec("", (1, 353, 481, 3), FLOAT)], [maps(17)]),
        ([TensorSpec("", (1, 192, 192, 1), FLOAT)], [maps(17)]),
        ([TensorSpec("", (1, 51), FLOAT)], [maps(17)]),
    ],
)
def test_anything_else_is_not(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> None:
    """Other counts, MoveNet's answer, a grey or oblong picture."""
    assert Heatmaps.recognise(inputs, outputs) is None


# --- which map is which


def test_the_orders_name_each_part_once() -> None:
    """16 parts each for MPII and EfficientPose, the same ones; 12 of them are COCO's."""
    for order in ("mpii", "efficientpose"):
        assert len(ORDERS[order]) == len(set(ORDERS[order])) == 16
        assert set(ORDERS[order]) & set(INDEX) == set(MPII_LIMBS)
    assert set(ORDERS["mpii"]) == set(ORDERS["efficientpose"])
    assert len(MPII_LIMBS) == 12


@pytest.mark.parametrize(
    ("order", "part", "channel"),
    [
        ("mpii", "right_ankle", 0),
        ("mpii", "left_hip", 3),
        ("mpii", "right_wrist", 10),
        ("mpii", "left_wrist", 15),
        ("efficientpose", "head_top", 0),
        ("efficientpose", "right_wrist", 4),
        ("efficientpose", "left_wrist", 8),
        ("efficientpose", "left_ankle", 15),
        ("coco", "nose", 0),
        ("coco", "right_ankle", 16),
    ],
)
def test_the_orders_are_those_that_are_published(order: str, part: str, channel: int) -> None:
    """As MPII's README numbers the joints, and EfficientPose its maps."""
    assert ORDERS[order][channel] == part


@pytest.mark.parametrize(
    ("output", "order"),
    [
        (maps(17), "coco"),
        (maps(16), "mpii"),
        (maps(16, name="upscaled_confs/BiasAdd"), "efficientpose"),
    ],
)
def test_maps_become_the_coco_keypoints_they_show(output: TensorSpec, order: str) -> None:
    """The count says the order, EfficientPose its name; what a network lacks is 0."""
    count = output.shape[3]
    decoder = family(output)
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    (pose,) = decoder.decode([beliefs(count)], look, FRAME)
    for channel, part in enumerate(ORDERS[order]):
        if part in INDEX:
            expected = [(channel + 0.5) / 48, (2 * channel + 0.5) / 48, 0.9]
            np.testing.assert_allclose(pose.keypoints[INDEX[part]], expected, atol=1e-6)
    missing = set(KEYPOINTS) - set(ORDERS[order])
    assert all((pose.keypoints[INDEX[part]] == 0).all() for part in missing)
    assert pose.score == pytest.approx(0.9)


def test_channels_first_is_the_same() -> None:
    """As torch writes maps."""
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    last = family(maps(17)).decode([beliefs(17)], look, FRAME)
    first = family(TensorSpec("", (1, 17, 48, 48), FLOAT))
    moved = first.decode([np.moveaxis(beliefs(17), 3, 1)], look, FRAME)
    np.testing.assert_array_equal(moved[0].keypoints, last[0].keypoints)


def test_the_last_stage_counts() -> None:
    """Of several outputs with maps the others are not looked at."""
    decoder = family(maps(17, 24), maps(17, 48))
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    (pose,) = decoder.decode([np.full((1, 24, 24, 17), np.nan), beliefs(17)], look, FRAME)
    assert pose.score == pytest.approx(0.9)


def test_maps_beyond_those_of_the_order_are_ignored() -> None:
    """17 maps of which the last is MPII's background."""
    decoder = family(maps(17)).with_options(HeatmapOptions(order="mpii"))
    tensor = beliefs(17)
    tensor[..., 16] = 1.0
    (pose,) = decoder.decode([tensor], Crop(Region(0, 0, 1, 1), (192, 192)), FRAME)
    assert pose.keypoints[INDEX["left_wrist"], 0] == pytest.approx(15.5 / 48)
    assert pose.score == pytest.approx(0.9)


# --- what goes in


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float32", [-1.0, 1.0]), ("uint8", [0, 255]), ("int8", [-128, 127])],
)
def test_pixels_become_what_the_input_takes(dtype: str, expected: list[float]) -> None:
    """-1..1 in float; quantised networks take the picture itself."""
    image = np.array([[[0] * 3, [255] * 3]], np.uint8)
    tensor = family(maps(17), pixels=picture(dtype=dtype)).encode(image)
    assert (tensor.shape, tensor.dtype) == ((1, 1, 2, 3), np.dtype(dtype))
    for channel in range(3):
        assert tensor[0, 0, :, channel].tolist() == expected


def test_mean_and_scale_are_options() -> None:
    """The colours of torch's ImageNet networks, in the order red, green, blue."""
    options = HeatmapOptions(mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375))
    tensor = family(maps(17)).with_options(options).encode(np.array([[[255, 0, 128]]], np.uint8))
    np.testing.assert_allclose(tensor[0, 0, 0], [2.2489, -2.0357, 0.4265], atol=1e-4)


# --- what comes out


def test_keypoints_are_mapped_from_the_crop_to_the_frame() -> None:
    """A look at the right lower quarter puts everything there."""
    look = Crop(Region(0.5, 0.5, 0.5, 0.5), (192, 192))
    (pose,) = family(maps(17)).decode([beliefs(17)], look, FRAME)
    np.testing.assert_allclose(pose.keypoints[4, :2], [0.5 + 4.5 / 96, 0.5 + 8.5 / 96], atol=1e-6)
    assert pose.size == FRAME


def test_the_look_takes_in_the_whole_frame() -> None:
    """Letterboxed into the square input."""
    look = family(maps(17)).full_frame(FRAME)
    assert look.size == (192, 192)
    assert (look.region.width, look.region.height) == (1.0, pytest.approx(640 / 480))


def test_quantised_logits_are_dequantised_and_take_the_softmax() -> None:
    """The project's own int8 maps: 17 confident peaks, found without being told."""
    tensor = np.full((1, 48, 48, 17), -60, np.int8)
    tensor[0, np.arange(17), 2 * np.arange(17), np.arange(17)] = 120
    output = TensorSpec("", tensor.shape, np.dtype(np.int8), 0.1, 20)
    decoder = family(output, pixels=picture(dtype="uint8"))
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    (pose,) = decoder.decode([tensor], look, FRAME)
    share = np.exp(10) / (np.exp(10) + 1)  # logits of -8 elsewhere, all together 0.8
    assert pose.score == pytest.approx(share, abs=1e-3)
    wrong = decoder.with_options(HeatmapOptions(activation="none"))
    assert wrong.decode([tensor], look, FRAME)[0].score == 1.0


def test_min_score_decides_whether_anybody_is_there() -> None:
    """Also for maps of NaN."""
    decoder = family(maps(17))
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    assert decoder.decode([np.zeros((1, 48, 48, 17), np.float32)], look, FRAME) == ()
    assert decoder.decode([np.full((1, 48, 48, 17), np.nan, np.float32)], look, FRAME) == ()
    decoder.min_score = 0.95
    assert decoder.decode([beliefs(17)], look, FRAME) == ()
    decoder.min_score = 0.85
    assert len(decoder.decode([beliefs(17)], look, FRAME)) == 1


def test_presence_takes_the_place_of_the_mean_score() -> None:
    """Numbers that look at the first keypoint's score alone: its probability is the pose's."""
    numbers = [8.0, *[0.0] * (FEATURES - 1), -4.0]
    decoder = family(maps(17)).with_options(HeatmapOptions(presence=tuple(numbers)))
    look = Crop(Region(0, 0, 1, 1), (192, 192))
    (pose,) = decoder.decode([beliefs(17)], look, FRAME)
    assert pose.score == pytest.approx(1 / (1 + np.exp(-(8 * 0.9 - 4))))
    decoder.min_score = 0.97
    assert decoder.decode([beliefs(17)], look, FRAME) == ()


def test_presence_needs_all_of_coco_s_keypoints() -> None:
    """MPII's parts lack the face that it looks at."""
    with pytest.raises(UserError, match=r"presence: needs all .* order 'mpii' has 12"):
        family(maps(16)).configured({"presence": [0.0] * (FEATURES + 1)})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"order": "coc"}, "heatmap.order: unknown 'coc'; did you mean 'coco'"),
        ({"activation": "softmx"}, "heatmap.activation: unknown 'softmx'; did you mean 'softmax'"),
        ({"mean": (1.0, 2.0)}, "heatmap.mean: expected 3 numbers"),
        ({"scale": (1.0, 0.0, 1.0)}, "heatmap.scale: expected 3 numbers, not 0"),
    ],
)
def test_options_that_make_no_sense_are_a_users_mistake(
    wrong: dict[str, object], message: str
) -> None:
    """The message names the option and the near miss."""
    with pytest.raises(UserError, match=message):
        HeatmapOptions(**wrong)  # type: ignore[arg-type]


def test_an_order_that_needs_more_maps_is_a_users_mistake() -> None:
    """17 names for 16 maps."""
    with pytest.raises(UserError, match="'coco' has 17 maps, the model 16"):
        family(maps(16)).with_options(HeatmapOptions(order="coco"))
