"""What the benchmark of the screen measures."""

from __future__ import annotations

from pathlib import Path

import cv2
import pytest

from edgepose.bench import parts


def test_the_screen_is_measured_for_each_camera(monkeypatch: pytest.MonkeyPatch):
    """On one thread, as processor time of one thread says little about several; put back after."""
    monkeypatch.setattr(parts, "SCREENS", 2)
    before = cv2.getNumThreads()

    costs = parts.screen_ms()

    assert list(costs) == ["640x480", "1280x720"]
    assert all(cost > 0 for cost in costs.values())
    assert cv2.getNumThreads() == before


def test_the_measured_scenes_are_the_dear_ones():
    """Somebody who is compared, with limbs that are off and words for them."""
    scene = parts.compared_scenes((48, 64), 1)[0]

    assert scene.poses[0].size == scene.frame.size == (48, 64)
    assert len(scene.watches[0].match.deviated) >= 3
    assert scene.stats


def test_memory_is_measured_in_processes_of_their_own(lightning, monkeypatch):
    """The whole takes more than the bare model, and both are megabytes."""
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    found = parts.memory_mb(lightning, Path("models/demo/demo.mp4"))
    bare, whole = found["bare"], found["edgepose, video in, jsonl out"]
    assert 20 < bare < whole < 500


def test_memory_with_corals_decoder_in_the_model(models):
    """The bare interpreter gets the model as our loader does: no runtime has this operation."""
    model = models / "coral_testdata_posenet_mobilenet_v1_075_353_481_16_quant_decoder.tflite"
    assert parts._peak_mb("bare", parts._BARE, model) > 20


def test_memory_that_cannot_be_measured_is_left_out(tmp_path, caplog):
    """With the reason, which is the last thing that the process wrote."""
    found = parts.memory_mb(tmp_path / "none.tflite", tmp_path / "none.mp4")
    assert found == {}
    bare, whole = (record.getMessage() for record in caplog.records)
    assert bare.startswith("The memory of 'bare' is not measured: ")
    assert "none.tflite: damaged" in bare
    assert "none.mp4" in whole
