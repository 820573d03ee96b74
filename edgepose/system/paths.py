"""Where files are: state folder, runtime folder of the service, files that edgepose ships.

They are at the top of a checkout (also of an editable install), and inside the package of an
installed wheel.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from edgepose.errors import UserError


def state_folder() -> Path:
    """Return of what must outlive a restart: systemd's state folder, else XDG's."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]  # systemd lists several with ':'
    if given:
        return Path(given)
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if home else _home() / ".local" / "state") / "edgepose"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:  # a container's made-up user id
        return Path("/var/lib")


def expanded(path: Path | str) -> Path:
    """Return a path with its `~` or `~user` filled in. Raises UserError for an unknown user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0]
        raise UserError(f"no home folder is known for '{user}'; write it out") from None


def service_folder() -> Path | None:
    """Return this process's RuntimeDirectory=, None where it is no service."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    return Path(given) if given else None


def is_still_at(path: Path, file: os.stat_result) -> bool:
    """Return whether an open file is still the one at its path: not moved, replaced or deleted."""
    try:
        return os.path.samestat(path.stat(), file)
    except OSError:
        return False


def outbox_path(name: str, own: str | None = None) -> Path:
    """Return the outbox file of a device. own: what tells its outboxes apart, None for the main."""
    own = f"{name}@{own}" if own else name
    plain = _plain(own)
    tail = "" if plain == own else "-" + hashlib.sha256(own.encode()).hexdigest()[:6]
    return state_folder() / "outbox" / f"{plain}{tail}.sqlite"


def outboxes(name: str | None) -> list[Path]:
    """Return the outbox files that there are of a device; None: of all."""
    main, others = outbox_path(name or ""), f"{_plain(name or '')}@"
    try:
        files = sorted(main.parent.glob("*.sqlite"))
    except OSError:
        return []
    return [file for file in files if name is None or file == main or file.name.startswith(others)]


def journals() -> list[Path]:
    """Return the files of events that there are, of all devices, oldest first."""
    try:
        files = outbox_path("").parent.glob("*.journal")
        return sorted(files, key=lambda path: path.stat().st_mtime_ns)
    except OSError:
        return []


def _plain(name: str) -> str:
    """Return a name as that of a file."""
    return "".join(c if c.isalnum() or c in "-_.@ " else "_" for c in name)


_PACKAGE: Final = Path(__file__).resolve().parents[1]


def folders(*parts: str) -> tuple[Path, ...]:
    """Return the folders of that name that exist, e.g. `folders("configs", "templates")`."""
    places = (_PACKAGE / "assets" / Path(*parts), _PACKAGE.parent / Path(*parts))
    return tuple(place for place in places if place.is_dir())


def bundled(*parts: str) -> Path:
    """Return a file that comes with edgepose. Raises UserError where it is missing."""
    for folder in folders(*parts[:-1]):
        if (folder / parts[-1]).is_file():
            return folder / parts[-1]
    raise UserError(f"{'/'.join(parts)} is missing from this installation: install edgepose again")
