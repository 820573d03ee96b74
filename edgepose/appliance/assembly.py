"""The one place where parts meet: a checked configuration becomes a pipeline."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Final, TypeVar

from edgepose.appliance.classifier import open_classifier
from edgepose.appliance.model import LoadedModel
from edgepose.appliance.routines import StepWatches
from edgepose.config.limits import commands_of
from edgepose.config.loader import Config
from edgepose.config.plugins import Part
from edgepose.config.profiles import overlaid
from edgepose.config.schema import WatchSection
from edgepose.config.templates import adapt
from edgepose.core.families.base import Family
from edgepose.core.person_smoothing import new_person_smoother
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.tracking import Tracker
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.classifier import ClassifierWatch
from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.core.watches.pose import PoseWatch
from edgepose.core.watches.routine import RoutineWatch
from edgepose.engine.event_ids import Stamp, live_stamp
from edgepose.engine.governor import Governor
from edgepose.engine.perception import Interpreter, Perception, Watch
from edgepose.engine.pipeline import Pipeline
from edgepose.errors import ConfigError, EdgeposeError, UserError, near_miss
from edgepose.language import in_language
from edgepose.outputs.base import Controls, Device, Output
from edgepose.sources.base import Source
from edgepose.types import WatchKind

log = logging.getLogger(__name__)

T = TypeVar("T")

INTERNAL: Final = "internal/"  # before names of internal outputs: the user's have no slash


def in_profile(config: Config, profile: str | None = None) -> Config:
    """Return a configuration with the watches that count in a profile, as it has them.

    profile: by name; None is the first, if there is any. Raises UserError for an unknown name.
    """
    if profile is None and not config.profiles:
        return config
    name = next(iter(config.profiles)) if profile is None else profile
    if name not in config.profiles:
        raise UserError(f"no profile '{name}'{near_miss(name, config.profiles)}")
    watches = {
        watch: overlaid(section, override)
        for watch, section in config.watches.items()
        if (override := config.profiles[name].of(watch)) is not None
    }
    templates = {watch: adapt(config.templates[watch], s) for watch, s in watches.items()}
    return replace(config, watches=watches, templates=templates)


def new_source(config: Config) -> Source:
    """Return the configured source, not yet open."""
    source: Source = _made("source", lambda: config.source.make(config.source.options))
    return source


def device(config: Config, model: LoadedModel, controls: Controls | None = None) -> Device:
    """Return what outputs need to know of the device, and its commands."""
    return Device(
        config.name,
        tuple(config.watches),
        model.file.name,
        controls=controls,
        templates=config.templates,
        profiles=tuple(config.profiles),
        language=config.language,
        kinds=kinds(config),
        titles=titles(config),
        figures={
            name: exercise.figure
            for name, exercise in config.exercises.items()
            if exercise is not None and exercise.figure is not None
        },
    )


def titles(config: Config) -> dict[str, str]:
    """Return what people call the watches that have a title of their own, by name."""
    return {
        name: in_language(section.title, config.language.name)
        for name, section in config.watches.items()
        if section.title
    }


def kinds(config: Config) -> dict[str, WatchKind]:
    """Return the kinds of the watches by name."""
    return {name: _kind(config, name) for name in config.watches}


def _kind(config: Config, watch: str) -> WatchKind:
    if watch in config.routines:
        return "routine"
    if exercise := config.exercises.get(watch):
        return "hold" if exercise.is_hold else "exercise"
    return "class" if watch in config.classifiers else "pose"


def new_outputs(config: Config, about: Device) -> dict[str, Output]:
    """Return the configured outputs by name, not yet open."""
    return {
        name: _made(f"outputs.{name}", functools.partial(_new_output, name, out, config, about))
        for name, out in config.outputs.items()
    }


def _new_output(name: str, out: Part, config: Config, about: Device) -> Output:
    own = replace(about, output=name, commands=commands_of(config.commands, out.type))
    output: Output = out.make(out.options, own)
    return output


def _made(place: str, make: Callable[[], T]) -> T:
    """Return a part. Raises ConfigError where its constructor fails, whatever it raises.

    A configuration that comes by an edit or a push must not end the process that runs well with
    the one before. The error's text is not quoted: it may hold a password.
    """
    try:
        return make()
    except EdgeposeError:
        raise
    except Exception as error:
        log.debug("%s can't be made.", place, exc_info=error)
        reason = f"can't be made with these options ({type(error).__name__}); change them"
        raise ConfigError(f"{place}: {reason}") from None


def new_interpreter(
    config: Config, stamp: Stamp = live_stamp, family: Family | None = None
) -> Interpreter:
    """Return what turns poses into matches and events, as configured.

    family: of the model that the poses come from, which says when a keypoint is known.
    """
    known_score = family.known_score if family else Family.known_score
    people = config.people
    settings = SelectionSettings(
        select=people.select,
        max=people.max,
        zone=people.zone or (),
        lock=people.lock,
        release=people.release,
    )
    return Interpreter(
        config.name,
        tracker=Tracker().track,
        selection=Selection(settings).choose,
        new_smoother=lambda: new_person_smoother(config.smoothing),
        watches=_new_watches(config, known_score),
        stamp=stamp,
    )


def _new_watches(config: Config, known_score: float) -> list[Watch]:
    """Return the watches; those of one classifier share it."""
    opened = {
        classifier: open_classifier(classifier, known_score)
        for classifier in dict.fromkeys(config.classifiers.values())
    }
    watches: list[Watch] = []
    for name, section in config.watches.items():
        if name in config.exercises:
            watches.append(_exercise_watch(config, name, known_score))
        elif name in config.routines:
            watches.append(_routine_watch(config, name, known_score))
        elif classifier := config.classifiers.get(name):
            index = classifier.classes.index(section.class_name or "")
            rules = thresholds(section), section.max_age
            watches.append(ClassifierWatch(name, opened[classifier], index, *rules))
        else:
            watches.append(_pose_watch(config, name, known_score))
    return watches


def _exercise_watch(config: Config, name: str, known_score: float) -> ExerciseWatch:
    section = config.watches[name]
    return ExerciseWatch(
        name,
        config.exercises[name],
        goal=section.goal,
        rest=section.rest,
        release=config.people.release,
        max_age=section.max_age,
        min_score=known_score,
        language=config.language.name,
    )


def _routine_watch(config: Config, name: str, known_score: float) -> RoutineWatch:
    routine, max_age = config.routines[name], config.watches[name].max_age
    new_step = StepWatches(routine, max_age, known_score, config.language)
    return RoutineWatch(name, routine, new_step, max_age=max_age, language=config.language.name)


def _pose_watch(config: Config, name: str, known_score: float) -> PoseWatch:
    section = config.watches[name]
    return PoseWatch(
        name,
        config.templates[name],
        thresholds(section),
        section.max_age,
        min_score=known_score,
        max_deviated=section.max_deviated,
        words=config.language.phrases.corrections,
    )


def thresholds(section: WatchSection) -> Thresholds:
    """Return the thresholds of a watch as the core takes them."""
    return Thresholds(**{key.name: getattr(section, key.name) for key in fields(Thresholds)})


def new_pipeline(
    config: Config,
    model: LoadedModel,
    extra: Mapping[str, Output] | None = None,
    controls: Controls | None = None,
) -> Pipeline:
    """Return the pipeline of a configuration, ready to start.

    extra: internal outputs besides the configured ones. controls: state and commands for outputs.
    """
    outputs = new_outputs(config, device(config, model, controls))
    for name, output in (extra or {}).items():
        outputs[INTERNAL + name] = output
    interpreter = new_interpreter(config, family=model.detector.family)
    perception = Perception(model.detector, interpreter)
    governor = Governor(config.rate.rates)
    source, deadline = new_source(config), config.model.deadline
    pipeline = Pipeline(source, perception, outputs, deadline=deadline, governor=governor)
    pipeline.show_pictures(config.frames == "full")
    return pipeline


def describe(config: Config, model: LoadedModel) -> str:
    """Return one line that says what runs."""
    parts: Sequence[str] = (
        f"source {config.source.type}",
        f"model {model.label}",
        f"watching {', '.join(config.watches) or 'nothing'}",
        f"outputs {', '.join(config.outputs) or 'none'}",
    )
    return "; ".join(parts)
