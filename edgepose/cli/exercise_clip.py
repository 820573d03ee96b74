"""What an exercise makes of a clip, in words and as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from edgepose.appliance.model import LoadedModel
from edgepose.cli.progress import tracked
from edgepose.core.families.base import Family
from edgepose.core.person_smoothing import new_person_smoother
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.tracking import Tracker
from edgepose.core.watches.counter import Outcome
from edgepose.core.watches.movement import Attempt, Check, Exercise, in_language
from edgepose.core.watches.performers import amount, reason
from edgepose.core.watches.signals import (
    LIMBS,
    Angle,
    Combination,
    Distance,
    Height,
    Rise,
    Signal,
    Tilt,
    place,
)
from edgepose.core.watches.trace import Seen, Trace
from edgepose.engine.event_ids import replay_stamp
from edgepose.engine.perception import Interpreter
from edgepose.engine.replay import replay_poses
from edgepose.recording import Recorded, is_recording, read_recording
from edgepose.render.curve import Curve, CurveMark
from edgepose.skeleton import KEYPOINTS
from edgepose.sources.video import clip_frames, clip_length
from edgepose.types import blank_frame
from edgepose.yamldoc.marks import one_line

_BARS: Final = "▁▂▃▄▅▆▇█"
_WIDE: Final = 72  # characters of a curve in the terminal


def seen_in(loaded: LoadedModel | None, path: Path) -> tuple[Seen, float]:
    """Return the largest person of each frame of a clip or a recording, as a watch sees them.

    Tracked and smoothed. The number is the score from which a keypoint is known. Raises UserError
    for a file that is neither.
    """
    if loaded is None:
        return followed(read_recording(path).frames), Family.known_score
    return followed(tuple(_detected(loaded, path))), loaded.detector.family.known_score


def followed(recorded: Sequence[Recorded]) -> Seen:
    """Return the largest person of each frame, tracked and smoothed."""
    interpreter = Interpreter(
        "exercise",
        tracker=Tracker().track,
        selection=Selection(SelectionSettings()).choose,
        new_smoother=new_person_smoother,
        watches=(),
        stamp=replay_stamp(0.0),
    )
    scenes = replay_poses(recorded, interpreter)
    return [(scene.frame.time, next(iter(scene.poses), None)) for scene in scenes]


def needs_model(paths: Sequence[Path]) -> bool:
    """Return whether any of the files is a clip. Raises UserError for one that can't be read."""
    return not all(is_recording(path) for path in paths)


def _detected(loaded: LoadedModel, path: Path) -> Iterator[Recorded]:
    """Yield the poses of each frame."""
    loaded.detector.reset()
    for frame in tracked(clip_frames(path), path.name, clip_length(path), "frames"):
        yield blank_frame(frame.size, frame.time, frame.seq), loaded.detector.detect(frame)


def as_rows(path: Path, exercise: Exercise, made: Trace) -> dict[str, Any]:
    """Return what is printed as JSON."""
    return {
        "file": str(path),
        "exercise": exercise.name,
        "count": made.count,
        "swings": [_row(exercise, attempt) for attempt in made.attempts],
        "holds": [
            {"start": round(time - (change.held or 0.0), 2), "held": round(change.held or 0.0, 2)}
            for time, change in made.holds
            if change.type == "end"
        ],
    }


def _row(exercise: Exercise, attempt: Attempt) -> dict[str, Any]:
    swing = attempt.swing
    return {
        "outcome": swing.outcome,
        "side": attempt.side,
        "began": round(swing.began, 2),
        "extreme": round(swing.deepest, 2),
        "ended": round(swing.ended, 2),
        "range": [round(value, 2) for value in swing.range],
        "faults": [in_language(check.say, "en") for check in attempt.faults],
        "reason": why(exercise, attempt),
    }


def why(exercise: Exercise, attempt: Attempt) -> str:
    """Return why a swing was not counted, `""` for one that was."""
    swing, swings = attempt.swing, exercise.swings
    assert swings is not None
    if swing.outcome == "short":
        return reason(exercise, swing, in_language(exercise.short, "en"))
    if attempt.broken is not None:
        return f"another movement: {_expected(attempt.broken)}"
    if swing.outcome == "late":
        return f"took too long; at most {swings.longest:g} s there and {swings.longest:g} s back"
    if swing.outcome == "fast":
        return f"too fast; at least {swings.shortest:g} s there"
    return _REASONS.get(swing.outcome, "")


_REASONS: Final[dict[Outcome, str]] = {
    "lost": "out of sight for more than half a second",
    "early": "the repetition had begun before the start position was held",
}


def _expected(check: Check) -> str:
    """Return what a guard asks for: `trunk tilt below 45 at the start`."""
    measure = check.measure
    limits = []
    if check.low > -math.inf:
        limits.append(f"above {check.low:g}")
    if check.high < math.inf:
        limits.append(f"below {check.high:g}")
    side = {"min": "least ", "max": "greatest ", "mean": "mean "}.get(measure.side, "")
    when = "all the time" if check.at == "any" else f"at the {check.at}"
    return f"expected the {side}{describe(measure.left)} {' and '.join(limits)} {when}"


def describe(signal: Signal) -> str:
    """Return what a signal is, in words: `knee angle`, `trunk tilt`."""
    match signal:
        case Angle(start, joint, end):
            words = f"{_place(joint)} angle ({_place(start)} to {_place(end)})"
        case Tilt():
            words = f"{_limb(signal)} tilt"
        case Height(of, over):
            words = f"height of the {_place(of)} over the {_place(over)}"
        case Distance(start, end):
            words = f"distance of the {_place(start)} and the {_place(end)}"
        case Combination(how, parts):
            words = f"{how} of " + " and ".join(map(describe, parts))
        case _:
            words = "rise of the feet" if isinstance(signal, Rise) else "score of the template"
    return words


def _place(where: tuple[int, ...]) -> str:
    names = {KEYPOINTS[index].removeprefix("left_").removeprefix("right_") for index in where}
    return " and ".join(sorted(names)) + ("s" if len(where) > 1 else "")


def _limb(signal: Tilt) -> str:
    for name, ends in LIMBS.items():
        if (place(ends[0], "left"), place(ends[1], "left")) == (signal.start, signal.end):
            return name.replace("_", " ")
    return f"{_place(signal.start)} to {_place(signal.end)}"


def told(path: Path, exercise: Exercise, made: Trace) -> str:
    """Return what is printed for people: the count, the curve, each swing and why."""
    word = "hold" if exercise.is_hold else "repetition"
    done = f"{made.count} {word}{'' if made.count == 1 else 's'} of {exercise.name}"
    head = f"{one_line(str(path))}: {done}"
    ended = [change.held or 0.0 for _, change in made.holds if change.type == "end"]
    lines = [f"{time:8.2f} s  {change.type}" for time, change in made.holds if not change.held]
    lines += [f"            held {held:.1f} s" for held in ended]
    lines += [_line(exercise, attempt) for attempt in made.attempts] or _nothing(exercise, made)
    return "\n".join([head, *(_bars(side) for side in made.sides), *lines])


def _nothing(exercise: Exercise, made: Trace) -> list[str]:
    """Return what a repetition needs and the clip has not, in lines."""
    measure, swings = exercise.measure, exercise.swings
    known = [value for side in made.sides for value in side if not math.isnan(value)]
    if measure is None or swings is None or not known:
        return []
    if not any(map(swings.start.holds, known)):
        missing = "the start was never reached"
    elif not any(map(swings.target.holds, known)):
        missing = "the target was never reached"
    else:
        missing = f"the start was not held for {swings.settle:g} s before it"
    low, high = amount(min(known), exercise.unit), amount(max(known), exercise.unit)
    return [
        f"            no swing: {missing}",
        f"            {describe(measure.left)}: {low} to {high}; a repetition starts "
        f"{swings.start}{exercise.unit} and goes {swings.target}{exercise.unit}",
    ]


def _line(exercise: Exercise, attempt: Attempt) -> str:
    swing = attempt.swing
    low, high = (amount(value, exercise.unit) for value in swing.range)
    head = f"{swing.deepest:8.2f} s  "
    if not attempt.is_counted:
        return f"{head}not counted: {why(exercise, attempt)}"
    faults = "".join(f"; {in_language(check.say, 'en')}" for check in attempt.faults)
    down, up = swing.deepest - swing.began, swing.ended - swing.deepest
    return f"{head}counted: {low} to {high}, {down:.1f} s there, {up:.1f} s back{faults}"


def _bars(values: Sequence[float]) -> str:
    """Return a curve as a row of bars; a gap where the value is unknown."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return "(never seen)"
    low, extent = min(known), (max(known) - min(known)) or 1.0
    picked = [values[i * len(values) // _WIDE] for i in range(min(_WIDE, len(values)))]
    steps = len(_BARS) - 1
    return "".join(
        " " if math.isnan(value) else _BARS[round((value - low) / extent * steps)]
        for value in picked
    )


def curve_of(title: str, exercise: Exercise, made: Trace) -> Curve:
    """Return what a picture shows of a trace."""
    assert exercise.swings is not None
    swings = exercise.swings
    marks = [
        CurveMark(attempt.swing.deepest, attempt.swing.farthest, attempt.is_counted)
        for attempt in made.attempts
    ]
    thresholds = {"start": swings.start.value, "target": swings.target.value}
    return Curve(f"{title}: {made.count}", made.times, made.sides, thresholds, marks)
