"""How the last process ended.

The unit's ExecStopPost writes what systemd knows; RuntimeDirectoryPreserve=restart keeps it over
a restart, on a tmpfs. Without systemd, or where it killed ExecStopPost along with the process
(systemd 257 after `systemctl kill -s KILL`), a status file whose process is gone shows a kill.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgepose.system import state_file, status_file

NAME: Final = "last-exit"  # "UNIX_TIME SERVICE_RESULT EXIT_CODE EXIT_STATUS"

IN_ORDER: Final = "success"
_WORDS: Final = {
    IN_ORDER: "it ended in order",
    "watchdog": "the watchdog killed it, since a component hung",
    "oom-kill": "the system killed it, since memory ran out",
    "core-dump": "it crashed",
    "signal": "it was killed",
    "exit-code": "it failed",
    "timeout": "it did not start or stop in time",
    "protocol": "it ended before it was ready",
}
_CRASHES: Final = (
    "SEGV",
    "ABRT",
    "BUS",
    "ILL",
    "FPE",
    "SYS",
    "TRAP",
)  # with a core dump or without


def read(folder: Path | None) -> dict[str, Any] | None:
    """Return time (unix, None: not known), result and reason of the last end; None: no trace."""
    if folder is None:
        return None
    reported = _reported(folder / NAME)
    left = _left_behind(folder)
    if reported is None or (left is not None and _is_outlived(folder)):
        reason = _with_hung("it was killed, or crashed", left or {})
        return None if left is None else {"time": None, "result": "killed", "reason": reason}
    reason = _with_hung(reported["reason"], left or {})
    return {"time": reported["time"], "result": reported["result"], "reason": reason}


def has_crashed(folder: Path | None) -> bool:
    """Return whether the last process is known to have ended otherwise than in order."""
    end = read(folder)
    return end is not None and end["result"] != IN_ORDER


def has_failed(folder: Path | None) -> bool:
    """Return whether the last process is known to have ended by a fault of its own.

    By what systemd reports: a crash, an error, a hang, no memory. Not by SIGKILL or a power cut,
    which come from outside.
    """
    reported = None if folder is None or _is_outlived(folder) else _reported(folder / NAME)
    if reported is None or reported["result"] == IN_ORDER:
        return False
    return reported["result"] != "signal" or reported["status"] in _CRASHES


def _reported(path: Path) -> dict[str, Any] | None:
    """Return what systemd wrote; None where it wrote nothing, or something else."""
    try:
        at, result, code, status = state_file.read_text(path).split()
        time = float(at)
    except (OSError, ValueError):
        return None
    detail = f" ({code} {status})" if result != "success" else ""
    known_as = "core-dump" if result == "signal" and status in _CRASHES else result
    reason = _WORDS.get(known_as, result) + detail
    return {"time": time, "result": result, "status": status, "reason": reason}


def _is_outlived(folder: Path) -> bool:
    """Return whether a process reported after systemd's note, which is of an earlier one then."""
    try:
        reported = (folder / status_file.NAME).stat().st_mtime_ns
        return reported > (folder / NAME).stat().st_mtime_ns
    except OSError:
        return False


def _left_behind(folder: Path) -> Mapping[str, Any] | None:
    """Return the health document that a killed process left behind."""
    report = status_file.read(folder)
    if report is None or (report.is_alive and report.pid != os.getpid()):
        return None
    return report.health


def _with_hung(reason: str, health: Mapping[str, Any]) -> str:
    hung = health.get("hung") or {}
    return reason + "".join(f"; {name}: {words}" for name, words in hung.items())
