"""The command line itself: what a mistake looks like, and what is not imported too early."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgepose.cli import COMMANDS


def test_help_lists_every_command_with_a_sentence(edgepose):
    """Each command stands in the help with a description of its own."""
    said = edgepose("--help")
    assert said.code == 0
    for name in COMMANDS:
        line = next(row for row in said.out.splitlines() if row.strip().startswith(f"{name} "))
        assert len(line.split()) > 3


def test_a_command_for_the_unit_works_and_is_not_listed(edgepose, tmp_path, monkeypatch):
    """`release-lines` drives a held line off, and fails visibly where it can't."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    assert "release-lines" not in edgepose("--help").out
    assert edgepose("release-lines").code == 0
    (tmp_path / "lines").mkdir()
    (tmp_path / "lines" / "fake-17.json").write_text('{"chip": "fake", "line": 17}')
    (tmp_path / "lines" / "torn.json").write_text("{")
    assert edgepose("release-lines").code == 1
    assert [note.name for note in (tmp_path / "lines").iterdir()] == ["torn.json"]


def test_an_unknown_command_gets_the_near_miss(edgepose):
    """A slip of the finger is a usage error that names what was meant."""
    said = edgepose("rnu")
    assert said.code == 2
    assert "did you mean 'run'?" in said.err


def test_a_users_mistake_is_one_message_and_exit_code_2(edgepose, tmp_path):
    """No traceback for a file that is not there."""
    said = edgepose("run", tmp_path / "nowhere.yaml")
    assert said.code == 2
    assert said.err.startswith("edgepose: ")
    assert "nowhere.yaml" in said.err
    assert "Traceback" not in said.err


def test_version_names_what_it_stands_on(edgepose):
    """The versions that a bug report needs are there, in JSON too."""
    said = edgepose("version", "--json")
    assert {"edgepose", "python", "numpy", "machine"} <= set(json.loads(said.out))
    assert "numpy" in edgepose("version").out


@pytest.mark.parametrize("argument", ["version", "--help"])
def test_what_needs_no_heavy_library_imports_none(argument):
    """A command pays for its own imports only, and the list of all for none of theirs."""
    code = (
        "import sys; from edgepose.cli import cli\n"
        f"try: cli(['{argument}'])\nexcept SystemExit: pass\n"
        "heavy = {'cv2', 'numpy', 'pydantic', 'av', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def test_every_summary_stands_whole_on_its_line(edgepose):
    """None is cut with dots or broken over two lines, in a terminal of 80 columns."""
    lines = edgepose("--help").out.splitlines()
    for name, entry in COMMANDS.items():
        assert f"  {name:<12}  {entry.summary}" in lines


def test_python_m_edgepose_is_the_same(edgepose_process):
    """The package can be run as a module."""
    assert edgepose_process("--version").stdout.startswith("edgepose ")


def test_a_file_name_sends_no_commands_to_the_terminal(edgepose, tmp_path):
    """A name with an escape sequence is shown, not obeyed."""
    picture = tmp_path / "\x1b[2Jx.jpg"
    said = edgepose("pose", picture)
    assert said.code == 2
    assert "\x1b" not in said.err
    assert r"\x1b[2Jx.jpg" in said.err
