"""Checks of the Python packages: imported in a child process, since a wrong pair may crash."""

from __future__ import annotations

import re
import signal
from importlib import metadata
from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, trouble, warn
from edgepose.doctor.system import CommandResult, System
from edgepose.outputs.hdmi.sdl import has_desktop
from edgepose.runtimes.interpreter import CHOICES, INTERPRETERS

PATIENCE: Final = 60.0  # seconds for an import from a slow card
BEST: Final = "ai-edge-litert"
OLD: Final = "tflite-runtime"
NUMPY_1: Final = ("numpy<2",)
"""What fits bookworm's picamera2; OpenCV's wheels ask for numpy 2, and run on numpy 1 as well."""
PICAMERA2: Final = "python3-picamera2"

_TRY_OPENCV: Final = (
    "import cv2, numpy; cv2.resize(numpy.zeros((2, 2, 3), numpy.uint8), (1, 1));"
    "print(cv2.__version__, numpy.__version__)"
)


def interpreter(system: System, intent: Intent) -> Finding:
    """Check which TFLite interpreter is used and whether it works with this numpy."""
    versions = {name: system.version(name) for name in INTERPRETERS.values()}
    choice = intent.model.interpreter
    wanted = {m: name for m, name in INTERPRETERS.items() if name == CHOICES.get(choice, name)}
    module, name = next(
        ((module, name) for module, name in wanted.items() if versions[name]), ("", "")
    )
    remedy = system.pip(CHOICES.get(choice, BEST))
    if not name:
        named = f"{CHOICES.get(choice)}, which model.interpreter names, is not installed"
        sentence = named if choice in CHOICES else "no TFLite interpreter is installed"
        return fail("interpreter", sentence, remedy)
    numpy = system.version("numpy")
    if name == OLD and numpy.partition(".")[0] not in ("", "0", "1"):
        sentence = f"{OLD} {versions[OLD]} was built for numpy 1 and fails with numpy {numpy}"
        return fail("interpreter", sentence, remedy)
    fault = import_fault(system, module)
    if fault:
        sentence = f"{name} {versions[name]} can't be loaded: {fault}"
        return fail("interpreter", sentence, system.pip("--force-reinstall", BEST))
    if name != BEST and choice == "auto":
        sentence = f"{name} {versions[name]} runs int8 models several times slower than {BEST}"
        return warn("interpreter", sentence, remedy)
    return ok("interpreter", f"{name} {versions[name]}")


def opencv(system: System, intent: Intent) -> Finding:
    """Check whether OpenCV can be loaded and works with this numpy."""
    answer = system.run_python(_TRY_OPENCV, PATIENCE)
    if answer is not None and answer.code == 0:
        cv2, numpy = [*answer.out.split(), "", ""][:2]
        return ok("opencv", f"OpenCV {cv2} works with numpy {numpy}")
    fault = _fault(answer)
    again = system.pip("--force-reinstall", "opencv-python-headless")
    remedy = system.pip(*NUMPY_1) if _is_about_numpy(fault) else again
    return fail("opencv", f"OpenCV can't be used: {fault}", remedy)


def numpy(system: System, intent: Intent) -> Finding:
    """Check whether numpy is compatible with apt's compiled packages, where they are visible.

    Extensions compiled for numpy 1 can't be loaded with numpy 2.
    """
    ours, theirs = system.version("numpy"), _apt_numpy(system)
    if ours.startswith("2.") and theirs.startswith("1."):
        sentence = (
            f"numpy {ours}, but apt's packages were compiled for {theirs}, as picamera2's are"
        )
        return warn("numpy", sentence, system.pip(*NUMPY_1))
    return ok("numpy", f"numpy {ours}" + (f", as apt's packages need ({theirs})" if theirs else ""))


def _apt_numpy(system: System) -> str:
    """Return the version of apt's numpy, `""` where there is none."""
    found = system.glob("usr/lib/python3/dist-packages/numpy-*-info")
    return found[0].name.split("-")[1].removesuffix(".dist") if found else ""


def av(system: System, intent: Intent) -> Finding:
    """Check whether PyAV, which reads USB cameras, streams and clips, can be loaded."""
    fault = import_fault(system, "av")
    if not fault:
        return ok("av", f"PyAV {system.version('av')}")
    kinds = ("v4l2", "stream", "video")
    is_needed = any(intent.needs_source(kind) for kind in kinds) if intent.config else None
    sentence = f"PyAV can't be loaded: {fault}"
    return trouble(is_needed, "av", sentence, system.pip("--force-reinstall", "av"))


def others(system: System, intent: Intent) -> Finding | None:
    """Check whether all other dependencies are installed."""
    names = _required()
    has_interpreter = any(system.version(name) for name in INTERPRETERS.values())
    missing = [
        name
        for name in names
        if not system.version(name) and not (name == BEST and has_interpreter)
    ]
    if missing:
        sentence = f"not installed: {', '.join(missing)}"
        return fail("packages", sentence, system.pip(*missing))
    return ok("packages", f"all {len(names)} dependencies are installed") if names else None


def _required() -> list[str]:
    """Return the distributions of a plain installation, without their extras."""
    try:
        lines = metadata.requires("edgepose") or []
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return []
    names = (re.match(r"[\w.-]+", line) for line in lines if "extra ==" not in line)
    return [name.group() for name in names if name]


def picamera2(system: System, intent: Intent) -> Finding | None:
    """Check whether picamera2, for cameras on the ribbon, can be imported."""
    is_needed = intent.needs_source("picamera2")
    if is_needed is False or (is_needed is None and not system.is_pi):
        return None
    fault = import_fault(system, "picamera2")
    if not fault:
        return ok("picamera2", "picamera2 can be loaded")
    sentence, remedy = _missing_picamera2(system, fault)
    return trouble(is_needed, "picamera2", sentence, remedy)


def _missing_picamera2(system: System, fault: str) -> tuple[str, str]:
    """Return why picamera2 can't be loaded, and the command that repairs it."""
    if _is_about_numpy(fault):
        sentence = f"picamera2 was built for numpy 1, found {system.version('numpy')}: {fault}"
        return sentence, system.pip(*NUMPY_1)
    if "No module named 'picamera2'" not in fault:
        again = f"sudo apt install -y --reinstall {PICAMERA2} python3-libcamera"
        return f"picamera2 can't be loaded: {fault}", again
    if system.path("usr/lib/python3/dist-packages/picamera2").exists():
        open_up = f"python3 -m venv --upgrade --system-site-packages {system.prefix}"
        return "picamera2 is installed, but this virtual environment hides it", open_up
    remedy = system.apt(PICAMERA2)
    if not system.offers(PICAMERA2):
        remedy = f"{remedy}; or use a USB camera (source.type: v4l2)"
    return "picamera2 is not installed", remedy


def desktop(system: System, intent: Intent) -> Finding | None:
    """Check whether a window can be opened on a desktop."""
    sinks = {getattr(output.options, "sink", "") for output in intent.outputs("hdmi")}
    if "sdl" not in sinks and not ("auto" in sinks and has_desktop(system.environ)):
        return None
    if system.version("pygame-ce") or system.version("pygame"):
        return ok("desktop", "pygame can open a window on the desktop")
    sentence = "a desktop uses the screen, and pygame, which opens a window there, is missing"
    return trouble("sdl" in sinks, "desktop", sentence, system.pip("edgepose[sdl]"))


def import_fault(system: System, module: str) -> str:
    """Return why a module can't be imported, `""` when it can."""
    answer = system.run_python(f"import {module}", PATIENCE)
    return "" if answer is not None and answer.code == 0 else _fault(answer)


def _fault(answer: CommandResult | None) -> str:
    if answer is None:
        return "Python can't be started"
    if answer.code < 0:
        return f"it crashes ({signal.strsignal(-answer.code) or -answer.code})"
    lines = [line.strip() for line in answer.err.splitlines() if line.strip()]
    last = lines[-1] if lines else f"exit code {answer.code}"
    return re.sub(r"^\w+(Error|Exception): ", "", last).rstrip(".")


def _is_about_numpy(fault: str) -> bool:
    """Return whether a library was built for another numpy."""
    return "numpy" in fault.lower() or "multiarray" in fault
