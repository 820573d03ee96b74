"""Say which PoseNets there are, and what their options mean."""

from typing import Any

import pytest

from edgepose.core.families.posenet.options import PoseNetOptions, valid_extent
from edgepose.errors import UserError


@pytest.mark.parametrize(
    ("wish", "stride", "extent"),
    [(640, 16, 641), (480, 16, 481), (200, 32, 193), (257, 16, 257), (257, 32, 257), (255, 8, 249)],
)
def test_a_wished_resolution_is_rounded_to_what_the_stride_serves(
    wish: int, stride: int, extent: int
) -> None:
    """floor(n / stride) * stride + 1."""
    assert valid_extent(wish, stride) == extent
    assert (extent - 1) % stride == 0


def test_the_defaults_are_those_of_tfjs_but_for_the_decoder() -> None:
    """MobileNetV1 of stride 16, 257 pixels, full width, float weights, one pose; Coral's way."""
    options = PoseNetOptions()
    assert options == PoseNetOptions.from_tfjs({})
    assert (options.architecture, options.output_stride, options.multiplier) == (
        "MobileNetV1",
        16,
        1,
    )
    assert (options.input_size, options.quant_bytes, options.max_poses) == ((257, 257), 4, 1)
    assert (options.score_threshold, options.nms_radius) == (None, None)
    assert (options.decoder, options.flip_horizontal) == ("coral", False)


def test_options_may_be_spelt_as_in_tfjs() -> None:
    """Names in camel case, and a resolution with width and height."""
    options = PoseNetOptions.from_tfjs(
        {
            "architecture": "ResNet50",
            "outputStride": 32,
            "inputResolution": {"width": 640, "height": 480},
            "multiplier": 1.0,
            "quantBytes": 2,
            "modelUrl": "models/resnet.tflite",
            "maxPoses": 5,
            "flipHorizontal": True,
            "scoreThreshold": 0.4,
            "nmsRadius": 30,
            "decoder": "tfjs",
        }
    )
    assert options == PoseNetOptions(
        "ResNet50", 32, (480, 640), 1.0, 2, "models/resnet.tflite", 5, True, 0.4, 30, "tfjs"
    )
    assert options.input_size == (481, 641)


def test_an_unknown_option_names_the_near_miss() -> None:
    """As tfjs spells it."""
    with pytest.raises(
        UserError, match=r"posenet\.outputStrid: unknown option; did you mean 'outputStride'"
    ):
        PoseNetOptions.from_tfjs({"outputStrid": 16})


@pytest.mark.parametrize(
    "allowed",
    [
        {"output_stride": 8, "multiplier": 0.5},
        {"output_stride": 32, "multiplier": 1.0},
        {"architecture": "ResNet50", "output_stride": 16},
        {"architecture": "ResNet50", "output_stride": 32},
        {"score_threshold": 7.0, "nms_radius": -1.0},
        {"max_poses": 2, "score_threshold": 0.0},
        {"max_poses": 2, "score_threshold": 1.0},
        {"model_url": "/opt/models/posenet.tflite"},
        {"model_url": "https://example.org/p.tflite#sha256=" + "0a" * 32},
    ],
)
def test_what_is_published_is_allowed(allowed: dict[str, Any]) -> None:
    """Thresholds are not looked at for a single pose, as in tfjs."""
    for name, value in allowed.items():
        assert getattr(PoseNetOptions(**allowed), name) == value


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"architecture": "MobileNetV2"},
            "architecture: expected MobileNetV1 or ResNet50, found 'Mob",
        ),
        ({"output_stride": 12}, "outputStride: expected 8 or 16 or 32, found 12"),
        (
            {"architecture": "ResNet50", "output_stride": 8},
            "outputStride: expected 16 or 32, found 8",
        ),
        ({"multiplier": 0.25}, "multiplier: expected 0.5 or 0.75 or 1.0, found 0.25"),
        ({"architecture": "ResNet50", "multiplier": 0.5}, "multiplier: expected 1.0, found 0.5"),
        (
            {"output_stride": 32, "multiplier": 0.75},
            "multiplier: expected 1.0 with outputStride 32, found 0.75",
        ),
        ({"quant_bytes": 3}, "quantBytes: expected 4 or 2 or 1, found 3"),
        ({"input_resolution": 0}, "inputResolution: expected 1 to 2048, found 0"),
        ({"input_resolution": (257, 0)}, r"inputResolution: expected 1 to 2048, found \(257, 0\)"),
        ({"input_resolution": "257"}, "inputResolution: expected 1 to 2048, found '257'"),
        ({"input_resolution": 2049}, "inputResolution: expected 1 to 2048, found 2049"),
        ({"quant_bytes": True}, "quantBytes: expected 4 or 2 or 1, found True"),
        ({"max_poses": 0}, "maxPoses: expected 1 or more, found 0"),
        ({"max_poses": -1}, "maxPoses: expected 1 or more, found -1"),
        ({"max_poses": 2, "score_threshold": 1.1}, "scoreThreshold: expected a score from 0 to 1"),
        ({"max_poses": 2, "score_threshold": -0.1}, "scoreThreshold: expected a score"),
        ({"max_poses": 2, "nms_radius": 0}, "nmsRadius: expected more than 0 pixels, found 0"),
        ({"max_poses": 2, "nms_radius": float("nan")}, "nmsRadius: expected more than 0 pixels"),
        ({"max_poses": 2, "nms_radius": float("inf")}, "nmsRadius: expected more than 0 pixels"),
        ({"max_poses": "3"}, "maxPoses: expected 1 or more, found '3'"),
        ({"max_poses": True}, "maxPoses: expected 1 or more, found True"),
        ({"decoder": "personlab"}, "decoder: expected coral or tfjs, found 'personlab'"),
        ({"max_poses": 2, "score_threshold": "0.5"}, "scoreThreshold: expected a score"),
        ({"flip_horizontal": "yes"}, "flipHorizontal: expected true or false, found 'yes'"),
        ({"quant_bytes": [4]}, "quantBytes: expected 4 or 2 or 1"),
        ({"model_url": "https://example.org/p.tflite"}, "modelUrl: expected a path, or a URL"),
        ({"model_url": "https://example.org/p#sha256=0a0a"}, "modelUrl: expected a path, or a"),
    ],
)
def test_what_no_posenet_has_is_a_users_mistake(wrong: dict[str, Any], message: str) -> None:
    """The message names the option, what was expected and what was found."""
    with pytest.raises(UserError, match="posenet." + message):
        PoseNetOptions(**wrong)


def test_a_resolution_without_height_is_told() -> None:
    """Half a size is none."""
    with pytest.raises(UserError, match=r"inputResolution: expected 1 to 2048, found \(0, 640\)"):
        PoseNetOptions.from_tfjs({"inputResolution": {"width": 640}})
