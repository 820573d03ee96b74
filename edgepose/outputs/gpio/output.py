"""Switch a line of a GPIO chip while a pose is held, or for a moment when it is taken.

`pattern` decides when, `lines` finds the line; what a pin does after a crash or a kill, and what
the service's unit must do about it, is said in `safe_state`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, model_validator

from edgepose import options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.gpio.lines import Line, told
from edgepose.outputs.gpio.pattern import ANYBODY, BLINK, PULSE, Mode, Pattern, Rule
from edgepose.outputs.gpio.safe_state import LineRef, record_held
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

PERSON: Final = "person"
FRESH: Final = 1.0  # seconds; what happened before that begins no pulse any more
_PULSES: Final = ("start", "rep")

Pulse = Annotated[float, Field(ge=0.01, allow_inf_nan=False)]
Blink = Annotated[float, Field(ge=0.1, allow_inf_nan=False)]


class GpioOptions(options.Options):
    """Say which line, when it is on, and what cuts it short."""

    line: int = Field(
        ge=0, description="number of the GPIO, not of the header's pin", examples=[17]
    )
    when: str | tuple[str, ...] = Field(
        description="watch that switches it, or several; person: whenever somebody is there",
        examples=["arms_up"],
    )
    mode: Literal["level", "pulse", "blink", "pwm"] | None = Field(
        default=None,
        description="level: on while the pose is held; pulse: for a moment when it begins; blink "
        "while it is held; pwm: as bright as the score is high; unset: as the keys below say, "
        "else level",
        examples=["pulse"],
    )
    pulse: Pulse | None = Field(
        default=None, description="seconds that a pulse lasts; unset: 0.5", examples=[0.5]
    )
    blink: Blink | None = Field(
        default=None, description="seconds from one blink to the next; unset: 1", examples=[1.0]
    )
    active_low: bool = Field(default=False, description="on means 0 V, as on many relay boards")
    max_on: options.PositiveSeconds | None = Field(
        default=None,
        description="seconds after which it goes off, until the pose has ended",
        examples=[10.0],
    )
    interlock: options.Seconds = Field(
        default=2.0,
        description="seconds that it stays on at most without a fresh picture of the person; 0: "
        "for ever",
    )
    chip: str = Field(
        default="auto",
        min_length=1,
        description="label of the chip as gpiodetect shows it, or /dev/gpiochipN; auto: the Pi's "
        "header; fake: none at all",
    )
    frequency: Annotated[float, Field(gt=0.0, le=100_000.0)] = Field(
        default=1000.0, description="of pwm, in Hz; it needs dtoverlay=pwm, `line` is its channel"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key in ("pulse", "blink"):
            if getattr(self, key) is not None and self.kind != key:
                raise ValueError(f"`{key}` has no meaning in mode {self.kind}; remove one of them")
        if PERSON in self.names and self.interlock == 0.0:
            raise ValueError(
                "`when: person` needs `interlock` above 0: seconds until somebody counts as gone"
            )
        return self

    @property
    def kind(self) -> Mode:
        """Return the mode, which the key of a length implies."""
        if self.mode is not None:
            return self.mode
        if self.pulse is not None:
            return "pulse"
        return "blink" if self.blink is not None else "level"

    @property
    def names(self) -> tuple[str, ...]:
        """Return the watches that switch the line, or PERSON."""
        return (self.when,) if isinstance(self.when, str) else self.when

    def watches(self) -> tuple[str, ...]:
        """Return the watches that switch the line."""
        return tuple(name for name in self.names if name != PERSON)

    @property
    def rule(self) -> Rule:
        """Return how the line goes on and off."""
        return Rule(
            self.kind,
            pulse=self.pulse or PULSE,
            blink=self.blink or BLINK,
            max_on=self.max_on or math.inf,
            interlock=self.interlock or math.inf,
        )

    @property
    def place(self) -> LineRef:
        """Return which line that is."""
        frequency = self.frequency if self.kind == "pwm" else 0.0
        return LineRef(self.chip, self.line, self.active_low, frequency)


class Gpio(Output):
    """Switch one line; off when opened, when closed, and when nobody was seen for too long."""

    Options: ClassVar[type[options.Options]] = GpioOptions

    def __init__(
        self,
        options: GpioOptions,
        device: Device,  # noqa: ARG002 - see base
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take options; the line waits for `open`. clock: the one frames are stamped by."""
        self._options = options
        self._clock = clock
        self._pattern = Pattern(options.rule)
        self._line: Line | None = None
        self._note: Path | None = None
        self._level = 0.0
        self._taken = DeliveredEvents()
        self._holding: set[tuple[str, int]] = set()  # (watch, person)
        self._last_seq = -1
        self._there_until = -math.inf

    def open(self) -> None:
        """Hold the line, off. Raises OutputLost when chip or line are absent or in use."""
        place = self._options.place
        self._note = record_held(place)
        self._line = place.hold()
        self._level = 0.0
        self._drive()

    def show(self, scene: Scene) -> None:
        """Switch as the scene says. Raises OutputLost."""
        events = self._taken.new(scene.events)
        self._look(scene)
        for event in events:
            if event.name in self._options.names:
                self._heed(event, scene)
        self._drive()
        self._taken.add(*events)

    def tick(self) -> None:
        """Switch as the time says. Raises OutputLost."""
        self._drive()

    def close(self) -> None:
        """Switch off and let the line go."""
        line, self._line, self.wake_at = self._line, None, None
        note, self._note = self._note, None
        if line is not None:
            self._rest(line, note)
        elif note is not None:
            note.unlink(missing_ok=True)

    def _rest(self, line: Line, note: Path | None) -> None:
        """Let a line go; one that can't be switched off keeps its note, for who comes later."""
        try:
            line.drive(0.0)
            line.release()
        except OSError as error:
            log.error("The line may still be on: %s", error.strerror or error)
        else:
            if note is not None:
                note.unlink(missing_ok=True)

    def _drive(self) -> None:
        """Set the line where it changes, and ask to be woken at the next change."""
        assert self._line is not None, "open() comes first"
        now = self._clock()
        level = self._pattern.level(now)
        if level != self._level:
            with told(f"line {self._options.line} of {self._options.chip}"):
                self._line.drive(level)
            self._level = level
        self.wake_at = self._pattern.next_change(now)

    def _look(self, scene: Scene) -> None:
        """Note who is there, unless the picture was looked at already."""
        if scene.frame.seq == self._last_seq:
            return
        self._last_seq = scene.frame.seq
        now = self._clock()
        taken = now if scene.frame.captured is None else min(scene.frame.captured, now)
        self._pattern.see((pose.person for pose in scene.poses), taken, now)
        if self._options.kind == "pwm":
            self._dim(scene, now)
        elif PERSON in self._options.names and scene.poses:
            self._greet(taken, now)

    def _greet(self, taken: float, now: float) -> None:
        """Begin when somebody comes; pictures without them mean something after the interlock."""
        is_fresh = now - taken <= FRESH
        if taken > self._there_until and (is_fresh or self._options.kind != "pulse"):
            self._pattern.begin(ANYBODY, now)
        self._there_until = max(self._there_until, taken + self._options.interlock)

    def _dim(self, scene: Scene, now: float) -> None:
        """Follow the score of who is closest to the pose, or of whoever is seen best."""
        scores = [
            (state.score, state.person)
            for state in scene.watches
            if state.name in self._options.names
        ]
        if PERSON in self._options.names:
            scores += [(pose.score, pose.person) for pose in scene.poses]
        score, closest = max(scores, default=(0.0, ANYBODY))
        for person in self._pattern.persons:
            if person != closest or score <= 0.0:
                self._pattern.end(person, now)
        if score > 0.0:
            self._pattern.begin(closest, now)
        self._pattern.share = min(score, 1.0)

    def _heed(self, event: Event, scene: Scene) -> None:
        """Begin or end what a pose holds on; begin a pulse only for what is not long past."""
        now = self._clock()
        person = ANYBODY if event.person is None else event.person
        kind = self._options.kind
        if kind == "pulse" and event.type in _PULSES:
            if _age(event, scene, now) <= FRESH:
                self._pattern.begin(person, now)
            else:
                log.warning("No pulse for '%s': it is over a second ago.", event.name)
        elif kind in ("level", "blink"):
            self._hold(event, person, now)

    def _hold(self, event: Event, person: int, now: float) -> None:
        if event.type == "start":
            self._holding.add((event.name, person))
            self._pattern.begin(person, now)
        elif event.type == "end":
            self._holding.discard((event.name, person))
            if all(holder != person for _, holder in self._holding):
                self._pattern.end(person, now)


def _age(event: Event, scene: Scene, now: float) -> float:
    """Return the seconds since the frame that an event came from; 0 where age has no meaning."""
    captured = scene.frame.captured
    if captured is None:
        return 0.0
    return max(now - captured, 0.0) + max(scene.frame.time - event.frame_time, 0.0)
