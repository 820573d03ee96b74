"""Checks of where pictures come from: USB cameras, the Pi's own, and network streams."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble, warn
from edgepose.doctor.system import System

_TOOLS: Final = ("rpicam-hello", "libcamera-hello")  # of trixie and of bookworm
_INSIDE: Final = re.compile(r"bcm2835-|rpi-|rpi_|rpivid|rp1-cfe|pisp|unicam|hevc")
"""Names of a Pi's codecs, image processors and raw sensor inputs, which are no cameras."""
_LISTED: Final = re.compile(r"^\s*\d+\s*:\s*(\S+)", re.MULTILINE)
_LISTS: Final = "sudo apt install -y rpicam-apps"
_PLUG: Final = "plug a camera in, the ribbon's contacts facing the right way"


def camera(system: System, plan: Intent) -> Finding | None:
    """Tell whether the configured camera is there, or which there are."""
    if plan.config is None:
        return _any_camera(system)
    if plan.source("v4l2"):
        return _usb_camera(system, plan)
    return _csi_camera(system, plan) if plan.source("picamera2") else None


def _any_camera(system: System) -> Finding:
    on_ribbon = csi_cameras(system)
    cameras = [*usb_cameras(system), *(on_ribbon or ())]
    if cameras:
        return ok("camera", f"found {', '.join(cameras)}")
    if on_ribbon is None and system.is_pi:
        sentence = "no camera is on USB, and nothing here can list those on a ribbon (libcamera)"
        return warn("camera", sentence, _LISTS)
    asked = "on USB (V4L2)" if on_ribbon is None else "on USB (V4L2) or on a ribbon (libcamera)"
    return warn("camera", f"no camera is plugged in {asked}", _PLUG)


def _usb_camera(system: System, plan: Intent) -> Finding:
    """Tell whether the configured device is there and may be read."""
    source = plan.source("v4l2")
    device = Path(getattr(source and source.options, "device", "/dev/video0"))
    cameras = usb_cameras(system)
    if not system.path(device).exists():
        there = f"there is {', '.join(cameras)}" if cameras else "no USB camera is plugged in"
        mend = f"set source.device to {cameras[0]}" if cameras else "plug the USB camera in"
        return fail("camera", f"{device} is not there; {there}", mend)
    if not system.access(system.path(device), os.R_OK | os.W_OK):
        sentence = f"{system.user} may not use {device}; log in anew afterwards"
        return fail("camera", sentence, f"sudo usermod -aG video {system.user}")
    return ok("camera", f"{device} is there")


def _csi_camera(system: System, plan: Intent) -> Finding:
    """Tell whether libcamera sees the configured camera."""
    source = plan.source("picamera2")
    number = getattr(source and source.options, "camera", 0)
    cameras = csi_cameras(system)
    if cameras is None:
        sentence = "nothing here can list the ribbon's cameras"
        return warn("camera", sentence, _LISTS)
    if number < len(cameras):
        return ok("camera", f"camera {number} is {cameras[number]}")
    if not cameras:
        mend = "switch the Pi off, push the ribbon in on both ends, contacts the right way"
        return fail("camera", "libcamera finds no camera on the ribbon", mend)
    sentence = f"camera {number} is not there; found {', '.join(cameras)}, counted from 0"
    return fail("camera", sentence, "set source.camera to 0")


def usb_cameras(system: System) -> tuple[str, ...]:
    """Return the cameras that Video4Linux knows, by names that stay the same where they have one.

    A camera has several nodes; the first one gives the pictures.
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
    name = system.text(f"{system.shown(folder)}/name")
    is_first = system.text(f"{system.shown(folder)}/index") in ("0", "")
    return is_first and not _INSIDE.match(name)


def csi_cameras(system: System) -> tuple[str, ...] | None:
    """Return the sensors that libcamera finds, None where no tool can ask it."""
    for tool in _TOOLS:
        answer = system.ask(tool, "--list-cameras")
        if answer is not None:
            return tuple(_LISTED.findall(answer.out))
    return None


def file(system: System, plan: Intent) -> Finding | None:
    """Tell whether recorded pictures may be read."""
    source = plan.source("video") or plan.source("images")
    path = getattr(source and source.options, "path", None)
    if not isinstance(path, Path):
        return None
    if not system.access(path, os.R_OK):
        return fail("camera", f"{path} can't be read", f"sudo chmod -R a+rX {path}")
    return ok("camera", f"pictures come from {path.resolve()}")


def camera_name(system: System, plan: Intent) -> Finding | None:
    """Tell of a configured name that another camera may have after the next start."""
    source = plan.source("v4l2")
    device = Path(getattr(source and source.options, "device", ""))
    by_id = [name for name in usb_cameras(system) if "/by-id/" in name]
    if not re.fullmatch(r"/dev/video\d+", str(device)) or len(by_id) < 2:
        return None
    sentence = f"{len(by_id)} cameras are plugged in, and {device} may be another one tomorrow"
    return trouble(None, "camera name", sentence, f"set source.device to {by_id[0]} or its like")
