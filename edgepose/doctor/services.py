"""The services of this machine that may have the Edge TPU, which only one process can use."""

from __future__ import annotations

from typing import Final

from edgepose.doctor.system import System
from edgepose.system.status_file import reports

UNITS: Final = ("edgepose.service", "edgepose@*.service")  # for one camera, and one for each
_LISTED: Final = ("--plain", "--no-legend", "--state=active,activating,reloading,deactivating")


def running(system: System) -> tuple[str, ...]:
    """Return the units of edgepose that run or are on the way to or from it."""
    answer = system.ask("systemctl", "list-units", *_LISTED, *UNITS)
    lines = answer.out.splitlines() if answer is not None and answer.code == 0 else []
    return tuple(words[0] for words in map(str.split, lines) if words)


def holder(system: System) -> str:
    """Return which service has the Edge TPU or may have it, `""` when it is free."""
    units = running(system)
    said = {report.instance: report.health for report in reports(system.path("run/edgepose"))}
    backends = {unit: _backend(said.get(_instance(unit), {})) for unit in units}
    for unit, backend in backends.items():
        if backend.startswith("Edge TPU"):
            return f"{unit} has the Edge TPU"
    silent = [unit for unit, backend in backends.items() if not backend]
    return f"{silent[0]} is running and may have the Edge TPU" if silent else ""


def _instance(unit: str) -> str:
    return unit.removesuffix(".service").partition("@")[2]


def _backend(health: object) -> str:
    runtime = health.get("runtime") if isinstance(health, dict) else None
    return str(runtime.get("backend") or "") if isinstance(runtime, dict) else ""
