"""Progress bars on stderr, with rate and time left; nothing where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

Advance = Callable[[], None]


@contextmanager
def bar(what: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
    """Show a bar while the block runs; yield what counts one step.

    total: None where it is not known: the bar pulses. unit: of the rate, such as "frames".
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with _progress(unit) as shown:
        task = shown.add_task(what, total=total)
        yield lambda: shown.advance(task)


def tracked(
    things: Iterable[T], what: str, total: float | None = None, unit: str = ""
) -> Iterator[T]:
    """Yield the things behind a bar; a list knows its total."""
    if total is None and isinstance(things, Sized):
        total = len(things)
    with bar(what, total, unit) as advance:
        for thing in things:
            yield thing
            advance()


def _progress(unit: str) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps a second."""

        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} {unit}/s".replace(" /", "/"))

    columns = (
        TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(), Rate(),
        TimeRemainingColumn(compact=True),
    )  # fmt: skip
    return Progress(*columns, console=Console(stderr=True), transient=True, expand=False)
