"""What the site needs of pages that are written for a forge: links to elsewhere, plain fences."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any, Final

BRANCH: Final = "main"
_LINK: Final = re.compile(r"(\]\()([^)\s#]+)([^)\s]*\))")
_FENCE: Final = re.compile(r"^(\s*```\w+)[ \t]+\S[^\n]*$", re.M)


def on_config(config: Any, **_: Any) -> Any:
    """Give the navigation the generated pages of commands, one each."""
    folder = Path(config["docs_dir"]) / "reference" / "cli"
    found = sorted(path.name for path in folder.glob("*.md") if path.name != "index.md")
    below = [{name.removesuffix(".md"): f"reference/cli/{name}"} for name in found]
    pages: list[Any] = ["reference/cli/index.md", *below]
    for section in config["nav"]:
        for entries in section.values():
            entries[:] = [{"Commands": pages} if one == "reference/cli" else one for one in entries]
    return config


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return the text with links that leave the site made absolute, and plain fences."""
    here = posixpath.dirname(page.file.src_uri)

    def absolute(found: re.Match[str]) -> str:
        head, target, tail = found.groups()
        return f"{head}{_outside(target, here, config) or target}{tail}"

    # The word after a fence's language is for the tests: `skip=...`, `fragment`.
    return _FENCE.sub(r"\1", _LINK.sub(absolute, markdown))


def _outside(target: str, here: str, config: Any) -> str:
    """Return the forge's address of a file outside of the documents, `""` for any other link."""
    place = posixpath.normpath(posixpath.join("docs", here, target))
    if "://" in target or place.startswith("docs/"):
        return ""
    is_folder = (Path(config["config_file_path"]).parent / place).is_dir()
    return f"{config['repo_url']}/{'tree' if is_folder else 'blob'}/{BRANCH}/{place}"
