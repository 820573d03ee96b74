"""The command line itself: what a mistake looks like, and what is not imported too early."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from PIL import Image

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


@pytest.mark.parametrize(
    "arguments", [("train", "views", "{photo}", "--out"), ("train", "demo-clip", "--out")]
)
def test_a_place_that_cannot_be_written_is_one_message(arguments, edgepose, tmp_path):
    """Also where a command says nothing of its own about it."""
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 32)).save(photo)
    said = edgepose(*(word.format(photo=photo) for word in arguments), photo)
    assert (said.code, said.err) == (1, f"edgepose: {photo}: can't be used (file exists)\n")


NAMES = "x\x1b[2Jy\nedgepose: all is well"  # clears the screen, and forges a second message


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", f"{NAMES}.jsonl"),
        ("check-config", f"{NAMES}.yaml"),
        ("pose", f"{NAMES}.jpg", f"{NAMES}.png"),
        ("bench", "--clip", f"{NAMES}.mp4"),
        (NAMES,),
    ],
    ids=lambda words: words[0] if words[0].isprintable() else "no command",
)
def test_a_files_name_commands_no_terminal_and_forges_no_message(edgepose, arguments):
    """Escapes and line breaks in a name are shown as text; every reason keeps its own line."""
    said = edgepose(*arguments)
    assert said.code == 2
    assert "\x1b" not in said.err
    assert not [line for line in said.err.splitlines() if line.startswith("edgepose: all is")]
    assert r"\x1b[2Jy\nedgepose: all is well" in said.err


def test_a_group_without_a_command_shows_its_help(edgepose):
    """The page keeps its lines."""
    assert "Commands:\n  capture " in edgepose("template").err


READERS = {
    "report": ("report", "NAME.jsonl"),
    "replay": ("replay", "NAME.jsonl", "c.yaml"),
    "exercise": ("exercise", "test", "squat", "NAME.mp4"),
    "exercise learn": ("exercise", "learn", "x", "--video", "NAME.mp4"),
    "check-config": ("check-config", "NAME.yaml"),
    "pose": ("pose", "NAME.jpg"),
    "eval": ("eval", "--data", "NAME.json"),
    "eval .mat": ("eval", "--data", "NAME.mat"),
    "bench clip": ("bench", "--clip", "NAME.mp4"),
    "bench --compare": ("bench", "--compare", "NAME.json"),
    "classifier": ("classifier", "test", "NAME.csv", "--split", "0.2"),
    "report --out": ("report", "events.jsonl", "--out", "NAME.html"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["endless", "pipe", "folder", "circle"])
def test_what_is_no_file_is_one_sentence(edgepose, tmp_path, monkeypatch, reader, kind):
    """/dev/zero never ends, a pipe may never begin: no command reads a foreign file from either."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c.yaml").write_text("version: 1\nname: a\nsource: {type: synthetic}\n")
    (tmp_path / "events.jsonl").write_text('{"type": "start", "name": "a", "time": 1.0}\n')
    arguments = READERS[reader]
    name = next(word for word in arguments if word.startswith("NAME"))
    if kind == "endless":
        (tmp_path / name).symlink_to("/dev/zero")
    elif kind == "pipe":
        os.mkfifo(tmp_path / name)
    elif kind == "folder":
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).symlink_to(name)
    said = edgepose(*arguments)
    assert said.code == 2
    assert name in said.err
    assert "Traceback" not in said.err
    assert (tmp_path / name).is_symlink() or not (tmp_path / name).is_file()


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["version", "run"])
def test_a_full_disk_behind_stdout_is_one_sentence(command, unbuffered, tmp_path):
    """Printed events that are lost are an error as well; Python adds nothing at its end."""
    config = tmp_path / "c.yaml"
    config.write_text(
        "version: 1\nsource: {type: synthetic, seconds: 2, pace: fast}\n"
        "watch: {a: {template: arms_up}}\n"
    )
    arguments = {"version": [], "run": [config]}[command]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "edgepose", command, *arguments],
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "the output can't be written (no space left on device)" in done.stderr.splitlines()[-1]
    assert "OSError" not in done.stderr


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
