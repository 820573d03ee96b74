"""Measure what each kind of watch costs a frame, with one person who raises the arms."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final, Protocol

import numpy as np

from edgepose.core.templates import teach
from edgepose.core.watches.classifier import ClassifierWatch
from edgepose.core.watches.embedding import Neighbours
from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.core.watches.pose import PoseWatch
from edgepose.core.watches.routine import RoutineWatch, Step
from edgepose.definitions import routine_file
from edgepose.sources.synthetic.motion import pose_at
from edgepose.types import Pose, Transition, WatchState

FRAMES: Final = 1000
FPS: Final = 30.0
EXAMPLES: Final = 2000  # of a classifier
CLASSES: Final = ("stand", "arms_up", "jumping_jack", "squat", "wave")
EXERCISES: Final = (
    "arm_raise_side", "squat", "lunge", "jumping_jack", "push_up", "sit_up", "biceps_curl",
    "overhead_press", "high_knees", "side_bend",
)  # fmt: skip

_PICTURE: Final = (480, 640)
_SHAKE: Final = 0.002  # of the picture's height; what a pose model errs by


class _Watch(Protocol):
    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool = True
    ) -> tuple[WatchState, tuple[Transition, ...]]: ...


def watch_ms() -> dict[str, float]:
    """Return the milliseconds that one watch of each kind takes a frame; medians of FRAMES."""
    poses = _raises()
    routine = _routine()
    return {
        "pose": _median_ms(PoseWatch("pose", [teach("pose", poses[:1])]), poses),
        "exercise": _median_ms(_exercise(routine.routine.steps[0]), poses),
        f"classifier, {EXAMPLES} examples": _median_ms(_classifier(), poses),
        f"routine, {len(EXERCISES)} exercises": _median_ms(routine, poses),
    }


def _median_ms(watch: _Watch, poses: Sequence[Pose]) -> float:
    """Return the median duration of a step; a routine spends as long in each of its own steps."""
    durations = []
    for i, pose in enumerate(poses):
        if isinstance(watch, RoutineWatch) and i % (FRAMES // len(EXERCISES)) == 0:
            watch.order("skip" if watch.is_running else "start")
        start = time.perf_counter()
        watch.step([pose], i / FPS)
        durations.append(time.perf_counter() - start)
    return statistics.median(durations) * 1e3


def _raises() -> list[Pose]:
    """Return FRAMES frames of somebody who raises both arms, as an unsteady model sees them."""
    rng = np.random.default_rng(0)
    return [_shaken(rng, pose_at("arms_up", i / FPS, _PICTURE)) for i in range(FRAMES)]


def _shaken(rng: np.random.Generator, pose: Pose) -> Pose:
    keypoints = pose.keypoints.copy()
    keypoints[:, :2] += rng.normal(0.0, _SHAKE, (len(keypoints), 2))
    return replace(pose, keypoints=keypoints, person=1)


def _exercise(step: Step) -> ExerciseWatch:
    assert step.exercise is not None
    return ExerciseWatch(step.name, step.exercise, goal=step.goal)


def _routine() -> RoutineWatch:
    steps = "".join(f"  - {{exercise: {name}, goal: 1000}}\n" for name in EXERCISES)
    text = f"version: 1\nroutine: bench\nsteps:\n{steps}"
    return RoutineWatch("routine", routine_file.loads(text, "bench"), _exercise)


def _classifier() -> ClassifierWatch:
    """Return a k-NN watch whose examples are the motions of the synthetic figure."""
    rng = np.random.default_rng(1)
    owners = [i % len(CLASSES) for i in range(EXAMPLES)]
    times = rng.uniform(0.0, 10.0, EXAMPLES)
    poses = [pose_at(CLASSES[who], when, _PICTURE) for who, when in zip(owners, times, strict=True)]
    points = np.array([_shaken(rng, pose).pixels[:, :2] for pose in poses], np.float64)
    return ClassifierWatch("class", Neighbours(points, owners, CLASSES), CLASSES.index("arms_up"))
