"""The sections of a configuration that are edgepose's own: rate, people, watch.

The options of sources and outputs are in their own classes.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    create_model,
    model_validator,
)

from edgepose.config.limits import Commands, LimitsSection
from edgepose.config.model_section import ModelSection
from edgepose.config.profiles import Profiles
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.performers import REST
from edgepose.core.watches.scored import MAX_AGE
from edgepose.definitions import library
from edgepose.definitions.classifier_file import Order
from edgepose.engine.governor import LEAST_FPS, Rates
from edgepose.errors import InvalidValue, near_miss
from edgepose.options import (
    ConfigPath,
    Degrees,
    ExistingPath,
    Fraction,
    LimbName,
    OfADay,
    Options,
    PositiveSeconds,
    Proportion,
    Seconds,
    Words,
    exists,
    similar_file,
)

LONGEST: Final = 64  # characters, as host names
FORBIDDEN: Final = "/+#"  # separators and wildcards of MQTT topics, which names become a part of


def name_problem(name: str) -> str:
    """Return why a name can't be one of a device, a watch or an output; `""` when it can."""
    held = [character for character in FORBIDDEN if character in name]
    if held:
        return f"a name can't hold '{held[0]}', which MQTT topics are made of; found '{name}'"
    if len(name) > LONGEST:
        return f"expected a name of at most {LONGEST} characters, found {len(name)}"
    if not name.strip() or not name.isprintable():
        return f"expected a name of printable characters, found {name!r}"
    return ""


def host_name() -> str:
    """Return the host's name without what a device name may not hold."""
    name = socket.gethostname().translate(str.maketrans("", "", FORBIDDEN)).strip()
    return name or "edgepose"


MOST_FPS: Final = 1000.0  # far above any camera and network


class RateSection(Options):
    """How often a camera's frames are inferred; each null switches a rule off."""

    max_fps: Annotated[float, Field(ge=LEAST_FPS, le=MOST_FPS)] | None = Field(
        default=None,
        description="frames a second at most; null: as many as possible",
        examples=[10.0],
    )
    idle_after: PositiveSeconds | None = Field(
        default=30.0, description="seconds without a person until idle_fps applies; null: never"
    )
    idle_fps: Annotated[float, Field(ge=LEAST_FPS, le=MOST_FPS)] = Field(
        default=5.0, description="frames a second meanwhile, until the first with a person"
    )
    cool_at: Annotated[float, Field(ge=30.0, le=110.0)] | None = Field(
        default=75.0,
        description="degrees Celsius of the board from which the rate is halved, up to three "
        "times; a Pi's firmware slows everything down at 80; null: never",
    )

    @property
    def rates(self) -> Rates:
        """Return the rates as the engine takes them."""
        return Rates(self.max_fps, self.idle_after, self.idle_fps, self.cool_at)


VERSION: Final = 1

_THRESHOLDS: Final = Thresholds()

Point = tuple[Fraction, Fraction]


def _template_exists(path: Path, info: ValidationInfo) -> Path:
    path = (info.context or {}).get("copies", {}).get(path, path)
    if exists(path) and path.is_file():
        return path
    base = Path((info.context or {}).get("base", "."))
    near = similar_file(path, base, base / "templates", pattern="*.y*ml")
    hint = near or "; `edgepose template capture` makes one"
    if path.stem in library.known("template", base):
        hint = f"; write `{path.stem}` without folder and ending for the one of that name"
    raise InvalidValue(f"no such template file: {path}{hint}", "missing_file")


def _template_path(value: Any, info: ValidationInfo) -> Any:
    """Return the file of a template that is given by name; a path stays as it is."""
    if not isinstance(value, str) or "/" in value or Path(value).suffix:
        return value
    base = (info.context or {}).get("base")
    found = library.known("template", None if base is None else Path(base))
    if value not in found:
        raise ValueError(f"unknown template '{value}'{near_miss(value, found)}")
    return found[value].absolute()


RoutinePath = Annotated[Path, library.by_name("routine")]
ExercisePath = Annotated[Path, library.by_name("exercise")]
TemplatePath = Annotated[
    ConfigPath, BeforeValidator(_template_path), AfterValidator(_template_exists)
]


SMALLEST_ZONE: Final = 1e-4  # of the picture's area: a hundredth of its width and height


def _with_area(corners: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return the corners of a polygon. Raises ValueError for one in which nobody can stand."""
    following = (*corners[1:], corners[0])
    doubled = sum(y * u - x * v for (y, x), (v, u) in zip(corners, following, strict=True))
    if abs(doubled) / 2 < SMALLEST_ZONE:
        raise ValueError("expected corners around an area, found them on one line or spot")
    return corners


Zone = Annotated[tuple[Point, ...], Field(min_length=3), AfterValidator(_with_area)]


class PeopleSection(Options):
    """How many people count, and which."""

    max: Annotated[int, Field(ge=1, le=20)] = Field(
        default=1, description="how many people count at most"
    )
    select: Literal["all", "largest", "center", "leftmost", "track"] = Field(
        default="largest", description="who counts; track keeps to the one who came first"
    )
    zone: Annotated[tuple[Point, ...], Field(min_length=3), AfterValidator(_with_area)] | None = (
        Field(
            default=None,
            description="corners [y, x] of the area to stand in, 0..1 from the picture's top left",
            examples=[[[0.2, 0.3], [0.2, 0.7], [1.0, 0.7], [1.0, 0.3]]],
        )
    )
    lock: Seconds = Field(default=0.0, description="seconds in the zone before a person counts")
    release: Seconds = Field(
        default=3.0, description="seconds that a person who counts may be out of zone or sight"
    )


class LimbSection(Options):
    """The tolerances that differ for one limb."""

    weight: Annotated[float, Field(ge=0.0)] | None = Field(
        default=None, description="how much it counts in the score"
    )
    angle_deviation: Degrees | None = Field(default=None, description="degrees it may be off")
    size_deviation: Proportion | None = Field(
        default=None, description="how much longer or shorter it may look"
    )
    ignore: bool = Field(default=False, description="leave it out")


if TYPE_CHECKING:

    class _Kinds(Options):
        """What a watch can be of."""

else:  # `class` can't be written as an attribute; the kinds of watches come first, in this order
    _Kinds = create_model(
        "_Kinds",
        __base__=Options,
        template=(Any, None),
        classifier=(Any, None),
        **{
            "class": (
                str | None,
                Field(default=None, description="which class of the classifier to look for"),
            )
        },
    )


_OF_EXERCISES: Final = frozenset({"goal", "rest"})
_OF_TEMPLATES: Final = (
    "mirror",
    "facing",
    "min_visible",
    "max_deviated",
    "angle_deviation",
    "size_deviation",
    "limbs",
)


class WatchSection(_Kinds):
    """What to look for, and when it counts as held."""

    template: TemplatePath | Annotated[tuple[TemplatePath, ...], Field(min_length=1)] | None = (
        Field(
            None,
            description="the pose: a template by name or file, or a list of which one must fit",
        )
    )
    classifier: ExistingPath | None = Field(
        default=None,
        description="or examples of poses (a .csv file, a folder with one a class), or a network "
        "(.tflite) that classifies poses",
    )
    labels: ExistingPath | None = Field(
        default=None,
        description="the classes of a network, one a line; unset: NAME.txt, NAME_labels.txt or "
        "labels.txt beside it",
    )
    order: Order = Field(
        default="xy",
        description="what stands first in a classifier's columns or inputs called x, y",
    )
    title: Words | None = Field(
        default=None,
        description="what people read, in one language or by language; unset: the name, with "
        "blanks for underscores",
        examples=["Raise your arms!"],
    )
    exercise: ExercisePath | None = Field(
        default=None,
        description="or an exercise to count or to hold, by name or file; "
        "`edgepose exercise list` shows those that there are",
    )
    routine: RoutinePath | None = Field(
        default=None,
        description="or a routine that leads through steps, by name or file; see docs/counting.md",
    )
    goal: OfADay | None = Field(
        default=None, description="repetitions of an exercise, or seconds to hold it, to reach"
    )
    rest: OfADay = Field(
        default=REST, description="seconds without a movement after which a set is over"
    )
    enter: Fraction = Field(
        default=_THRESHOLDS.enter, description="score from which the pose is shown"
    )
    exit: Fraction = Field(
        default=_THRESHOLDS.exit, description="score below which it ends; below enter"
    )
    hold: Seconds = Field(
        default=_THRESHOLDS.hold, description="seconds to hold the pose until it fires"
    )
    release: Seconds = Field(
        default=_THRESHOLDS.release, description="seconds below exit until it ends"
    )
    cooldown: Seconds = Field(
        default=_THRESHOLDS.cooldown, description="seconds after the end until it can fire again"
    )
    max_age: PositiveSeconds = Field(
        default=MAX_AGE, description="seconds after which a frame is too old to fire"
    )
    mirror: bool | None = Field(default=None, description="the mirror image counts as well")
    facing: Literal["front", "any"] | None = Field(
        default=None,
        description="front (unset): as in the template; any: the pose from behind counts as well",
        examples=["any"],
    )
    min_visible: Annotated[int, Field(ge=1, le=12)] | None = Field(
        default=None, description="limbs that must be seen"
    )
    max_deviated: Annotated[int, Field(ge=0, le=12)] | None = Field(
        default=None,
        description="limbs that may be off by more than their tolerance; unset: as many as the "
        "score allows, but none by more than three times its tolerance",
    )
    angle_deviation: Degrees | None = Field(
        default=None, description="degrees every limb may be off"
    )
    size_deviation: Proportion | None = Field(
        default=None, description="how much longer or shorter every limb may look"
    )
    limbs: dict[LimbName, LimbSection] = Field(
        default={}, description="what differs for single limbs"
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.routine is not None:
            self._check_untuned("routine", ("exercise", "template", "classifier"))
        elif self.exercise is not None:
            self._check_untuned("exercise", ("template", "classifier"))
        elif self.classifier is not None:
            self._check_classifier()
        elif getattr(self, "class") is not None:
            raise ValueError("`class` is one of a classifier; add `classifier: NAME.csv`")
        elif self.template is None:
            raise ValueError(
                "`template` is missing; write `template: templates/NAME.yaml` "
                "(`edgepose template capture NAME` makes one)"
            )
        for key in _OF_EXERCISES & self.model_fields_set if self.exercise is None else ():
            raise ValueError(f"`{key}` is of an exercise; add `exercise: NAME` or remove it")
        if self.exit >= self.enter:
            found = f"{self._value('exit')} and {self._value('enter')}"
            raise ValueError(f"expected `exit` below `enter`, found {found}")
        return self

    def _check_untuned(self, kind: str, others: Iterable[str]) -> None:
        """Refuse what a watch without a score of its own can't have."""
        given = [key for key in others if getattr(self, key) is not None]
        if given:
            raise ValueError(f"expected `{kind}` or `{given[0]}`, found both; remove one")
        for key in (*(field.name for field in fields(Thresholds)), *_OF_TEMPLATES):
            if key in self.model_fields_set:
                article = "an" if kind == "exercise" else "a"
                raise ValueError(f"`{key}` is of a pose, {article} {kind} has none; remove it")

    def _check_classifier(self) -> None:
        if self.template is not None:
            raise ValueError("expected `template` or `classifier`, found both; remove one")
        for key in _OF_TEMPLATES:
            if getattr(self, key) not in (None, {}):
                raise ValueError(f"`{key}` is of a template, a classifier has none; remove it")

    def _value(self, key: str) -> str:
        default = "" if key in self.model_fields_set else " (its default)"
        return f"{key} {getattr(self, key):g}{default}"

    @property
    def templates(self) -> tuple[Path, ...]:
        """Return the template files."""
        paths = self.template or ()
        return (paths,) if isinstance(paths, Path) else paths

    @property
    def class_name(self) -> str | None:
        """Return the class of the classifier that is looked for."""
        name: str | None = getattr(self, "class")
        return name


def _must_name(name: str) -> str:
    problem = name_problem(name)
    if problem:
        raise ValueError(problem)
    return name


def _known_version(version: int) -> int:
    if version != VERSION:
        raise ValueError(f"expected {VERSION}, the version this edgepose knows, found {version}")
    return version


class Root(Options):
    """The whole file; sections whose options depend on a type are checked by that type."""

    version: Annotated[int, AfterValidator(_known_version)] = Field(
        description="the form of this file", examples=[VERSION]
    )
    name: Annotated[str, AfterValidator(_must_name)] | None = Field(
        default=None, description="name of the device in MQTT and logs; unset: the host's name"
    )
    source: Any = Field(description="where pictures come from", examples=[{"type": "v4l2"}])
    model: ModelSection = Field(
        default_factory=ModelSection, description="which network finds the keypoints"
    )
    rate: RateSection = Field(
        default_factory=RateSection, description="how often a camera's frames are inferred"
    )
    smoothing: Any = Field(
        default="normal", description="how much jitter is removed from keypoints"
    )
    people: PeopleSection = Field(
        default_factory=PeopleSection, description="how many people count, and which"
    )
    watch: dict[str, WatchSection] = Field(default={}, description="what to look for, by name")
    language: str = Field(
        default="en",
        description="of what people read and hear: en, de, es, or the path of a table of one's own",
        examples=["de"],
    )
    frames: Literal["full", "skeleton", "none"] = Field(
        default="full",
        description="which pictures outputs may have, whatever their own options are. full: all; "
        "skeleton: people as lines on black; none: no picture, only a screen still shows lines",
    )
    commands: Commands = Field(
        default=None,
        description="commands that are taken from the broker and the page; false: none; unset: "
        "those whose effect ends with this run, and from the page capture, learn, save and restart",
        examples=[["detect", "profile"]],
    )
    limits: LimitsSection = Field(
        default_factory=LimitsSection,
        description="what neither a pushed configuration nor the page can change",
    )
    profiles: Profiles = Field(
        default={}, description="by name, which watches count; see docs/profiles.md"
    )
    outputs: dict[str, Any] = Field(default={}, description="where pictures and events go, by name")
