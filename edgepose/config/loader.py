"""The configuration: one YAML file, read and checked, with every problem reported at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from edgepose.config.classifiers import Classifier, class_problem, load_classifier
from edgepose.config.file_cache import cached
from edgepose.config.limits import (
    Commands,
    LimitsSection,
    check_hosts,
    check_limits,
    confined,
)
from edgepose.config.model_options import check_extra_keypoints, settle
from edgepose.config.model_section import ModelSection
from edgepose.config.overrides import SET, digest, resolve
from edgepose.config.plugins import Part, PluginChoice, private
from edgepose.config.profiles import ProfileSection, check_profiles
from edgepose.config.schema import (
    VERSION,
    PeopleSection,
    RateSection,
    Root,
    WatchSection,
    host_name,
    name_problem,
)
from edgepose.config.templates import adapt, load_templates
from edgepose.core.smoothing import Setting
from edgepose.core.templates import Template
from edgepose.core.watches.movement import Exercise
from edgepose.core.watches.routine import Routine
from edgepose.definitions import exercise_file, routine_file
from edgepose.errors import (
    ConfigError,
    DocumentError,
    KeyPath,
    ProblemKind,
    RoutineError,
    TemplateError,
    did_you_mean,
    near_miss,
)
from edgepose.language import Language, load_language
from edgepose.yamldoc.document import Document, parse_yaml, read_yaml
from edgepose.yamldoc.validation import Problems, validate

Loaded = TypeVar("Loaded")

MOST: Final = {"watch": 300, "outputs": 64, "profiles": 100}
"""Entries of a section: 300 watches take 0.1 s a frame; each output has a thread and files."""

MOST_REPETITIONS: Final = 10_000
NO_COPIES: Final[Mapping[Path, Path]] = {}
_MAY_BE_EMPTY: Final = (
    "name", "model", "rate", "smoothing", "people", "watch", "profiles", "outputs",
    "commands", "limits",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """A whole configuration, checked.

    path: the file. base: its folder, which paths in it are relative to. name: of the device.
    smoothing: the name of a preset, or a filter's parameters. watches, outputs: by name.
    templates: of each watch, with the watch's own tolerances. digest: the same for files (and
    `--set`) with the same values, comments aside. text: what the file held. profiles: by name, the
    first first. frames: what outputs may have of the pictures: "full", "skeleton" or "none".
    commands, limits: what others may do here.
    language: of what people read and hear.
    classifiers, exercises, routines: of the watches that have one. is_outdated: the file is of an
    older version.
    """

    path: Path
    name: str
    source: Part
    model: ModelSection
    rate: RateSection
    smoothing: str | Setting
    people: PeopleSection
    watches: Mapping[str, WatchSection]
    templates: Mapping[str, tuple[Template, ...]]
    outputs: Mapping[str, Part]
    digest: str = ""
    text: str = field(default="", compare=False, repr=False)
    profiles: Mapping[str, ProfileSection] = field(default_factory=dict)
    frames: str = "full"
    commands: Commands = None
    limits: LimitsSection = field(default_factory=LimitsSection)
    language: Language = field(default_factory=Language)
    classifiers: Mapping[str, Classifier] = field(default_factory=dict)
    exercises: Mapping[str, Exercise] = field(default_factory=dict)
    routines: Mapping[str, Routine] = field(default_factory=dict)
    is_outdated: bool = field(default=False, compare=False)

    @property
    def base(self) -> Path:
        """Return the folder that paths in the file are relative to."""
        return self.path.absolute().parent


def load(
    path: Path | str, sets: Sequence[str] = (), environ: Mapping[str, str] = os.environ
) -> Config:
    """Return the checked configuration of a file.

    sets: `key.path=value` texts that win over the file. environ: where `${NAME}` comes from.
    Raises ConfigError with every problem.
    """
    return from_document(read_yaml(path, ConfigError), sets, environ)


def loads(
    text: str,
    path: Path | str,
    sets: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    copies: Mapping[Path, Path] = NO_COPIES,
) -> Config:
    """Return the checked configuration of a text, as `load` does, as if `path` held it.

    One of an older version is brought up to date. copies: of templates, which are read in place
    of the files that the text names.
    """
    return from_document(parse_yaml(text, str(path), ConfigError), sets, environ, copies)


def from_document(
    document: Document,
    sets: Sequence[str] = (),
    environ: Mapping[str, str] = os.environ,
    copies: Mapping[Path, Path] = NO_COPIES,
) -> Config:
    """Return the checked configuration of a document, as `loads` does."""
    data, problems = resolve(document, sets, environ)
    filled = {k: v for k, v in data.items() if v is not None or k not in _MAY_BE_EMPTY}
    config = _Sections(filled, problems, copies).config()
    return replace(config, is_outdated=document.data.get("version") != VERSION)


class _Sections:
    """The sections of one configuration, and what is wrong with them."""

    def __init__(
        self, data: dict[str, Any], problems: Problems, copies: Mapping[Path, Path]
    ) -> None:
        self.path = Path(problems.document.name)
        self.problems = problems
        self._data = data
        self._context = {"base": self.path.absolute().parent, "copies": copies}
        self._choice = PluginChoice(problems, self._context)

    def config(self) -> Config:
        """Return the configuration. Raises ConfigError."""
        self._check_counts()
        checked = validate(Root, self._data, (), self.problems, self._context)
        root = checked or Root.model_construct()  # whatever is wrong, the other sections are read
        source = self._choice.part("source", self._data.get("source"), ("source",), "source")
        smoothing = self._choice.smoothing(self._data.get("smoothing", "normal"))
        outputs = self._outputs(root.frames)
        definitions = self._definitions(root.watch)
        language = self._language(root.language)
        self._check_together(root, source, outputs)
        model = settle(root.model, self.path.absolute().parent, self.problems)
        check_extra_keypoints(model, definitions["exercises"], self.problems)
        check_hosts(root.limits, ("model", "options", "modelUrl"), model.url_hosts(), self.problems)
        self.problems.raise_any(ConfigError)
        assert source is not None
        assert smoothing is not None
        return Config(
            path=self.path,
            name=root.name or host_name(),
            source=confined(source, root.limits),
            model=model,
            rate=root.rate,
            smoothing=smoothing,
            people=root.people,
            watches=root.watch,
            outputs=outputs,
            digest=digest(self.problems.document.data),
            text=self.problems.document.text,
            profiles=root.profiles,
            frames=root.frames,
            commands=root.commands,
            limits=root.limits,
            language=language,
            **definitions,
        )

    def _definitions(self, watches: Mapping[str, WatchSection]) -> dict[str, Any]:
        """Return what the files that watches name hold, by field of Config."""
        return {
            "templates": self._templates(watches),
            "classifiers": self._classifiers(watches),
            "exercises": self._exercises(watches),
            "routines": self._routines(watches),
        }

    def _check_together(self, root: Root, source: Part | None, outputs: dict[str, Part]) -> None:
        """Report sections that don't fit each other."""
        self._check_names()
        self._check_whens(outputs)
        self._check_routines(outputs, root.watch)
        self._check_claims(outputs, source.options.reads() if source is not None else ())
        check_limits(root.limits, source, outputs, self.path, self.problems)
        check_profiles(root.profiles, root.watch, self.problems)

    def _outputs(self, frames: str) -> dict[str, Part]:
        outputs = self._data.get("outputs", {})
        if not isinstance(outputs, dict):
            return {}  # reported with the root
        parts = {
            name: self._choice.part("output", value, ("outputs", name), name)
            for name, value in outputs.items()
        }
        found = {name: made for name, made in parts.items() if made is not None}
        return found if frames == "full" else private(found, frames, self.problems)

    def _loaded(
        self, watches: Mapping[str, WatchSection], key: str,
        load: Callable[[WatchSection], Loaded | None],
    ) -> dict[str, Loaded]:  # fmt: skip
        """Return what the files of watches hold, by watch; report those that can't be used."""
        loaded = {}
        for name, watch in watches.items():
            try:
                if (found := load(watch)) is not None:
                    loaded[name] = found
            except DocumentError as error:
                self._report(("watch", name, key), error)
        return loaded

    def _report(self, path: KeyPath, error: DocumentError) -> None:
        """Report the first problem with a file, and how many more there are."""
        first, *others = error.problems
        more = f" (and {len(others)} more)" if others else ""
        self.problems.add(path, f"can't be used: {first.text}{more}", _of_other(first.kind))

    def _templates(self, watches: Mapping[str, WatchSection]) -> dict[str, tuple[Template, ...]]:
        templates = {}
        for name, own in self._loaded(watches, "template", load_templates).items():
            try:
                templates[name] = adapt(own, watches[name])
            except TemplateError as error:
                self.problems.add(("watch", name), str(error))
        return templates

    def _classifiers(self, watches: Mapping[str, WatchSection]) -> dict[str, Classifier]:
        classifiers: dict[str, Classifier] = self._loaded(watches, "classifier", load_classifier)
        for name, classifier in classifiers.items():
            if problem := class_problem(classifier, watches[name]):
                place = ("class",) if watches[name].class_name is not None else ()
                self.problems.add(("watch", name, *place), problem)
        return classifiers

    def _exercises(self, watches: Mapping[str, WatchSection]) -> dict[str, Exercise]:
        exercises = self._loaded(
            watches, "exercise", lambda w: None if w.exercise is None else _exercise(w.exercise)
        )
        for name, exercise in exercises.items():
            goal = watches[name].goal
            if goal is not None and not exercise.is_hold and (goal % 1 or goal > MOST_REPETITIONS):
                problem = f"expected whole repetitions, at most {MOST_REPETITIONS}, found {goal:g}"
                self.problems.add(("watch", name, "goal"), problem)
        return exercises

    def _routines(self, watches: Mapping[str, WatchSection]) -> dict[str, Routine]:
        routines = {}
        for name, watch in watches.items():
            if watch.routine is None:
                continue
            try:
                routines[name] = routine_file.load(watch.routine, self.path.absolute().parent)
            except RoutineError as error:
                for problem in error.problems:
                    self.problems.add(
                        ("watch", name, "routine"), problem.text, _of_other(problem.kind)
                    )
        return routines

    def _language(self, name: str) -> Language:
        try:
            return load_language(name, self.path.absolute().parent)
        except ConfigError as error:
            for problem in error.problems:
                self.problems.add(("language",), problem.text, "other_file")
            return Language()

    def _names(self, section: str) -> tuple[str, ...]:
        value = self._data.get(section)
        return tuple(value) if isinstance(value, dict) else ()

    def _check_counts(self) -> None:
        """Refuse before anything is made what would starve the device. Raises ConfigError."""
        counts = {section: len(self._names(section)) for section in MOST}
        surplus = {section: found for section, found in counts.items() if found > MOST[section]}
        for section, found in surplus.items():
            problem = f"expected at most {MOST[section]} entries, found {found}"
            self.problems.add((section,), problem)
        if surplus:
            self.problems.raise_any(ConfigError)

    def _check_names(self) -> None:
        """Names of the user's own become pieces of MQTT topics and metric labels."""
        for section in ("watch", "outputs", "profiles"):
            names = self._names(section)
            for name in names:
                problem = name_problem(name) or self._misnamed((section, name), names)
                if problem:
                    self.problems.add((section, name), problem)

    def _misnamed(self, path: KeyPath, names: Sequence[str]) -> str:
        """Return the near miss of an entry that `--set` made by a slip: `outputs.rely.line=17`."""
        made = self.problems.document.mark(path).name == SET and self.problems.about(path)
        hint = did_you_mean(path[-1], {*names} - {path[-1]}) if made else ""
        return f"{SET} made this entry{hint}" if hint else ""

    def _check_whens(self, outputs: Mapping[str, Part]) -> None:
        """`when` of an output names a watch, or several, or a word that the output knows."""
        watches = self._names("watch")
        for name, output in outputs.items():
            for wanted in output.options.watches():
                if wanted not in watches:
                    known = near_miss(wanted, watches) or "; there is no watch in this file"
                    problem = f"expected the name of a watch, found '{wanted}'{known}"
                    self.problems.add(("outputs", name, "when"), problem)

    def _check_routines(
        self, outputs: Mapping[str, Part], watches: Mapping[str, WatchSection]
    ) -> None:
        """`watch` of a button names a watch with a routine."""
        known = [name for name, watch in watches.items() if watch.routine is not None]
        for name, output in outputs.items():
            for wanted in set(output.options.routines()) - set(known):
                hint = near_miss(wanted, known) or "; no watch in this file has a `routine`"
                problem = f"expected the name of a watch with a routine, found '{wanted}'{hint}"
                self.problems.add(("outputs", name, "watch"), problem)

    def _check_claims(self, outputs: Mapping[str, Part], read: Sequence[Path]) -> None:
        """Report what two parts claim, and only one can have: a port, a GPIO line, a file."""
        taken = {_file_claim(path): "the source" for path in read}
        for name, output in outputs.items():
            files = map(_file_claim, output.options.writes())
            for claim in (*output.options.claims(), *files):
                owner = taken.setdefault(claim, f"outputs.{name}")
                if owner != f"outputs.{name}":
                    problem = f"{claim} is already that of {owner}; choose another one"
                    self.problems.add(("outputs", name), problem)


def _file_claim(path: Path) -> str:
    """Return the same text for all names of one file."""
    return f"file {os.path.realpath(path)}"


_exercise: Final = cached(exercise_file.load)


def _of_other(kind: ProblemKind) -> ProblemKind:
    """Return the kind of a problem with a file that the configuration names."""
    return kind if kind == "missing_file" else "other_file"
