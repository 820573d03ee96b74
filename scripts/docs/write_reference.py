#!/usr/bin/env python3
"""Write the generated pages of docs/reference and docs/choose from the code.

With --out FOLDER they go there instead, which is how a test compares them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import Final

import cameras_page
import cli_pages
import events_page
import exit_codes_page
import http_page
import md
import metrics_page
import models_page
import mqtt_page

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
_MODULES: Final = (
    cameras_page,
    cli_pages,
    events_page,
    exit_codes_page,
    http_page,
    metrics_page,
    models_page,
    mqtt_page,
)


def yaml_page() -> dict[str, str]:
    """Return the page with every option: the reference configuration as it is."""
    text = (DOCS.parent / "configs" / "reference.yaml").read_text("utf-8")
    page = md.page(
        "Every option",
        "[`configs/reference.yaml`](../../configs/reference.yaml) with every option of every part "
        "and its default. Copy what you need; only `version` and `source` must be there.",
        md.fence(text, "yaml", "skip=the-whole-reference"),
    )
    return {"reference/yaml.md": page}


def pages() -> dict[str, str]:
    """Return the text of every generated page by its place below `docs`."""
    found = yaml_page()
    for module in _MODULES:
        found |= module.pages()
    return found


def main() -> None:
    """Write the pages, and remove those of commands that are gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=DOCS)
    folder = parser.parse_args().out
    for old in (folder / "reference" / "cli").glob("*.md"):
        old.unlink()
    with tempfile.TemporaryDirectory() as state:
        os.environ["XDG_STATE_HOME"] = state  # the web server keeps sessions there
        for place, text in pages().items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
