"""What an exercise file holds: its keys, what they take, and what they say."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from edgepose.core.figure import STANDING, MovingFigure
from edgepose.core.watches.counter import Bound
from edgepose.core.watches.signals import (
    LIMBS,
    PLACES,
    Combined,
    Sides,
)
from edgepose.definitions import library
from edgepose.errors import near_miss
from edgepose.options import Options, PositiveSeconds, Seconds, Words
from edgepose.system.paths import folders

VERSION: Final = 1
DEGREES: Final = "°"
_BOUND: Final = re.compile(r"(above|below) +(-?\d+(?:\.\d+)?)")


def _known_place(name: str) -> str:
    if name not in PLACES:
        raise ValueError(f"unknown keypoint '{name}'{near_miss(name, PLACES)}")
    return name


def _known_limb(name: str) -> str:
    if name not in LIMBS:
        raise ValueError(f"unknown limb '{name}'{near_miss(name, LIMBS)}")
    return name


def _known_angles(angles: dict[str, float]) -> dict[str, float]:
    known = {*STANDING, *(name.partition("_")[2] for name in STANDING if "_" in name)}
    for name in angles:
        if name not in known:
            raise ValueError(f"unknown limb '{name}'{near_miss(name, known)}")
    return angles


def _bound(value: Any) -> str:
    if not isinstance(value, str) or not _BOUND.fullmatch(value):
        raise ValueError(f"expected `above NUMBER` or `below NUMBER`, found '{value}'")
    return value


def _known_template(name: str, info: ValidationInfo) -> str:
    """Return the name of a template that is there; `folder` of the context is the exercise's."""
    folder = (info.context or {}).get("folder")
    if folder is not None and template_path(name, folder) is None:
        known = library.known("template", folder.parent)
        raise ValueError(
            f"unknown template '{name}'{near_miss(name, known)}; or write its path, relative to "
            f"{folder}"
        )
    return name


def _one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


PlaceName = Annotated[str, AfterValidator(_known_place)]
LimbName = Annotated[str, AfterValidator(_known_limb)]
TemplateName = Annotated[str, AfterValidator(_known_template)]
Threshold = Annotated[str, BeforeValidator(_bound, json_schema_input_type=str)]
Pair = tuple[PlaceName, PlaceName]


class SignalSection(Options):
    """One number of a pose."""

    angle: tuple[PlaceName, PlaceName, PlaceName] | None = Field(
        default=None,
        description="angle at the second of three keypoints; 180 is straight",
        examples=[["hip", "knee", "ankle"]],
    )
    tilt: LimbName | Pair | None = Field(
        default=None,
        description="degrees of a limb, or from one keypoint to another, against straight down",
        examples=["trunk"],
    )
    height: Pair | None = Field(
        default=None, description="how far the first is above the second, in torso lengths"
    )
    distance: Pair | None = Field(
        default=None, description="how far two keypoints are apart, in torso lengths"
    )
    rise: Literal["ankles"] | None = Field(
        default=None,
        description="how far both feet are above the ground they stood on, in torso lengths",
    )
    match: TemplateName | tuple[TemplateName, TemplateName] | None = Field(
        default=None, description="score of a template, or of one minus that of another"
    )
    mean: Annotated[tuple[SignalSection, ...], Field(min_length=2)] | None = Field(
        default=None, description="mean of several signals"
    )
    min: Annotated[tuple[SignalSection, ...], Field(min_length=2)] | None = Field(
        default=None, description="least of several signals"
    )
    max: Annotated[tuple[SignalSection, ...], Field(min_length=2)] | None = Field(
        default=None, description="greatest of several signals"
    )
    difference: tuple[SignalSection, SignalSection] | None = Field(
        default=None, description="one signal minus another"
    )
    side: Sides | None = Field(
        default=None,
        description="which side of the body; best: the one seen better; both: each counts by "
        "itself; unset: best, and the same as the exercise's signal for its conditions",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        given = [kind for kind in _KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none"
            raise ValueError(f"expected one of {', '.join(_KINDS)}; found {found}")
        self._check_differs()
        return self

    def _check_differs(self) -> None:
        """Refuse a signal that is the same whatever anybody does."""
        for kind in ("angle", "tilt", "height", "distance", "difference"):
            value = getattr(self, kind)
            if not isinstance(value, tuple):
                continue
            if any(value.count(part) > 1 for part in value):
                what = "signals" if kind == "difference" else f"keypoints for {kind}"
                found = "" if kind == "difference" else f", found {', '.join(map(str, value))}"
                raise ValueError(f"expected {len(value)} different {what}{found}")

    @property
    def kind(self) -> str:
        """Return what is measured."""
        return next(kind for kind in _KINDS if getattr(self, kind) is not None)

    @property
    def span(self) -> tuple[float, float]:
        """Return the least and the greatest value that it can have."""
        parts = [part.span for kind in COMBINED for part in getattr(self, kind) or ()]
        low, high = _SPANS.get(self.kind, (-math.inf, math.inf))
        if self.kind == "difference":
            low, high = parts[0][0] - parts[1][1], parts[0][1] - parts[1][0]
        elif parts:
            low, high = min(part[0] for part in parts), max(part[1] for part in parts)
        is_minus = self.side == "left - right" or isinstance(self.match, tuple)
        return (low - high, high - low) if is_minus else (low, high)

    @property
    def unit(self) -> str:
        """Return the unit for people; `""` for torso lengths and scores."""
        if self.kind in COMBINED:
            return str(getattr(self, self.kind)[0].unit)
        return DEGREES if self.kind in ("angle", "tilt") else ""


COMBINED: Final[dict[str, Combined]] = {
    "mean": "mean", "min": "min", "max": "max", "difference": "minus"
}  # fmt: skip
_SPANS: Final = {
    "angle": (0.0, 180.0), "tilt": (0.0, 180.0), "distance": (0.0, math.inf), "match": (0.0, 1.0)
}  # fmt: skip
_KINDS: Final = ("angle", "tilt", "height", "distance", "rise", "match", *COMBINED)


class BoundsSection(Options):
    """What a signal lies between."""

    above: float | None = Field(default=None, description="the signal is above this")
    below: float | None = Field(default=None, description="the signal is below this")
    between: tuple[float, float] | None = Field(
        default=None, description="or between two values", examples=[[70, 110]]
    )

    @model_validator(mode="after")
    def _some(self) -> Self:
        if self.between is not None and (self.above is not None or self.below is not None):
            raise ValueError("expected `between` or `above`/`below`, found both")
        low, high = self.limits
        if low >= high:
            raise ValueError(f"expected a lower and then a higher value, found {low:g}, {high:g}")
        if self.between is None and self.above is None and self.below is None:
            raise ValueError("expected `above: NUMBER`, `below: NUMBER` or `between: [LOW, HIGH]`")
        return self

    @property
    def limits(self) -> tuple[float, float]:
        """Return the lowest and the highest value."""
        if self.between is not None:
            return self.between
        low = float("-inf") if self.above is None else self.above
        return low, float("inf") if self.below is None else self.below


class GuardSection(BoundsSection):
    """A condition without which a movement is another one."""

    when: SignalSection = Field(description="the signal", examples=[{"tilt": "trunk"}])
    at: Literal["start", "target", "any"] = Field(
        default="any", description="when it matters; any: during the whole repetition"
    )
    say: Words = Field(default={}, description="what to tell the person")


class FaultSection(GuardSection):
    """A mistake that a counted repetition can have."""

    say: Words = Field(description="what to tell the person", examples=["keep your chest up"])


class HoldSection(SignalSection, BoundsSection):
    """A condition of an exercise that is held."""

    say: Words = Field(default={}, description="what to tell the person when it is not met")


_Holds = Annotated[
    tuple[HoldSection, ...],
    BeforeValidator(_one_or_more, json_schema_input_type=HoldSection | list[HoldSection]),
]


class PhaseSection(Options):
    """How long a movement takes."""

    shortest: Seconds = Field(
        default=0.25, description="seconds from start to target, and back, at least"
    )
    longest: PositiveSeconds = Field(
        default=8.0, description="seconds from start to target, and back, at most"
    )
    pause: PositiveSeconds | None = Field(
        default=None, description="seconds at the target at most; unset: `longest`"
    )
    settle: Seconds = Field(
        default=0.3, description="seconds at the start before the first repetition"
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.shortest >= self.longest:
            found = f"{self.shortest:g} and {self.longest:g}"
            raise ValueError(f"expected `shortest` to be less than `longest`, found {found}")
        return self


class RangeSection(Options):
    """How the thresholds follow a person's own range."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        default=0.75, description="of the person's own range that a repetition must cover"
    )
    start: float | None = Field(
        default=None, description="how far `start` may come in; unset: a quarter of the way"
    )
    target: float | None = Field(
        default=None, description="how far `target` may come in; unset: half of the way"
    )


Angles = Annotated[dict[str, float], AfterValidator(_known_angles)]


class FigureSection(Options):
    """How an exercise looks: degrees of limbs, counter-clockwise from the picture's right."""

    view: Literal["front", "side"] = Field(default="side", description="from where it is shown")
    start: Angles = Field(
        default={},
        description="limbs at the start, `thigh` for both; what is left out stands or hangs",
    )
    target: Angles = Field(
        default={}, description="limbs at the target", examples=[{"thigh": -5, "shin": -105}]
    )
    rise: Annotated[float, Field(ge=0.0, le=0.5)] = Field(
        default=0.0, description="statures of the feet above the ground at the target"
    )
    turn: Annotated[float, Field(ge=-90.0, le=90.0)] = Field(
        default=0.0, description="degrees of the upper body around the vertical at the target"
    )

    @property
    def moving(self) -> MovingFigure:
        """Return the figure."""
        return MovingFigure(self.start, self.target, self.view == "side", self.rise, self.turn)


def _own(value: Any) -> Any:
    return {} if value == "own" else value


_Range = Annotated[
    RangeSection | None,
    BeforeValidator(_own, json_schema_input_type=Literal["own"] | RangeSection | None),
]


class ExerciseSection(Options):
    """An exercise file."""

    version: Literal[1] = Field(description="of the form of this file", examples=[VERSION])
    exercise: str = Field(description="the name", min_length=1, examples=["squat"])
    title: Words = Field(default={}, description="what people read, by language")
    description: Words = Field(default={}, description="how it is done, by language")
    view: Literal["front", "side", "any"] = Field(
        default="any", description="from where the camera must see the person"
    )
    posture: Literal["upright", "lying", "any"] = Field(
        default="any", description="the trunk at the start"
    )
    signal: SignalSection | None = Field(
        default=None,
        description="the number that swings",
        examples=[{"angle": ["hip", "knee", "ankle"]}],
    )
    start: Threshold | None = Field(
        default=None, description="where a repetition begins and ends", examples=["above 155"]
    )
    target: Threshold | None = Field(
        default=None, description="what it must reach", examples=["below 100"]
    )
    phase: PhaseSection = Field(default_factory=PhaseSection, description="how long it takes")
    range: Annotated[
        RangeSection | None,
        BeforeValidator(_own, json_schema_input_type=Literal["own"] | RangeSection | None),
    ] = Field(default=None, description="own: the thresholds follow the person's own range")
    needs: tuple[PlaceName, ...] = Field(
        default=(), description="keypoints that must be seen, of one side at least"
    )
    guards: tuple[GuardSection, ...] = Field(
        default=(), description="conditions without which it is another movement"
    )
    faults: tuple[FaultSection, ...] = Field(
        default=(), description="mistakes of a counted repetition"
    )
    short: Words = Field(
        default={}, description="what to tell somebody who turned back before the target"
    )
    hold: _Holds = Field(default=(), description="for an exercise that is held: what must be kept")
    grace: Seconds = Field(default=1.0, description="seconds that a hold may be lost")
    figure: FigureSection | None = Field(
        default=None, description="how it looks, for the figure on the screen"
    )

    @field_validator("start", "target")
    @classmethod
    def _reachable(cls, text: str | None, info: ValidationInfo) -> str | None:
        """Refuse a threshold that no pose ever passes."""
        signal: SignalSection | None = info.data.get("signal")
        if text is None or signal is None:
            return text
        (low, high), bound = signal.span, _read_bound(text)
        if not (bound.value < high if bound.is_above else bound.value > low):
            raise ValueError(
                f"expected a value that can be reached, found {bound}; "
                f"the signal goes from {low:g}{signal.unit} to {high:g}{signal.unit}"
            )
        return text

    @field_validator("target")
    @classmethod
    def _apart(cls, text: str | None, info: ValidationInfo) -> str | None:
        """Refuse a target that is not beyond the start."""
        if text is None or info.data.get("start") is None:
            return text
        start, target = _read_bound(info.data["start"]), _read_bound(text)
        found = f"start {start}, target {target}"
        if start.is_above == target.is_above:
            raise ValueError(f"expected one of them above and the other below, found {found}")
        low, high = sorted((start, target), key=lambda bound: bound.is_above)
        if low.value >= high.value:
            lower = "target" if start.is_above else "start"
            raise ValueError(f"expected `{lower}` to be the lower value, found {found}")
        return text

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.hold) == (self.signal is not None):
            found = "both" if self.hold else "neither"
            raise ValueError(f"expected `signal` (repetitions) or `hold` (seconds), found {found}")
        for key in ("start", "target") if self.signal is not None else ():
            if getattr(self, key) is None:
                raise ValueError(
                    f"`{key}` is missing; write `{key}: above NUMBER` or `{key}: below NUMBER`"
                )
        return self

    @property
    def bounds(self) -> tuple[Bound, Bound]:
        """Return start and target of an exercise that is counted."""
        return _read_bound(self.start or ""), _read_bound(self.target or "")


def _read_bound(text: str) -> Bound:
    word, number = text.split()
    return Bound(float(number), word == "above")


def template_path(name: str, folder: Path) -> Path | None:
    """Return the file of a template by name or path, None where there is none.

    It is looked for beside the exercise, beside the configuration, and among the shipped ones.
    """
    file = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    return next((path for path in _template_places(file, folder) if path.is_file()), None)


def _template_places(file: str, folder: Path) -> Iterator[Path]:
    yield folder / file
    yield folder / "templates" / file
    yield folder.parent / "templates" / file
    yield from (shipped / file for shipped in folders("configs", "templates"))
