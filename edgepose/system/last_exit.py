"""How the last process ended, and how often one configuration crashed in a row.

The unit's ExecStopPost writes what systemd knows; RuntimeDirectoryPreserve=restart keeps it over
a restart, on a tmpfs. Where no systemd is, or where it ended ExecStopPost along with the process
(systemd 257 after `systemctl kill -s KILL`), a status file whose process is gone tells of a kill.

Native code of a runtime can end the process without a word, so the count is on disk before it is
tried. The folder is a tmpfs that outlives a restart of the service and not one of the machine.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgepose.system import status_file

NAME: Final = "last-exit"  # "UNIX_TIME SERVICE_RESULT EXIT_CODE EXIT_STATUS"

_WORDS: Final = {
    "success": "it ended in order",
    "watchdog": "the watchdog killed it, since a part hung",
    "oom-kill": "the system killed it for want of memory",
    "core-dump": "it crashed",
    "signal": "it was killed",
    "exit-code": "it failed",
    "timeout": "it did not start or stop in time",
    "protocol": "it ended before it was ready",
}
_CRASHES: Final = ("SEGV", "ABRT", "BUS", "ILL", "FPE", "SYS", "TRAP")  # whoever keeps a core dump


def read(folder: Path | None) -> dict[str, Any] | None:
    """Return time (unix, None: not known), result and reason of the last end; None: no trace."""
    if folder is None:
        return None
    told = _told(folder / NAME)
    left = _left(folder)
    if told is None or (left is not None and _is_outlived(folder)):
        reason = _with_hung("it was killed, or crashed", left or {})
        return None if left is None else {"time": None, "result": "killed", "reason": reason}
    return {**told, "reason": _with_hung(told["reason"], left or {})}


def _told(path: Path) -> dict[str, Any] | None:
    """Return what systemd said; None where it said nothing, or something else."""
    try:
        at, result, code, status = path.read_text().split()
        time = float(at)
    except (OSError, ValueError):
        return None
    detail = f" ({code} {status})" if result != "success" else ""
    known_as = "core-dump" if result == "signal" and status in _CRASHES else result
    return {"time": time, "result": result, "reason": _WORDS.get(known_as, result) + detail}


def _is_outlived(folder: Path) -> bool:
    """Tell whether a process reported after the note was made, so that the note is not of it."""
    try:
        reported = (folder / status_file.NAME).stat().st_mtime_ns
        return reported > (folder / NAME).stat().st_mtime_ns
    except OSError:
        return False


def _left(folder: Path) -> Mapping[str, Any] | None:
    """Return the health document of a process that did not take it away, so it was killed."""
    report = status_file.read(folder)
    if report is None or (report.is_alive and report.pid != os.getpid()):
        return None
    return report.health


def _with_hung(reason: str, health: Mapping[str, Any]) -> str:
    hung = health.get("hung") or {}
    return reason + "".join(f"; {name}: {words}" for name, words in hung.items())


log = logging.getLogger(__name__)

CRASH_LOOP_NAME: Final = "vain-starts"  # "DIGEST NUMBER"
IN_ORDER: Final = "success"


class CrashLoop:
    """Count starts by the digest of what is started. folder: None where there is none."""

    def __init__(self, folder: Path | None) -> None:
        """Look how the process before this one ended."""
        self._file = folder / CRASH_LOOP_NAME if folder else None
        end = read(folder)
        self._crashed = end is not None and end["result"] != IN_ORDER
        self._digest, self._before = "", 0

    def count(self, digest: str) -> int:
        """Note a start, once in a process; return how many before it ended in a crash."""
        if digest != self._digest:
            told, number = self._read()
            self._before = number if self._crashed and told == digest else 0
            self._digest = digest
            self._write(f"{digest} {self._before + 1}")
        return self._before

    def _read(self) -> tuple[str, int]:
        try:
            digest, number = self._file.read_text().split() if self._file else ("", "0")
            return digest, int(number)
        except (OSError, ValueError):
            return "", 0

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(text)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._file, error.strerror or error)
