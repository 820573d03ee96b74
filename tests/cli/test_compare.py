"""edgepose compare: real models on real pictures and a clip."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepose.imaging import read_image

Command = Callable[..., Any]


def test_two_models_are_compared_on_people_and_a_clip(
    edgepose_command: Command, media: Path, models: Path, tmp_path: Path
):
    """MoveNet finds six skiers better than the small model, which is faster; both on the sheet."""
    data = media / "stills/coco_kpt/annotations.json", media / "clips/smart_squat.gif"
    sheet = tmp_path / "sheet.png"
    said = edgepose_command(
        *("compare", "movenet-lightning-int8", "edgepose-nano", "--json"),
        *("--data", data[0], "--data", data[1], "--sheet", sheet),
    )
    assert said.code == 0, said.err
    report = json.loads(said.out)
    rows = {(row["model"], row["data"]): row for row in report["rows"]}
    large, small = (
        rows[name, str(data[0])] for name in ("movenet-lightning-int8", "edgepose-nano")
    )
    assert large["count"] == small["count"] == 6
    assert large["oks"] > small["oks"]
    assert large["missed"] == 0
    clip = rows["movenet-lightning-int8", str(data[1])]
    assert clip["oks"] is None
    assert clip["jitter"] > 0
    assert all(row["ms"] > 0 for row in report["rows"])
    assert report["advice"].startswith("Take ")
    assert read_image(sheet).shape[1] == 640


def test_a_clip_with_its_truth_is_scored(
    edgepose_command: Command, media: Path, models: Path, tmp_path: Path
):
    """`CLIP.truth.json` beside it, as `eval` takes it; the table has a line for each model."""
    clip = tmp_path / "squat.gif"
    clip.write_bytes((media / "clips/smart_squat.gif").read_bytes())
    poses = [[[50.0, 50.0, 2]] * 17] * 3
    truth = json.dumps({"fps": 10, "poses": poses})
    clip.with_suffix(".truth.json").write_text(truth)
    said = edgepose_command("compare", "movenet-lightning-int8", "edgepose-nano", "--data", clip)
    assert said.code == 0, said.err
    lines = [line for line in said.out.splitlines() if "movenet" in line or "nano" in line]
    assert len(lines) >= 2
    assert "0.000" in lines[0]


@pytest.mark.parametrize("models_given", [["edgepose-nano"], ["edgepose-nano", "edgepose-nano"]])
def test_fewer_than_two_models_are_a_mistake(
    edgepose_command: Command, tmp_path: Path, models_given: list[str]
):
    """One model alone has nothing to be compared with."""
    said = edgepose_command("compare", *models_given, "--data", tmp_path)
    assert said.code == 2
    assert "two or more different models" in said.err
