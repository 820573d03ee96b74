"""What stands where edgepose kept something: whatever it is, reading it ends with one error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.system import state_file


def three_gigabytes(path: Path) -> None:
    """Write a file of holes that says it is that long."""
    path.touch()
    os.truncate(path, 3 << 30)


SPOILT: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "a folder": lambda path: path.mkdir(),
    "a link to itself": lambda path: path.symlink_to(path),
    "more than fits": three_gigabytes,
    "deep nesting": lambda path: path.write_text("[" * 200_000),
    "a list": lambda path: path.write_text("[1]"),
    "half a character": lambda path: path.write_bytes(b'{"a": "\xc3"}'),
    "infinity": lambda path: path.write_text('{"a": Infinity}'),
    "nothing": lambda path: path.touch(),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_spoilt_file_is_an_oserror_or_a_valueerror(tmp_path: Path, spoil):
    """No RecursionError, no hang, no memory without a bound."""
    path = tmp_path / "history.json"
    spoil(path)
    with pytest.raises((OSError, ValueError)):
        state_file.read_object(path)


def test_an_object_is_read_as_it_was_written(tmp_path: Path):
    """UTF-8, whatever the locale says."""
    path = tmp_path / "history.json"
    path.write_bytes('{"name": "Küche"}'.encode())
    assert state_file.read_object(path) == {"name": "Küche"}
