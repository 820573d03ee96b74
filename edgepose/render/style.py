"""Options of the overlay: colours, font, mirror and privacy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from edgepose.options import ExistingPath, Fraction, Options

Rgb = tuple[int, int, int]


def _check_colour(value: str) -> str:
    try:
        rgb(value)
    except ValueError:
        raise ValueError(f"expected a colour as '#rrggbb', found '{value}'") from None
    return value


def rgb(colour: str) -> Rgb:
    """Return (red, green, blue), 0..255, of `#rrggbb`. Raises ValueError for anything else."""
    if len(colour) != 7 or colour[0] != "#":
        raise ValueError(colour)
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue


def _is_font(path: Path) -> Path:
    """Refuse a file that is not a font when the configuration is read, not later."""
    from PIL import ImageFont

    try:
        ImageFont.truetype(str(path), 16)
    except OSError as error:
        problem = f"expected a TrueType or OpenType file, found {path} ({error})"
        raise ValueError(problem) from error
    return path


Colour = Annotated[str, AfterValidator(_check_colour)]
"""A colour written `#rrggbb`."""


class Palette(Options):
    """Colours of people. The defaults can be told apart by colour-blind people (tested)."""

    matching: Colour = Field(
        default="#ffd60a", description="limbs as they should be; the hold ring"
    )
    deviating: Colour = Field(default="#ff2d55", description="limbs that are off")
    unknown: Colour = Field(default="#98a2b3", description="limbs that can't be or aren't compared")
    plain: Colour = Field(default="#4cc9f0", description="people whom no watch looks at")


class Style(Options):
    """How scenes are drawn; part of the options of every output that draws."""

    palette: Palette = Field(default=Palette(), description="colours of limbs and rings")
    background: Literal["picture", "black"] = Field(
        default="picture", description="what people are drawn on; black shows nothing of the camera"
    )
    mirror: bool = Field(
        default=False, description="show the picture as a mirror would; text stays as is"
    )
    ghost: bool = Field(
        default=False, description="show softly where arms and legs that are off should be"
    )
    min_score: Fraction = Field(default=0.15, description="keypoints below this score aren't drawn")
    stats: bool = Field(default=True, description="show frames a second and latency in a corner")
    font: Annotated[ExistingPath, AfterValidator(_is_font)] | None = Field(
        default=None,
        description="TrueType or OpenType file, for scripts that the built-in font lacks",
        examples=["fonts/NotoSans-Bold.ttf"],
    )


PANEL: Final[Rgb] = (14, 17, 24)  # near black, a little blue: neutral over warm and cold pictures
INK: Final[Rgb] = (255, 255, 255)
MUTED: Final[Rgb] = (190, 198, 210)
OUTLINE: Final[Rgb] = (10, 12, 18)
PANEL_OPACITY: Final = 0.72
