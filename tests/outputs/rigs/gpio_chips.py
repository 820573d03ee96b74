"""Chips to test pins on, looked at from outside: the shipped fake one, and one of the kernel."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import gpio_holder
import gpiod

from edgepose.outputs.gpio import safe_state
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver

SIM = Path("/sys/kernel/config/gpio-sim")
LABEL = "pinctrl-bcm2711"
LINE = 17
NOBODY = 65534


class Change(NamedTuple):
    """Tell that a level was changed to, between two moments of the monotonic clock."""

    earliest: float
    latest: float
    level: int


class Chip(ABC):
    """Look at a chip from outside, as a voltmeter and another program would.

    keeps_outputs: a line that is let go stays driven, as under Raspberry Pi's own kernels.
    """

    option = LABEL
    label = LABEL
    keeps_outputs = False

    @abstractmethod
    def level(self, line: int) -> int:
        """Return the physical level of a pin."""

    @abstractmethod
    def pull(self, line: int, up: bool) -> None:
        """Connect a resistor, which decides while nobody drives the pin."""

    @abstractmethod
    def watch(self, line: int) -> contextlib.AbstractContextManager[list[Change]]:
        """Note the changes of a level."""

    @abstractmethod
    def take(self, line: int) -> Callable[[], None]:
        """Let another program hold a line; return how it lets go."""

    @abstractmethod
    def holder(self, line: int) -> str:
        """Return who holds a line, `""` where nobody does."""

    @abstractmethod
    def kill_holder(self, line: int, active_low: bool) -> None:
        """Let an output switch the line on, in a process that is killed by SIGKILL then."""

    @abstractmethod
    def release(self) -> bool:
        """Do what the service's ExecStopPost does; return whether it was done."""

    @abstractmethod
    def unplug(self) -> None:
        """Take the chip away, if it is there."""

    @abstractmethod
    def plug(self) -> None:
        """Bring the chip."""


class Fake(Chip):
    """The shipped fake."""

    option = f"fake:{LABEL}"

    def __init__(self, keeps_outputs: bool = True) -> None:
        self.keeps_outputs = keeps_outputs
        self.chip = FakeChip(LABEL, keeps_outputs=keeps_outputs)

    def level(self, line: int) -> int:
        return int(self.chip.pins[line].level)

    def pull(self, line: int, up: bool) -> None:
        self.chip.pins[line].pull("up" if up else "down")

    @contextlib.contextmanager
    def watch(self, line: int) -> Iterator[list[Change]]:
        changes: list[Change] = []
        yield changes
        changes += [Change(at, at, int(level)) for at, level in self.chip.pins[line].history]

    def take(self, line: int) -> Callable[[], None]:
        assert not self.chip.pins[line].holder
        self.chip.pins[line].holder = "doorbell"
        return lambda: setattr(self.chip.pins[line], "holder", "")

    def holder(self, line: int) -> str:
        return self.chip.pins[line].holder

    def kill_holder(self, line: int, active_low: bool) -> None:
        gpio_holder.hold(self.option, line, active_low)
        assert self.level(line) != active_low
        self.chip.kill()

    def release(self) -> bool:
        return safe_state.release_all()

    def unplug(self) -> None:
        if self.chip.is_plugged:
            FakeDriver.unplug(self.chip)

    def plug(self) -> None:
        self.chip.kill()  # a chip that comes is held by nobody
        FakeDriver.plug(self.chip)


class Simulated(Chip):
    """A chip of the kernel's gpio-sim, made in configfs by root and open to everybody then."""

    def __init__(self) -> None:
        self._folder = SIM / f"edgepose-{time.monotonic_ns()}"
        self._pins: Path | None = None

    def level(self, line: int) -> int:
        return int((self._pin(line) / "value").read_text())

    def pull(self, line: int, up: bool) -> None:
        (self._pin(line) / "pull").write_text("pull-up" if up else "pull-down")

    @contextlib.contextmanager
    def watch(self, line: int) -> Iterator[list[Change]]:
        changes: list[Change] = []
        is_over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(line, changes, is_over))
        watcher.start()
        yield changes
        is_over.set()
        watcher.join()

    def take(self, line: int) -> Callable[[], None]:
        output = gpiod.LineSettings(direction=gpiod.line.Direction.OUTPUT)
        return gpiod.request_lines(self.path, {line: output}, consumer="doorbell").release

    def holder(self, line: int) -> str:
        with gpiod.Chip(self.path) as chip:
            return str(chip.get_line_info(line).consumer or "")

    def kill_holder(self, line: int, active_low: bool) -> None:
        command = (gpio_holder.__file__, self.option, str(line), str(int(active_low)))
        with _python(*command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "on\n"
            assert self.holder(line) == "edgepose"
            assert self.level(line) != active_low
            process.kill()

    def release(self) -> bool:
        with _python("-m", "edgepose", "release-lines") as process:
            return process.wait() == 0

    def unplug(self) -> None:
        if self._folder.is_dir():
            (self._folder / "live").write_text("0")
            for folder in (self._folder / "bank0", self._folder):
                folder.rmdir()

    def plug(self) -> None:
        bank = self._folder / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text("28")
        (bank / "label").write_text(LABEL)
        (self._folder / "live").write_text("1")
        device = (self._folder / "dev_name").read_text().strip()
        chip = (bank / "chip_name").read_text().strip()
        self._pins = Path("/sys/devices/platform", device, chip)
        os.chown(self.path, 0, NOBODY)  # as udev gives chips to the group gpio
        Path(self.path).chmod(0o660)

    @property
    def path(self) -> str:
        """Return the character device."""
        assert self._pins is not None, "plug() comes first"
        return f"/dev/{self._pins.name}"

    def _pin(self, line: int) -> Path:
        assert self._pins is not None, "plug() comes first"
        return self._pins / f"sim_gpio{line}"

    def _watch(self, line: int, changes: list[Change], is_over: threading.Event) -> None:
        """Look all the time, and once more in the end.

        A change lies between the begin of one look and the end of the next.
        """
        before, level = time.monotonic(), self.level(line)
        is_last = False
        while not is_last:
            is_last = is_over.wait(0.001)
            begin, seen = time.monotonic(), self.level(line)
            if seen != level:
                changes.append(Change(before, time.monotonic(), seen))
            before, level = begin, seen


def _python(*arguments: str, stdout: int | None = None) -> subprocess.Popen[str]:
    """Start Python as an unprivileged user of the chip's group, as the service's unit does."""
    command = [sys.executable, *arguments]
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return subprocess.Popen(command, stdout=stdout, text=True, **user)  # type: ignore[call-overload]
