"""Read, check and find routines: one YAML file each, beside the configuration or shipped.

What a step names is read as well, so that a pose or an exercise that does not exist, or whose file
is wrong, is reported with the line of the step.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from edgepose.core.templates import Template, mirrored_points
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.movement import Exercise, one_sided
from edgepose.core.watches.routine import ABANDON, OnTimeout, Routine, Step, StepKind
from edgepose.core.watches.signals import SIDES, Side
from edgepose.definitions import classifier_file, exercise_file, library, template_file
from edgepose.errors import (
    ClassifierError,
    DocumentError,
    ExerciseError,
    KeyPath,
    RoutineError,
    TemplateError,
    UserError,
    near_miss,
)
from edgepose.options import Fraction, OfADay, Options, PositiveSeconds, Seconds, Words
from edgepose.system.paths import expanded
from edgepose.yamldoc.document import Document, parse_yaml, read_yaml
from edgepose.yamldoc.validation import Problems, validate

VERSION: Final = 1
SIDE_WORDS: Final = {
    "left": {"en": "left", "de": "links", "es": "izquierda"},
    "right": {"en": "right", "de": "rechts", "es": "derecha"},
}
REST_WORDS: Final = {"en": "Rest", "de": "Pause", "es": "Descanso"}
_KINDS: Final = ("template", "exercise", "classifier", "rest")
_THRESHOLDS: Final = Thresholds()


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


TemplateName = Annotated[Path, library.by_name("template")]
_Names = Annotated[
    tuple[TemplateName, ...],
    BeforeValidator(_listed, json_schema_input_type=TemplateName | list[TemplateName]),
]
ExerciseName = Annotated[Path, library.by_name("exercise")]


class PoseSection(Options):
    """A pose, or a class of poses, that is held for a time."""

    template: _Names = Field(
        default=(),
        title="the name of a template, or a list of them",
        description="a pose, by the name or file of its template; of several one must fit",
        examples=["arms_up"],
    )
    classifier: str | None = Field(
        default=None, description="a classifier's file; with `class`", examples=["yoga.csv"]
    )
    class_: str | None = Field(
        default=None, alias="class", description="which class of the classifier is to be shown"
    )
    hold: Seconds = Field(default=0.0, description="seconds that the pose is held")
    enter: Fraction = Field(default=_THRESHOLDS.enter, description="score from which it is shown")
    exit: Fraction = Field(default=_THRESHOLDS.exit, description="score below which it ends")
    mirror: bool | None = Field(default=None, description="the mirror image counts as well")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.classifier is None) != (self.class_ is None):
            raise ValueError("expected `classifier` and `class` together, found one of them")
        if self.exit >= self.enter:
            raise ValueError(
                f"expected `exit` below `enter`, found {self.exit:g} and {self.enter:g}"
            )
        return self

    @property
    def thresholds(self) -> Thresholds:
        """Return when the pose counts as held."""
        return Thresholds(enter=self.enter, exit=self.exit, hold=self.hold)


class StartSection(PoseSection):
    """The pose that starts a routine."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if bool(self.template) == (self.classifier is not None):
            raise ValueError(
                "expected `template: NAME`, or `classifier` with `class`; without `start` the "
                "routine starts by command, page or button only"
            )
        return self


class StepSection(PoseSection):
    """One step of a routine."""

    exercise: ExerciseName | None = Field(
        default=None, description="an exercise, by name or file", examples=["squat"]
    )
    goal: OfADay | None = Field(
        default=None, description="repetitions of an exercise, or seconds to hold it"
    )
    rest: OfADay | None = Field(
        default=None, description="seconds in which nobody has to do anything"
    )
    sides: Literal["left", "right", "alternate"] | None = Field(
        default=None,
        description="which side of the body counts; alternate: the step is done with the left side "
        "and then with the right; of a pose, right is its mirror image",
    )
    title: Words = Field(default={}, description="what people read, by language")
    limit: PositiveSeconds | None = Field(
        default=None, description="seconds after which its time is up; unset: the routine's"
    )
    on_timeout: OnTimeout | None = Field(
        default=None, description="what happens then; unset: as the routine says"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind)]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected one of {', '.join(_KINDS)}; found {found}")
        if self.exercise is not None and self.goal is None:
            raise ValueError("`goal` is missing; write the repetitions, or the seconds to hold it")
        foreign = {"exercise": _OF_POSES, "rest": (*_OF_POSES, *_OF_WORK)}.get(given[0], ("goal",))
        for key in foreign:
            if key in self.model_fields_set:
                raise ValueError(f"`{key}` has no meaning beside `{given[0]}`; remove it")
        return self


_OF_POSES: Final = ("class_", "hold", "enter", "exit", "mirror")
_OF_WORK: Final = ("goal", "sides", "limit", "on_timeout")


class IdleSection(Options):
    """What is shown while a routine waits for its start."""

    title: Words = Field(default={}, description="a headline, by language; unset: the title")
    text: Words = Field(default={}, description="how to start it, by language")


class RoutineSection(Options):
    """A routine file."""

    version: Literal[1] = Field(description="of the form of this file", examples=[VERSION])
    routine: str = Field(description="the name", min_length=1, examples=["morning"])
    title: Words = Field(default={}, description="what people read, by language")
    description: Words = Field(default={}, description="what it is for, by language")
    start: StartSection | None = Field(
        default=None,
        description="the pose that starts it; unset: only the command, the page or a button does",
        examples=[{"template": "arms_up", "hold": 2}],
    )
    rounds: Annotated[int, Field(ge=1, le=100)] = Field(
        default=1, description="how often all steps are done"
    )
    limit: PositiveSeconds | None = Field(
        default=None, description="seconds after which a step's time is up; unset: never"
    )
    on_timeout: OnTimeout = Field(
        default="skip", description="then: skip it, repeat it, or end the routine"
    )
    abandon: PositiveSeconds = Field(
        default=ABANDON, description="seconds without anybody in view after which it ends"
    )
    idle: IdleSection = Field(
        default_factory=IdleSection, description="what is shown while it waits"
    )
    steps: Annotated[tuple[StepSection, ...], Field(min_length=1)] = Field(
        description="what is done, one after another",
        examples=[[{"exercise": "squat", "goal": 10}, {"rest": 15}]],
    )

    @model_validator(mode="after")
    def _some_work(self) -> Self:
        if all(step.rest is not None for step in self.steps):
            raise ValueError("expected a step besides rests, found none")
        return self


def load(path: Path | str, base: Path | None = None) -> Routine:
    """Return the routine of a file. Raises RoutineError with everything that is wrong with it.

    base: the folder of the configuration, beside which names and paths are looked up.
    """
    return _routine(read_yaml(path, RoutineError), base or Path())


def loads(content: str, name: str, base: Path | None = None) -> Routine:
    """Return the routine of YAML text that came from `name`. Raises RoutineError as `load`."""
    return _routine(parse_yaml(content, name, RoutineError), base or Path())


def _routine(document: Document, base: Path) -> Routine:
    problems = Problems(document)
    section = validate(RoutineSection, document.data, (), problems, {"base": base})
    maker = _Steps(base, problems)
    start: Step | None = None
    steps: list[Step] = []
    if section is not None:
        if section.start is not None:
            start = next(maker.of_pose(section.start, ("start",)), None)
        steps = [
            step
            for number, part in enumerate(section.steps)
            for step in maker.of_step(part, ("steps", number), section)
        ]
    problems.raise_any(RoutineError)
    assert section is not None
    return Routine(
        name=section.routine,
        digest=_digest(document.text, maker.files),
        files=tuple(map(str, maker.files)),
        title=section.title or _title(section.routine),
        steps=tuple(steps),
        start=start,
        rounds=section.rounds,
        abandon=section.abandon,
        idle_title=section.idle.title,
        idle_text=section.idle.text,
    )


def _title(name: str) -> dict[str, str]:
    return {"en": name.replace("_", " ").capitalize()}


def _digest(text: str, files: Iterable[Path]) -> str:
    """Return a short name for all that a routine was read from."""
    digest = hashlib.sha256(text.encode())
    for path in files:
        digest.update(str(path).encode() + path.read_bytes())
    return digest.hexdigest()[:16]


@dataclass(slots=True)
class _Steps:
    """The steps that sections describe. files: those that they are read from."""

    base: Path
    problems: Problems
    files: list[Path] = field(default_factory=list)

    def of_step(self, part: StepSection, path: KeyPath, whole: RoutineSection) -> Iterator[Step]:
        """Yield the steps that one entry stands for: two where its sides alternate."""
        for step in self._made(part, path):
            limit = math.inf if step.kind == "rest" else part.limit or whole.limit or math.inf
            policy = part.on_timeout or whole.on_timeout
            made = replace(step, title=part.title or step.title, limit=limit, on_timeout=policy)
            yield from self._sided(made, part, path)

    def of_pose(self, part: PoseSection, path: KeyPath) -> Iterator[Step]:
        """Yield the step of a pose or a class, if what it names can be read."""
        if part.classifier is not None:
            yield from self._of_class(part, path)
            return
        templates = [self._template(file, part, path) for file in part.template]
        known = tuple(template for template in templates if template is not None)
        if len(known) == len(templates):
            yield Step(
                name=part.template[0].stem,
                kind="pose",
                title=_title(known[0].name),
                goal=part.hold,
                templates=known,
                thresholds=part.thresholds,
            )

    def _made(self, part: StepSection, path: KeyPath) -> Iterator[Step]:
        if part.rest is not None:
            yield Step(name="rest", kind="rest", title=REST_WORDS, goal=part.rest)
        elif part.exercise is not None:
            yield from self._of_exercise(part, path)
        else:
            yield from self.of_pose(part, path)

    def _template(self, file: Path, part: PoseSection, path: KeyPath) -> Template | None:
        try:
            template = template_file.load(file)
        except TemplateError as error:
            self._report((*path, "template"), error)
            return None
        self.files.append(file)
        return template if part.mirror is None else replace(template, mirror=part.mirror)

    def _of_exercise(self, part: StepSection, path: KeyPath) -> Iterator[Step]:
        assert part.exercise is not None
        try:
            exercise = exercise_file.load(part.exercise)
        except (ExerciseError, TemplateError) as error:
            self._report((*path, "exercise"), error)
            return
        self.files.append(part.exercise)
        goal = part.goal or 0.0
        if not exercise.is_hold and goal != int(goal):
            problem = f"expected whole repetitions of {exercise.name}, found {goal:g}"
            self.problems.add((*path, "goal"), problem)
        kind: StepKind = "hold" if exercise.is_hold else "exercise"
        yield Step(
            name=exercise.name, kind=kind, title=exercise.title, goal=goal, exercise=exercise
        )

    def _of_class(self, part: PoseSection, path: KeyPath) -> Iterator[Step]:
        assert part.classifier is not None
        assert part.class_ is not None
        try:
            file = self.base / expanded(part.classifier)
            classes = _classes(file)
        except ClassifierError as error:
            self._report((*path, "classifier"), error)
            return
        except UserError as error:
            self.problems.add((*path, "classifier"), str(error))
            return
        if part.class_ not in classes:
            miss = near_miss(part.class_, classes)
            self.problems.add((*path, "class"), f"no class '{part.class_}' in {file.name}{miss}")
        self.files += [file] if file.is_file() else sorted(file.glob("*.csv"))
        yield Step(
            name=part.class_, kind="class", title=_title(part.class_), goal=part.hold,
            classifier=str(file), class_name=part.class_, thresholds=part.thresholds,
        )  # fmt: skip

    def _sided(self, step: Step, part: StepSection, path: KeyPath) -> Iterator[Step]:
        """Yield a step for the side that counts, or for both in turn."""
        if part.sides is None:
            yield step
            return
        sides: tuple[Side, ...] = SIDES if part.sides == "alternate" else (part.sides,)
        for side in sides:
            one = _on_side(step, side)
            if one is None:
                what = "a class" if step.kind == "class" else step.name
                problem = f"{what} has no sides that could count by themselves; remove `sides`"
                self.problems.add((*path, "sides"), problem)
                return
            yield one

    def _report(self, path: KeyPath, error: DocumentError) -> None:
        for problem in error.problems:
            self.problems.add(path, problem.text, problem.kind)


def _classes(file: Path) -> tuple[str, ...]:
    """Return the classes of examples or of a network. Raises ClassifierError."""
    if file.suffix != ".tflite":
        return classifier_file.load(file).classes
    labels = classifier_file.labels_beside(file)
    if not file.is_file() or labels is None:
        lacking = f"no labels beside it; write its classes into {file.stem}.txt, one a line"
        raise ClassifierError(
            f"{file}: {lacking if file.is_file() else 'no such classifier; write its path'}"
        )
    return classifier_file.load_labels(labels)


def _on_side(step: Step, side: Side) -> Step | None:
    """Return a step of which one side counts, None where it has no sides."""
    if step.exercise is not None:
        exercise: Exercise | None = one_sided(step.exercise, side)
        if exercise is None:
            return None
        step = replace(step, exercise=exercise)
    elif step.templates:
        step = replace(step, templates=tuple(_turned(one, side) for one in step.templates))
    else:
        return None
    return replace(step, name=f"{step.name}_{side}", title=_with_side(step.title, side))


def _turned(template: Template, side: Side) -> Template:
    """Return a template as it was taught for the left side, its mirror image for the right."""
    if side == "left":
        return replace(template, mirror=False)
    return replace(
        template,
        points=mirrored_points(template.points),
        mirror=False,
        limbs={_opposite(limb): rule for limb, rule in template.limbs.items()},
        ignore=frozenset(map(_opposite, template.ignore)),
    )


def _opposite(name: str) -> str:
    side, _, rest = name.partition("_")
    return {"left": f"right_{rest}", "right": f"left_{rest}"}.get(side, name)


def _with_side(title: Mapping[str, str], side: Side) -> dict[str, str]:
    words = SIDE_WORDS[side]
    return {language: f"{text} ({words.get(language, side)})" for language, text in title.items()}
