"""The error tree: what went wrong decides who mends it and whether edgepose tries again.

`UserError` is a mistake in something the user wrote or named: exit code 2, never retried.
`DeviceError` is hardware, a file system or a network that failed: retried with back-off.
Everything else is a fault in the code: it is not caught, and systemd restarts the service.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from enum import Enum


class EdgeposeError(Exception):
    """Be the root of every error that edgepose raises on purpose."""

    exit_code = 1


class UserError(EdgeposeError, ValueError):
    """Tell the user what to change; the message says where, expected, found and the way out."""

    exit_code = 2


class ConfigError(UserError):
    """Report a configuration that can't be used."""


class TemplateError(UserError):
    """Report a template file that can't be used, or a pose that can't become a template."""


class ClassifierError(UserError):
    """Report examples of poses, or labels of a classifier, that can't be used."""


class ModelError(UserError):
    """Report a model file that is missing, damaged or not a pose model that edgepose knows."""


class DeviceError(EdgeposeError, OSError):
    """Report hardware, disk or network that failed and may come back."""


class SourceLost(DeviceError):
    """Report that no frame can be had any more: unplugged, frozen, refused, ended too early."""


class LostCause(Enum):
    """Why a runtime can't be used; the values travel as JSON between processes."""

    ABSENT = "absent"  # the chip's library is missing or can't be loaded
    NO_DEVICE = "no_device"  # the library finds no chip that it may use
    HUNG = "hung"
    CRASHED = "crashed"
    FAILED = "failed"  # an inference, or anything else


class RuntimeLost(DeviceError):
    """A chip that failed after it had worked, or that can't be opened. cause: why."""

    def __init__(self, message: str, cause: LostCause = LostCause.FAILED) -> None:
        super().__init__(message)
        self.cause = cause


class OutputLost(DeviceError):
    """Report that an output can't show or send at present.

    has_progressed: it has taken a part of what it was given, so it is worth trying again soon.
    """

    has_progressed = False


def near_miss(word: str, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest known word, or the list of known words.

    word: what was found. known: what would have been accepted; an empty one gives `""`.
    """
    choices = sorted(known)
    if not choices:
        return ""
    close = difflib.get_close_matches(str(word), choices, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    return "; known: " + ", ".join(choices)
