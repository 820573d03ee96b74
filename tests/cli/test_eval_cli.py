"""edgepose eval: figures of a model on pictures, of a results file, and of a clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgepose.cli.eval import evaluate
from edgepose.errors import UserError


def run(*args: object) -> Result:
    """Return what `edgepose eval ARGS` says; errors of the user come out as they are."""
    result = CliRunner().invoke(evaluate, [str(arg) for arg in args])
    if isinstance(result.exception, UserError):
        raise result.exception
    return result


@pytest.fixture
def results(media: Path, tmp_path: Path) -> Path:
    """Return a COCO results file with the truth of everybody in the COCO samples."""
    document = json.loads((media / "stills/coco_kpt/annotations.json").read_text())
    found = [
        {key: entry[key] for key in ("image_id", "keypoints")} | {"category_id": 1, "score": 0.9}
        for entry in document["annotations"]
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(found))
    return path


def test_movenet_is_measured_on_coco_pictures(media: Path, lightning: Path) -> None:
    """Six people of two crowded photos: the figures are those of a good small model."""
    result = run(lightning, "--data", media / "stills/coco_kpt/annotations.json", "--json")
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["people"] == 6
    assert 0.4 < report["oks"] < 0.9
    assert report["ap50"] > 0.6
    assert set(report["keypoints"]) >= {"pck@0.2", "pckh@0.5", "pcp@25px"}
    assert len(report["keypoints"]["pck@0.2"]) == 17


def test_mpii_pictures_are_measured_by_the_head(media: Path, lightning: Path) -> None:
    """MPII's joints have no face, so it is null; the head comes from neck and head top."""
    result = run(lightning, "--data", media / "stills/mpii/annotations.json", "--json")
    report = json.loads(result.stdout)
    assert report["people"] == 3
    assert report["keypoints"]["pck@0.2"]["nose"] is None
    assert report["pckh@0.5"] > 0.6


def test_perfect_results_have_a_precision_of_one(media: Path, results: Path) -> None:
    """The truth handed in as results is right about everybody."""
    data = media / "stills/coco_kpt/annotations.json"
    report = json.loads(run("--data", data, "--results", results, "--json").stdout)
    assert report["ap"] == pytest.approx(1.0)
    assert report["ar"] == pytest.approx(1.0)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_results_agree_with_pycocotools(media: Path, results: Path, seed: int) -> None:
    """Noisy, repeated and missing detections of real annotations: equal to 1e-6."""
    coco = pytest.importorskip("pycocotools.coco", reason="compares with pycocotools")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    data = media / "stills/coco_kpt/annotations.json"
    results.write_text(json.dumps(_noisy(json.loads(results.read_text()), seed)))
    truth = coco.COCO(str(data))
    reference = cocoeval.COCOeval(truth, truth.loadRes(str(results)), "keypoints")
    reference.evaluate()
    reference.accumulate()
    reference.summarize()
    report = json.loads(run("--data", data, "--results", results, "--json").stdout)
    found = [report[name] for name in ("ap", "ap50", "ap75", "ar")]
    assert found == pytest.approx(reference.stats[[0, 1, 2, 5]].tolist(), abs=1e-6)


def _noisy(entries: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    noisy = []
    for entry in entries:
        for _ in range(rng.integers(0, 4)):
            points = np.array(entry["keypoints"], float).reshape(17, 3)
            points[:, :2] += rng.normal(0, rng.choice([1, 4, 10, 40]), (17, 2))
            points[:, 2] = 1
            noisy.append(entry | {"keypoints": points.ravel().tolist(), "score": rng.random()})
    return noisy


def test_the_demo_clip_is_followed(lightning: Path) -> None:
    """MoveNet sees the bundled performer: nearly every keypoint right, no frame missed."""
    clip = Path(__file__).parents[2] / "models/demo/demo.mp4"
    report = json.loads(run(lightning, "--data", clip, "--json").stdout)
    assert report["people"] == 697
    assert report["pck@0.2"] > 0.98
    assert report["missed"] == 0.0
    assert report["lag"] <= 0.02


def test_a_table_is_printed_for_people(media: Path, lightning: Path) -> None:
    """Without --json the totals and every keypoint have a line."""
    result = run(lightning, "--data", media / "stills/mpii/annotations.json")
    assert "pckh@0.5" in result.stdout
    assert "right_ankle" in result.stdout


def test_maps_are_drawn_for_a_heatmap_model(media: Path, models: Path, tmp_path: Path) -> None:
    """The bundled net draws its maps; MoveNet has none and says so."""
    data, out = media / "stills/coco_kpt/annotations.json", tmp_path / "maps.png"
    with pytest.raises(UserError, match="no confidence maps"):
        run(models / "movenet_single_pose_lightning_ptq.tflite", "--data", data, "--overlay", out)
    nano = Path(__file__).parents[2] / "models/edgepose-nano.tflite"
    run(nano, "--data", data, "--overlay", out)
    assert cv2.imread(str(out)).shape == (384, 768, 3)


def test_a_clip_without_truth_is_the_users_mistake(tmp_path: Path) -> None:
    """The message names the file that is missing."""
    clip = tmp_path / "a.mp4"
    clip.write_bytes(b"")
    with pytest.raises(UserError, match=r"no a\.truth\.json beside it"):
        run("--data", clip)


@pytest.mark.parametrize("folder", [".", "/", ".."])
def test_a_folder_is_neither_a_clip_nor_annotations(folder: str) -> None:
    """Also one whose name has nothing to put an ending to."""
    with pytest.raises(UserError, match="a folder; name a clip, or the annotations in it"):
        run("--data", folder)


def test_a_zero_is_never_silent(media: Path, tmp_path: Path, lightning: Path) -> None:
    """Keypoints that lie where nobody is are reported as a doubt in the data."""
    entry = {"image_id": 1, "bbox": [5, 5, 20, 20], "keypoints": [5, 5, 2, 25, 25, 2] + [0] * 45}
    picture = media / "stills" / "tfexamples" / "image1.png"
    data = tmp_path / "data.json"
    document = {"images": [{"id": 1, "file_name": str(picture)}], "annotations": [entry]}
    data.write_text(json.dumps(document))
    result = run(lightning, "--data", data, "--json")
    assert json.loads(result.stdout)["oks"] < 0.01
    assert "are these the pictures that were annotated" in result.stderr
