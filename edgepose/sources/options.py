"""What several sources let the user say, with its limits, and the quarter turn they share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgepose.options import PositiveSeconds

PixelCount = Annotated[int, Field(ge=32, le=8192)]
"""Rows or columns of a picture: under 32 no model sees anything, over 8192 no camera goes."""

FrameSize = tuple[PixelCount, PixelCount]
"""(height, width) in pixels."""

Rate = Annotated[float, Field(gt=0.0, le=240.0)]
"""Frames a second."""

Pace = Literal["realtime", "fast"]
"""realtime: as a camera would, late frames are dropped. fast: no waiting, no frame is lost."""

FrozenAfter = Annotated[
    PositiveSeconds | None,
    Field(
        description="seconds of the very same picture after which the camera counts as frozen and "
        "is opened again; null: never"
    ),
]
"""A sensor has noise, so no two of its pictures are the same."""

Turn = Literal[0, 90, 180, 270]
"""Degrees clockwise that a picture is turned to stand upright. Never a mirror image: left stays
the person's left.
"""
