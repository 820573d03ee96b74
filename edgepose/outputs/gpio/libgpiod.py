"""Lines of the kernel's GPIO character devices, through libgpiod's own bindings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgepose.errors import OutputLost
from edgepose.outputs.gpio.lines import (
    CONSUMER,
    HEADERS,
    Chip,
    ChipDriver,
    InputLine,
    Line,
    by_number,
)


class GpiodDriver(ChipDriver):
    """The chips under /dev/gpiochip*."""

    auto = HEADERS

    def __init__(self, devices: Path = Path("/dev")) -> None:
        """Load the bindings. Raises OutputLost without libgpiod 2."""
        try:
            import gpiod
        except ImportError as error:
            raise OutputLost(f"the Python package gpiod can't be loaded: {error}") from error
        if not hasattr(gpiod, "request_lines"):  # apt's python3-libgpiod of bookworm
            raise OutputLost("the Python package gpiod is version 1; edgepose needs gpiod 2.1")
        self._gpiod: Any = gpiod
        self._devices = devices

    def chips(self) -> tuple[Chip, ...]:
        """Return the character devices that are GPIO chips."""
        paths = map(str, by_number(self._devices.glob("gpiochip*")))
        return tuple(self._chip_at(path) for path in paths if self._gpiod.is_gpiochip_device(path))

    def hold(self, chip: Chip, line: int, active_low: bool) -> Line:
        """Request a line as an output that is off from the start."""
        settings = self._gpiod.LineSettings(
            direction=self._gpiod.line.Direction.OUTPUT,
            active_low=active_low,
            output_value=self._gpiod.line.Value.INACTIVE,
        )
        request = self._gpiod.request_lines(chip.path, {line: settings}, consumer=CONSUMER)
        return _GpiodLine(self._gpiod.line.Value, request, line)

    def sense(self, chip: Chip, line: int, active_low: bool) -> InputLine:
        """Request a line as an input with the resistor of its inactive side."""
        bias = self._gpiod.line.Bias
        settings = self._gpiod.LineSettings(
            direction=self._gpiod.line.Direction.INPUT,
            active_low=active_low,
            bias=bias.PULL_UP if active_low else bias.PULL_DOWN,
        )
        request = self._gpiod.request_lines(chip.path, {line: settings}, consumer=CONSUMER)
        return _GpiodInput(self._gpiod.line.Value, request, line)

    def holder(self, chip: Chip, line: int) -> str:
        """Return the consumer's name."""
        with self._gpiod.Chip(chip.path) as opened:
            return str(opened.get_line_info(line).consumer or "")

    def _chip_at(self, path: str) -> Chip:
        with self._gpiod.Chip(path) as chip:
            info = chip.get_info()
            return Chip(path, info.label, info.num_lines)


class _GpiodLine(Line):
    """One requested line; the kernel inverts it where it is active-low."""

    def __init__(self, values: Any, request: Any, line: int) -> None:
        self._values = values
        self._request = request
        self._line = line

    def drive(self, level: float) -> None:
        value = self._values.ACTIVE if level > 0 else self._values.INACTIVE
        self._request.set_value(self._line, value)

    def release(self) -> None:
        self._request.release()


class _GpiodInput(InputLine):
    """One line that is read; the kernel inverts it where it is active-low."""

    def __init__(self, values: Any, request: Any, line: int) -> None:
        self._values = values
        self._request = request
        self._line = line

    def read(self) -> bool:
        return bool(self._request.get_value(self._line) == self._values.ACTIVE)

    def release(self) -> None:
        self._request.release()
