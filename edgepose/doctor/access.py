"""Checks of permissions: the user's groups, and who may read the service's secrets."""

from __future__ import annotations

import stat
from typing import Final

from edgepose.doctor.finding import Finding, Intent, ok, trouble, warn
from edgepose.doctor.system import System

_GROUPS: Final = ("video", "render", "gpio", "plugdev", "input")
"""Cameras and screens; GPU; pins; an Edge TPU on USB; keys of a desktop's window."""
SECRETS: Final = "etc/edgepose/environment"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def groups(system: System, intent: Intent) -> Finding:
    """Check whether the user is in the groups that own the devices."""
    if system.is_root:
        return ok("groups", "root may use every device; the service runs as a user of its own")
    known = _known(system)
    wanted = [name for name in _wanted(intent) if name in known]
    missing = [name for name in wanted if known[name][0] not in system.groups]
    if not missing:
        listed = f"is in {', '.join(wanted)}" if wanted else "needs no group"
        return ok("groups", f"{system.user} {listed}")
    is_needed = True if intent.config else None
    names = ", ".join(missing)
    if all(system.user in known[name][1] for name in missing):
        sentence = f"{system.user} was added to {names} after this login"
        return trouble(is_needed, "groups", sentence, "log out and log in again, or: sudo reboot")
    own = "owns" if len(missing) == 1 else "own"
    sentence = f"{system.user} is not in {names}, which {own} devices; log in again afterwards"
    remedy = f"sudo usermod -aG {','.join(missing)} {system.user}"
    return trouble(is_needed, "groups", sentence, remedy)


def _wanted(intent: Intent) -> tuple[str, ...]:
    """Return the groups that the configuration's devices belong to; all without one."""
    if intent.config is None:
        return _GROUPS
    needs = {
        "video": intent.source("v4l2") or intent.source("picamera2") or intent.outputs("hdmi"),
        "gpio": (*intent.outputs("gpio"), *intent.outputs("button")),
        "plugdev": intent.model.runtime == "edgetpu",
    }
    return tuple(name for name, is_needed in needs.items() if is_needed)


def _known(system: System) -> dict[str, tuple[int, list[str]]]:
    """Return id and members of each group in /etc/group."""
    lines = (line.split(":") for line in system.text("etc/group").splitlines())
    return {
        name: (int(number), members.split(","))
        for name, _, number, members in (line for line in lines if len(line) == 4)
        if number.isdigit()
    }


def environment(system: System, intent: Intent) -> Finding | None:
    """Check whether only its owner can read the environment of the service."""
    path = system.path(SECRETS)
    if not path.is_file():
        return None
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        sentence = f"/{SECRETS} holds passwords, and others may read it (mode {mode:o})"
        return warn("secrets", sentence, f"sudo chmod 600 /{SECRETS}")
    return ok("secrets", f"/{SECRETS} can be read by its owner alone")
