"""The error tree: the class of an error decides who corrects it and whether edgepose tries again.

`UserError` is a mistake in something the user wrote or named: exit code 2, never retried.
`DeviceError` is hardware, a file system or a network that failed: retried with back-off.
Everything else is a fault in the code: it is not caught, and systemd restarts the service.
"""

from __future__ import annotations

import difflib
import os
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final, Literal

MOST_PROBLEMS: Final = 50  # of a file, which is not checked any further then
SHOWN: Final = 10  # problems of a file that a remote asker reads
LONGEST: Final = 400  # characters of each

KeyPath = tuple[str | int, ...]
"""The keys and list indices that lead to a value in a file."""

ProblemKind = Literal[
    "missing_file",
    "unknown_definition",
    "unset_variable",
    "unknown_key",
    "missing_key",
    "duplicate_key",
    "syntax",
    "value",
    "other_file",
    "unchecked",
]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file.

    text: the sentence for people, which begins with the file and the line. path: where it is, ()
    for the file itself. line: from 1, None where there is none. kind: what code may tell apart;
    "unknown_definition": an exercise or a routine that is not there; "other_file": the text may
    quote another file that this one names; "unchecked": there are so many problems that the file
    was not checked to its end. public_text: without what is quoted, `""` where it is the text.
    """

    text: str
    path: KeyPath = ()
    line: int | None = None
    kind: ProblemKind = "value"

    public_text: str = ""

    @property
    def public(self) -> Problem:
        """The same without what another file holds, for those who may not read files here."""
        return replace(self, text=self.public_text) if self.public_text else self


class InvalidValue(ValueError):
    """The error of a check of one value, for a problem of a certain kind."""

    def __init__(self, message: str, kind: ProblemKind) -> None:
        super().__init__(message)
        self.kind = kind


class EdgeposeError(Exception):
    """The root of every error that edgepose raises on purpose."""

    exit_code = 1

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong, a sentence each; a line break in one is that of a file's name."""
        return (str(self),)

    @property
    def public(self) -> EdgeposeError:
        """The same without what other files hold, for those who may not read files here."""
        return self


class UserError(EdgeposeError, ValueError):
    """A mistake of the user; the message says where, expected, found and the way out."""

    exit_code = 2


class DocumentError(UserError):
    """A file that can't be used; `problems` holds every reason, in the order of its lines."""

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(problem.text for problem in self.problems))

    @property
    def reasons(self) -> tuple[str, ...]:
        """What is wrong with the file, one problem each."""
        return tuple(problem.text for problem in self.problems)

    @property
    def public(self) -> DocumentError:
        """The same without what other files hold, and no longer than a remote asker reads."""
        return type(self)(*public_problems(self.problems))


def public_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the first problems for somebody who may not read files here, and how many follow.

    A file with a thousand mistakes would make a message that no broker takes.
    """
    shown = tuple(problem.public for problem in problems[:SHOWN])
    short = tuple(replace(problem, text=_cut(problem.text)) for problem in shown)
    left = len(problems) - SHOWN
    if left <= 0:
        return short
    more = f"... and {left} more"
    if problems[-1].kind == "unchecked":
        more = f"... and {left - 1} more, and the rest is not checked"
    return (*short, Problem(more))


def unchecked(name: str) -> Problem:
    """Return the last problem of a file that has MOST_PROBLEMS others."""
    return Problem(
        f"{name}: {MOST_PROBLEMS} mistakes so far; the rest is not checked", kind="unchecked"
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


class ConfigError(DocumentError):
    """A configuration that can't be used."""


class TemplateError(DocumentError):
    """A template file that can't be used, or a pose that can't become a template."""


class ClassifierError(DocumentError):
    """Examples of poses, a classifier or its labels that can't be used."""


class ExerciseError(DocumentError):
    """An exercise file that can't be used, or a clip that no exercise can be learned from."""


class RoutineError(DocumentError):
    """A routine file that can't be used."""


class ModelError(UserError):
    """A model file that is missing, damaged or not a pose model that edgepose knows."""


class DeviceError(EdgeposeError, OSError):
    """Hardware, disk or network that failed and may come back."""


class SourceLost(DeviceError):
    """A source without frames: unplugged, frozen, refused, ended too early."""


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
    """An output that can't show or send at present.

    has_progressed: a part was delivered, so it is worth trying again soon.
    """

    has_progressed = False


def error_text(error: object) -> str:
    """Return an error's text without number and file name, else the name of its type."""
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def fault_text(error: BaseException) -> str:
    """Describe an error that nobody foresaw: `a fault in edgepose (ValueError, x.py line 7)`.

    Its own text is left out: it may quote a password or a file.
    """
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if f"{os.sep}edgepose{os.sep}" in frame.filename]
    place = [f"{Path(frame.filename).name} line {frame.lineno}" for frame in ours[-1:]]
    return f"a fault in edgepose ({', '.join([type(error).__name__, *place])})"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 event`, `2 events`, `3 watches`."""
    ending = "" if number == 1 else ("es" if noun.endswith(("ch", "s")) else "s")
    return f"{number} {noun}{ending}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest known word, `""` where none is close."""
    close = difflib.get_close_matches(str(word), sorted(known), n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def near_miss(word: object, known: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the closest known word, or the list of known words.

    word: the one that was found. known: those that are accepted; an empty one gives `""`.
    """
    choices = sorted(known)
    listed = "; known: " + ", ".join(choices) if choices else ""
    return did_you_mean(word, choices) or listed
