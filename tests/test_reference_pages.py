"""The generated pages of docs/reference are those that the code gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
WRITE = "scripts/docs/write_reference.py"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the pages of the code as it is."""
    folder = tmp_path_factory.mktemp("docs")
    done = subprocess.run(
        [sys.executable, WRITE, "--out", folder], cwd=ROOT, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


def test_the_committed_pages_are_current(written: Path):
    """Run `scripts/docs/write_reference.py` after a change of commands, topics, routes, metrics."""
    for page in sorted(written.rglob("*.md")):
        place = page.relative_to(written)
        committed = ROOT / "docs" / place
        assert committed.is_file(), f"{place} is new: run {WRITE}"
        assert committed.read_text() == page.read_text(), f"{place} is stale: run {WRITE}"


def test_no_page_is_left_of_what_is_gone(written: Path):
    """A command that was removed has no page."""
    made = {path.name for path in (written / "reference" / "cli").iterdir()}
    assert {path.name for path in (ROOT / "docs" / "reference" / "cli").iterdir()} == made
