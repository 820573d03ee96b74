"""Progress bars on stderr, with rate and time left; nothing where stderr is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Final, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Column
from rich.text import Text

T = TypeVar("T")

Advance = Callable[[], None]

_ROOMY: Final = 60  # columns of a terminal in which the unit has room
_LONGEST: Final = 24  # characters of a description; a file's name may be any


class Rate(ProgressColumn):
    """How many are done, of how many, and how many a second."""

    def __init__(self, unit: str) -> None:
        super().__init__(Column(no_wrap=True))
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return `120/697 frames, 23.4/s`."""
        total = "" if task.total is None else f"/{task.total:.0f}"
        speed = task.finished_speed or task.speed
        rate = "" if speed is None else f", {speed:.3g}/s"
        return Text(f"{task.completed:.0f}{total} {self._unit}".rstrip() + rate)


def counting(unit: str = "", *more: ProgressColumn) -> Progress:
    """Return a bar of things that are counted; more: columns at the end."""
    is_narrow = Console(stderr=True).width < _ROOMY
    return _progress(Rate("" if is_narrow else unit), TimeRemainingColumn(compact=True), *more)


def downloading() -> Progress:
    """Return a bar of bytes."""
    return _progress(DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn(compact=True))


def _progress(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    what = TextColumn("{task.description}", table_column=Column(no_wrap=True))
    return Progress(
        what, BarColumn(bar_width=None), *columns,
        console=console, transient=True, disable=not console.is_terminal, expand=True,
    )  # fmt: skip


@contextmanager
def bar(what: str, total: float | None = None, unit: str = "") -> Iterator[Advance]:
    """Show a bar while the block runs; yield what counts one step.

    total: None where it is not known: the bar moves to and fro. unit: what is counted.
    """
    name = what if len(what) <= _LONGEST else f"{what[: _LONGEST - 3]}..."
    with counting(unit) as shown:
        task = shown.add_task(name, total=total)
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
