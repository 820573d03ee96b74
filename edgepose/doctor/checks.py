"""The list of all checks, in the order of a diagnosis: machine first, network last."""

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
from edgepose.errors import error_text

Check = Callable[[System, Intent], Finding | None]
"""One check; None where it does not apply."""


@dataclass(frozen=True, slots=True)
class Group:
    """The findings of one subject."""

    title: str
    findings: tuple[Finding, ...]


def checks(intent: Intent) -> Mapping[str, Sequence[Check]]:
    """Return the checks by subject."""
    pins = (partial(gpio.line, output=pin) for pin in gpio.pins(intent) if gpio.is_real(pin))
    brokers = (partial(network.broker, output=output) for output in intent.outputs("mqtt"))
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
            access.environment,
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
            cameras.field_of_view,
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


def examine(system: System, intent: Intent) -> Iterator[Group]:
    """Yield the findings by subject; a subject without findings is left out."""
    for title, group in checks(intent).items():
        results = (_run(check, system, intent) for check in group)
        findings = tuple(finding for finding in results if finding is not None)
        if findings:
            yield Group(title, findings)


def _run(check: Check, system: System, intent: Intent) -> Finding | None:
    """Run a check; an OSError of the file system becomes a finding, too."""
    try:
        return check(system, intent)
    except OSError as error:
        what = getattr(getattr(check, "func", check), "__name__", "check").replace("_", " ")
        place = f"{error.filename}: " if error.filename else ""
        sentence = f"can't be checked: {place}{error_text(error)}"
        return warn(what, sentence, "check it as root: sudo edgepose doctor")
