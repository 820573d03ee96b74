"""The page of exit codes, from the error tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import md

from edgepose.errors import EdgeposeError

_CODES: Final = (
    ("0", "Done. `run`: the source ended, or an orderly stop."),
    ("1", "A device, disk or network failed, or the answer is no (below)."),
    ("2", "A mistake in a file, on the command line or in a name: put right what it says."),
)
_ANSWERS: Final = (
    ("`status`", "nothing runs, or a service waits for its configuration or is silent"),
    ("`doctor`", "a check fails; warnings alone give 0"),
    ("`models verify`", "a file is damaged, or a named one is missing"),
    ("`models recommend`", "no model can be run"),
    ("`fleet`", "a device refused, did not answer, or was away"),
    ("`run`", "events were lost (not as a service)"),
    ("`check-config`", "2 where a file can't be used; every mistake is printed first"),
)


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`."""
    rows = [(f"`{'· ' * depth}{kind.__name__}`", str(kind.exit_code), _what(kind))
            for depth, kind in _tree(EdgeposeError)]  # fmt: skip
    text = md.page(
        "Exit codes",
        md.table(("code", "meaning"), _CODES),
        "Commands that answer a question say no with 1:",
        md.table(("command", "exit code 1 when"), _ANSWERS),
        "## Errors, by their class",
        "In a program that imports edgepose each of these is an exception of `edgepose.errors`.",
        md.table(("error", "code", "what it is"), rows),
        "Anything else is a fault in the code: it is printed as a traceback, and systemd restarts "
        "the service.",
    )
    return {"reference/exit-codes.md": text}


def _tree(kind: type[EdgeposeError], depth: int = 0) -> Iterator[tuple[int, type[EdgeposeError]]]:
    yield depth, kind
    for below in kind.__subclasses__():
        if below.__module__ == EdgeposeError.__module__:
            yield from _tree(below, depth + 1)


def _what(kind: type[EdgeposeError]) -> str:
    return md.first_sentence(kind.__doc__)
