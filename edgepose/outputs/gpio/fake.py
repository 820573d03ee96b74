"""A simulated GPIO chip: pins with pull resistors and wires, other holders, and a history.

It is chosen like a real one, `chip: fake`, or `chip: fake:LABEL` for one that was plugged in
under that label. Not simulated: bounce, load and the duration of an edge.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final, Literal

from edgepose.outputs.gpio.lines import CONSUMER, Chip, ChipDriver, InputLine, Line

log = logging.getLogger(__name__)

LINES: Final = 54  # of a Pi 4
_HISTORY: Final = 10_000  # changes that are kept of each pin

Pull = Literal["up", "down"]


class FakePin:
    """One pin. Its level comes from its driver, else from a wired pin, else from its pull.

    driven: the output level, None as an input. history: (time, level) of each change.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.driven: bool | None = None
        self.holder = ""
        self.history: deque[tuple[float, bool]] = deque(maxlen=_HISTORY)
        self._pull: Pull = "down"
        self._wired: list[FakePin] = []

    @property
    def level(self) -> bool:
        """Return whether the pin is high."""
        drivers = [pin.driven for pin in (self, *self._wired) if pin.driven is not None]
        return drivers[0] if drivers else self._pull == "up"

    def pull(self, pull: Pull) -> None:
        """Connect a resistor to 3.3 V or to ground."""
        self._change(lambda: setattr(self, "_pull", pull))

    def drive(self, level: bool | None) -> None:
        """Drive the pin to a level; None makes it an input."""
        self._change(lambda: setattr(self, "driven", level))

    def wire(self, other: FakePin) -> None:
        """Connect two pins."""
        self._wired.append(other)
        other._wired.append(self)

    def _change(self, change: Callable[[], None]) -> None:
        pins = (self, *self._wired)
        before = [pin.level for pin in pins]
        change()
        for pin, was in zip(pins, before, strict=True):
            if pin.level != was:
                pin.history.append((self._clock(), pin.level))


class FakeChip:
    """A chip with `lines` pins.

    keeps_outputs: a released line stays driven, as Raspberry Pi's kernels do unless
        `strict_gpiod` is set; else it becomes an input, as everywhere else.
    """

    def __init__(
        self,
        label: str,
        lines: int = LINES,
        keeps_outputs: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.label = label
        self.keeps_outputs = keeps_outputs
        self.pins = [FakePin(clock) for _ in range(lines)]
        self.is_plugged = False

    def kill(self) -> None:
        """Release every line, as the kernel does when the holding process is killed."""
        for pin in self.pins:
            self.free(pin)

    def free(self, pin: FakePin) -> None:
        """Release one line."""
        pin.holder = ""
        if not self.keeps_outputs:
            pin.drive(None)

    def check(self) -> None:
        """Raise ENODEV when the chip is unplugged."""
        if not self.is_plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))


class FakeDriver(ChipDriver):
    """The fake chips that are plugged in."""

    _plugged: ClassVar[list[FakeChip]] = []

    @classmethod
    def plug(cls, chip: FakeChip) -> FakeChip:
        """Plug a chip in, for the whole process."""
        chip.is_plugged = True
        cls._plugged.append(chip)
        return chip

    @classmethod
    def unplug(cls, chip: FakeChip) -> None:
        """Unplug a chip; held lines fail from now on."""
        chip.is_plugged = False
        cls._plugged.remove(chip)

    @classmethod
    def plugged(cls) -> tuple[FakeChip, ...]:
        """Return the chips that are plugged in."""
        return tuple(cls._plugged)

    def chips(self) -> tuple[Chip, ...]:
        """Return the plugged-in chips, numbered like devices."""
        return tuple(
            Chip(f"fake{index}", chip.label, len(chip.pins))
            for index, chip in enumerate(self._plugged)
        )

    def hold(self, chip: Chip, line: int, active_low: bool) -> Line:
        """Hold a free pin, driven off."""
        fake = self._find(chip)
        if fake.pins[line].holder:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        return _FakeLine(fake, fake.pins[line], active_low)

    def sense(self, chip: Chip, line: int, active_low: bool) -> InputLine:
        """Take a free pin as an input, pulled to its inactive side."""
        fake = self._find(chip)
        pin = fake.pins[line]
        if pin.holder:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        pin.pull("up" if active_low else "down")
        return _FakeInput(fake, pin, active_low)

    def holder(self, chip: Chip, line: int) -> str:
        """Return who holds the pin."""
        return self._find(chip).pins[line].holder

    def _find(self, chip: Chip) -> FakeChip:
        return next(fake for fake in self._plugged if fake.label == chip.label)


class _FakeLine(Line):
    def __init__(self, chip: FakeChip, pin: FakePin, active_low: bool) -> None:
        self._chip = chip
        self._pin = pin
        self._active_low = active_low
        pin.holder = CONSUMER
        self.drive(0.0)

    def drive(self, level: float) -> None:
        self._chip.check()
        before, now = self._pin.driven, (level > 0) != self._active_low
        self._pin.drive(now)
        if before is not None and before != now:
            number = self._chip.pins.index(self._pin)
            log.info("Line %d of the fake chip is %s.", number, "on" if level > 0 else "off")

    def release(self) -> None:
        if self._pin.holder == CONSUMER:
            self._chip.free(self._pin)


class _FakeInput(InputLine):
    def __init__(self, chip: FakeChip, pin: FakePin, active_low: bool) -> None:
        self._chip = chip
        self._pin = pin
        self._active_low = active_low
        pin.holder = CONSUMER

    def read(self) -> bool:
        self._chip.check()
        return self._pin.level != self._active_low

    def release(self) -> None:
        self._pin.holder = ""
