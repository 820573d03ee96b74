"""Check of what this user may touch: Linux gives devices to groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edgepose.doctor.finding import Finding, Intent, ok, trouble
from edgepose.doctor.system import System

_GROUPS: Final = ("video", "render", "gpio", "plugdev", "input")
"""Cameras and screens; GPU; pins; an Edge TPU on USB; keys of a desktop's window."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Hold a line of /etc/group."""

    id: int
    members: tuple[str, ...]


def groups(system: System, plan: Intent) -> Finding:
    """Tell whether the user is in the groups that own the devices."""
    if system.is_root:
        return ok("groups", "root may use every device; the service is a user of its own")
    known = _known(system)
    wanted = [name for name in _wanted(plan) if name in known]
    missing = [name for name in wanted if known[name].id not in system.groups]
    if not missing:
        listed = f"is in {', '.join(wanted)}" if wanted else "needs no group"
        return ok("groups", f"{system.user} {listed}")
    is_needed = True if plan.config else None
    names = ", ".join(missing)
    if all(system.user in known[name].members for name in missing):
        sentence = f"{system.user} was added to {names} after this login began"
        return trouble(is_needed, "groups", sentence, "log out and in again, or: sudo reboot")
    sentence = f"{system.user} is not in {names}, which own devices; log in anew afterwards"
    remedy = f"sudo usermod -aG {','.join(missing)} {system.user}"
    return trouble(is_needed, "groups", sentence, remedy)


def _wanted(plan: Intent) -> tuple[str, ...]:
    """Return the groups that the configuration's devices belong to, all without one."""
    if plan.config is None:
        return _GROUPS
    needs = {
        "video": plan.source("v4l2") or plan.source("picamera2") or plan.outputs("hdmi"),
        "gpio": plan.outputs("gpio"),
        "plugdev": plan.model.runtime == "edgetpu",
    }
    return tuple(name for name, is_needed in needs.items() if is_needed)


def _known(system: System) -> dict[str, _Group]:
    lines = (line.split(":") for line in system.text("etc/group").splitlines())
    return {
        name: _Group(int(number), tuple(members.split(",")))
        for name, _, number, members in (line for line in lines if len(line) == 4)
        if number.isdigit()
    }
