"""edgepose exercise: list, show, test, learn."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from edgepose import imaging
from edgepose.definitions import exercise_file
from edgepose.recording import Header, frame_row, header_row
from edgepose.types import blank_frame
from tests.test_shipped_exercises import FPS, HOLDS, between, frames_of


def record(path: Path, poses) -> Path:
    """Write a recording of poses."""
    rows = [header_row(Header("gym"))]
    rows += [frame_row(blank_frame(p.size, k / FPS, k), [p]) for k, p in enumerate(poses)]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def squats(here) -> Path:
    """Return a recording of three squats and a shallow one."""
    return record(here / "squats.jsonl", frames_of("squat") + frames_of("half_squat")[:65])


def test_list_names_all_and_says_what_is_broken(edgepose_command, here):
    """Own ones first; a file that can't be used does not hide the others."""
    (here / "exercises").mkdir()
    (here / "exercises" / "mine.yaml").write_text("version: 1\nexercise: mine\n")
    rows = {
        row["name"]: row for row in json.loads(edgepose_command("exercise", "list", "--json").out)
    }
    assert rows["squat"]["counts"] == "repetitions"
    assert rows["plank"]["counts"] == "seconds"
    assert "expected `signal`" in rows["mine"]["problem"]
    said = edgepose_command("exercise", "list")
    assert said.code == 0
    assert "can't be used" in said.out


def test_show_prints_the_file(edgepose_command, here):
    """The file explains itself."""
    said = edgepose_command("exercise", "show", "squat")
    assert "target: below" in said.out
    assert json.loads(edgepose_command("exercise", "show", "squat", "--json").out)["posture"] == (
        "upright"
    )


def test_show_draws_start_and_target(edgepose_command, here):
    """For a sheet on the wall; a wrong ending is one sentence."""
    said = edgepose_command("exercise", "show", "squat", "--picture", "squat.png")
    assert said.code == 0
    assert imaging.read_image(Path("squat.png")).shape == (360, 560, 3)
    wrong = edgepose_command("exercise", "show", "squat", "--picture", "squat.docx")
    assert wrong.code != 0
    assert "expected a name ending in .png" in wrong.err


def test_test_says_why_each_swing_counted_or_not(edgepose_command, squats):
    """Three and one that was not deep enough, with a row of bars."""
    said = edgepose_command("exercise", "test", "squat", squats, "--picture", "curve.png")
    assert said.code == 0
    assert said.out.startswith(f"{squats}: 3 repetitions of squat\n")
    assert said.out.count("counted: 8") == 3
    assert "not counted: go deeper: 1" in said.out
    assert "█" in said.out
    assert imaging.read_image(Path("curve.png")).shape == (420, 1200, 3)


def test_test_says_when_the_first_had_begun_before(edgepose_command, here):
    """A clip that begins at the bottom of a squat."""
    clip = record(here / "late.jsonl", frames_of("squat")[45:])
    said = edgepose_command("exercise", "test", "squat", clip)
    assert ": 2 repetitions of squat" in said.out
    assert "not counted: the repetition had begun before the start position was held" in said.out


def test_test_prints_json(edgepose_command, squats):
    """For scripts: the swings with range, sides, faults and reasons."""
    (row,) = json.loads(edgepose_command("exercise", "test", "squat", squats, "--json").out)
    assert row["count"] == 3
    assert [swing["outcome"] for swing in row["swings"]] == ["counted"] * 3 + ["short"]
    assert row["swings"][3]["reason"].startswith("go deeper: ")


@pytest.mark.parametrize(
    ("frames", "missing"),
    [
        (slice(38, 54), "the start was never reached"),  # down all the time
        (slice(0, 8), "the target was never reached"),
    ],
)
def test_test_says_what_a_clip_without_a_swing_lacks(edgepose_command, here, frames, missing):
    """Somebody who never stands up, or never moves: with what was seen and what is needed."""
    clip = record(here / "clip.jsonl", frames_of("squat")[frames] * 10)
    said = edgepose_command("exercise", "test", "squat", clip)
    assert f"no swing: {missing}" in said.out
    assert re.search(r"knee angle .*: \d+° to \d+°; a repetition starts above 150°", said.out)


def test_another_movement_names_the_guard(edgepose_command, squats):
    """A squat is no lunge, and here is why."""
    said = edgepose_command("exercise", "test", "lunge", squats)
    assert ": 0 repetitions of lunge" in said.out
    assert "another movement: expected the greatest hip angle (shoulder to knee) above" in said.out


def test_a_hold_is_told_in_seconds(edgepose_command, here):
    """Two seconds of wall sit."""
    pose = between(HOLDS["wall_sit"], HOLDS["wall_sit"], 0.0)
    clip = record(here / "sit.jsonl", [pose] * 50)
    said = edgepose_command("exercise", "test", "wall_sit", clip)
    assert ": 1 hold of wall_sit" in said.out
    assert "held 2.0 s" in said.out
    refused = edgepose_command("exercise", "test", "wall_sit", clip, "--picture", "x.png")
    assert (refused.code, "leave out --picture" in refused.err) == (2, True)


def test_learn_writes_a_file_and_a_picture(edgepose_command, squats):
    """And what it wrote counts the clip."""
    said = edgepose_command("exercise", "learn", "mine", "--video", squats)
    assert said.code == 0, said.err
    assert exercise_file.load("exercises/mine.yaml").name == "mine"
    assert imaging.read_image(Path("exercises/mine.png")).shape == (420, 1200, 3)
    (row,) = json.loads(edgepose_command("exercise", "test", "mine", squats, "--json").out)
    assert row["count"] >= 3


def test_learn_live_at_the_camera(edgepose_command, here, media, models):
    """A countdown, the exercise, a file, and what comes next; a clip stands for the camera."""
    clip = media / "counted" / "front_raise_side.mp4"
    (here / "gym.yaml").write_text(
        f"version: 1\nsource: {{type: video, path: {clip}}}\nwatch: {{s: {{exercise: squat}}}}\n"
    )
    model = models / "movenet_single_pose_lightning_ptq.tflite"
    live = ["--config", "gym.yaml", "--countdown", "0", "--seconds", "60", "--count", "2"]
    said = edgepose_command("exercise", "learn", "mine", *live, "--model", model)
    assert said.code == 0, said.err
    assert "Do it 2 times" in said.err
    assert "Next: `watch: {mine: {exercise: mine}}`" in said.out
    assert exercise_file.load("exercises/mine.yaml").name == "mine"


def test_learn_keeps_a_file_that_is_there(edgepose_command, squats):
    """Unless it is told to replace it."""
    assert edgepose_command("exercise", "learn", "mine", "--video", squats).code == 0
    refused = edgepose_command("exercise", "learn", "mine", "--video", squats)
    assert (refused.code, "is there already" in refused.err) == (2, True)
    assert edgepose_command("exercise", "learn", "mine", "--video", squats, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["learn", "a/b", "--video", "{clip}"], "expected a name of letters"),
        (["learn", "x", "--video", "{clip}", "--count", "9"], "nothing repeats 9 times"),
        (["learn", "x"], "expected --video CLIP, or --config CONFIG"),
        (["learn", "x", "--video", "none.mp4"], "none.mp4: can't be read"),
        (["test", "squatt", "{clip}"], "did you mean 'squat'?"),
        (["test", "squat", "none.mp4"], "none.mp4: can't be read"),
        (["show", "squatt"], "did you mean 'squat'?"),
    ],
)
def test_mistakes_are_said_in_a_sentence(arguments, expected, edgepose_command, squats):
    """No traceback."""
    said = edgepose_command("exercise", *(part.format(clip=squats) for part in arguments))
    assert said.code == 2
    assert expected in said.err
    assert "Traceback" not in said.err


def test_a_real_clip_is_counted(edgepose_command, here, media, models, monkeypatch):
    """From the video to the count, with the model that is there."""
    clip = media / "counted" / "front_raise_side.mp4"
    model = models / "movenet_single_pose_lightning_ptq.tflite"
    said = edgepose_command("exercise", "test", "arm_raise_front", clip, "--model", model, "--json")
    assert json.loads(said.out)[0]["count"] == 2
