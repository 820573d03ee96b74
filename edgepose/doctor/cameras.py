"""Checks of cameras on USB and on the Pi's ribbon, and of recorded files."""

from __future__ import annotations

import os
import re
from itertools import pairwise
from pathlib import Path
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, warn
from edgepose.doctor.system import System
from edgepose.sources.sensor_modes import listed_modes, share, widest

_TOOLS: Final = ("rpicam-hello", "libcamera-hello")  # of trixie and of bookworm
_INSIDE: Final = re.compile(r"bcm2835-|rpi-|rpi_|rpivid|rp1-cfe|pisp|unicam|hevc")
"""Names of a Pi's codecs, image processors and raw sensor inputs: none is a camera."""
_LISTED: Final = re.compile(r"^\s*\d+\s*:\s*(\S+)", re.MULTILINE)
_LISTS: Final = "rpicam-apps"  # the package with the tool
_PLUG: Final = "connect a camera; check which way the ribbon's contacts face"


def camera(system: System, intent: Intent) -> Finding | None:
    """Check whether the configured camera is there; list all without a configuration."""
    if intent.config is None:
        return _any_camera(system)
    if intent.source("v4l2"):
        return _usb_camera(system, intent)
    return _csi_camera(system, intent) if intent.source("picamera2") else None


def _any_camera(system: System) -> Finding:
    on_ribbon = csi_cameras(system)
    cameras = [*usb_cameras(system), *(on_ribbon or ())]
    if cameras:
        return ok("camera", f"found {', '.join(cameras)}")
    if on_ribbon is None and system.is_pi:
        sentence = "there is no USB camera, and no tool to list cameras on a ribbon (libcamera)"
        return warn("camera", sentence, system.apt(_LISTS))
    asked = "on USB (V4L2)" if on_ribbon is None else "on USB (V4L2) or on a ribbon (libcamera)"
    return warn("camera", f"no camera is connected {asked}", _PLUG)


def _usb_camera(system: System, intent: Intent) -> Finding:
    """Check whether the configured device is there and may be read."""
    source = intent.source("v4l2")
    device = Path(getattr(source and source.options, "device", "/dev/video0"))
    cameras = usb_cameras(system)
    if not system.path(device).exists():
        there = f"there is {', '.join(cameras)}" if cameras else "no USB camera is connected"
        remedy = f"set source.device to {cameras[0]}" if cameras else "plug in the USB camera"
        return fail("camera", f"{device} is not there; {there}", remedy)
    if not system.access(system.path(device), os.R_OK | os.W_OK):
        sentence = f"{system.user} may not use {device}; log in again afterwards"
        return fail("camera", sentence, f"sudo usermod -aG video {system.user}")
    return ok("camera", f"{device} is there")


def _csi_camera(system: System, intent: Intent) -> Finding:
    """Check whether libcamera sees the configured camera."""
    source = intent.source("picamera2")
    number = getattr(source and source.options, "camera", 0)
    cameras = csi_cameras(system)
    if cameras is None:
        sentence = "there is no tool to list the cameras on the ribbon"
        return warn("camera", sentence, system.apt(_LISTS))
    if number < len(cameras):
        return ok("camera", f"camera {number} is {cameras[number]}")
    if not cameras:
        remedy = "switch the Pi off, push both ends of the ribbon in, contacts the right way round"
        return fail("camera", "libcamera finds no camera on the ribbon", remedy)
    sentence = f"camera {number} is not there; found {', '.join(cameras)}, counted from 0"
    return fail("camera", sentence, "set source.camera to 0")


def field_of_view(system: System, intent: Intent) -> Finding | None:
    """Report what part of its sensor the configured ribbon camera shows."""
    source = intent.source("picamera2")
    number = getattr(source and source.options, "camera", 0)
    listed = _listed_cameras(system) if source else None
    if source is None or listed is None or number >= len(listed):
        return None
    modes = listed_modes(listed[number])
    if not modes:
        return None
    size, fps = source.options.size, source.options.fps  # type: ignore[attr-defined]
    if source.options.field_of_view == "any":  # type: ignore[attr-defined]
        width, height = min(share(mode, modes, size) for mode in modes)
        sentence = (
            f"libcamera chooses; it may be only {width} % of the width, {height} % of the height"
        )
        return warn("field of view", sentence, "set source.field_of_view to full")
    mode = widest(modes, size, fps)
    width, height = share(mode, modes, size)
    sentence = (
        f"{width} % of the sensor's width and {height} % of its height, read at "
        f"[{mode.size[0]}, {mode.size[1]}], at most {mode.fps:g} times a second"
    )
    if mode.fps < fps - 1:
        return warn("field of view", sentence, f"set source.fps to {int(mode.fps)} or less")
    return ok("field of view", sentence)


def usb_cameras(system: System) -> tuple[str, ...]:
    """Return the cameras that Video4Linux knows, by names that stay the same where they have one.

    A camera has several nodes; the first one delivers the frames.
    """
    by_id = system.glob("dev/v4l/by-id/*index0")
    named = {os.path.basename(os.path.realpath(link)): system.shown(link) for link in by_id}  # noqa: PTH119 - a link's end
    nodes = {
        folder.name: f"/dev/{folder.name}"
        for folder in system.glob("sys/class/video4linux/video*")
        if _is_camera(system, folder)
    }
    return tuple((nodes | named).values())


def _is_camera(system: System, folder: Path) -> bool:
    is_first = system.text(folder / "index") in ("0", "")
    return is_first and not _INSIDE.match(system.text(folder / "name"))


def csi_cameras(system: System) -> tuple[str, ...] | None:
    """Return the sensors that libcamera finds, None without a tool that lists them."""
    listed = _listed_cameras(system)
    return None if listed is None else tuple(_LISTED.findall("\n".join(listed)))


def _listed_cameras(system: System) -> list[str] | None:
    """Return what the tool prints of each camera on the ribbon, None without a tool."""
    for tool in _TOOLS:
        answer = system.ask(tool, "--list-cameras")
        if answer is not None:
            starts = [match.start() for match in _LISTED.finditer(answer.out)]
            return [answer.out[a:b] for a, b in pairwise([*starts, None])]
    return None


def file(system: System, intent: Intent) -> Finding | None:
    """Check whether recorded frames can be read."""
    source = intent.source("video") or intent.source("images")
    path = getattr(source and source.options, "path", None)
    if not isinstance(path, Path):
        return None
    if not system.access(path, os.R_OK):
        return fail("camera", f"{path} can't be read", f"sudo chmod -R a+rX {path}")
    return ok("camera", f"frames come from {path.resolve()}")


def camera_name(system: System, intent: Intent) -> Finding | None:
    """Warn of a configured device name that another camera may have after a reboot."""
    source = intent.source("v4l2")
    device = Path(getattr(source and source.options, "device", ""))
    by_id = [name for name in usb_cameras(system) if "/by-id/" in name]
    if not re.fullmatch(r"/dev/video\d+", str(device)) or len(by_id) < 2:
        return None
    sentence = f"{len(by_id)} cameras are connected, and {device} may be another one after a reboot"
    return warn("camera name", sentence, f"set source.device to {by_id[0]} or a similar name")
