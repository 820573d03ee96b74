"""A file is the model when a checksum says so, and otherwise the reason is told."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from edgepose.modelstore.checksum import fault, git_blob, has_checksum_of, sha256


@pytest.fixture
def path(tmp_path: Path, kit: Any) -> Path:
    """Return the model's file."""
    file = tmp_path / "m.tflite"
    file.write_bytes(kit.model)
    return file


def test_checksums_are_those_of_the_usual_tools(path: Path) -> None:
    """Anybody can compare them with sha256sum and git hash-object."""
    told = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] == sha256(path)
    told = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == git_blob(path)


def test_either_checksum_will_do(path: Path, kit: Any) -> None:
    """A manifest may know the one, the other, or both with one outdated."""
    assert has_checksum_of(path, kit.known())
    assert has_checksum_of(path, kit.known(sha256="", git_blob=git_blob(path)))
    assert has_checksum_of(path, kit.known(sha256="0" * 64, git_blob=git_blob(path)))
    assert not has_checksum_of(path, kit.known(sha256="0" * 64))
    assert not has_checksum_of(path, kit.known(sha256=""))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html>", "no TFLite model but a web page"),
        (b"\0\0\0\0TFL3", "8 bytes instead of 204,808"),
        (b"\0\0\0\0TFL3" + bytes(204_800), "another file: its checksum"),
    ],
)
def test_the_first_fault_is_named(path: Path, kit: Any, content: bytes, reason: str) -> None:
    """Mark, size, checksum, in this order."""
    assert fault(path, kit.known()) == ""
    path.write_bytes(content)
    assert fault(path, kit.known()).startswith(reason)
