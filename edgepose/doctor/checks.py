"""Run all checks, in the order in which a person would look: machine first, network last."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edgepose.doctor import (
    access,
    cameras,
    coral,
    displays,
    gpio,
    machine,
    models,
    network,
    packages,
    storage,
)
from edgepose.doctor.finding import Finding, Intent, warn
from edgepose.doctor.system import System

Check = Callable[[System, Intent], Finding | None]
"""Look at one thing; None where that thing is of no interest here."""


@dataclass(frozen=True, slots=True)
class Group:
    """Hold what the checks of one subject have found."""

    title: str
    findings: tuple[Finding, ...]


def checks(plan: Intent) -> Mapping[str, Sequence[Check]]:
    """Return the checks by subject."""
    pins = (partial(gpio.line, output=pin) for pin in plan.outputs("gpio") if gpio.is_real(pin))
    brokers = (partial(network.broker, output=output) for output in plan.outputs("mqtt"))
    return {
        "Machine": (
            machine.operating_system,
            machine.memory,
            coral.pages,
            machine.temperature,
            machine.power,
            storage.room,
            storage.root,
            storage.state,
        ),
        "Software": (
            machine.python,
            packages.others,
            packages.numpy,
            packages.interpreter,
            packages.opencv,
            packages.av,
            packages.picamera2,
            packages.desktop,
        ),
        "Devices": (
            access.groups,
            cameras.camera,
            cameras.file,
            cameras.camera_name,
            network.stream,
            displays.display,
            gpio.chips,
            *pins,
        ),
        "Model": (
            models.model,
            models.collection,
            coral.chip,
            coral.speed,
            coral.library,
            coral.pycoral,
            models.backend,
        ),
        "Network": (network.clock, *brokers),
    }


def examine(system: System, plan: Intent) -> Iterator[Group]:
    """Yield what is found, subject by subject; a subject without any finding is left out."""
    for title, group in checks(plan).items():
        found = (_made(check, system, plan) for check in group)
        findings = tuple(finding for finding in found if finding is not None)
        if findings:
            yield Group(title, findings)


def _made(check: Check, system: System, plan: Intent) -> Finding | None:
    """Make a check; a file system that fails under it is a finding, too."""
    try:
        return check(system, plan)
    except OSError as error:
        what = getattr(getattr(check, "func", check), "__name__", "check").replace("_", " ")
        place = f"{error.filename}: " if error.filename else ""
        sentence = f"can't be examined: {place}{error.strerror or error}"
        return warn(what, sentence, "examine it as root: sudo edgepose doctor")
