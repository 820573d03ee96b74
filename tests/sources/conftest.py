"""Make clips and pictures for the sources. What stands in for cameras is in `rigs/`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from edgepose.sources import _clock

sys.path.append(str(Path(__file__).parent / "rigs"))

from coloured import quarters
from stepped import SteppedClock, SteppedEvent


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """Replace the clock that pacing reads."""
    stepped = SteppedClock()
    monkeypatch.setattr(_clock, "monotonic", stepped)
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
