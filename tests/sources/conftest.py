"""Make clips and pictures for the sources. What stands in for cameras is in `rigs/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edgepose.sources import timestamps

sys.path.append(str(Path(__file__).parent / "rigs"))

from coloured import quarters
from fake_picamera2 import World
from fake_v4l2 import Driver
from http_camera import HttpCamera
from stepped import SteppedClock, SteppedEvent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """Replace the clock that pacing reads."""
    stepped = SteppedClock()
    monkeypatch.setattr(timestamps, "monotonic", stepped)
    return stepped


@pytest.fixture
def stepped_event(clock: SteppedClock) -> SteppedEvent:
    """Return an event for `Pacer` whose waits move the clock."""
    return SteppedEvent(clock)


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a clip: one picture a stamp (milliseconds)."""

    def make(
        name: str = "clip.mkv",
        *,
        stamps: Sequence[int] = (0, 40, 80, 120, 160),
        images: Sequence[np.ndarray] = (),
        codec: str = "ffv1",
        pixels: str = "bgr0",
        rate: int = 25,
    ) -> Path:
        pictures = list(images) or [quarters()] * len(stamps)
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = pictures[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.time_base = Fraction(1, 1000)
            for stamp, image in zip(stamps, pictures, strict=True):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
                frame.pts, frame.time_base = stamp, Fraction(1, 1000)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return make


@pytest.fixture
def make_picture(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a picture file of the four quarters."""

    def make(name: str, image: np.ndarray | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = quarters() if image is None else image
        assert cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return path

    return make


@pytest.fixture
def pi(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Put a fake picamera2 and libcamera in the place of the real ones; return what they see."""
    world = World()
    for name, module in world.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    yield world
    world.tidy()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    """Put a USB camera behind `av.open`."""
    driver = Driver()
    monkeypatch.setattr(av, "open", driver.open)
    return driver


@pytest.fixture
def http_camera() -> Iterator[HttpCamera]:
    """Return a running network camera that speaks HTTP."""
    camera = HttpCamera()
    yield camera
    camera.stop()


SYSTEM_PYTHON = "/usr/bin/python3"
RTSP_PACKAGES = (
    "python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-base gstreamer1.0-plugins-good "
    "gstreamer1.0-plugins-ugly"
)


@pytest.fixture(scope="session")
def rtsp_rig() -> Path:
    """Return the RTSP server's script, once it is known that it can run here."""
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    found = shutil.which(SYSTEM_PYTHON) and subprocess.run(
        [SYSTEM_PYTHON, "-c", check], capture_output=True, check=False
    )
    if not found or found.returncode:
        message = f"no RTSP server to test with; sudo apt install {RTSP_PACKAGES}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return Path(__file__).parent / "rigs" / "rtsp_camera.py"


class RtspCamera:
    """Be an RTSP server in a process of its own, which can be frozen and killed."""

    def __init__(self, script: Path) -> None:
        self._script = script
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start serving, on the same port as before if there was one."""
        self._process = subprocess.Popen(
            [SYSTEM_PYTHON, str(self._script), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def send(self, number: int) -> None:
        """Send a signal to the server."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill the server and wait until it is gone."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def url(self, path: str = "/live", login: str = "") -> str:
        """Return the address of a path."""
        return f"rtsp://{login and login + '@'}127.0.0.1:{self.port}{path}"


@pytest.fixture
def rtsp_camera(rtsp_rig: Path) -> Iterator[RtspCamera]:
    """Return a running network camera that speaks RTSP."""
    camera = RtspCamera(rtsp_rig)
    yield camera
    camera.kill()
