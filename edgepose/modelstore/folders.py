"""The folders where models are looked for and where they are put."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import edgepose
from edgepose.system.paths import state_folder

SERVICE: Final = Path("/var/lib/edgepose/models")  # the service's, for whoever else is asked
VARIABLE: Final = "EDGEPOSE_MODEL_PATH"


def packaged_folder() -> Path:
    """Return the folder that holds the manifest: inside a wheel, else `models/` of the checkout."""
    package = Path(edgepose.__file__).parent
    installed = package / "assets" / "models"
    return installed if installed.is_dir() else package.parent / "models"


def search_path() -> tuple[Path, ...]:
    """Return the folders where models are looked for, in order; some may not exist."""
    listed = os.environ.get(VARIABLE, "").split(os.pathsep)
    named = [Path(folder).expanduser() for folder in listed if folder]
    service = [SERVICE] if SERVICE.is_dir() else []
    return tuple(dict.fromkeys([*named, packaged_folder(), *service, state_folder() / "models"]))


def pull_folder() -> Path:
    """Return where pulled models go: the first folder of the search path that can be written to.

    The last one, in the state folder, is returned even when it does not exist yet.
    """
    folders = search_path()
    return next((folder for folder in folders if _is_writable(folder)), folders[-1])


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
