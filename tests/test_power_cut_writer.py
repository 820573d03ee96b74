"""What the power cuts of the virtual machine interrupt, here with SIGKILL; on any machine."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WRITER = HERE / "vm" / "guest" / "writer.py"
TEMPLATES = HERE.parent / "configs" / "templates"


@pytest.fixture
def folder(tmp_path):
    """Return a folder as the writer wants it."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "arms_up.yaml").write_text((TEMPLATES / "arms_up.yaml").read_text())
    (tmp_path / "edgepose.yaml").write_text(
        "version: 1\nsource: {type: v4l2}\nwatch: {arms_up: {template: templates/arms_up.yaml}}\n"
    )
    return tmp_path


def test_what_was_written_before_a_kill_is_found_after_it(folder):
    """Outbox, configuration and template, each with the number that was told."""
    assert found(until_killed(folder)) == {"outbox": 0, "config": 0, "template": 0}
    again = found(until_killed(folder))
    assert again["outbox"] >= 2
    assert min(again.values()) >= 1


def found(said: list[str]) -> dict[str, int]:
    """Return the numbers that the writer found, which it says first."""
    return dict(ast.literal_eval(said[0].removeprefix("found ")))


def until_killed(folder: Path) -> list[str]:
    """Run the writer until it has begun its second round; return what it said."""
    said = []
    with subprocess.Popen(
        [sys.executable, WRITER, folder], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as writer:
        assert writer.stderr is not None
        try:
            while not (line := writer.stderr.readline().rstrip()).startswith("wrote outbox 2"):
                assert line, "\n".join(said)
                said.append(line)
        finally:
            writer.kill()
    return said
