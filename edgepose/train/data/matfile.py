"""Read MATLAB's MAT-files of level 5 and 7: structures, cells, text and numbers.

The Level 5 MAT-File Format of MathWorks' "MAT-File Format" (2023). A structure array is a list of
dictionaries, a cell array a list, both in MATLAB's order; text is str, numbers are arrays. Sparse
matrices, functions and objects are None. Level 7.3 is HDF5, and refused.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import UserError, error_text
from edgepose.system import plain_file

MOST_BYTES: Final = 512 << 20  # of one variable, unpacked; MPII's own has 80 MB
_DEEPEST: Final = 64  # levels of nesting
_HEADER: Final = 128
_COMPRESSED, _MATRIX = 15, 14
_NUMBERS: Final = {
    1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8",
}  # fmt: skip
_TEXT: Final = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CELL, _STRUCT, _CHAR = 1, 2, 4
_NUMERIC: Final = range(6, 16)


def read_mat(path: Path) -> dict[str, Any]:
    """Return the variables of a file by name. Raises UserError for a file that is none."""
    try:
        data = plain_file.read(path)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error_text(error)})") from error
    if data.startswith(b"MATLAB 7.3") or b"\x89HDF" in data[:1024]:
        raise UserError(f"{path}: saved as level 7.3; save it in MATLAB with `save -v7`")
    if len(data) < _HEADER or data[126:128] not in (b"IM", b"MI"):
        raise UserError(f"{path}: expected a MAT-file of level 5 or 7, found another kind of file")
    order = "<" if data[126:128] == b"IM" else ">"
    try:
        return dict(_variables(memoryview(data)[_HEADER:], order))
    except (struct.error, ArithmeticError, LookupError, ValueError, zlib.error) as error:
        raise UserError(f"{path}: a damaged MAT-file ({error_text(error)})") from error


def _variables(
    data: memoryview, order: str, is_unpacked: bool = False
) -> Iterator[tuple[str, Any]]:
    for kind, body in _elements(data, order):
        if kind == _COMPRESSED and is_unpacked:
            raise ValueError("compressed more than once")
        if kind == _COMPRESSED:
            yield from _variables(_unpacked(body), order, is_unpacked=True)
        elif kind == _MATRIX:
            yield _Matrix(body, order).variable()


def _unpacked(body: memoryview) -> memoryview:
    packed = zlib.decompressobj()
    data = packed.decompress(body, MOST_BYTES)
    if packed.unconsumed_tail:
        raise ValueError("a variable is larger than any that is read")
    return memoryview(data)


def _elements(data: memoryview, order: str) -> Iterator[tuple[int, memoryview]]:
    """Yield (type, content) of the elements one after another."""
    at = 0
    while at + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, at)
        if kind >> 16:  # up to four bytes of content inside the tag
            kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
            following = at + 8
        else:
            start = at + 8
            following = start + size + (0 if kind == _COMPRESSED else -size % 8)
        if start + size > len(data):
            raise ValueError("cut short")
        yield kind, data[start : start + size]
        at = following


class _Matrix:
    """One matrix element: its class, its extents and what follows."""

    def __init__(self, body: memoryview, order: str, depth: int = 0) -> None:
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
        self._order, self._depth = order, depth
        self._parts = _elements(body, order)
        self._is_empty = not len(body)
        if self._is_empty:
            return
        self._class = int(self._numbers()[0]) & 0xFF
        self._extents = [int(extent) for extent in self._numbers()]
        self._name = bytes(self._next()[1]).decode("latin-1")

    def variable(self) -> tuple[str, Any]:
        """Return name and value."""
        return ("", []) if self._is_empty else (self._name, self.value())

    def value(self) -> Any:
        """Return the value as plain Python, numbers as an array."""
        if self._is_empty:
            return np.empty((0, 0))
        count = math.prod(self._extents)
        if self._class == _CELL:
            return [self._inner() for _ in range(count)]
        if self._class == _STRUCT:
            names = self._field_names()
            count = count if names else 0
            return [{name: self._inner() for name in names} for _ in range(count)]
        if self._class == _CHAR:
            return self._text()
        if self._class in _NUMERIC:
            return self._numbers().reshape(self._extents, order="F")
        return None

    def _next(self) -> tuple[int, memoryview]:
        try:
            return next(self._parts)
        except StopIteration:
            raise ValueError("cut short") from None

    def _numbers(self) -> Any:
        kind, body = self._next()
        return np.frombuffer(body, np.dtype(f"{self._order}{_NUMBERS[kind]}"))

    def _text(self) -> str:
        kind, body = self._next()
        encoding = _TEXT[kind]
        ending = {"<": "-le", ">": "-be"}[self._order] if encoding[-2:] in ("16", "32") else ""
        return bytes(body).decode(encoding + ending)

    def _field_names(self) -> list[str]:
        width = int(self._numbers()[0])
        body = bytes(self._next()[1])
        if width <= 0:
            raise ValueError("field names without a length")
        cut = (body[start : start + width] for start in range(0, len(body), width))
        return [name.split(b"\0", maxsplit=1)[0].decode("latin-1") for name in cut]

    def _inner(self) -> Any:
        kind, body = self._next()
        if kind != _MATRIX:
            raise ValueError(f"expected a matrix, found an element of type {kind}")
        return _Matrix(body, self._order, self._depth + 1).value()
