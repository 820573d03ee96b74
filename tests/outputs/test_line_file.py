"""Whole lines or none: power cuts, full disks, rotation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from full_disk import needs_root, small_disk

from edgepose.errors import OutputLost
from edgepose.outputs.line_file import LineFile

LINE = b'{"id":0}\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where to write."""
    return tmp_path / "log.jsonl"


def append(path: Path, *lines: bytes) -> None:
    """Open, append and close."""
    file = LineFile(path)
    file.open()
    file.append(lines)
    file.close()


def test_lines_are_appended_to_what_is_there(path: Path):
    """A restart goes on in the same file."""
    append(path, b'{"id":1}\n')
    append(path, b'{"id":2}\n', b'{"id":3}\n')

    assert path.read_bytes() == b'{"id":1}\n{"id":2}\n{"id":3}\n'


def test_a_line_is_on_its_way_as_soon_as_it_is_appended(path: Path):
    """Nothing waits in a buffer of the process."""
    file = LineFile(path)
    file.open()
    file.append([b'{"id":0}\n'])

    assert path.read_bytes() == b'{"id":0}\n'
    file.close()


def test_missing_folders_are_made(tmp_path: Path):
    """An installer need not create the folder first."""
    append(tmp_path / "a" / "b" / "log.jsonl", b'{"id":0}\n')

    assert (tmp_path / "a" / "b" / "log.jsonl").read_bytes() == b'{"id":0}\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"id":1}\n{"id":', b'{"id":1}\n'),
        (b'{"id":1}\n' + b"\0" * 500, b'{"id":1}\n'),
        (b'{"i', b""),
        (b'{"id":1}\n{"id":2}', b'{"id":1}\n{"id":2}\n'),
        (b'{"id":1}\n', b'{"id":1}\n'),
        (b"", b""),
    ],
)
def test_a_torn_line_is_cut_off_when_the_file_is_opened(path: Path, before: bytes, after: bytes):
    """Half a line and zeros go; a whole line without line break stays."""
    path.write_bytes(before)

    append(path, b'{"id":0}\n')

    assert path.read_bytes() == after + b'{"id":0}\n'


@pytest.mark.parametrize(
    "before",
    [
        b"notes of somebody",
        b"version: 1\n{",
        b"SQLite format 3\0",
        b"\0\0\0\x20ftypisom",  # an MP4
        b'{\n  "name": "other"\n}\n',
        b'{"name": "other"}',
    ],
)
def test_a_file_that_is_not_ours_stays_as_it_is(path: Path, before: bytes):
    """Neither repaired nor appended to, also through a link."""
    path.write_bytes(before)
    link = path.with_name("link.jsonl")
    link.symlink_to(path)

    for name in (path, link):
        with pytest.raises(OutputLost, match="other than JSON lines"):
            append(name, b'{"id":0}\n')

    assert path.read_bytes() == before


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """Return a named pipe that nobody reads yet."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_fifo_without_a_reader_takes_nothing(fifo: Path):
    """What the system would hold in the pipe is lost when the process ends."""
    with pytest.raises(OutputLost, match="nobody reads from this FIFO"):
        append(fifo, LINE)


def test_a_fifo_whose_reader_goes_is_noticed(fifo: Path):
    """Lines that a reader takes arrive; those after it are refused, to be given again."""
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(fifo)
    file.open()
    file.append([LINE])
    assert os.read(reader, 100) == LINE
    os.close(reader)

    with pytest.raises(OutputLost, match="its reader is gone"):
        file.append([LINE])
    file.close()


def test_a_fifo_whose_reader_stands_still_is_given_up(fifo: Path, monkeypatch: pytest.MonkeyPatch):
    """The output's thread does not hang, and every line arrives whole or not at all."""
    monkeypatch.setattr("edgepose.outputs.line_file.PIPE_PATIENCE", 0.01)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    file = LineFile(fifo)
    file.open()

    with pytest.raises(OutputLost, match="too slow"):
        file.append([b'{"id":"' + b"x" * 991 + b'"}\n'] * 100)
    file.close()

    held = b"".join(iter(lambda: os.read(reader, 1 << 16), b""))
    os.close(reader)
    assert held.endswith(b'"}\n')
    assert len(held) % 1001 == 0


def test_a_rotation_keeps_the_mode(path: Path):
    """The next file is as private as the one before."""
    path.write_bytes(b'{"id":1}\n')
    path.chmod(0o600)
    file = LineFile(path, limit=10, keep=2)
    file.open()

    file.append([b'{"id":2}\n'])
    file.close()

    assert path.read_bytes() == b'{"id":2}\n'
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_rotation_moves_nothing_of_others(path: Path, caplog: pytest.LogCaptureFixture):
    """What stands where the older lines would go stays; the file grows on, and the log says why."""
    foreign = path.with_name(f"{path.name}.1")
    foreign.write_text("secret\n")
    path.write_bytes(b'{"id":1}\n')
    file = LineFile(path, limit=10, keep=2)
    file.open()

    file.append([b'{"id":2}\n'])
    file.close()

    assert foreign.read_text() == "secret\n"
    assert path.read_bytes() == b'{"id":1}\n{"id":2}\n'
    assert f"{foreign} holds something other than JSON lines" in caplog.text


def test_a_long_torn_line_is_found(path: Path):
    """However long the last line is."""
    path.write_bytes(b'{"id":0}\n' + b'{"id":"' + b"x" * 300_000)

    append(path, b'{"id":0}\n')

    assert path.read_bytes() == b'{"id":0}\n' * 2


def test_a_full_disk_leaves_no_half_line(path: Path, disk_full_after: Callable[..., Any]):
    """The part of a line that still fitted is taken back, and it works again later."""
    file = LineFile(path)
    file.open()
    file.append([b'{"id":1}\n'])

    with disk_full_after(12), pytest.raises(OutputLost, match=r"log\.jsonl: can't be written: "):
        file.append([b'{"id":2}\n', b'{"id":3}\n'])

    assert path.read_bytes() == b'{"id":1}\n'
    file.append([b'{"id":4}\n'])
    file.close()
    assert path.read_bytes() == b'{"id":1}\n{"id":4}\n'


def test_a_device_without_space_is_told():
    """What is no regular file is never cut."""
    file = LineFile(Path("/dev/full"))
    file.open()

    with pytest.raises(OutputLost, match="No space left"):
        file.append([b'{"id":0}\n'])
    file.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_was_rotated_away_is_noticed(path: Path, replaced: bool):
    """Lines never go into a file that nobody can find any more."""
    file = LineFile(path)
    file.open()
    path.rename(path.with_suffix(".1"))
    if replaced:
        path.write_bytes(b"")

    with pytest.raises(OutputLost, match="moved or deleted"):
        file.append([b'{"id":0}\n'])
    file.close()
    file.open()
    file.append([b'{"id":0}\n'])
    file.close()

    assert path.read_bytes() == b'{"id":0}\n'
    assert path.with_suffix(".1").read_bytes() == b""


@needs_root
def test_a_disk_that_is_unmounted_is_waited_for(tmp_path: Path):
    """Nothing is written below its mount point: that fills the card, and is hidden later."""
    folder = tmp_path / "stick"
    with small_disk(folder):
        file = LineFile(folder / "logs" / "events.jsonl")
        file.open()
    with pytest.raises(OutputLost, match="moved or deleted"):
        file.append([b"{}\n"])
    file.close()

    with pytest.raises(OutputLost, match="its disk is not mounted any more"):
        file.open()

    assert not list(folder.iterdir())
    folder.rmdir()
    with small_disk(folder):
        file.open()
        file.close()


def test_a_folder_in_the_way_is_told(tmp_path: Path):
    """The message names the place and the reason."""
    with pytest.raises(OutputLost, match="can't be opened: Is a directory"):
        LineFile(tmp_path).open()


def test_appending_to_a_closed_file_is_told(path: Path):
    """It is a lost output, not a crash."""
    with pytest.raises(OutputLost):
        LineFile(path).append([b'{"id":0}\n'])


def grow(path: Path, *numbers: int, limit: int = 20, keep: int = 2) -> None:
    """Append lines of 9 bytes, each by itself, to a file of limited size."""
    file = LineFile(path, limit, keep)
    file.open()
    for number in numbers:
        file.append([b'{"id":%d}\n' % number])
    file.close()


def contents(path: Path) -> dict[str, bytes]:
    """Return all files beside `path`, by name."""
    return {file.name: file.read_bytes() for file in sorted(path.parent.iterdir())}


def test_a_file_that_is_full_is_begun_anew(path: Path):
    """Two lines fit; the newest are in the file itself, the older the higher the number."""
    grow(path, 1, 2, 3, 4, 5)

    assert contents(path) == {
        "log.jsonl": b'{"id":5}\n',
        "log.jsonl.1": b'{"id":3}\n{"id":4}\n',
        "log.jsonl.2": b'{"id":1}\n{"id":2}\n',
    }


def test_only_so_many_files_are_kept(path: Path):
    """The oldest goes; with fewer to keep than before, so do the others."""
    grow(path, *range(9))
    assert list(contents(path)) == ["log.jsonl", "log.jsonl.1", "log.jsonl.2"]
    assert contents(path)["log.jsonl.2"] == b'{"id":4}\n{"id":5}\n'

    grow(path, *range(9), keep=0)

    assert contents(path) == {"log.jsonl": b'{"id":7}\n{"id":8}\n'}


def test_a_file_is_filled_up_over_restarts(path: Path):
    """What is in it already counts."""
    for number in range(1, 4):
        grow(path, number)

    assert contents(path)["log.jsonl.1"] == b'{"id":1}\n{"id":2}\n'


def test_lines_that_belong_together_stay_together(path: Path):
    """Also where they alone are more than the limit: nothing is split, nothing empty is kept."""
    file = LineFile(path, 20, 5)
    file.open()
    for number in (1, 2):
        file.append([b'{"id":%d}\n' % number] * 4)
    file.close()

    assert contents(path) == {
        "log.jsonl": b'{"id":2}\n' * 4,
        "log.jsonl.1": b'{"id":1}\n' * 4,
    }


def test_files_of_others_are_left_alone(path: Path):
    """Only numbers behind the very name are ours."""
    others = ["log.jsonl.gz", "log.jsonl.1.gz", "other.jsonl.1", "log.jsonl.x1", "log.jsonlx.1"]
    for name in others:
        path.with_name(name).write_bytes(b"mine")

    grow(path, *range(9), keep=0)

    assert [contents(path)[name] for name in others] == [b"mine"] * len(others)


def test_a_name_with_wildcards_is_a_name(tmp_path: Path):
    """No other file is moved for it."""
    path = tmp_path / "log[1]*.jsonl"
    (tmp_path / "log1x.jsonl.1").write_bytes(b"mine")

    grow(path, 1, 2, 3, 4, 5)

    assert contents(path)["log1x.jsonl.1"] == b"mine"
    assert contents(path)["log[1]*.jsonl.2"] == b'{"id":1}\n{"id":2}\n'


def test_a_file_that_cannot_be_moved_grows_on(path: Path, caplog: pytest.LogCaptureFixture):
    """A log that is too long is better than none; it is said once."""
    (path.with_name("log.jsonl.1") / "folder").mkdir(parents=True)

    grow(path, *range(6), keep=1)

    assert path.read_bytes().count(b"\n") == 6
    assert len(caplog.records) == 1
    assert "log.jsonl: can't be rotated and grows on" in caplog.text
