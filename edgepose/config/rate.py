"""Declare the section `rate`: how often a camera's pictures are looked at."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from edgepose.engine.governor import LEAST_FPS, Rates
from edgepose.options import Options, PositiveSeconds


class RateSection(Options):
    """Say how often a camera's pictures are looked at; each null switches a rule off."""

    max_fps: Annotated[float, Field(ge=LEAST_FPS)] | None = Field(
        default=None,
        description="pictures a second at most; null: as many as can be",
        examples=[10.0],
    )
    idle_after: PositiveSeconds | None = Field(
        default=30.0, description="seconds without anybody until fewer are looked at; null: never"
    )
    idle_fps: Annotated[float, Field(ge=LEAST_FPS)] = Field(
        default=5.0,
        description="pictures a second meanwhile; the first that shows somebody ends it",
    )
    cool_at: Annotated[float, Field(ge=30.0, le=110.0)] | None = Field(
        default=75.0,
        description="degrees Celsius of the board from which half, a quarter, an eighth of the "
        "pictures are looked at; a Pi's firmware slows everything down at 80; null: never",
    )

    @property
    def rates(self) -> Rates:
        """Return the rates as the engine takes them."""
        return Rates(self.max_fps, self.idle_after, self.idle_fps, self.cool_at)
