"""The sheets of pictures in the docs: the scripts that draw them still run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("sheet", ["words", "screens", "exercises"])
def test_a_sheet_can_be_drawn_again(sheet: str, tmp_path: Path):
    """By the code as it is, as large as the one in the docs."""
    target = tmp_path / "sheet.png"
    script = ROOT / "scripts" / f"draw-{sheet}"
    done = subprocess.run(
        [sys.executable, script, "--out", target], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    drawn, kept = (cv2.imread(str(path)) for path in (target, ROOT / "docs" / f"{sheet}.png"))
    assert drawn.shape == kept.shape
