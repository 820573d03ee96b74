"""Find templates, exercises and routines by name: beside the configuration, then shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from edgepose.errors import DocumentError, near_miss
from edgepose.system.paths import folders

Kind = Literal["template", "exercise", "routine"]


def known(kind: Kind, base: Path | None = None) -> dict[str, Path]:
    """Return the files of a kind by name; those beside the configuration come first."""
    places = [(base or Path()) / f"{kind}s", *folders("configs", f"{kind}s")]
    files: dict[str, Path] = {}
    for folder in places:
        for path in sorted(folder.glob("*.y*ml")):
            files.setdefault(path.stem, path)
    return files


def find(kind: Kind, name: str, base: Path | None, error: type[DocumentError]) -> Path:
    """Return the file of a name, or of a path relative to `base`, the configuration's folder.

    Raises `error`, with the near miss, if there is none.
    """
    base = base or Path()
    found = known(kind, base)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = base / Path(name).expanduser()
        if not path.is_file():
            raise error(f"no such {kind} file: {path}{near_miss(path.stem, found)}")
        return path
    if name not in found:
        raise error(f"unknown {kind} '{name}'{near_miss(name, found)}")
    return found[name]
