"""Half-fetched files are shared safely: one writer, and no writing into what was published."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from edgepose.errors import DeviceError
from edgepose.modelstore.pull import locked_part
from edgepose.system.atomic import publish


def test_a_part_keeps_what_was_written(tmp_path: Path) -> None:
    """The next one to open it finds the bytes."""
    target = tmp_path / "m.tflite"
    with locked_part(target) as part:
        part.write(b"begun")
    with locked_part(target) as part:
        assert part.seek(0, 2) == 5


def test_an_empty_part_leaves_nothing(tmp_path: Path) -> None:
    """A pull that never got a byte leaves the folder as it was, also when it fails."""
    with pytest.raises(ZeroDivisionError), locked_part(tmp_path / "m.tflite"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_what_another_published_meanwhile_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waited for the lock gets a new part when the old one has become the model."""
    target = tmp_path / "m.tflite"
    with locked_part(target) as part:
        part.write(b"model")
    lock = fcntl.flock

    def while_waiting(file: object, how: int) -> None:
        """Let the one before finish, as it does while we wait."""
        monkeypatch.setattr(fcntl, "flock", lock)
        publish(tmp_path / "m.tflite.part", target)

    monkeypatch.setattr(fcntl, "flock", while_waiting)
    with locked_part(target) as part:
        part.write(b"more")
    assert target.read_bytes() == b"model"


def test_published_files_are_flushed_to_disk_before_they_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contents, then name, then folder: after a power cut there is all of it or nothing."""
    done: list[str] = []
    replace = Path.replace
    monkeypatch.setattr("os.fsync", lambda handle: done.append("fsync"))
    monkeypatch.setattr(Path, "replace", lambda *ends: (done.append("replace"), replace(*ends)))
    (tmp_path / "part").write_bytes(b"x")
    publish(tmp_path / "part", tmp_path / "m")
    assert done == ["fsync", "replace", "fsync"]
    assert (tmp_path / "m").read_bytes() == b"x"


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    """A file where a folder should be is the disk's trouble, in one sentence."""
    (tmp_path / "in_the_way").write_text("")
    with (
        pytest.raises(DeviceError, match="can't be written"),
        locked_part(tmp_path / "in_the_way" / "m"),
    ):
        pass
