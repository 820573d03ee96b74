"""Every picture of the documents is drawn by a script, shown somewhere, and not too heavy."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PICTURES = sorted(
    path for path in DOCS.rglob("*") if path.suffix in (".png", ".jpg", ".webp", ".svg")
)
HEAVIEST = 3_000_000  # bytes of the animated one


def test_one_script_draws_them(monkeypatch):
    """All but what takes hours to compute (stages) or an otherwise idle machine (curves)."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for module in ("flow", "wiring"):
        monkeypatch.delitem(sys.modules, module, raising=False)  # and again at the end
    names = set(runpy.run_path(str(ROOT / "scripts" / "draw-pictures"))["NAMES"])
    drawn = {re.sub("-report$", "", path.stem) for path in PICTURES} - {"stages", "curves"}
    assert drawn == names


def test_each_is_shown():
    """By a page, or by the README."""
    pages = [ROOT / "README.md", *DOCS.rglob("*.md")]
    text = "".join(page.read_text() for page in pages)
    assert [path.name for path in PICTURES if path.name not in text] == []


def test_none_is_too_heavy():
    """A forge shows them at once."""
    assert [path.name for path in PICTURES if path.stat().st_size > HEAVIEST] == []


def test_the_first_picture_moves():
    """It counts, coaches and fires; a still could not show that."""
    from PIL import Image

    with Image.open(DOCS / "hero.webp") as hero:
        assert hero.n_frames > 100
