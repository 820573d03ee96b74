"""Checks of GPIO: the chips by their labels, and each configured line."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgepose.config.plugins import Part
from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble
from edgepose.doctor.system import System
from edgepose.errors import OutputLost, error_text
from edgepose.outputs.gpio.libgpiod import GpiodDriver
from edgepose.outputs.gpio.lines import CONSUMER, Chip, ChipDriver, find_chip

NewDriver = Callable[[Path], ChipDriver]


def chips(system: System, intent: Intent, new_driver: NewDriver = GpiodDriver) -> Finding | None:
    """List the GPIO chips."""
    is_needed = any(map(is_real, pins(intent))) if intent.config else None
    if is_needed is False:
        return None
    try:
        found = new_driver(system.path("dev")).chips()
    except OutputLost as error:
        return trouble(is_needed, "gpio", str(error), system.pip("gpiod>=2.1"))
    except OSError as error:
        return _refused(system, is_needed, error)
    if found:
        return ok("gpio", f"found {', '.join(map(str, found))}")
    if is_needed is None and not system.is_pi:
        return ok("gpio", "there is no GPIO chip; only a gpio output or a button needs one")
    sentence = "there is no GPIO chip under /dev/gpiochip*"
    return trouble(
        is_needed, "gpio", sentence, "run edgepose on the board that has the GPIO header"
    )


def pins(intent: Intent) -> tuple[Part, ...]:
    """Return the configured outputs that take a GPIO line."""
    return (*intent.outputs("gpio"), *intent.outputs("button"))


def is_real(output: Part) -> bool:
    """Return whether an output takes a line of a chip: neither a fake nor PWM."""
    options: Any = output.options
    is_pwm = output.type == "gpio" and options.kind == "pwm"
    return not options.chip.startswith("fake") and not is_pwm


def _refused(system: System, is_needed: bool | None, error: OSError) -> Finding:
    denied = error.errno in (errno.EACCES, errno.EPERM)
    sentence = f"the GPIO chips can't be read: {error_text(error)}"
    remedy = f"sudo usermod -aG gpio {system.user}" if denied else "sudo reboot"
    return trouble(is_needed, "gpio", sentence, remedy)


def line(
    system: System, intent: Intent, output: Part, new_driver: NewDriver = GpiodDriver
) -> Finding | None:
    """Check whether a configured line exists and is free."""
    options: Any = output.options
    name = f"pin {output.name}"
    try:
        driver = new_driver(system.path("dev"))
        has_chips = bool(driver.chips())
    except OSError:
        has_chips = False
    if not has_chips:
        return None  # `chips` says so
    try:
        chip = find_chip(driver, options.chip)
    except OutputLost as error:
        return fail(name, str(error), f"correct `chip` of outputs.{output.name}")
    holder = driver.holder(chip, options.line) if options.line < chip.lines else ""
    return _state(name, chip, options.line, holder)


def _state(name: str, chip: Chip, number: int, holder: str) -> Finding:
    """Return whether a line of a chip exists and is free or ours."""
    if number >= chip.lines:
        sentence = f"{chip} has lines 0 to {chip.lines - 1}, not {number}"
        return fail(name, sentence, f"change `line` of outputs.{name.partition(' ')[2]}")
    if holder and not holder.startswith(CONSUMER):
        sentence = f"line {number} of {chip} is in use by {holder}"
        return fail(name, sentence, f"find that program and stop it: fuser -v {chip.path}")
    held = ", held by edgepose" if holder else ""
    return ok(name, f"line {number} of {chip}{held}")
