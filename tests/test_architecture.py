"""The drawing of the packages is the one that the imports give."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_drawing_is_current():
    """Run `scripts/draw-architecture` after a change of imports or floors."""
    drawn = runpy.run_path(str(ROOT / "scripts" / "draw-architecture"))["svg"]()
    assert (ROOT / "docs" / "architecture.svg").read_text() == drawn


def test_every_package_is_on_the_drawing():
    """A box for each package, none for anything else."""
    text = (ROOT / "docs" / "architecture.svg").read_text()
    names = {path.stem for path in (ROOT / "edgepose").iterdir() if path.suffix in ("", ".py")}
    for name in names - {"__init__", "__pycache__"}:
        assert f">{name}</text>" in text
