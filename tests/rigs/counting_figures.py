"""Measure what docs/counting.md says of counting, learning and templates: by hand, minutes.

    python tests/rigs/counting_figures.py MODEL.tflite MEDIA

MEDIA: the folder of EDGEPOSE_TEST_MEDIA, with clips that were counted by hand. Each is looked at
once; tracked and smoothed as a watch sees it, with the shipped exercises as they are.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import click

from edgepose.appliance.model import LoadedModel, load_model
from edgepose.cli.exercise_clip import seen_in
from edgepose.config.model_section import ModelSection
from edgepose.core.teaching import with_tolerances
from edgepose.core.templates import teach
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.movement import Attempt, Exercise
from edgepose.core.watches.pose import PoseWatch
from edgepose.core.watches.signals import Body
from edgepose.core.watches.trace import Seen, trace
from edgepose.definitions import exercise_file, exercise_learning, library
from edgepose.errors import UserError
from edgepose.imaging import read_image
from edgepose.types import Frame, Pose

CLIPS: Mapping[str, tuple[str, int]] = {
    "counted/squat_side_home.mp4": ("squat", 3),
    "counted/squat_goblet_physio.mp4": ("squat", 2),
    "clips/tfjs_pose_squats.mp4": ("squat", 2),
    "counted/pushup_oblique_home.mp4": ("push_up", 2),
    "counted/pushup_incline_outdoor.mp4": ("push_up", 5),
    "clips/pushup_zoom.mp4": ("push_up", 4),
    "clips/smart_pushup.mp4": ("push_up", 11),
    "counted/lunge_front_home.mp4": ("lunge", 2),
    "counted/curl_side_both.mp4": ("biceps_curl", 4),
    "counted/shoulder_abduction_front_rehab.mp4": ("arm_raise_side", 6),
    "counted/lateral_raise_front_lowangle.mp4": ("arm_raise_side", 3),
    "counted/front_raise_side.mp4": ("arm_raise_front", 2),
    "counted/situp_side_home.mp4": ("sit_up", 7),
    "counted/press_seated_front_gym.mp4": ("overhead_press", 2),
    "counted/high_knees_side_gym.mp4": ("high_knees", 18),
    "clips/jumping_jacks_1_count11.mp4": ("jumping_jack", 11),
    "clips/jumping_jacks_3_count30.mp4": ("jumping_jack", 30),
    "clips/jumping_jacks_5_count18.mp4": ("jumping_jack", 18),
    "clips/smart_jumpingjack.mp4": ("jumping_jack", 19),
    "clips/smart_jumping-jack.gif": ("jumping_jack", 4),
}  # the exercise, and how often it is done from its start to its end

Look = Callable[[str], tuple[Seen, float]]
"""Given a clip, return its frames and the score from which a keypoint is known."""


@cache
def shipped(name: str) -> Exercise:
    """Return an exercise of the library."""
    return exercise_file.load(library.find("exercise", name))


def counts(look: Look) -> Iterator[str]:
    """Yield what each clip counts."""
    exact = 0
    for clip, (name, count) in CLIPS.items():
        found = trace(shipped(name), *look(clip)).count
        exact += found == count
        yield f"  {clip}: {found} of {count} {name}"
    yield f"counts: {exact} of {len(CLIPS)} exact"


def latencies(look: Look) -> Iterator[str]:
    """Yield the longest time from the start threshold, passed by the pose, to a repetition."""
    waits: list[float] = []
    for clip, (name, _) in CLIPS.items():
        seen, known = look(clip)
        for attempt in counted(name, seen, known):
            value, start = side_value(shipped(name), attempt, known), attempt.swing
            bound = shipped(name).swings
            assert bound is not None
            away = [
                time
                for time, pose in seen
                if pose and time < start.ended and not bound.start.holds(value(pose))
            ]
            waits.append(start.ended - max(away))
    yield f"latency: {len(waits)} repetitions, {max(waits):.3f} s at most"


def counted(name: str, seen: Seen, known: float) -> list[Attempt]:
    """Return the repetitions of a clip."""
    return [one for one in trace(shipped(name), seen, known).attempts if one.is_counted]


def side_value(exercise: Exercise, attempt: Attempt, known: float) -> Callable[[Pose], float]:
    """Return what reads the signal of the side that a repetition was counted on."""
    measure = exercise.measure
    assert measure is not None
    one = getattr(measure, attempt.side) if measure.side == "both" else measure
    return lambda pose: float(one(Body(pose, known)))


def ranges(look: Look, truth: Mapping[str, Any]) -> Iterator[str]:
    """Yield how far ranges are from what the frames marked by hand show."""
    off: list[float] = []
    for clip, (name, _) in CLIPS.items():
        marked = truth.get(Path(clip).name, {}).get("rep_frames", [])
        seen, known = look(clip)
        for attempt in counted(name, seen, known) if marked else []:
            swing, exercise = attempt.swing, shipped(name)
            assert exercise.swings is not None
            frame = min(marked, key=lambda one: abs(seen[one][0] - swing.deepest))
            pose = seen[frame][1]
            shown = side_value(exercise, attempt, known)(pose) if pose else math.nan
            told = swing.range[0 if exercise.swings.start.is_above else 1]
            off.append(abs(told - shown))
            if not off[-1] <= 5.0:
                yield f"  {clip} frame {frame}: range ends at {told:.1f}, the frame has {shown:.1f}"
    yield f"ranges: {sum(one <= 5.0 for one in off)} of {len(off)} within 5 degrees"


def learned(seen: Seen, count: int, known: float) -> Exercise:
    """Return an exercise learned from a clip. Raises UserError where nothing repeats so often."""
    found = exercise_learning.learn(seen, count, known)
    return exercise_file.loads(exercise_learning.dumps("x", found[0], "a clip", found), "x.yaml")


def first_thirds(look: Look) -> Iterator[str]:
    """Yield on how many clips the first third teaches to count the others as the library does."""
    right = tried = 0
    for clip, (name, _) in CLIPS.items():
        seen, known = look(clip)
        first, others = seen[: len(seen) // 3], seen[len(seen) // 3 :]
        count = trace(shipped(name), first, known).count
        if count:
            tried += 1
            right += agrees(first, count, others, name, known)
    yield f"learned from the first third: {right} of {tried} count the others as the library does"


def agrees(teacher: Seen, count: int, pupil: Seen, name: str, known: float) -> bool:
    """Return whether what one clip teaches counts in another what the library counts there."""
    try:
        found = trace(learned(teacher, count, known), pupil, known).count
    except UserError:
        return False
    return found == trace(shipped(name), pupil, known).count


def other_people(look: Look) -> Iterator[str]:
    """Yield how many pairs of people agree on an exercise that the first one teaches."""
    pairs = [(a, b) for a, b in itertools.permutations(CLIPS, 2) if CLIPS[a][0] == CLIPS[b][0]]
    right = 0
    for teacher, pupil in pairs:
        (seen, known), (name, count) = look(teacher), CLIPS[teacher]
        right += agrees(seen, count, look(pupil)[0], name, known)
    yield f"learned from another person: {right} of {len(pairs)} count as the library does"


def yoga(loaded: LoadedModel, folder: Path) -> Iterator[str]:
    """Yield how many photos are found by templates of up to three others, and wrongly found."""
    poses = {path.stem: still(loaded, path) for path in sorted(folder.glob("*.jpg"))}
    classes = sorted({name.rstrip("0123456789") for name in poses})
    known = loaded.detector.family.known_score
    found = {True: [0, 0], False: [0, 0]}
    for (name, pose), kind in itertools.product(poses.items(), classes):
        others = [poses[n] for n in poses if n.startswith(kind) and n != name][:3]
        template = with_tolerances(teach(kind, others, known, mirror=True))
        watch = PoseWatch(kind, [template], min_score=known)
        hit = watch.step([pose], 0.0)[0].score >= Thresholds().enter
        tally = found[name.startswith(kind)]
        tally[0] += hit
        tally[1] += 1
    (right, of), (wrong, all_wrong) = found[True], found[False]
    yield f"yoga photos: {right} of {of} found, {wrong} of {all_wrong} wrong"


def still(loaded: LoadedModel, path: Path) -> Pose:
    """Return the person of a photo, looked at twice as by `template capture`."""
    loaded.detector.reset()
    frame = Frame(read_image(path), 0.0, 0)
    loaded.detector.detect(frame)
    return replace(loaded.detector.detect(frame)[0], person=1)


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("media", type=click.Path(path_type=Path, exists=True))
def main(model: Path, media: Path) -> None:
    """Print every figure."""
    loaded = load_model(ModelSection(path=model))
    truth = json.loads((media / "counted" / "truth.json").read_text())
    look = cache(lambda clip: seen_in(loaded, media / clip))
    for lines in (
        counts(look),
        latencies(look),
        ranges(look, truth),
        first_thirds(look),
        other_people(look),
        yoga(loaded, media / "stills" / "yoga"),
    ):
        for line in lines:
            click.echo(line)


if __name__ == "__main__":
    main()
