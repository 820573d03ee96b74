"""The page that helps to choose a camera: what each module sees in the mode that edgepose picks."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Final, cast

import md

from edgepose.sources.sensor_modes import SensorMode, listed_modes, share, widest
from edgepose.types import Size

_TEST: Final = Path(__file__).resolve().parents[2] / "tests" / "sources" / "test_sensor_modes.py"
_MODULES: Final[tuple[tuple[str, str, float | None], ...]] = (
    ("Camera Module 1", "ov5647", 53.5),
    ("Camera Module 2", "imx219", 62.2),
    ("Camera Module 3", "imx708", 66.0),
    ("Camera Module 3 Wide", "imx708", 102.0),
    ("HQ Camera", "imx477", None),
)  # name, sensor, horizontal degrees as Raspberry Pi's documentation gives them
_SIZES: Final[tuple[Size, ...]] = ((480, 640), (720, 1280))
_FPS: Final = 30.0
_STATURE: Final = 2.3  # metres: somebody of 1.80 m with raised hands


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`."""
    listed = _listed()
    rows = [row for name, sensor, degrees in _MODULES for row in
            _rows(name, listed_modes(listed[sensor]), degrees)]  # fmt: skip
    text = md.page(
        "Cameras",
        "Any USB camera that Linux knows (`v4l2`), the Pi's own modules (`picamera2`), and network "
        "cameras (`stream`: RTSP, HTTP) will do. 640x480 at 15 frames a second or more is enough: "
        "models look at 192 to 640 pixels.",
        "## The Pi's own modules",
        "libcamera alone picks a mode that shows only a part of the sensor for many sizes. "
        "edgepose picks the widest one (`field_of_view: full`, the default). At "
        f"{_FPS:g} frames a second:",
        md.table(
            ("module", "picture", "mode that is read", "at most", "seen of the sensor",
             "horizontal angle", "distance for a whole person"),
            rows,
        ),
        "The angle is the one that Raspberry Pi publishes for the whole sensor, less what the "
        "picture's shape cuts away; the HQ Camera's depends on its lens. The distance is that at "
        f"which {_STATURE:g} m, raised hands included, fill the height of the picture. On your "
        "module, `edgepose doctor CONFIG` reports what part is seen.",
        "## What each is bad at",
        md.table(("camera", "good", "bad"), _VERDICTS),
        "Turn a camera upright with `rotate: 90`: a person is higher than wide, and stands nearer "
        "for the same picture.",
        "None of this was tried on the modules themselves: the modes are those that `rpicam-hello "
        "--list-cameras` prints, and the choice is tested on them.",
    )  # fmt: skip
    return {"choose/cameras.md": text}


_VERDICTS: Final = (
    ("Module 3", "focuses itself, HDR against windows", "the picture breathes while it focuses: "
     "`autofocus: false` and a fixed distance"),
    ("Module 3 Wide", "small rooms: a whole person from a short distance", "limbs at the edge look "
     "longer: keep people in the middle"),
    ("Module 1, 2", "cheap, fixed focus", "dim rooms; a narrow view at 16:9"),
    ("HQ, Global Shutter", "a lens that fits the place", "price; focus by hand"),
    ("USB", "any machine, long cables", "many give 30 frames a second only as MJPEG, and fewer "
     "in the dark"),
    ("network", "is there already", "0.2 to 2 s late: a screen beside it looks slow"),
)  # fmt: skip


def _listed() -> dict[str, str]:
    """Return the modes of the sensors as `rpicam-hello --list-cameras` prints them."""
    for node in ast.parse(_TEST.read_text("utf-8")).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LISTED":
            return cast("dict[str, str]", ast.literal_eval(node.value))
    raise SystemExit(f"{_TEST}: no LISTED")


def _rows(name: str, modes: tuple[SensorMode, ...], degrees: float | None) -> list[tuple[str, ...]]:
    rows = []
    for size in _SIZES:
        mode = widest(modes, size, _FPS)
        wide, high = share(mode, modes, size)
        angle = None if degrees is None else _angle(degrees, wide)
        rows.append((
            name, f"{size[1]}x{size[0]}", f"{mode.size[1]}x{mode.size[0]}", f"{mode.fps:.0f} fps",
            f"{wide} % wide, {high} % high", "-" if angle is None else f"{angle:.0f}°",
            "-" if angle is None else f"{_distance(angle, size):.1f} m",
        ))  # fmt: skip
    return rows


def _angle(whole: float, percent: int) -> float:
    """Return the angle of a part of the sensor's width, in degrees."""
    return 2 * math.degrees(math.atan(math.tan(math.radians(whole / 2)) * percent / 100))


def _distance(angle: float, size: Size) -> float:
    """Return the metres at which a person with raised hands fills the picture's height."""
    half = math.tan(math.radians(angle / 2)) * size[0] / size[1]
    return _STATURE / 2 / half
