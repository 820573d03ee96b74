"""Read and write exercises: one YAML file each, whose keys are those of `exercise_sections`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from edgepose.core.matching import Templates
from edgepose.core.watches.counter import OwnRange, Swings
from edgepose.core.watches.movement import Check, Exercise
from edgepose.core.watches.signals import (
    LIMBS,
    SIDES,
    Angle,
    Combination,
    Distance,
    Height,
    Likeness,
    Measure,
    Rise,
    Side,
    Signal,
    Tilt,
    place,
)
from edgepose.definitions import template_file
from edgepose.definitions.exercise_sections import (
    COMBINED,
    DEGREES,
    ExerciseSection,
    GuardSection,
    SignalSection,
    template_path,
)
from edgepose.errors import ExerciseError
from edgepose.system import atomic
from edgepose.yamldoc.document import Document, parse_yaml, read_yaml
from edgepose.yamldoc.validation import check


def load(path: Path | str) -> Exercise:
    """Return the exercise of a file. Raises ExerciseError for whatever is wrong with it."""
    return _exercise(read_yaml(path, ExerciseError), Path(path).absolute().parent)


def loads(content: str, name: str) -> Exercise:
    """Return the exercise of YAML text that came from `name`. Raises ExerciseError as `load`."""
    return _exercise(parse_yaml(content, name, ExerciseError), Path(name).absolute().parent)


def measure_of(section: SignalSection, folder: Path | None = None) -> Measure:
    """Return what a signal is read by; one that has no sides is the same on either.

    folder: that templates are looked up beside.
    """
    left, right = (_signal(section, side, folder or Path()) for side in SIDES)
    has_sides = left != right or section.kind == "match"
    return Measure(left, right, (section.side or "best") if has_sides else "left")


def save_text(path: Path, text: str) -> None:
    """Write the text of an exercise file; its folder is made if need be. Raises ExerciseError."""
    try:
        atomic.write_text(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ExerciseError(f"{path}: can't be written ({reason}); choose another place") from None


def _exercise(document: Document, folder: Path) -> Exercise:
    return _built(check(document, ExerciseSection, ExerciseError, {"folder": folder}), folder)


def _built(section: ExerciseSection, folder: Path) -> Exercise:
    return Exercise(
        name=section.exercise,
        title=section.title or {"en": section.exercise.replace("_", " ").capitalize()},
        measure=measure_of(section.signal, folder) if section.signal else None,
        swings=_swings(section) if section.signal else None,
        hold=tuple(
            Check(measure_of(part, folder), *part.limits, say=part.say) for part in section.hold
        ),
        grace=section.grace,
        posture=section.posture,
        view=section.view,
        needs=section.needs,
        guards=_checks(section.guards, folder),
        faults=_checks(section.faults, folder),
        short=section.short,
        unit=section.signal.unit if section.signal else DEGREES,
        figure=section.figure.moving if section.figure else None,
    )


def _swings(section: ExerciseSection) -> Swings:
    start, target = section.bounds
    own = section.range
    way = target.value - start.value
    limits = None
    if own is not None:
        nearest = start.value + way / 4 if own.start is None else own.start
        least = target.value - way / 2 if own.target is None else own.target
        limits = OwnRange(own.share, nearest, least)
    phase = section.phase
    pause = phase.longest if phase.pause is None else phase.pause
    return Swings(
        start, target, phase.shortest, phase.longest, pause, settle=phase.settle, own=limits
    )


def _checks(sections: Sequence[GuardSection], folder: Path) -> tuple[Check, ...]:
    return tuple(
        Check(measure_of(part.when, folder), *part.limits, at=part.at, say=part.say)
        for part in sections
    )


def _signal(section: SignalSection, side: Side, folder: Path) -> Signal:
    """Return what one side's signal is read by."""
    kind, value = section.kind, getattr(section, section.kind)
    if kind in COMBINED:
        return Combination(COMBINED[kind], tuple(_signal(part, side, folder) for part in value))
    if kind == "rise":
        return Rise()
    if kind == "match":
        return _likeness(value, folder)
    if kind == "tilt":
        value = LIMBS[value] if isinstance(value, str) else value
    return _READERS[kind](*(place(name, side) for name in value))


_READERS: Final[dict[str, Any]] = {
    "angle": Angle, "tilt": Tilt, "height": Height, "distance": Distance
}  # fmt: skip


def _likeness(names: str | tuple[str, str], folder: Path) -> Likeness:
    first, *others = (names,) if isinstance(names, str) else names
    return Likeness(_templates(first, folder), *(_templates(name, folder) for name in others))


@functools.lru_cache(maxsize=64)
def _templates(name: str, folder: Path) -> Templates:
    """Return a template by name: beside the exercise, beside the configuration, or shipped."""
    path = template_path(name, folder)
    if path is None:
        raise ExerciseError(f"unknown template '{name}'; write its path, relative to {folder}")
    return Templates([template_file.load(path)])
