"""edgepose train: from nothing to a model file, and the small commands around it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgepose.appliance.model import load_model
from edgepose.cli.train import train
from edgepose.config.model_section import ModelSection
from edgepose.errors import UserError


def run(*args: object) -> Result:
    """Return what `edgepose train ARGS` says; errors come out as they are."""
    result = CliRunner().invoke(train, [str(arg) for arg in args])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.fixture
def learner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what training needs, and take models that have learnt nothing yet."""
    for package in ("numba", "torch", "tensorflow"):
        pytest.importorskip(package, reason="training needs the extra 'train'")
    monkeypatch.setattr("edgepose.train.export.finish.LEAST_AGREEMENT", 0.0)


def test_help_names_every_command_without_the_extra() -> None:
    """Reading what there is needs no torch."""
    text = run("--help").stdout
    for name in ("heatmap", "finetune", "label", "export", "sheet", "stages", "demo-clip"):
        assert name in text


@pytest.mark.parametrize(
    ("options", "problem"),
    [(["--net", "large"], "nano, nano-deeper, cpm2"), (["--phases", "100:5"], "SIZE:STEPS")],
)
def test_wrong_options_are_the_users_mistake(
    tmp_path: Path, options: list[str], problem: str
) -> None:
    """They are refused before anything is rendered."""
    try:
        said = run("heatmap", "--out", tmp_path, *options).output
    except UserError as error:
        said = str(error)
    assert problem in said
    assert not list(tmp_path.iterdir())


def test_a_contact_sheet_is_drawn(tmp_path: Path) -> None:
    """Ten people in rows of eight, the last row filled up."""
    pytest.importorskip("numba", reason="rendering needs the extra 'train'")
    run("sheet", "--out", tmp_path / "sheet.png", "--count", 10)
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (384, 1536, 3)


def test_a_clip_is_labelled_by_a_teacher(tmp_path: Path, media: Path, lightning: Path) -> None:
    """MoveNet is sure of a squatting woman in most frames; the labels are written as COCO."""
    clip = media / "clips/tfjs_pose_squats.mp4"
    said = run("label", clip, "--out", tmp_path, "--every", 16, "--teacher", lightning)
    document = json.loads((tmp_path / "annotations.json").read_text())
    assert len(document["images"]) == 5
    assert "5 frames" in said.stdout
    assert (tmp_path / document["images"][0]["file_name"]).is_file()


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("learner")
def test_a_model_is_trained_exported_and_fine_tuned(tmp_path: Path, media: Path) -> None:
    """A few steps end in a model file with its recipe; fine-tuning goes on with its net."""
    small = ["--pictures", 40, "--batch", 4, "--input", 64, "--device", "cpu", "--threads", 1]
    first, second = tmp_path / "first", tmp_path / "second"
    run("heatmap", "--out", first, "--net", "nano-deeper", "--phases", "32:2", *small)
    described = json.loads((first / "model.json").read_text())
    assert described["bytes"] == (first / "model.tflite").stat().st_size
    assert described["recipe"]["seed"] == 1
    run(
        *("finetune", "--out", second, "--phases", "32:2", *small),
        *("--start", first / "checkpoint.pt", "--pool", first / "pool"),
        *("--data", media / "stills/coco_kpt/annotations.json"),
    )
    assert json.loads((second / "model.json").read_text())["recipe"]["net"] == "nano-deeper"
    run(
        *("export", first / "checkpoint.pt", "--input", 64, "--pool", first / "pool"),
        *("--out", tmp_path / "again.tflite"),
    )
    assert (tmp_path / "again.tflite").read_bytes() == (first / "model.tflite").read_bytes()


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("learner")
def test_a_pose_machine_of_mpii_s_parts_is_trained_on_drawn_and_annotated_people(
    tmp_path: Path, media: Path
) -> None:
    """Sixteen maps, read by the heatmap family as MPII's; COCO's files don't fit."""
    options = [
        *("heatmap", "--out", tmp_path, "--net", "cpm2", "--parts", "mpii", "--phases", "32:2"),
        *("--pictures", 24, "--batch", 4, "--input", 64, "--device", "cpu", "--threads", 1),
    ]
    with pytest.raises(UserError, match="not MPII's 16 parts"):
        run(*options, "--real", media / "stills/coco_kpt/annotations.json")
    run(*options, "--real", media / "stills/mpii/annotations.json")
    section = ModelSection(path=tmp_path / "model.tflite", options={"order": "mpii"}, threads=1)
    loaded = load_model(section.model_copy(update={"min_score": 0.0}))
    try:
        (pose,) = loaded.estimate(np.zeros((64, 64, 3), np.uint8))
    finally:
        loaded.close()
    assert (pose.keypoints[:5, 2] == 0).all()  # MPII has no face
    with pytest.raises(UserError, match=r"holds 16 keypoints a person, coco has 17"):
        run("heatmap", "--out", tmp_path / "two", "--pictures", 24, "--pool", tmp_path / "pool")
