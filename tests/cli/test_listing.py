"""Lists at terminals of any width."""

from __future__ import annotations

from pathlib import Path

from edgepose.cli.listing import origin, print_listing
from edgepose.system.paths import folders

ROWS = [("triceps_extension", "Triceps extension", "[red]x")]


def test_a_narrow_terminal_gets_fewer_columns_and_whole_names(monkeypatch, capsys):
    """What is cut can't be typed; text is never taken for markup."""
    monkeypatch.setenv("COLUMNS", "30")
    print_listing(("name", "title", "mark"), ROWS, narrow=("name", "mark"))
    out = capsys.readouterr().out
    assert "triceps_extension" in out
    assert "Triceps" not in out
    assert "[red]x" in out
    monkeypatch.setenv("COLUMNS", "80")
    print_listing(("name", "title", "mark"), ROWS, narrow=("name", "mark"))
    assert "Triceps extension" in capsys.readouterr().out


def test_a_file_of_edgepose_is_called_so_and_others_by_their_path(tmp_path, monkeypatch):
    """Which of two files of one name counts is seen."""
    monkeypatch.chdir(tmp_path)
    assert origin(folders("configs", "templates")[0] / "squat.yaml") == "edgepose"
    assert origin(Path("templates/squat.yaml")) == "templates/squat.yaml"


def test_a_name_does_not_command_the_terminal(capsys):
    """A folder may be somebody else's."""
    print_listing(("name",), [("a\x1b[31m",)])
    assert "a\\x1b[31m" in capsys.readouterr().out
