"""Measured speeds outlive the process, and nothing breaks when they can't."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edgepose.modelstore.speeds import best_speed, read_speeds, write_speed


@pytest.fixture
def model(folder: Path) -> Path:
    """Return a file to be measured."""
    path = folder / "m.tflite"
    path.write_bytes(b"weights")
    return path


def test_a_speed_is_remembered_by_content(model: Path) -> None:
    """The file may be renamed, and each backend has its own figure; the fastest is shown."""
    write_speed(model, "litert, 1 thread", 0.005)
    write_speed(model, "litert, 2 threads", 0.004)
    write_speed(model, "litert, 1 thread", 0.0051234567)
    moved = model.rename(model.with_name("renamed.tflite"))
    assert best_speed(moved, read_speeds()) == ("litert, 2 threads", 0.004)
    assert next(iter(read_speeds().values()))["litert, 1 thread"] == 0.005123


def test_another_file_has_no_speed(model: Path) -> None:
    """A changed model must be measured again."""
    write_speed(model, "litert", 0.005)
    model.write_bytes(b"other weights")
    assert best_speed(model, read_speeds()) is None


def test_without_a_record_nothing_is_known(model: Path) -> None:
    """A fresh machine has an empty record and no complaint."""
    assert read_speeds() == {}
    assert best_speed(model, {}) is None


@pytest.mark.parametrize("text", ["", "[1, 2]", '{"a": 3}', '{"a": {"b": "fast"}}', "\0"])
def test_a_damaged_record_is_a_warning(
    model: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Power cuts must not keep a list of models from being shown."""
    write_speed(model, "litert", 0.005)
    (model.parent.parent / "state" / "speeds.json").write_text(text)
    assert read_speeds() == {}
    assert caplog.records[0].levelno == logging.WARNING


def test_a_read_only_state_folder_is_a_warning(
    model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A benchmark is not lost because its figure can't be stored."""
    (model.parent.parent / "state").write_text("in the way")
    write_speed(model, "litert", 0.005)
    assert "can't be stored" in caplog.text
