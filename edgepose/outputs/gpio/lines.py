"""Find a chip by its label and hold one of its lines: what every kind of pin promises.

The kernel's numbers of chips moved on the Pi 5, their labels did not. A line that is opened is
off before it becomes an output, and off again before it is let go.
"""

from __future__ import annotations

import contextlib
import errno
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.errors import OutputLost

HEADERS: Final = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")  # Pi 5; Pi 4; before
CONSUMER: Final = "edgepose"


@dataclass(frozen=True, slots=True)
class Chip:
    """Name a chip: where it is now, what it is called for good, and how many lines it has."""

    path: str
    label: str
    lines: int

    def __str__(self) -> str:
        return f"{self.label} ({self.path})"


class Line(ABC):
    """Drive one line that is held."""

    @abstractmethod
    def drive(self, level: float) -> None:
        """Set the level: 0 off, above 0 on, or a share of the time. Raises OSError."""

    @abstractmethod
    def release(self) -> None:
        """Let the line go, as it is. Raises OSError."""


class ChipDriver(ABC):
    """Know the chips of one kind, and hold their lines."""

    auto: tuple[str, ...] = ()  # labels that `auto` looks for; none: any chip will do

    @abstractmethod
    def chips(self) -> tuple[Chip, ...]:
        """Return the chips there are. Raises OSError where one can't be looked at."""

    @abstractmethod
    def hold(self, chip: Chip, line: int, active_low: bool) -> Line:
        """Hold a line that is off. Raises OSError, EBUSY where somebody else holds it."""

    def holder(self, chip: Chip, line: int) -> str:  # noqa: ARG002 - the signature of a bank
        """Return who holds a line, `""` where that isn't known. Raises OSError."""
        return ""


def find_chip(bank: ChipDriver, wanted: str) -> Chip:
    """Return the chip of a label or path, or for `auto` the one of the header.

    Raises OutputLost when it is absent, with those that are there.
    """
    chips = bank.chips()
    names = bank.auto if wanted == "auto" else (wanted,)
    for name in names or tuple(chip.label for chip in chips):
        for chip in chips:
            if name in (chip.label, chip.path, Path(chip.path).name):
                return chip
    what = "the chip of a Raspberry Pi's header" if wanted == "auto" else f"chip '{wanted}'"
    there = ", ".join(str(chip) for chip in chips) or "none"
    way_out = "; set `chip` to the label of one of them" if chips else ""
    raise OutputLost(f"{what} is not here; found {there}{way_out}")


def hold(bank: ChipDriver, wanted: str, line: int, active_low: bool) -> Line:
    """Return a line of a chip, off. Raises OutputLost."""
    with told(f"chip '{wanted}'"):
        chip = find_chip(bank, wanted)
    if line >= chip.lines:
        raise OutputLost(f"line {line} of {chip}: it has lines 0 to {chip.lines - 1} only")
    with told(f"line {line} of {chip}"):
        try:
            return bank.hold(chip, line, active_low)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            holder = bank.holder(chip, line) or "something else"
            raise OutputLost(f"line {line} of {chip}: in use by {holder}; free it first") from error


@contextlib.contextmanager
def told(what: str) -> Iterator[None]:
    """Turn a system's error into OutputLost that names the place and a way out."""
    try:
        yield
    except OutputLost:
        raise
    except OSError as error:
        is_denied = error.errno in (errno.EACCES, errno.EPERM)
        way_out = "; the user must be in group gpio" if is_denied else ""
        raise OutputLost(f"{what}: {error.strerror or error}{way_out}") from error


def number(name: str) -> tuple[int, str]:
    """Return what sorts chip10 after chip9."""
    digits = "".join(character for character in name if character.isdigit())
    return int(digits or 0), name


def by_number(paths: Iterable[Path]) -> list[Path]:
    """Return device files in the kernel's order."""
    return sorted(paths, key=lambda path: number(path.name))
