"""Channels of the kernel's PWM chips: a duty cycle timed by hardware.

A Python thread can't do that: other threads delay an edge by up to 5 ms, which is seen on a lamp
and heard in a motor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgepose.outputs.gpio.lines import Chip, ChipDriver, Line, by_number

_SECOND: Final = 1_000_000_000  # in nanoseconds, which sysfs counts in


class PwmDriver(ChipDriver):
    """The chips under /sys/class/pwm; the label is the device's name, `1f00098000.pwm`."""

    def __init__(self, frequency: float, folder: Path = Path("/sys/class/pwm")) -> None:
        """Switch `frequency` times a second."""
        self._period = round(_SECOND / frequency)
        self._folder = folder

    def chips(self) -> tuple[Chip, ...]:
        """Return the PWM chips; `dtoverlay=pwm` in the Pi's config.txt makes one."""
        return tuple(self._chip_at(path) for path in by_number(self._folder.glob("pwmchip*")))

    def hold(self, chip: Chip, line: int, active_low: bool) -> Line:
        """Export a channel, switched off."""
        channel = Path(chip.path) / f"pwm{line}"
        if not channel.is_dir():
            (Path(chip.path) / "export").write_text(str(line))
        return _PwmLine(channel, self._period, active_low)

    def _chip_at(self, path: Path) -> Chip:
        label = (path / "device").resolve().name
        return Chip(str(path), label, int((path / "npwm").read_text()))


class _PwmLine(Line):
    """One channel; active-low is inverted here, since not every chip can do it."""

    def __init__(self, channel: Path, period: int, active_low: bool) -> None:
        self._channel = channel
        self._period = period
        self._active_low = active_low
        self._write("duty_cycle", 0)  # a period below the old duty cycle is refused
        self._write("period", period)
        self.drive(0.0)
        self._write("enable", 1)

    def drive(self, level: float) -> None:
        share = 1.0 - level if self._active_low else level
        self._write("duty_cycle", round(self._period * share))

    def release(self) -> None:
        """Disable the channel, unless that would switch an active-low load on."""
        if not self._active_low:
            self._write("enable", 0)

    def _write(self, name: str, value: int) -> None:
        (self._channel / name).write_text(f"{value}\n")
