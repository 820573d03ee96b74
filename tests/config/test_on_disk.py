"""Outputs whose files are taken, by something else or by each other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgepose.config.loader import load, loads
from edgepose.config.on_disk import check_files
from edgepose.errors import ConfigError

HEAD = "version: 1\nsource: {type: synthetic}\noutputs:\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with files of other programs, a clip and a log."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "package.json").write_text('{"name": "other"}\n')
    (tmp_path / "clip.mp4").write_bytes(b"\0\0\0\x20ftypisom")
    (tmp_path / "log.jsonl").write_text('{"id":"1"}\n{"torn')
    return tmp_path


@pytest.mark.parametrize("kind", ["jsonl", "recording", "video"])
@pytest.mark.parametrize("path", ["sub", "picture.png", "package.json"])
def test_a_file_of_something_else_is_refused_with_its_line(folder: Path, kind: str, path: str):
    """A folder, a binary file, JSON of another program."""
    file = folder / "x.yaml"
    file.write_text(f"{HEAD}  bad: {{type: {kind}, path: {path}}}\n")

    place = re.escape(f"{file} line 4: outputs.bad.path: {folder / path} ")
    with pytest.raises(ConfigError, match=f"{place}(is a folder|holds something other)"):
        check_files(load(file))


def test_what_an_output_wrote_before_is_its_own(folder: Path):
    """A log with a torn end, a clip, and what is not there yet."""
    file = folder / "x.yaml"
    file.write_text(
        f"{HEAD}  a: {{type: jsonl, path: log.jsonl}}\n  b: {{type: video, path: clip.mp4}}\n"
        "  c: {type: recording, path: new/poses.jsonl}\n"
    )

    check_files(load(file))

    assert (folder / "log.jsonl").read_text() == '{"id":"1"}\n{"torn'


@pytest.mark.parametrize("first", ["jsonl", "recording", "video"])
@pytest.mark.parametrize("second", ["jsonl", "recording", "video"])
def test_two_outputs_write_no_common_file(folder: Path, first: str, second: str):
    """However the file is spelled."""
    (folder / "link").symlink_to(folder)
    text = (
        f"{HEAD}  a: {{type: {first}, path: new.mp4}}\n"
        f"  b: {{type: {second}, path: link/sub/../new.mp4}}\n"
    )
    with pytest.raises(
        ConfigError, match=r"line 5: outputs\.b: file .*new\.mp4 is already that of"
    ):
        loads(text, folder / "x.yaml")


def test_no_output_replaces_the_clip_that_is_read(folder: Path):
    """It would be empty before its first picture is shown."""
    text = HEAD.replace("synthetic", "video, path: clip.mp4")
    with pytest.raises(ConfigError, match="already that of the source"):
        loads(f"{text}  a: {{type: video, path: clip.mp4}}\n", folder / "x.yaml")
