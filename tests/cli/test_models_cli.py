"""`edgepose models` tells a stranger what there is, fetches it, and mends what can be mended."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepose.modelstore.speeds import write_speed

Call = Callable[..., Any]

CORAL = "project-posenet_posenet_mobilenet_v1_075_353_481_quant_decoder.tflite"


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only model folder, with nothing in it."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(folder))
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    monkeypatch.setattr("edgepose.modelstore.folders.packaged_folder", lambda: tmp_path / "package")
    return folder


@pytest.fixture
def stocked(models: Path, empty: Path) -> Path:
    """Return the only model folder, with MoveNet Lightning and a Coral model in it."""
    for name in ("movenet_single_pose_lightning_ptq.tflite", CORAL):
        shutil.copyfile(models / name, empty / name)
    return empty


def test_list_shows_what_is_here_and_what_could_be(edgepose: Call, stocked: Path) -> None:
    """Names stand under their family, within 80 columns, with the command that fetches them."""
    write_speed(stocked / "movenet_single_pose_lightning_ptq.tflite", "litert", 0.0052)
    said = edgepose("models", "list")
    assert said.code == 0
    assert all(len(line) <= 80 for line in said.out.splitlines())
    rows = {line.split()[0]: line.split() for line in said.out.splitlines() if line.startswith(" ")}
    assert rows["movenet-lightning-int8"][1:] == [
        *("yes", "CPU", "192x192", "2.9", "MB", "5.2", "ms", "Apache-2.0"),
    ]
    assert rows["movenet-thunder-int8-edgetpu"][1:4] == ["-", "TPU", "256x256"]
    assert rows["posenet-075-353x481-decoder*"][1] == "yes"
    assert "posenet-075-257-fp32" not in rows  # not published, not here
    classifiers = said.out.split("Pose classifiers: for `classifier` of a watch, not for `model`")
    assert classifiers[1].split()[0] == "yoga-classifier"
    assert re.search(r"\n2 of these \d+ are here. Fetch one: edgepose models pull NAME", said.out)


def test_list_as_json_is_json_alone(edgepose: Call, stocked: Path) -> None:
    """Programs get paths, needs and licences."""
    said = edgepose("models", "list", "--here", "--json")
    rows = {row["name"]: row for row in json.loads(said.out)}
    assert set(rows) == {"movenet-lightning-int8", "posenet-075-353x481-decoder"}
    assert {row["kind"] for row in rows.values()} == {"pose"}
    row = rows["movenet-lightning-int8"]
    assert row["path"] == str(stocked / "movenet_single_pose_lightning_ptq.tflite")
    assert (row["needs"], row["input"], row["ms"]) == ("cpu", [192, 192], None)
    assert said.err == ""


def test_an_empty_machine_is_told_how_to_begin(edgepose: Call, empty: Path) -> None:
    """Nothing here is not an error."""
    said = edgepose("models", "list", "--here")
    assert said.code == 0
    assert "None is here yet. Fetch one: edgepose models pull NAME" in said.out


def test_pull_takes_a_model_from_a_stick(
    edgepose: Call, empty: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file lies in the model folder afterwards, and its place is told."""
    said = edgepose("models", "pull", "movenet-lightning-int8", "--mirror", models)
    assert said.code == 0, said.err
    path = empty / "movenet_single_pose_lightning_ptq.tflite"
    assert path.stat().st_size == 2_894_840
    assert said.out.splitlines() == [
        "movenet-lightning-int8: 2.9 MB, licence Apache-2.0",
        f"  {path}",
    ]
    again = edgepose("models", "pull", "movenet-lightning-int8", "--json")
    assert json.loads(again.out) == [{"name": "movenet-lightning-int8", "path": str(path)}]


def test_pull_says_what_is_doubtful(edgepose: Call, empty: Path, models: Path) -> None:
    """An unclear licence is seen before the model is shipped."""
    said = edgepose("models", "pull", "posenet-050-257-int8", "--mirror", models)
    assert "unclear" in said.out
    assert "Note: the repository states no licence" in said.out


def test_pull_of_a_wrong_name_fetches_nothing(edgepose: Call, empty: Path, models: Path) -> None:
    """All names are checked before the first is fetched."""
    names = ("movenet-lightning-int8", "movenet-lightning-int9")
    said = edgepose("models", "pull", *names, "--mirror", models)
    assert said.code == 2
    assert "did you mean 'movenet-lightning-int8'" in said.err
    assert list(empty.iterdir()) == []


def test_pull_that_fails_is_a_runtime_failure(edgepose: Call, empty: Path, tmp_path: Path) -> None:
    """Exit code 1 and one sentence: it may work another time."""
    said = edgepose("models", "pull", "movenet-thunder-int8", "--mirror", tmp_path)
    assert said.code == 1
    assert said.err.count("\n") == 1
    assert "can't be fetched" in said.err


def test_verify_finds_the_damaged_file(edgepose: Call, stocked: Path) -> None:
    """One changed byte is found; the way out is named; the exit code tells a script."""
    assert edgepose("models", "verify").code == 0
    path = stocked / CORAL
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    said = edgepose("models", "verify")
    assert said.code == 1
    assert "damaged  posenet-075-353x481-decoder" in said.out
    assert "edgepose models pull posenet-075-353x481-decoder" in said.out
    states = {
        row["name"]: row["state"] for row in json.loads(edgepose("models", "verify", "--json").out)
    }
    assert states == {"movenet-lightning-int8": "ok", "posenet-075-353x481-decoder": "damaged"}


def test_verify_of_a_named_model_that_is_missing_fails(edgepose: Call, empty: Path) -> None:
    """Unnamed, what is not here is nobody's fault; named, it is."""
    assert edgepose("models", "verify").code == 0
    said = edgepose("models", "verify", "movenet-thunder-int8")
    assert said.code == 1
    assert "missing" in said.out


def test_verify_says_what_cannot_be_checked(edgepose: Call, empty: Path) -> None:
    """A file whose checksum nobody publishes is neither good nor bad."""
    (empty / "yoga_classifier.tflite").write_bytes(b"\0\0\0\0TFL3")
    (row,) = json.loads(edgepose("models", "verify", "--json").out)
    assert (row["state"], row["reason"]) == ("unchecked", "its publisher states no checksum")


def test_info_tells_what_is_inside(edgepose: Call, stocked: Path) -> None:
    """Family, tensors, quantisation, ops and the other build are there, in text and JSON."""
    said = edgepose("models", "info", "movenet-lightning-int8")
    for words in ("movenet", "1x192x192x3", "uint8", "CONV_2D 50", "Apache-2.0", "min_runtime"):
        assert words in said.out
    about = json.loads(edgepose("models", "info", "movenet-lightning-int8", "--json").out)
    assert about["family"] == "movenet"
    assert about["edgetpu_build"] == "movenet-lightning-int8-edgetpu"
    assert about["outputs"][0]["shape"] == [1, 1, 17, 3]
    assert len(about["tensors"]) == 333
    assert about["edgetpu"]["ops"] == 0


def test_info_of_a_file_needs_no_manifest(
    edgepose: Call, empty: Path, models: Path, tmp_path: Path
) -> None:
    """A user's own file is described too; what is no pose model is called what it is."""
    own = tmp_path / "own.tflite"
    data = bytearray((models / "yoga_pose_classifier_51in_5class_DERIVED.tflite").read_bytes())
    data[-1] ^= 1
    own.write_bytes(data)
    said = edgepose("models", "info", own, "--tensors")
    assert said.code == 0
    assert "a pose classifier, which names a pose" in said.out
    assert "Tensors (59)" in said.out


def test_info_of_a_coral_model_sees_through_its_decoder(edgepose: Call, stocked: Path) -> None:
    """The family is that of the stripped model, and the op's remedy is named."""
    about = json.loads(edgepose("models", "info", stocked / CORAL, "--json").out)
    assert about["name"] == "posenet-075-353x481-decoder"
    assert about["family"] == "posenet"
    assert about["custom_ops"] == ["PosenetDecoderOp"]
    assert "strip-decoder" in edgepose("models", "info", stocked / CORAL).out


@pytest.mark.parametrize(
    ("content", "said"), [(b"<html>", "a web page"), (b"\0\0\0\0TFL3" * 9, "damaged TFLite file")]
)
def test_info_of_what_is_no_model_is_one_sentence(
    edgepose: Call, empty: Path, tmp_path: Path, content: bytes, said: str
) -> None:
    """A stranger's file ends in exit code 2 and a sentence."""
    path = tmp_path / "strange.tflite"
    path.write_bytes(content)
    answer = edgepose("models", "info", path)
    assert answer.code == 2
    assert said in answer.err
    assert answer.err.count("\n") == 1


def test_strip_decoder_writes_a_model_that_is_recognised(
    edgepose: Call, stocked: Path, tmp_path: Path
) -> None:
    """The new file is PoseNet without custom ops; the old one is untouched."""
    before = (stocked / CORAL).read_bytes()
    out = tmp_path / "plain.tflite"
    said = edgepose("models", "strip-decoder", "posenet-075-353x481-decoder", out)
    assert said.code == 0, said.err
    assert "PosenetDecoderOp removed" in said.out
    about = json.loads(edgepose("models", "info", out, "--json").out)
    assert (about["family"], about["custom_ops"]) == ("posenet", [])
    assert (stocked / CORAL).read_bytes() == before
    assert sorted(path.name for path in tmp_path.glob("plain*")) == ["plain.tflite"]


def test_strip_decoder_does_not_overwrite(edgepose: Call, stocked: Path, tmp_path: Path) -> None:
    """An existing file is replaced only when that is asked for."""
    out = tmp_path / "mine.tflite"
    out.write_text("precious")
    said = edgepose("models", "strip-decoder", stocked / CORAL, out)
    assert said.code == 2
    assert "--force" in said.err
    assert out.read_text() == "precious"
    said = edgepose("models", "strip-decoder", stocked / CORAL, out, "--force", "--json")
    assert json.loads(said.out)["custom_ops"] == []


def test_strip_decoder_into_a_folder_that_is_not_there(
    edgepose: Call, stocked: Path, tmp_path: Path
) -> None:
    """The missing folder is named."""
    said = edgepose("models", "strip-decoder", stocked / CORAL, tmp_path / "absent" / "x.tflite")
    assert said.code == 2
    assert f"{tmp_path / 'absent'}: no such folder" in said.err


def test_strip_decoder_of_another_model_is_refused(
    edgepose: Call, stocked: Path, tmp_path: Path
) -> None:
    """A model without the op is left alone, and nothing is written."""
    out = tmp_path / "x.tflite"
    said = edgepose("models", "strip-decoder", "movenet-lightning-int8", out)
    assert said.code == 2
    assert "needs no stripping" in said.err
    assert not out.exists()


def test_every_command_answers_help(edgepose: Call) -> None:
    """Each stands in the group's help with a whole sentence."""
    said = edgepose("models", "--help")
    for name in ("info", "list", "pull", "strip-decoder", "verify"):
        line = next(row for row in said.out.splitlines() if row.strip().startswith(name))
        assert line.endswith(".")
        assert not line.endswith("...")
        assert edgepose("models", name, "--help").code == 0


def test_pull_brings_the_detector_of_a_landmark_network(
    edgepose: Call, empty: Path, models: Path
) -> None:
    """It could not run without it."""
    said = edgepose("models", "pull", "mediapipe-pose-landmark-full", "--mirror", models, "--json")
    names = [row["name"] for row in json.loads(said.out)]
    assert names == ["mediapipe-pose-landmark-full", "mediapipe-pose-detector"]
    assert sorted(path.name for path in empty.iterdir()) == [
        "pose_detection.tflite", "pose_landmark_full.tflite"
    ]  # fmt: skip


def test_recommend_measures_what_is_here_and_names_one(edgepose, lightning, tmp_path, monkeypatch):
    """With its time here, its published accuracy, and how to get and configure it."""
    (tmp_path / lightning.name).symlink_to(lightning)
    monkeypatch.setenv("EDGEPOSE_MODEL_PATH", str(tmp_path))
    said = edgepose("models", "recommend", "--fps", "1", "--json")
    assert said.code == 0, said.err
    report = json.loads(said.out)
    rows = {row["name"]: row for row in report["models"]}
    assert rows["movenet-lightning-int8"]["ms"] > 0
    assert rows["edgepose-nano"]["is_here"]
    assert rows["movenet-thunder-int8"]["is_estimated"]
    assert "published" in report["recommended"]["reason"]
    printed = edgepose("models", "recommend", "--fps", "1").out
    assert f"model: {{name: {report['recommended']['name']}}}" in printed
