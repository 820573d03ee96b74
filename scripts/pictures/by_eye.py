"""What models find in the same pictures, side by side: for those who choose one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import numpy as np
from performer import Act, Motion, arms, perform, squat, tree
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

from edgepose.render.text import BUILT_IN

MODELS: Final = (
    "movenet-lightning-int8",
    "edgepose-nano",
    "posenet-075-353x481",
    "mediapipe-pose-landmark-full",
)
_POSES: Final[tuple[tuple[Motion, float, float], ...]] = (
    (squat(), 0.5, 48.0),
    (arms(104, 168), 1.0, 0.0),
    (tree, 1.0, 0.0),
    (squat(), 0.5, 90.0),
)  # motion, moment 0..1, degrees
_WIDE: Final = 420  # pixels of the part around the person, as the smart crop would cut it
_CELL: Final = (280, 360)  # (width, height) on the sheet
_LABEL: Final = 34


def draw(target: Path, work: Path) -> None:
    """Write the sheet: a row a pose, a column a model."""
    stills = [_still(work / f"still{n}.png", *one) for n, one in enumerate(_POSES)]
    rows = [[_seen(model, still, work) for model in MODELS] for still in stills]
    sheet = PilImage.fromarray(np.vstack([np.hstack(row) for row in rows]))
    page = PilImage.new("RGB", (sheet.width, sheet.height + _LABEL), (24, 26, 30))
    page.paste(sheet, (0, _LABEL))
    pen, font = ImageDraw.Draw(page), ImageFont.truetype(str(BUILT_IN), 18)
    for column, model in enumerate(MODELS):
        middle = (column + 0.5) * _CELL[0]
        pen.text((middle, _LABEL / 2), model, fill=(236, 236, 232), font=font, anchor="mm")
    page.quantize(255, PilImage.Quantize.MEDIANCUT).save(target, optimize=True)


def _still(path: Path, motion: Motion, moment: float, yaw: float) -> Path:
    image = next(perform([Act(0.04, lambda _: motion(moment), yaw)]))
    left = (image.shape[1] - _WIDE) // 2
    PilImage.fromarray(image[:, left : left + _WIDE]).save(path)
    return path


def _seen(model: str, still: Path, work: Path) -> np.ndarray:
    """Return a picture with what the model finds in it."""
    drawn = work / f"{model}-{still.name}"
    command = [sys.executable, "-m", "edgepose", "pose", still, "--model", model, "--draw", drawn]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with PilImage.open(drawn) as picture:
        return np.asarray(picture.convert("RGB").resize(_CELL, PilImage.Resampling.LANCZOS))
