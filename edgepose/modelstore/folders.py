"""The folders in which models are searched, and that of pulled ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import edgepose
from edgepose.errors import error_text
from edgepose.system.paths import expanded, state_folder

SERVICE: Final = Path("/var/lib/edgepose/models")  # the service's, also for commands of other users
VARIABLE: Final = "EDGEPOSE_MODEL_PATH"


def packaged_folder() -> Path:
    """Return the folder that holds the manifest: inside a wheel, else `models/` of the checkout."""
    package = Path(edgepose.__file__).parent
    installed = package / "assets" / "models"
    return installed if installed.is_dir() else package.parent / "models"


def search_path() -> tuple[Path, ...]:
    """Return the folders in which models are searched, in order; some may not exist."""
    listed = os.environ.get(VARIABLE, "").split(os.pathsep)
    named = [expanded(folder) for folder in listed if folder]
    service = [SERVICE] if is_folder(SERVICE) else []
    return tuple(dict.fromkeys([*named, packaged_folder(), *service, state_folder() / "models"]))


def pull_folder() -> Path:
    """Return the folder for pulled models: the first writable one of the search path.

    The last one, in the state folder, is returned even when it does not exist yet.
    """
    folders = search_path()
    usable = (f for f in folders if is_folder(f) and os.access(f, os.W_OK | os.X_OK))
    return next(usable, folders[-1])


def is_folder(path: Path) -> bool:
    """Return whether a folder is there, as far as this user may know."""
    return os.path.isdir(path)  # noqa: PTH112 - `Path.is_dir` raises where it may not look


def unreadable() -> dict[Path, str]:
    """Return the folders of the search path that can't be read, with the reason.

    The service's own is one for every other user once the service has pulled a model.
    """
    faults = {folder: _fault(folder) for folder in search_path()}
    return {folder: fault for folder, fault in faults.items() if fault}


def _fault(folder: Path) -> str:
    try:
        with os.scandir(folder) as entries:
            next(entries, None)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        return error_text(error).lower()
    return ""
