"""Counting on real clips: the right number, by the right exercise, in time, with the true range."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from edgepose.appliance import assembly
from edgepose.appliance.model import load_model
from edgepose.config.loader import load
from edgepose.config.model_section import ModelSection
from edgepose.core.watches.signals import Body
from edgepose.definitions import exercise_file, library
from edgepose.engine.event_ids import replay_stamp
from edgepose.engine.perception import Perception
from edgepose.engine.replay import replay_source
from edgepose.registry import part

CLIPS = {
    "front_raise_side.mp4": "arm_raise_front",
    "squat_goblet_physio.mp4": "squat",
    "neg_signing_walk.mkv": "",
    "tfjs_combined_squat_dance.gif": "",
}  # short ones; all of them were tried when thresholds were set
RELATED = {"squat": {"half_squat"}, "arm_raise_front": set(), "": set()}


def _path(media, clip):
    return next(
        path for path in (media / "counted" / clip, media / "clips" / clip) if path.exists()
    )


@dataclass(frozen=True)
class Played:
    """A clip as every shipped exercise saw it. poses: by frame."""

    events: list
    poses: list


@pytest.fixture(scope="module")
def play(models, media, tmp_path_factory):
    """Return a function that plays a counted clip once to all shipped exercises."""
    names = [name for name, _ in library.known("exercise").items()]
    path = tmp_path_factory.mktemp("gym") / "gym.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\nwatch:\n"
        + "".join(f"  {name}: {{exercise: {name}}}\n" for name in names)
    )
    lightning = models / "movenet_single_pose_lightning_ptq.tflite"

    @cache
    def played(clip):
        loaded = load_model(ModelSection(path=lightning))
        try:
            interpreter = assembly.new_interpreter(
                load(path), replay_stamp(0.0), loaded.detector.family
            )
            video = part("source", "video")
            source = video(video.Options(path=_path(media, clip), pace="fast"))
            scenes = list(replay_source(source, Perception(loaded.detector, interpreter)))
        finally:
            loaded.close()
        events = [event for scene in scenes for event in scene.events]
        return Played(events, [(scene.frame.time, scene.poses) for scene in scenes])

    return played


@pytest.fixture(scope="module")
def truth(media):
    """Return what was counted by hand."""
    return json.loads(Path(media / "counted" / "truth.json").read_text())


@pytest.mark.parametrize("clip", CLIPS)
def test_the_right_exercise_counts_right_and_no_other_counts(clip, play, truth):
    """Every exercise of the library watches at once."""
    reps = [event.name for event in play(clip).events if event.type == "rep"]
    right = CLIPS[clip]
    assert reps.count(right) == (truth[clip]["count"] if right else 0)
    others = {name for name in reps if name != right}
    assert all(reps.count(name) <= 1 for name in others - RELATED[right])
    assert right or not others


@pytest.mark.parametrize("clip", [clip for clip, name in CLIPS.items() if name])
def test_the_range_is_that_of_the_extreme_frame(clip, play, truth):
    """Within 5 degrees of what the hand-marked frames show, one repetition after the other."""
    exercise = exercise_file.load(library.find("exercise", CLIPS[clip]))
    poses, index = play(clip).poses, 0 if exercise.swings.start.is_above else 1
    marked = [exercise.measure(Body(poses[frame][1][0])) for frame in truth[clip]["rep_frames"]]
    told = [
        event.effort.range[index]
        for event in play(clip).events
        if (event.name, event.type) == (exercise.name, "rep")
    ]
    assert told == pytest.approx(marked, abs=5.0)


@pytest.mark.parametrize("clip", [clip for clip, name in CLIPS.items() if name])
def test_a_repetition_is_told_at_once(clip, play):
    """At most 0.15 s after the pose itself is back past the start threshold."""
    exercise = exercise_file.load(library.find("exercise", CLIPS[clip]))
    start = exercise.swings.start
    for event in play(clip).events:
        if (event.name, event.type) != (exercise.name, "rep"):
            continue
        away = [
            time
            for time, poses in play(clip).poses
            if time < event.frame_time
            and poses
            and not start.holds(exercise.measure(Body(poses[0])))
        ]
        assert event.frame_time - max(away, default=math.nan) <= 0.15


@pytest.mark.parametrize(("clip", "times"), [("tfjs_pose_1.mp4", 1), ("squat_side_home.mp4", 0)])
def test_one_leg_is_stood_on_only_where_a_foot_is_lifted(clip, times, play):
    """Feet apart in depth, seen from the side, differ in height as well."""
    holds = [event for event in play(clip).events if event.name == "one_leg_stand"]
    assert [event.type for event in holds] == ["start", "end"] * times


def test_a_routine_goes_on_with_the_next_step_of_a_real_clip(play, tmp_path):
    """Two steps of one squat each: the second begins at once, and misses no repetition."""
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "two.yaml").write_text(
        "version: 1\nroutine: two\nrounds: 2\nsteps: [{exercise: squat, goal: 1}]\n"
    )
    path = tmp_path / "gym.yaml"
    path.write_text("version: 1\nsource: {type: synthetic}\nwatch: {w: {routine: two}}\n")
    (watch,) = assembly.new_interpreter(load(path)).watches
    watch.order("start")
    told = [
        (change.type, round(time, 1))
        for time, poses in play("squat_goblet_physio.mp4").poses
        for change in watch.step(poses, time, True)[1]
    ]
    assert [kind for kind, _ in told] == [
        "routine", "step", "rep", "set", "step", "rep", "set", "finished"
    ]  # fmt: skip
    assert [time for kind, time in told if kind == "rep"] == pytest.approx([6.2, 13.6], abs=0.3)
