"""Option types that several sources share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from edgepose.options import PositiveSeconds

PixelCount = Annotated[int, Field(ge=32, le=8192)]
"""Rows or columns of a picture: too small for any model below 32, for any camera above 8192."""

FrameSize = tuple[PixelCount, PixelCount]
"""(height, width) in pixels."""

Rate = Annotated[float, Field(gt=0.0, le=240.0)]
"""Frames a second."""

Pace = Literal["realtime", "fast"]
"""realtime: as a camera would, late frames are dropped. fast: no waiting, no frame is lost."""

FrozenAfter = Annotated[
    PositiveSeconds | None,
    Field(
        description="seconds of identical pictures after which the camera counts as frozen and is "
        "opened again; null: never"
    ),
]
"""A sensor has noise, so two of its pictures are never identical."""

Turn = Literal[0, 90, 180, 270]
"""Degrees clockwise that a picture is turned to be upright; it is never mirrored."""
