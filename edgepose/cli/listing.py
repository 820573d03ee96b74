"""How lists look at a terminal: no frame, no name cut, and what a narrow one has room for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgepose.system.paths import folders
from edgepose.yamldoc.marks import one_line

ROOMY: Final = 60  # columns of a terminal in which a whole list has room

Row = Sequence[str | Text]


def print_listing(
    columns: Sequence[str],
    rows: Iterable[Row],
    narrow: Sequence[str] = (),
    right: Sequence[str] = (),
) -> None:
    """Print rows below the names of their columns; the first column is never folded.

    narrow: the columns that a narrow terminal has room for, all by default. right: those of
    numbers.
    """
    console = Console(highlight=False)
    kept = narrow if narrow and console.width < ROOMY else columns
    shown = [number for number, column in enumerate(columns) if column in kept]
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for number in shown:
        justify = "right" if columns[number] in right else "left"
        table.add_column(columns[number], no_wrap=number == 0, justify=justify)  # type: ignore[arg-type]
    for row in rows:
        cells = (row[number] for number in shown)
        table.add_row(*(Text(one_line(cell)) if isinstance(cell, str) else cell for cell in cells))
    console.print(table)


def origin(path: Path) -> str:
    """Return `edgepose` for a file that it brings, else the path from here."""
    if any(path.is_relative_to(folder) for folder in folders("configs")):
        return "edgepose"
    return os.path.relpath(path)
