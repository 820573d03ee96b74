"""Output that switches a GPIO line while a pose is held, or for a moment when it begins.

`pattern` decides when, `lines` finds the line; `safe_state` explains what a pin does after a crash
or a kill, and what the service's unit does about it.
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
from edgepose.errors import error_text
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.gpio.lines import LAST_LINE, Line, as_output_lost
from edgepose.outputs.gpio.pattern import ANYBODY, BLINK, PULSE, Mode, Pattern, Rule
from edgepose.outputs.gpio.safe_state import LineRef, record_held
from edgepose.types import Event, Scene

log = logging.getLogger(__name__)

PERSON: Final = "person"
FRESH: Final = 1.0  # seconds; an older event begins no pulse
_PULSES: Final = ("start", "rep")

EventType = Literal[
    "start", "end", "rep", "partial", "set", "goal", "routine", "step", "timeout", "finished",
    "abandoned",
]  # fmt: skip

Pulse = Annotated[float, Field(ge=0.01, le=options.DAY)]
Blink = Annotated[float, Field(ge=0.1, le=options.DAY)]


class GpioOptions(options.Options):
    """Which line, when it is on, and what cuts it short."""

    line: int = Field(
        ge=0, le=LAST_LINE, description="number of the GPIO, not of the header's pin", examples=[17]
    )
    when: str | tuple[str, ...] = Field(
        description="watch that switches it, or several; person: whenever somebody is there",
        examples=["arms_up"],
    )
    mode: Literal["level", "pulse", "blink", "pwm"] | None = Field(
        default=None,
        description="level: on while the pose is held; pulse: for a moment when it begins, and at "
        "each repetition; blink while it is held; pwm: as bright as the score is high; unset: as "
        "the keys below say, else level",
        examples=["pulse"],
    )
    pulse: Pulse | None = Field(
        default=None, description="seconds that a pulse lasts; unset: 0.5", examples=[0.5]
    )
    events: EventType | Annotated[tuple[EventType, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="types of event that begin a pulse, such as rep: one for each repetition, or "
        "finished: at the end of a routine; unset: start and rep",
        examples=["rep"],
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
        "header; fake: a pretended one",
    )
    frequency: Annotated[float, Field(gt=0.0, le=100_000.0)] = Field(
        default=1000.0, description="of pwm, in Hz; it needs dtoverlay=pwm, `line` is its channel"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key, kind in (("pulse", "pulse"), ("events", "pulse"), ("blink", "blink")):
            if getattr(self, key) is not None and self.kind != kind:
                raise ValueError(f"`{key}` has no meaning in mode {self.kind}; remove one of them")
        if self.events is not None and not self.watches():
            raise ValueError("`events` are of a watch; name one in `when`")
        if PERSON in self.names and self.interlock == 0.0:
            raise ValueError(
                "`when: person` needs `interlock` above 0: seconds until somebody counts as gone"
            )
        return self

    @property
    def kind(self) -> Mode:
        """Return the mode, which `pulse` and `blink` imply."""
        if self.mode is not None:
            return self.mode
        if self.pulse is not None or self.events is not None:
            return "pulse"
        return "blink" if self.blink is not None else "level"

    @property
    def pulses(self) -> tuple[str, ...]:
        """Return the types of event that begin a pulse."""
        if self.events is None:
            return _PULSES
        return (self.events,) if isinstance(self.events, str) else self.events

    @property
    def names(self) -> tuple[str, ...]:
        """Return the watches that switch the line, or PERSON."""
        return (self.when,) if isinstance(self.when, str) else self.when

    def watches(self) -> tuple[str, ...]:
        """Return the watches that switch the line."""
        return tuple(name for name in self.names if name != PERSON)

    def longest_on(self) -> tuple[float, ...]:
        """Return how many seconds the line may be on."""
        return (math.inf if self.max_on is None else self.max_on,)

    def longest_unseen(self) -> tuple[float, ...]:
        """Return how many seconds the interlock allows."""
        return (self.interlock or math.inf,)

    def claims(self) -> tuple[str, ...]:
        """Return the line, or the channel of PWM."""
        if self.chip == "fake":
            return ()
        what = "PWM channel" if self.kind == "pwm" else "GPIO line"
        return (f"{what} {self.line}" + (f" of {self.chip}" if self.chip != "auto" else ""),)

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
    def ref(self) -> LineRef:
        """Return the line."""
        frequency = self.frequency if self.kind == "pwm" else 0.0
        return LineRef(self.chip, self.line, self.active_low, frequency)


class Gpio(Output):
    """One line: off when opened, when closed, and when nobody was seen for too long."""

    Options: ClassVar[type[options.Options]] = GpioOptions

    def __init__(
        self, options: GpioOptions, device: Device, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Take options; `open` holds the line. clock: the one of frames' capture times."""
        self._options = options
        self._clock = clock
        self._pattern = Pattern(options.rule)
        self._line: Line | None = None
        self._record: Path | None = None
        self._level = 0.0
        self._delivered = DeliveredEvents()
        self._holding: set[tuple[str, int]] = set()  # (watch, person)
        self._last_seq = -1
        self._present_until = -math.inf

    def open(self) -> None:
        """Hold the line, off. Raises OutputLost when chip or line are absent or in use."""
        ref = self._options.ref
        self._record = record_held(ref)
        self._line = ref.hold()
        self._level = 0.0
        self._drive()

    def show(self, scene: Scene) -> None:
        """Switch the line for a scene. Raises OutputLost."""
        events = self._delivered.new(scene.events)
        self._observe(scene)
        for event in events:
            if event.name in self._options.names:
                self._handle(event, scene)
        self._drive()
        self._delivered.add(*events)

    def tick(self) -> None:
        """Switch the line where its time is up. Raises OutputLost."""
        self._drive()

    def close(self) -> None:
        """Switch off and release the line."""
        line, self._line, self.wake_at = self._line, None, None
        record, self._record = self._record, None
        is_off = line is None or _switched_off(line)
        if is_off and record is not None:  # else `release-lines` tries again
            record.unlink(missing_ok=True)

    def _drive(self) -> None:
        """Set the line where it changes, and ask to be woken at the next change."""
        assert self._line is not None, "open() comes first"
        now = self._clock()
        level = self._pattern.level(now)
        if level != self._level:
            with as_output_lost(f"line {self._options.line} of {self._options.chip}"):
                self._line.drive(level)
            self._level = level
        self.wake_at = self._pattern.next_change(now)

    def _observe(self, scene: Scene) -> None:
        """Note who is there, once a frame."""
        if scene.frame.seq == self._last_seq:
            return
        self._last_seq = scene.frame.seq
        now = self._clock()
        captured = now if scene.frame.captured is None else min(scene.frame.captured, now)
        self._pattern.see((pose.person for pose in scene.poses), captured, now)
        if self._options.kind == "pwm":
            self._set_duty(scene, now)
        elif PERSON in self._options.names and scene.poses:
            self._on_arrival(captured, now)

    def _on_arrival(self, captured: float, now: float) -> None:
        """Begin when a person arrives: after `interlock` seconds without one."""
        is_fresh = now - captured <= FRESH
        if captured > self._present_until and (is_fresh or self._options.kind != "pulse"):
            self._pattern.begin(ANYBODY, now)
        self._present_until = max(self._present_until, captured + self._options.interlock)

    def _set_duty(self, scene: Scene, now: float) -> None:
        """Follow the best score: of the pose, or of the person seen best."""
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
        self._pattern.duty = min(score, 1.0)

    def _handle(self, event: Event, scene: Scene) -> None:
        """Begin or end a request; a pulse only for a recent event."""
        now = self._clock()
        person = ANYBODY if event.person is None else event.person
        kind = self._options.kind
        if kind == "pulse" and event.type in self._options.pulses:
            if _age(event, scene, now) <= FRESH:
                self._pattern.begin(person, now)
            else:
                log.warning("No pulse for '%s': it happened over a second ago.", event.name)
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


def _switched_off(line: Line) -> bool:
    """Drive a line off and release it; return whether that worked."""
    try:
        line.drive(0.0)
        line.release()
    except OSError as error:
        log.error("The line may still be on: %s", error_text(error))
        return False
    return True


def _age(event: Event, scene: Scene, now: float) -> float:
    """Return the seconds since an event's frame was captured; 0 for recorded frames."""
    captured = scene.frame.captured
    if captured is None:
        return 0.0
    return max(now - captured, 0.0) + max(scene.frame.time - event.frame_time, 0.0)
