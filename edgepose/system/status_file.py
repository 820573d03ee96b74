"""The status file that a running process writes for `edgepose status`.

It lives on a tmpfs, so that a device that runs for years does not wear its card out.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgepose.system import atomic, state_file
from edgepose.system.paths import service_folder

NAME: Final = "status.json"
STALE: Final = 20.0  # seconds without a new one, four times what is usual: the writer hangs
SESSIONS: Final = Path("/run/user")  # of logged-in users
TEMPORARY: Final = Path("/tmp")  # for users without a session: a cron job, a container
MOST_PROCESSES: Final = 1 << 22  # Linux gives no higher number
SERVICES: Final = Path("/run/edgepose")  # RuntimeDirectory= of the units, for everybody to read


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A process's last report. instance: of the template unit, `""` for the only one."""

    instance: str
    pid: int
    age: float
    health: Mapping[str, Any]

    @property
    def is_alive(self) -> bool:
        """Return whether the process exists."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's, so it exists
        return True

    @property
    def is_running(self) -> bool:
        """Return whether the process exists and reports."""
        return self.is_alive and self.age <= STALE


def own_folder() -> Path | None:
    """Return this process's folder on a tmpfs: systemd's for a service, else the user's.

    None where there is none that is this user's own.
    """
    if service := service_folder():
        return service
    session = os.environ.get("XDG_RUNTIME_DIR", "")
    for folder in ([Path(session)] if session else []) + [SESSIONS / str(os.geteuid())]:
        if folder.is_dir():
            return folder / "edgepose"
    return _private(TEMPORARY / f"edgepose-{os.geteuid()}")


def _private(folder: Path) -> Path | None:
    """Return a folder where everybody may write, made for this user alone; None if it is not."""
    with contextlib.suppress(OSError):
        folder.mkdir(0o700)
    return folder if _belongs_to(folder, os.geteuid()) else None


def _belongs_to(folder: Path, user: int) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == user


def write(folder: Path, health: Mapping[str, Any]) -> None:
    """Replace the report whole: who reads never sees half of one. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    # The clock of the beat is the machine's since boot, which no correction of the time moves.
    report = {"pid": os.getpid(), "beat": time.monotonic(), "health": health}
    atomic.write_text(folder / NAME, json.dumps(report), 0o644)


def remove(folder: Path) -> None:
    """Remove the report at an orderly end, if it is this process's own."""
    report = read(folder)
    if report is not None and report.pid == os.getpid():
        (folder / NAME).unlink(missing_ok=True)


def reports(services: Path = SERVICES) -> tuple[StatusReport, ...]:
    """Return the reports of this machine's services, and of what was started by hand."""
    own = own_folder()
    folders = [services, *sorted(services.glob("*/")), *([own] if own else []), *_by_hand()]
    found = (read(folder, services) for folder in dict.fromkeys(folders))
    return tuple(report for report in found if report is not None)


def _by_hand() -> Iterator[Path]:
    """Yield the folders of other users' runs, as far as this one may look into them."""
    yield from sorted(SESSIONS.glob("*/edgepose"))
    for folder in sorted(TEMPORARY.glob("edgepose-*")):
        user = folder.name.partition("-")[2]
        if user.isdecimal() and _belongs_to(folder, int(user)):
            yield folder


def read(folder: Path, services: Path = SERVICES) -> StatusReport | None:
    """Return the last report of the process of one folder, None where nothing readable is."""
    path = folder / NAME
    try:
        data = _plain(state_file.read_object(path))
        age = max(0.0, time.monotonic() - float(data["beat"]))
        instance = path.parent.name if path.parent.parent == services else ""
        return StatusReport(instance, _process(data["pid"]), age, dict(data["health"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None


def _process(number: Any) -> int:
    """Return the number of a process. Raises ValueError for what can't be one."""
    if not 0 < int(number) <= MOST_PROCESSES:
        raise ValueError(f"{number} is no process")
    return int(number)


def _plain(value: Any) -> Any:
    """Return a value without characters that a terminal would obey."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() or c == "\n" else "?" for c in value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def documents(found: tuple[StatusReport, ...]) -> Iterator[dict[str, Any]]:
    """Yield the health documents as programs get them: with the process, and the age."""
    for report in found:
        about = {"instance": report.instance, "pid": report.pid, "age": round(report.age, 1)}
        yield {"running": report.is_running, **about, **report.health}
