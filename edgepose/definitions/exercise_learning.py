"""Learn an exercise from somebody who does it, and write it as a file that explains itself."""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from edgepose.core.templates import MIN_SCORE
from edgepose.core.watches.learning import LEAST_COUNT, Lesson, SignalCandidate, lessons
from edgepose.core.watches.signals import LIMBS
from edgepose.core.watches.trace import Seen
from edgepose.definitions import exercise_file
from edgepose.definitions.exercise_sections import SignalSection
from edgepose.errors import ExerciseError
from edgepose.system import plain_file
from edgepose.yamldoc.document import MAX_BYTES
from edgepose.yamldoc.marks import flow

_ANGLES: Final = {
    "knee": ["hip", "knee", "ankle"],
    "hip": ["shoulder", "hip", "knee"],
    "elbow": ["shoulder", "elbow", "wrist"],
    "armpit": ["hip", "shoulder", "elbow"],
}
_TILTS: Final = ("upper_arm", "forearm", "thigh", "shin")
_HEIGHTS: Final = (["wrist", "shoulder"], ["hip", "knee"])
_WHOLE: Final[tuple[dict[str, Any], ...]] = (
    {"tilt": "trunk"},
    {"tilt": ["shoulders", "ankles"]},
    {"distance": ["left_ankle", "right_ankle"]},
    {"distance": ["left_shoulder", "right_shoulder"]},
    {"rise": "ankles"},
)
_LEAST: Final = {"angle": 30.0, "tilt": 25.0, "height": 0.35, "distance": 0.35, "rise": 0.1}
# degrees and torso lengths below which it is trembling, or a movement on the side


_TRUST: Final = {
    "both": 0.9,
    "min": 0.85,
    "left": 0.65,
    "right": 0.65,  # mean: 1
    "angle": 1.0,
    "tilt": 0.95,
    "height": 0.75,
    "distance": 0.6,
    "rise": 0.5,
}  # lengths differ between people and views, angles less
_AT_REST: Final = {
    "hip, knee, ankle": True,
    "shoulder, hip, knee": True,
    "shoulder, elbow, wrist": True,
    "hip, shoulder, elbow": False,
    "tilt: upper_arm": False,
    "tilt: forearm": False,
    "tilt: thigh": False,
    "height: [wrist": False,
    "height: [hip": True,
    "left_ankle, right_ankle": False,
    "left_shoulder, right_shoulder": True,
    "rise": False,
}  # whether a signal is high in somebody who stands there
CLEAR: Final = 0.45  # clarity below which it is no exercise; those of real clips have 0.6 to 2
CLEAR_IF_TOLD: Final = 0.2  # the count has to fit as well


@functools.cache
def candidates() -> tuple[SignalCandidate, ...]:
    """Return every signal that is tried: sides together, each by itself, and one alone."""
    return tuple(_candidate(SignalSection.model_validate(one)) for one in _sections())


def _sections() -> Iterator[dict[str, Any]]:
    sided: list[dict[str, Any]] = [{"angle": places} for places in _ANGLES.values()]
    sided += [{"tilt": limb} for limb in _TILTS] + [{"height": pair} for pair in _HEIGHTS]
    for section, side in itertools.product(sided, ("mean", "both", "left", "right", "min")):
        yield {**section, "side": side}
    yield from _WHOLE


def _candidate(section: SignalSection) -> SignalCandidate:
    said = section.model_dump(exclude_unset=True, mode="json")
    measure = exercise_file.measure_of(section)
    trust = _TRUST.get(section.side or "", 1.0) * _TRUST[section.kind]
    rests = next((high for words, high in _AT_REST.items() if words in flow(said)), None)
    return SignalCandidate(flow(said), measure, _LEAST[section.kind], section.unit, trust, rests)


def learn(seen: Seen, count: int | None = None, min_score: float = MIN_SCORE) -> list[Lesson]:
    """Return what a clip teaches, the clearest first. Raises ExerciseError where nothing repeats.

    count: how often the exercise was done, which decides between signals.
    """
    everything = lessons(seen, candidates(), min_score)
    if not any(pose for _, pose in seen):
        raise ExerciseError("nobody is seen; film the whole body, well lit")
    if count is None:
        found = [o for o in everything if o.count >= LEAST_COUNT and o.clarity >= CLEAR]
        if not found:
            raise ExerciseError(
                "nothing repeats: no joint goes to and fro at least twice; film the exercise "
                "alone, three to five times, with the camera still"
            )
        return found
    found = [o for o in everything if o.count == count and o.clarity >= CLEAR_IF_TOLD]
    if not found:
        raise ExerciseError(f"nothing repeats {count} times; {_instead(everything)}")
    return found


def _instead(found: Sequence[Lesson]) -> str:
    """Return what was seen in place of what was told."""
    if not found:
        return "no joint goes to and fro; film the exercise alone, with the camera still"
    best = found[0]
    return (
        f"what repeats most clearly does so {best.count} times ({best.candidate.name}); "
        f"give --count {best.count}, or film it again"
    )


_FILE: Final = """\
# Learned from {note}: {count} repetitions.
# The signal went from {low} to {high}; thresholds lie a third of the way in.
{others}version: 1
exercise: {name}
title: {title}
posture: {posture}   # upright | lying | any: the trunk at the start
signal: {signal}
start: {start}
target: {target}
phase: {{shortest: {shortest:g}, longest: {longest:g}, settle: {settle:g}}}
needs: {needs}
# What else can be said: view, guards, faults, short, range; see docs/exercises.md.
short: {{en: go further, de: weiter}}
"""


def dumps(name: str, lesson: Lesson, note: str, others: Sequence[Lesson] = ()) -> str:
    """Return the text of the file of a learned exercise.

    note: what it was learned from. others: what would have counted nearly as well.
    """
    unit = lesson.candidate.unit
    swings = lesson.swings
    more = [one.candidate.name for one in others if one is not lesson][:3]
    return _FILE.format(
        note=re.sub(r"[^\x20-\x7e]", "?", note),
        count=lesson.count,
        low=_amount(lesson.low, unit),
        high=_amount(lesson.high, unit),
        others="".join(f"# It would count as well with: {one}\n" for one in more),
        name=_quoted(name),
        title=f"{{en: {_quoted(name.replace('_', ' ').capitalize())}}}",
        posture=lesson.posture,
        signal=lesson.candidate.name,
        start=swings.start,
        target=swings.target,
        shortest=swings.shortest,
        longest=swings.longest,
        settle=swings.settle,
        needs=flow(_needs(lesson.candidate)),
    )


def _quoted(text: str) -> str:
    """Return text as YAML: `on` and what might be a number (`1e3`) in quotes."""
    style = None if re.fullmatch(r"[^\W\d][\w -]*", text) else '"'
    return str(yaml.safe_dump(text, default_style=style, allow_unicode=True)).split("\n")[0]


def _amount(value: float, unit: str) -> str:
    return f"{value:.0f} degrees" if unit else f"{value:.2f} torso lengths"


def _needs(candidate: SignalCandidate) -> list[str]:
    """Return the keypoints of a signal, which must be seen."""
    section = yaml.safe_load(candidate.name)
    names = next(iter(section.values()))
    if isinstance(names, str):
        names = {"ankles": ["ankle"]}.get(names) or LIMBS[names]
    plain = [name.removeprefix("left_").removeprefix("right_").removesuffix("s") for name in names]
    return list(dict.fromkeys(plain))


def check_name(name: str) -> None:
    """Raise ExerciseError for a name that can't be that of a file."""
    if not re.fullmatch(r"[\w-]{1,64}", name):
        raise ExerciseError(
            f"expected a name of letters, digits, - and _, at most 64, found {name!r}"
        )


def is_learned(path: Path) -> bool:
    """Return whether a file is as it was learned, which may be learned again."""
    try:
        return plain_file.read(path, MAX_BYTES).startswith(b"# Learned from")
    except OSError:
        return False


def save(path: Path, text: str) -> None:
    """Write the file of an exercise, which must read well. Raises ExerciseError."""
    exercise_file.loads(text, str(path))
    exercise_file.save_text(path, text)
