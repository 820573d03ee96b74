"""The contract of GPIO drivers: find a chip by its label, and hold one of its lines.

Chip numbers changed on the Pi 5, labels did not. A line is off before it becomes an output, and
off again before it is released.
"""

from __future__ import annotations

import contextlib
import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from edgepose.errors import OutputLost, error_text

HEADERS: Final = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")  # Pi 5; Pi 4; before
CONSUMER: Final = "edgepose"
LAST_LINE: Final = 65_535  # far above any chip's

Taken = TypeVar("Taken")


@dataclass(frozen=True, slots=True)
class Chip:
    """A chip: its present path, its permanent label, and how many lines it has."""

    path: str
    label: str
    lines: int

    def __str__(self) -> str:
        return f"{self.label} ({self.path})"


class Line(ABC):
    """One line that is held."""

    @abstractmethod
    def drive(self, level: float) -> None:
        """Set the level: 0 off, above 0 on, or a duty cycle. Raises OSError."""

    @abstractmethod
    def release(self) -> None:
        """Release the line at its present level. Raises OSError."""


class InputLine(ABC):
    """One line that is read."""

    @abstractmethod
    def read(self) -> bool:
        """Return whether it is active. Raises OSError."""

    @abstractmethod
    def release(self) -> None:
        """Release the line; may be called after the chip is gone."""


class ChipDriver(ABC):
    """The chips of one kind."""

    auto: tuple[str, ...] = ()  # labels that `auto` accepts; empty: any chip

    @abstractmethod
    def chips(self) -> tuple[Chip, ...]:
        """Return all chips. Raises OSError where one can't be read."""

    @abstractmethod
    def hold(self, chip: Chip, line: int, active_low: bool) -> Line:
        """Return a line that is off. Raises OSError, EBUSY where another process holds it."""

    def sense(self, chip: Chip, line: int, active_low: bool) -> InputLine:
        """Return a line as an input, pulled to its inactive side. Raises OSError, as `hold`."""
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    def holder(self, chip: Chip, line: int) -> str:
        """Return the name of a line's holder, `""` where it is not known. Raises OSError."""
        return ""


def find_chip(driver: ChipDriver, wanted: str) -> Chip:
    """Return the chip with a label or path, or for `auto` that of the header.

    Raises OutputLost, which lists the chips, when it is absent.
    """
    chips = driver.chips()
    names = driver.auto if wanted == "auto" else (wanted,)
    for name in names or tuple(chip.label for chip in chips):
        for chip in chips:
            if name in (chip.label, chip.path, Path(chip.path).name):
                return chip
    what = "the chip of a Raspberry Pi's header" if wanted == "auto" else f"chip '{wanted}'"
    there = ", ".join(str(chip) for chip in chips) or "none"
    way_out = "; set `chip` to the label of one of them" if chips else ""
    raise OutputLost(f"{what} is not here; found {there}{way_out}")


def hold(driver: ChipDriver, wanted: str, line: int, active_low: bool) -> Line:
    """Return a line of a chip, off. Raises OutputLost."""
    return _taken(driver, wanted, line, lambda chip: driver.hold(chip, line, active_low))


def sense(driver: ChipDriver, wanted: str, line: int, active_low: bool) -> InputLine:
    """Return a line of a chip as an input. Raises OutputLost."""
    return _taken(driver, wanted, line, lambda chip: driver.sense(chip, line, active_low))


def _taken(driver: ChipDriver, wanted: str, line: int, take: Callable[[Chip], Taken]) -> Taken:
    """Return a line of a chip that nobody else holds. Raises OutputLost."""
    with as_output_lost(f"chip '{wanted}'"):
        chip = find_chip(driver, wanted)
    if line >= chip.lines:
        raise OutputLost(f"line {line} of {chip}: it has lines 0 to {chip.lines - 1} only")
    with as_output_lost(f"line {line} of {chip}"):
        try:
            return take(chip)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            holder = driver.holder(chip, line) or "something else"
            raise OutputLost(f"line {line} of {chip}: in use by {holder}; free it first") from error


@contextlib.contextmanager
def as_output_lost(what: str) -> Iterator[None]:
    """Turn an OSError into OutputLost with the place and a way out."""
    try:
        yield
    except OutputLost:
        raise
    except OSError as error:
        is_denied = error.errno in (errno.EACCES, errno.EPERM)
        way_out = "; the user must be in group gpio" if is_denied else ""
        raise OutputLost(f"{what}: {error_text(error)}{way_out}") from error


def by_number(paths: Iterable[Path]) -> list[Path]:
    """Return device files in the kernel's order: chip10 after chip9."""
    return sorted(paths, key=lambda path: int("".join(filter(str.isdigit, path.name)) or 0))
