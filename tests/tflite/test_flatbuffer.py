"""The FlatBuffers reader never reads outside the file and never works for ever."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.tflite.flatbuffer import MAX_TABLES, DamagedFile, FlatBuffer, root


def one_table(fields: bytes = b"", slots: tuple[int, ...] = ()) -> bytes:
    """Return a file with one table whose fields stand behind its vtable offset."""
    vtable = struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), 4 + len(fields), *slots)
    table_at = 8 + len(vtable)
    return struct.pack("<I4s", table_at, b"TEST") + vtable + struct.pack("<i", len(vtable)) + fields


def test_a_stored_number_is_read() -> None:
    """A field that the table stores is returned."""
    table = root(one_table(struct.pack("<i", -7), (4,)), b"TEST")
    assert table.number(0, "i") == -7


def test_an_absent_field_has_its_default() -> None:
    """Slots beyond the vtable and slots with offset 0 both mean: default."""
    table = root(one_table(struct.pack("<i", 5), (0, 4)), b"TEST")
    assert table.number(0, "i", default=9) == 9
    assert table.number(1, "i", default=9) == 5
    assert table.number(2, "i", default=9) == 9
    assert table.text(7) == ""
    assert table.table(7) is None
    assert table.numbers(7, "f4").size == 0


def test_a_wrong_identifier_is_refused() -> None:
    """A file of another schema is no file for us."""
    with pytest.raises(DamagedFile, match="no 'TFL3' at byte 4"):
        root(one_table(), b"TFL3")


@pytest.mark.parametrize("offset", [-5, 1 << 20])
def test_an_offset_out_of_the_file_is_refused(offset: int) -> None:
    """Reading before or behind the file raises, and says where."""
    with pytest.raises(DamagedFile, match=f"byte {offset} of 16"):
        FlatBuffer(bytes(16)).unpack("I", offset)


def test_a_list_longer_than_the_file_is_refused() -> None:
    """A count of four billion is found out before anything is allocated."""
    data = struct.pack("<I", 0xFFFFFFFF) + bytes(12)
    with pytest.raises(DamagedFile, match="4294967295 items"):
        FlatBuffer(data).vector(0, 4)


def test_reading_stops_at_the_limit_of_tables() -> None:
    """A list whose entries all lead to one table does not cost for ever."""
    buffer = FlatBuffer(one_table(), tables_left=3)
    for _ in range(3):
        assert buffer.table(buffer.follow(0)).slots == 0
    with pytest.raises(DamagedFile, match=f"more than {MAX_TABLES} tables"):
        buffer.table(buffer.follow(0))


def test_reading_stops_at_the_limit_of_copies() -> None:
    """A list that a hundred thousand tables share does not take gigabytes."""
    fields = struct.pack("<II2i", 4, 2, -7, 7)
    table = root(one_table(fields, (4,)), b"TEST")
    table.buffer.copies_left = 20
    assert table.integers(0) == table.integers(0) == (-7, 7)
    with pytest.raises(DamagedFile, match="names and lists of more than 8 MB"):
        table.integers(0)


def test_text_that_is_no_utf8_is_still_text() -> None:
    """A damaged name is shown with marks in it instead of ending the program."""
    fields = struct.pack("<II3s", 4, 3, b"a\xffb")
    assert root(one_table(fields, (4,)), b"TEST").text(0) == "a\ufffdb"


@given(st.binary(min_size=8, max_size=200), st.integers(0, 8))
def test_random_bytes_raise_only_damaged(noise: bytes, slot: int) -> None:
    """Whatever the bytes, the reader gives a value or Damaged."""
    try:
        table = root(noise[:4] + b"TEST" + noise[8:], b"TEST")
        table.text(slot)
        table.numbers(slot, "i8")
        list(table.tables(slot))
    except DamagedFile:
        pass
