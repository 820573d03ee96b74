"""A FlatBuffer reader for untrusted files: every offset is checked, work is bounded.

Generated bindings trust the file: a damaged one gives struct errors, loops over billions of
entries or nonsense values; and they need ai-edge-litert. The part needed here is small:
https://flatbuffers.dev/internals describes the format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MAX_TABLES: Final = 100_000  # pose models have a few hundred; forged offsets could give billions
MAX_COPIED: Final = 8 << 20
"""Bytes of names, lists of integers and metadata; real files have some 100,000. Several tables may
share one list: 1 MB of them took gigabytes."""

_MAX_TEXT: Final = 65_536


class DamagedFile(ValueError):
    """The bytes are not a FlatBuffer of the expected kind; the message names the byte."""


@dataclass(slots=True)
class FlatBuffer:
    """The bytes of one file, with limits on the tables that are read and the bytes copied."""

    data: bytes
    tables_left: int = field(default=MAX_TABLES)
    copies_left: int = field(default=MAX_COPIED)

    def unpack(self, code: str, at: int) -> Any:
        """Return the one little-endian value of struct `code` at byte `at`."""
        if at < 0 or at + struct.calcsize(code) > len(self.data):
            raise DamagedFile(f"an offset points to byte {at} of {len(self.data)}")
        return struct.unpack_from("<" + code, self.data, at)[0]

    def follow(self, at: int) -> int:
        """Return the target of the forward offset stored at byte `at`."""
        return at + int(self.unpack("I", at))

    def vector(self, at: int, item_bytes: int) -> tuple[int, int]:
        """Return (first byte, number of items) of the vector whose length is at byte `at`."""
        count = int(self.unpack("I", at))
        if at + 4 + count * item_bytes > len(self.data):
            raise DamagedFile(f"a list of {count} items at byte {at} runs past the end")
        return at + 4, count

    def copy(self, first: int, size: int) -> bytes:
        """Return bytes that lie within the file."""
        self.copies_left -= size
        if self.copies_left < 0:
            raise DamagedFile(f"names and lists of more than {MAX_COPIED >> 20} MB")
        return self.data[first : first + size]

    def table(self, at: int) -> Table:
        """Return the table at byte `at`, with its list of fields checked."""
        self.tables_left -= 1
        if self.tables_left < 0:
            raise DamagedFile(f"more than {MAX_TABLES} tables")
        vtable = at - int(self.unpack("i", at))
        size = int(self.unpack("H", vtable))
        if size < 4 or vtable + size > len(self.data):
            raise DamagedFile(f"the table at byte {at} has no list of fields")
        return Table(self, at, vtable, (size - 4) // 2)


@dataclass(frozen=True, slots=True)
class Table:
    """A table: fields by slot number of the schema; an absent field has its default."""

    buffer: FlatBuffer
    at: int
    vtable: int
    slots: int

    def position(self, slot: int) -> int:
        """Return the byte where a field is stored, 0 when it is absent."""
        if slot >= self.slots:
            return 0
        offset = int(self.buffer.unpack("H", self.vtable + 4 + 2 * slot))
        return self.at + offset if offset else 0

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """Return an integer field; code: its struct letter."""
        at = self.position(slot)
        return int(self.buffer.unpack(code, at)) if at else default

    def table(self, slot: int) -> Table | None:
        """Return a nested table, None when absent."""
        at = self.position(slot)
        return self.buffer.table(self.buffer.follow(at)) if at else None

    def vector(self, slot: int, item_bytes: int) -> tuple[int, int]:
        """Return (first byte, number of items) of a list field, (0, 0) when absent."""
        at = self.position(slot)
        return self.buffer.vector(self.buffer.follow(at), item_bytes) if at else (0, 0)

    def tables(self, slot: int) -> Iterator[Table]:
        """Yield the tables of a list field."""
        first, count = self.vector(slot, 4)
        for at in range(first, first + 4 * count, 4):
            yield self.buffer.table(self.buffer.follow(at))

    def numbers(self, slot: int, dtype: str) -> NDArray[Any]:
        """Return a list of numbers as a read-only array over the file; dtype: as numpy's."""
        kind = np.dtype(dtype).newbyteorder("<")
        first, count = self.vector(slot, kind.itemsize)
        return np.frombuffer(self.buffer.data, kind, count, first) if count else np.empty(0, kind)

    def integers(self, slot: int) -> tuple[int, ...]:
        """Return a list of int32."""
        first, count = self.vector(slot, 4)
        return struct.unpack(f"<{count}i", self.buffer.copy(first, 4 * count))

    def text(self, slot: int) -> str:
        """Return a text field, `""` when absent; bytes that are not UTF-8 become U+FFFD."""
        first, count = self.vector(slot, 1)
        if count > _MAX_TEXT:
            raise DamagedFile(f"a name of {count} bytes")
        return self.buffer.copy(first, count).decode("utf-8", "replace")


def root(data: bytes, identifier: bytes) -> Table:
    """Return the root table of a file; raises DamagedFile unless `identifier` stands at byte 4."""
    if data[4:8] != identifier:
        raise DamagedFile(f"no '{identifier.decode()}' at byte 4")
    buffer = FlatBuffer(data)
    return buffer.table(buffer.follow(0))
