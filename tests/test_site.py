"""The documents build as a site, without a dead link or a page that nobody can reach."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    done = subprocess.run(
        [*command, str(folder)], cwd=ROOT, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_built(site: Path):
    """Pages that the navigation lacks, links and anchors that lead nowhere stop the build."""
    pages = {path.relative_to(ROOT / "docs").with_suffix("") for path in ROOT.glob("docs/**/*.md")}
    built = {path.parent.relative_to(site) for path in site.rglob("index.html")}
    assert {page.parent if page.name == "index" else page for page in pages} == built


def test_nothing_is_loaded_from_elsewhere(site: Path):
    """Readers without a network see the whole page: no font, script or style of a CDN."""
    text = (site / "index.html").read_text()
    for kind in ("<script src=", '<link rel="stylesheet" href=', "<img src="):
        for part in text.split(kind)[1:]:
            assert not part.lstrip('"').startswith(("http", "//")), part[:80]


def test_links_to_files_of_the_checkout_lead_to_the_forge(site: Path):
    """The site has no `configs/`; the forge has."""
    text = (site / "reference" / "yaml" / "index.html").read_text()
    assert "https://github.com/edgepose/edgepose/blob/main/configs/reference.yaml" in text
