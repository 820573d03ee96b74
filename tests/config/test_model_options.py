"""Options of the model, found to be wrong with file and line before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hand_made import image_classifier

from edgepose.config.loader import load
from edgepose.config.model_options import most_people
from edgepose.errors import ConfigError

POSENET = "posenet-100-257-fp32"
MULTIPOSE = "name: movenet-multipose-lightning-fp16"


def config(folder: Path, model: str, options: str = "{}") -> Path:
    """Write a configuration with options of a model."""
    path = folder / "c.yaml"
    path.write_text(
        f"version: 1\nsource: {{type: synthetic}}\nmodel:\n  {model}\n  options: {options}\n"
    )
    return path


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("name: movenet-lightning-int8", "{maxPoses: 2}", "a movenet model takes none"),
        ("threads: 1", "{maxPoses: 2}", "a movenet model takes none"),
        ("name: movenet-multipose-lightning-fp16", "{maxPoses: 2}", "maxPoses: unknown option"),
        (
            MULTIPOSE,
            "{inputResolution: 250}",
            "a multiple of 32 from 128 to 512, found 250",
        ),
        ("name: edgepose-nano", "{ordre: coco}", "did you mean 'order'"),
        ("name: edgepose-nano", "{order: cocoa}", "did you mean 'coco'"),
        ("name: edgepose-nano", "{mean: 5}", "expected 3 numbers"),
        (f"name: {POSENET}", "{maxPose: 2}", "did you mean 'maxPoses'"),
        (f"name: {POSENET}", "{maxPoses: 0}", "expected 1 or more"),
        (f"name: {POSENET}", "{quantBytes: 2}", "the model's file has 4, found 2"),
        (f"name: {POSENET}", "{multiplier: 0.5}", "the model's file has 1.0, found 0.5"),
        (f"name: {POSENET}", "{modelUrl: model.json}", "either `modelUrl` or `name`, found both"),
        (f"name: {POSENET}", "{inputResolution: 500}", "the model's file has 257 x 257, found 500"),
        (f"name: {POSENET}", "{outputStride: 8}", "the model's file has 32, found 8"),
        (f"name: {POSENET}", "{maxPoses: 1, nmsRadius: 20}", "changes nothing with maxPoses 1"),
        (f"name: {POSENET}", "{maxPoses: 1, scoreThreshold: 0.4}", "changes nothing with maxPo"),
        (f"name: {POSENET}", "{maxPoses: 1, decoder: tfjs}", "decoder: changes nothing with maxP"),
        (f"name: {POSENET}", "{decoder: personlab}", "decoder: expected coral or tfjs"),
    ],
)
def test_an_option_that_is_wrong_for_the_model_is_found(
    tmp_path: Path, model: str, options: str, says: str
):
    """With file and line, whether it is unknown, out of range, or would change nothing."""
    with pytest.raises(ConfigError, match=rf"c\.yaml line 5: model\.options.*{says}"):
        load(config(tmp_path, model, options))


@pytest.mark.parametrize(
    ("model", "options"),
    [(f"name: {POSENET}", "{maxPoses: 3, nmsRadius: 20}"), (f"name: {POSENET}", "{nmsRadius: 9}"),
        (f"name: {POSENET}", "{decoder: tfjs}"),
     (f"name: {POSENET}", "{outputStride: 32, quantBytes: 4, multiplier: 1.0}"),
     (f"name: {POSENET}", "{inputResolution: 257}"), (MULTIPOSE, "{inputResolution: 320}"),
     ("name: edgepose-nano", "{order: coco}"), ("name: movenet-lightning-int8", "{}")],
)  # fmt: skip
def test_options_that_the_model_takes_are_right(tmp_path: Path, model: str, options: str):
    """What the family of the model knows passes."""
    assert load(config(tmp_path, model, options)).model.options is not None


def test_the_family_of_a_file_of_ones_own_is_read_from_it(tmp_path: Path, lightning: Path):
    """A model by path is known by its content, or by its tensors if nobody knows it."""
    own = tmp_path / "own.tflite"
    own.write_bytes(lightning.read_bytes() + b"\0")
    for path in (lightning, own):
        with pytest.raises(ConfigError, match="a movenet model takes none"):
            load(config(tmp_path, f"path: {path}", "{maxPoses: 2}"))


def test_a_file_that_does_not_tell_is_left_to_the_run(tmp_path: Path):
    """Damage in a model file is reported by what loads it."""
    (tmp_path / "own.tflite").write_bytes(b"nothing")
    assert load(config(tmp_path, "path: own.tflite", "{maxPoses: 2}"))


@pytest.mark.parametrize(
    ("model", "options", "most"),
    [("name: movenet-lightning-int8", "{}", 1), ("threads: 1", "{}", 1),
     ("name: edgepose-nano", "{}", 1), ("name: movenet-multipose-lightning-fp16", "{}", 6),
     (f"name: {POSENET}", "{}", 10), (f"name: {POSENET}", "{maxPoses: 2}", 2)],
)  # fmt: skip
def test_it_is_known_how_many_people_a_model_finds(
    tmp_path: Path, model: str, options: str, most: int
):
    """By its family and its options."""
    assert most_people(load(config(tmp_path, model, options)).model) == most


@pytest.mark.parametrize(
    ("key", "kind"),
    [("path: image.tflite", "an image classifier"), ("path: pose.tflite", "a pose classifier"),
     ("name: yoga-classifier-mlp", "a pose classifier"),
     ("name: mediapipe-pose-detector", "a detector"), ("path: own.tflite", "a pose classifier")],
)  # fmt: skip
def test_a_classifier_is_refused_as_the_pose_model(
    tmp_path: Path, models: Path, key: str, kind: str
):
    """With its line and what to do with it, whether the manifest knows the file or not."""
    pose = (models / "yoga_pose_classifier_51in_5class_DERIVED.tflite").read_bytes()
    (tmp_path / "image.tflite").write_bytes(image_classifier())
    (tmp_path / "pose.tflite").write_bytes(pose)
    (tmp_path / "own.tflite").write_bytes(pose + b"\0")
    with pytest.raises(ConfigError, match=rf"c\.yaml line 4: model\.\w+: .*: {kind}, which .*; "):
        load(config(tmp_path, key))


HEEL_LIFT = """\
version: 1
exercise: heel_lift
signal: {height: [heel, ankle]}
start: below 0.0
target: above 0.1
"""


@pytest.mark.parametrize(
    ("model", "finds"), [("movenet-lightning-int8", False), ("mediapipe-pose-full", True)]
)
def test_an_exercise_needs_a_model_that_finds_its_keypoints(
    tmp_path: Path, model: str, finds: bool
):
    """Heels are found by BlazePose alone: with another model the exercise would never count."""
    (tmp_path / "heel_lift.yaml").write_text(HEEL_LIFT)
    path = config(tmp_path, f"name: {model}")
    path.write_text(path.read_text() + "watch: {lifts: {exercise: heel_lift.yaml}}\n")
    if finds:
        assert load(path).model.name == model
        return
    with pytest.raises(ConfigError, match=r"watch.lifts.exercise: 'heel_lift' measures left_heel"):
        load(path)
