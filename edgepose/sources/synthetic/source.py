"""Pictures of a moving mannequin with exact keypoints: a camera for tests and first steps."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

import cv2
import numpy as np
from pydantic import Field

from edgepose.imaging import read_image
from edgepose.options import ExistingPath, Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.sources.options import FrameSize, Pace, Rate
from edgepose.sources.synthetic.drawing import Mannequin, studio
from edgepose.sources.synthetic.motion import pose_at, stature
from edgepose.sources.timestamps import Pacer
from edgepose.types import Frame, Image, Pose, Size

MARGIN: Final = 64  # pixels that the noise exceeds the picture by: it is shifted in every frame


class SyntheticOptions(Options):
    """Options of `synthetic`: the motion, its duration and the look of the picture."""

    size: FrameSize = Field(default=(480, 640), description="[height, width] in pixels")
    fps: Rate = Field(default=30.0, description="frames a second")
    motion: Literal["jumping_jack", "squat", "arms_up", "wave", "stand", "empty"] = Field(
        default="jumping_jack", description="what the mannequin does; empty: nobody is there"
    )
    seconds: PositiveSeconds | None = Field(
        default=None, description="end after that time; without it the source has no end"
    )
    pace: Pace = Field(
        default="realtime",
        description="realtime gives frames as a camera would, fast waits for every frame",
    )
    background: ExistingPath | None = Field(
        default=None, description="picture to stand in front of; without it a plain room"
    )
    noise: float = Field(
        default=0.0, ge=0.0, le=64.0, description="sensor noise, standard deviation in grey levels"
    )


class Synthetic(Source):
    """Rendered pictures, the same ones for the same options; `Frame.truth` is exact.

    `Frame.time` is counted, not measured, and continues when the source is opened again.
    """

    Options: ClassVar[type[Options]] = SyntheticOptions

    def __init__(self, options: SyntheticOptions) -> None:
        super().__init__()
        self.live = options.seconds is None
        self.lossless = options.pace == "fast"
        self._options = options
        self._pacer = Pacer(self.interrupted)
        self._seq = 0
        self._end: float = 0
        self._room: Image | None = None
        self._noise: tuple[Image, ...] = ()

    def open(self) -> None:
        """Draw the room. Raises UserError for a background that is not a picture."""
        options = self._options
        self._room = _room(options)
        self._noise = _noise(options.noise, options.size) if options.noise else ()
        self._pacer.restart()
        length = options.seconds and round(options.seconds * options.fps)
        self._end = self._seq + length if length else float("inf")

    def read(self) -> Frame | None:
        """Return the next picture when it is due; None after `seconds`."""
        if self._room is None or self._seq >= self._end or self.interrupted.is_set():
            return None
        time = self._seq / self._options.fps
        image, truth = self._drawn(self._room.copy(), time)
        captured = None if self.lossless else self._pacer.wait(time)
        if self.interrupted.is_set():
            return None
        self._seq += 1
        return Frame(image, time, self._seq - 1, captured, truth=truth)

    def close(self) -> None:
        """Release the pictures."""
        self._room = None
        self._noise = ()
        super().close()

    def _drawn(self, image: Image, time: float) -> tuple[Image, tuple[Pose, ...]]:
        """Draw the mannequin and the noise of one moment; return the picture and who is in it."""
        truth: tuple[Pose, ...] = ()
        if self._options.motion != "empty":
            truth = (pose_at(self._options.motion, time, self._options.size),)
            Mannequin(image, truth[0].pixels, stature(self._options.size)).draw()
        return self._noisy(image), truth

    def _noisy(self, image: Image) -> Image:
        y, x = np.random.default_rng(self._seq).integers(0, MARGIN, 2) if self._noise else (0, 0)
        height, width = image.shape[:2]
        for change, grain in zip((cv2.add, cv2.subtract), self._noise, strict=False):
            image = np.asarray(change(image, grain[y : y + height, x : x + width]), np.uint8)
        return image


def _room(options: SyntheticOptions) -> Image:
    if options.background is None:
        return studio(options.size)
    picture = cv2.resize(read_image(options.background), options.size[::-1])
    return np.asarray(picture, np.uint8)


def _noise(deviation: float, size: Size) -> tuple[Image, Image]:
    """Return what noise adds and subtracts, larger than the picture: it is shifted every frame.

    New noise for every frame would take 20 ms.
    """
    shape = (size[0] + MARGIN, size[1] + MARGIN, 3)
    grain = np.random.default_rng(0).normal(0.0, deviation, shape).round()
    return grain.clip(0, 255).astype(np.uint8), (-grain).clip(0, 255).astype(np.uint8)
