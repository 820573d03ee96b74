"""Push button on a GPIO line: it directs a routine, or has a pose taught.

It is asked for its level, since only the engine starts threads; an edge would need one of its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final, Literal

from pydantic import Field, model_validator

from edgepose import options
from edgepose.errors import UserError
from edgepose.outputs.base import Device, Output
from edgepose.outputs.gpio.lines import LAST_LINE, InputLine, as_output_lost
from edgepose.outputs.gpio.safe_state import LineRef
from edgepose.types import Scene

log = logging.getLogger(__name__)

POLL: Final = 0.03  # seconds; contacts bounce for 5 to 20 ms, fingers press for 80 ms and more


class ButtonOptions(options.Options):
    """Which line, and what a press does."""

    line: int = Field(
        ge=0, le=LAST_LINE, description="number of the GPIO, not of the header's pin", examples=[27]
    )
    watch: str | None = Field(
        default=None,
        description="the watch whose routine it is for; not with `do: teach`",
        examples=["workout"],
    )
    do: Literal["start", "stop", "skip", "teach"] = Field(
        default="start",
        description="what a press does to the routine; teach: a pose is taught from whoever stands "
        "there, after a countdown, and is watched for under the next free name, pose_1 at first",
    )
    countdown: float = Field(
        default=5.0, ge=1, le=60, description="seconds to get into the pose, with `do: teach`"
    )
    active_low: bool = Field(
        default=True,
        description="true: a press connects the pin to ground; false: to 3.3 V. The chip's own "
        "resistor pulls it to the other side",
    )
    chip: str = Field(
        default="auto",
        min_length=1,
        description="label of the chip as gpiodetect shows it, or /dev/gpiochipN; auto: the Pi's "
        "header; fake: a pretended one",
    )

    @model_validator(mode="after")
    def _has_a_routine_to_direct(self) -> ButtonOptions:
        """Refuse a button for a routine that names none, and one that teaches and names one."""
        if self.do == "teach" and self.watch is not None:
            raise ValueError("`do: teach` is for no watch; leave `watch` out")
        if self.do != "teach" and self.watch is None:
            raise ValueError(f"`do: {self.do}` needs `watch`, the name of one with a routine")
        return self

    def routines(self) -> tuple[str, ...]:
        """Return the watch, if it is for one."""
        return () if self.watch is None else (self.watch,)

    def order(self) -> tuple[str, Any]:
        """Return the command that a press gives, and its value."""
        if self.do == "teach":
            return "capture", {"countdown": self.countdown, "watch": True}
        return "routine", {"watch": self.watch, "do": self.do}

    def starts(self) -> tuple[str, ...]:
        """Return the watch, where a press starts its routine."""
        return self.routines() if self.do == "start" else ()

    def claims(self) -> tuple[str, ...]:
        """Return the line."""
        where = f" of {self.chip}" if self.chip != "auto" else ""
        return () if self.chip == "fake" else (f"GPIO line {self.line}{where}",)


class Button(Output):
    """Push button that directs a routine, or has a pose taught."""

    Options: ClassVar[type[options.Options]] = ButtonOptions

    def __init__(
        self,
        options: ButtonOptions,
        device: Device,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take options; `open` takes the line. clock: the one that `wake_at` is in."""
        self._options = options
        self._controls = device.controls
        self._clock = clock
        self._line: InputLine | None = None
        self._was_pressed = self._is_pressed = False

    def open(self) -> None:
        """Take the line as an input. Raises OutputLost when chip or line are absent or in use."""
        ref = LineRef(self._options.chip, self._options.line, self._options.active_low)
        self._line = ref.sense()
        self._was_pressed = self._is_pressed = True  # one that is stuck does nothing
        self._look()

    def show(self, scene: Scene) -> None:
        """Look at the button. Raises OutputLost."""
        if self.wake_at is not None and self._clock() >= self.wake_at:
            self._look()

    def tick(self) -> None:
        """Look at the button. Raises OutputLost."""
        self._look()

    def close(self) -> None:
        """Release the line."""
        line, self._line, self.wake_at = self._line, None, None
        if line is not None:
            line.release()

    def _look(self) -> None:
        """Act when the level is that of a press twice in a row, once for each press."""
        assert self._line is not None, "open() comes first"
        with as_output_lost(f"line {self._options.line} of {self._options.chip}"):
            level = self._line.read()
        self.wake_at = self._clock() + POLL
        is_steady, self._was_pressed = level == self._was_pressed, level
        if is_steady and level != self._is_pressed:
            self._is_pressed = level
            if level:
                self._press()

    def _press(self) -> None:
        if self._controls is None:
            return
        name, value = self._options.order()
        try:
            log.info("Button: %s.", self._controls.command(name, value))
        except UserError as error:
            log.warning("The button did nothing: %s.", error)
