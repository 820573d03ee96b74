"""What one check has found: a status, a sentence, and the one thing to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold the result of one check.

    remedy: a command to type or an action to take; empty only where nothing is to be done.
    """

    name: str
    status: Status
    sentence: str
    remedy: str = ""


def ok(name: str, sentence: str) -> Finding:
    """Return that all is well."""
    return Finding(name, "ok", sentence)


def warn(name: str, sentence: str, remedy: str) -> Finding:
    """Return that edgepose runs, but less well than it could, or perhaps not for long."""
    return Finding(name, "warn", sentence, remedy)


def fail(name: str, sentence: str, remedy: str) -> Finding:
    """Return that something which is needed does not work."""
    return Finding(name, "fail", sentence, remedy)


def trouble(is_needed: bool | None, name: str, sentence: str, remedy: str) -> Finding:
    """Return a failure of what is needed, else a warning; None: nobody said whether it is."""
    return Finding(name, "fail" if is_needed else "warn", sentence, remedy)
