"""Routines at work: what looks at people during a step, and the command that directs one."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from edgepose.appliance.classifier import open_classifier
from edgepose.config.classifiers import Classifier, load_classifier
from edgepose.config.schema import WatchSection
from edgepose.core.watches.classifier import ClassifierWatch, Classify
from edgepose.core.watches.exercise import ExerciseWatch
from edgepose.core.watches.pose import PoseWatch
from edgepose.core.watches.routine import ORDERS, Routine, RoutineWatch, Step, StepWatch
from edgepose.engine.perception import Watch
from edgepose.errors import UserError, near_miss
from edgepose.language import Language


class StepWatches:
    """What looks at people during the steps of one routine: `new_watch(step)`."""

    def __init__(
        self, routine: Routine, max_age: float, known_score: float, language: Language
    ) -> None:
        """Open the classifiers that steps name, each once. Raises UserError, as they do."""
        self._max_age = max_age
        self._known_score = known_score
        self._language = language
        self._release = routine.abandon
        steps = (*routine.steps, *([routine.start] if routine.start else []))
        self._classifiers: dict[str, tuple[Classifier, Classify]] = {}
        for file in {step.classifier for step in steps if step.classifier}:
            section = WatchSection.model_validate({"classifier": file, "class": "any"})
            classifier = load_classifier(section)
            assert classifier is not None
            self._classifiers[file] = classifier, open_classifier(classifier, known_score)

    def __call__(self, step: Step) -> StepWatch:
        """Return a watch that begins with nothing; a set does not end by resting."""
        if step.exercise is not None:
            return ExerciseWatch(
                step.name,
                step.exercise,
                goal=step.goal,
                rest=math.inf,
                release=self._release,
                max_age=self._max_age,
                min_score=self._known_score,
                language=self._language.name,
            )
        rules = step.thresholds, self._max_age
        if step.classifier:
            classifier, classify = self._classifiers[step.classifier]
            index = classifier.classes.index(step.class_name)
            return ClassifierWatch(step.name, classify, index, *rules)
        return PoseWatch(
            step.name,
            step.templates,
            *rules,
            min_score=self._known_score,
            words=self._language.phrases.corrections,
        )


def direct(value: Any, watches: Iterable[Watch]) -> str:
    """Start, stop or skip a step of a routine: {"watch", "do"}; return what was done.

    "watch" may be left out where there is one routine only. Raises UserError.
    """
    routines = {one.name: one for one in watches if isinstance(one, RoutineWatch)}
    if not isinstance(value, dict) or value.keys() - {"watch", "do"}:
        raise UserError('expected {"watch": name, "do": "start", "stop" or "skip"}')
    if not routines:
        raise UserError("no watch of the configuration has a routine; add `routine: NAME` to one")
    name, order = value.get("watch", next(iter(routines), "")), value.get("do")
    if "watch" not in value and len(routines) > 1:
        raise UserError(f'"watch" is missing; write one of {", ".join(routines)}')
    if not isinstance(name, str) or name not in routines:
        shown = str(name)[:40]
        raise UserError(f"no routine '{shown}'{near_miss(shown, routines)}")
    if not isinstance(order, str) or order not in ORDERS:
        raise UserError(f"do: expected one of {', '.join(ORDERS)}, found {str(order)[:40]!r}")
    routines[name].order(order)
    return {"start": f"{name} starts", "stop": f"{name} stops", "skip": f"{name}: next step"}[order]
