"""Check of the screen: which plugs the kernel knows, and whether a display is in one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble
from edgepose.doctor.system import System

_NO_DISPLAY: Final = "Writeback"


def display(system: System, plan: Intent) -> Finding | None:
    """Tell whether a display is connected where one is wanted."""
    outputs = plan.outputs("hdmi")
    sinks = {getattr(output.options, "sink", "auto") for output in outputs}
    is_needed = plan.needs_output("hdmi")
    if is_needed is False or sinks == {"null"}:
        return None
    plugs = connectors(system)
    if not plugs:
        return _no_plug(system, is_needed)
    wanted = {getattr(output.options, "connector", "") for output in outputs} - {""}
    connected = {name: mode for name, mode in plugs.items() if mode is not None}
    if wanted - set(connected):
        sentence = f"no display at {', '.join(sorted(wanted))}; plugs: {_listed(plugs)}"
        mend = "plug it in and switch it on, or set `connector` to another plug"
        return fail("display", sentence, mend)
    if not connected:
        sentence = f"no display is connected; plugs: {_listed(plugs)}"
        return trouble(is_needed, "display", sentence, "plug the display in and switch it on")
    return _driver(system, is_needed) or ok("display", _listed(connected))


def _no_plug(system: System, is_needed: bool | None) -> Finding:
    """Tell that the kernel knows no plug, where that matters."""
    if system.path("dev/fb0").exists():
        return ok("display", "no plug is known to the kernel, but there is a framebuffer, /dev/fb0")
    if is_needed is None and not system.is_pi:
        return ok("display", "the kernel knows no plug; only an hdmi output needs one")
    sentence = "the kernel knows no display plug"
    mend = "add the line dtoverlay=vc4-kms-v3d to /boot/firmware/config.txt, then: sudo reboot"
    elsewhere = "run it on a machine with a display, or remove the hdmi output"
    return trouble(is_needed, "display", sentence, mend if system.is_pi else elsewhere)


def _driver(system: System, is_needed: bool | None) -> Finding | None:
    """Tell that libdrm, which brings pictures onto a console, is missing."""
    if system.glob("usr/lib/libdrm.so.2") or system.glob("usr/lib/*/libdrm.so.2"):
        return None
    sentence = "the library that brings pictures onto a console is missing"
    return trouble(is_needed, "display", sentence, "sudo apt install -y libdrm2")


def connectors(system: System) -> dict[str, str | None]:
    """Return the plugs by name, with the display's best mode; None where none is connected."""
    found: dict[str, str | None] = {}
    for folder in system.glob("sys/class/drm/card*-*"):
        name = re.sub(r"^card\d+-", "", folder.name)
        if not name.startswith(_NO_DISPLAY):
            is_connected = system.text(f"{system.shown(folder)}/status") == "connected"
            modes = system.text(f"{system.shown(folder)}/modes").splitlines()
            found[name] = (modes[0] if modes else "") if is_connected else None
    return found


def _listed(plugs: Mapping[str, str | None]) -> str:
    return ", ".join(
        f"{name} (nothing)" if mode is None else f"{name} {mode}".strip()
        for name, mode in plugs.items()
    )
