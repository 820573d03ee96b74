"""Check of the screen: the kernel's connectors, and whether a display is connected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble
from edgepose.doctor.system import System

_NO_DISPLAY: Final = "Writeback"


def display(system: System, intent: Intent) -> Finding | None:
    """Check whether a display is connected, where one is needed."""
    outputs = intent.outputs("hdmi")
    sinks = {getattr(output.options, "sink", "auto") for output in outputs}
    is_needed = intent.needs_output("hdmi")
    if is_needed is False or sinks == {"null"}:
        return None
    found = connectors(system)
    if not found:
        return _no_connector(system, is_needed)
    wanted = {getattr(output.options, "connector", "") for output in outputs} - {""}
    connected = {name: mode for name, mode in found.items() if mode is not None}
    if wanted - set(connected):
        sentence = f"no display at {', '.join(sorted(wanted))}; connectors: {_listed(found)}"
        remedy = "connect it and switch it on, or set another `connector`"
        return fail("display", sentence, remedy)
    if not connected:
        sentence = f"no display is connected; connectors: {_listed(found)}"
        return trouble(is_needed, "display", sentence, "connect the display and switch it on")
    return _driver(system, is_needed) or ok("display", _listed(connected))


def _no_connector(system: System, is_needed: bool | None) -> Finding:
    """Report that the kernel knows no connector, where that matters."""
    if system.path("dev/fb0").exists():
        return ok("display", "the kernel knows no connector, but there is a framebuffer, /dev/fb0")
    if is_needed is None and not system.is_pi:
        return ok("display", "the kernel knows no connector; only an hdmi output needs one")
    sentence = "the kernel knows no display connector"
    remedy = "add the line dtoverlay=vc4-kms-v3d to /boot/firmware/config.txt, then: sudo reboot"
    elsewhere = "run it on a machine with a display, or remove the hdmi output"
    return trouble(is_needed, "display", sentence, remedy if system.is_pi else elsewhere)


def _driver(system: System, is_needed: bool | None) -> Finding | None:
    """Report that libdrm, which shows pictures on a console, is missing."""
    if system.glob("usr/lib/libdrm.so.2") or system.glob("usr/lib/*/libdrm.so.2"):
        return None
    sentence = "libdrm, the library that shows pictures on a console, is missing"
    return trouble(is_needed, "display", sentence, "sudo apt install -y libdrm2")


def connectors(system: System) -> dict[str, str | None]:
    """Return connectors by name, with the display's best mode; None without a display."""
    found: dict[str, str | None] = {}
    for folder in system.glob("sys/class/drm/card*-*"):
        name = re.sub(r"^card\d+-", "", folder.name)
        if not name.startswith(_NO_DISPLAY):
            is_connected = system.text(folder / "status") == "connected"
            modes = system.text(folder / "modes").splitlines()
            found[name] = (modes[0] if modes else "") if is_connected else None
    return found


def _listed(found: Mapping[str, str | None]) -> str:
    return ", ".join(
        f"{name} (no display)" if mode is None else f"{name} {mode}".strip()
        for name, mode in found.items()
    )
