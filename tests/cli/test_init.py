"""`edgepose init`: what it asks, what it writes, and that it starts."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys

import pytest

from edgepose.cli import init as module
from edgepose.doctor.system import System


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in an empty folder, on a machine without a broker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_local_broker", lambda: "none")
    return tmp_path


def notes(edgepose, config):
    """Return what `check-config` remarks about a file that it accepts."""
    said = edgepose("check-config", config, "--json")
    assert said.code == 0, said.out
    return json.loads(said.out)["notes"]


ALL = ["--relay", "17", "--broker", "10.0.0.5:1884", "--show", "both"]


@pytest.mark.parametrize(
    "answers",
    [
        [],
        ["--exercise", "squat", *ALL],
        ["--exercise", "plank", "--source", "csi:1"],
        ["--pose", "squat", "--source", "/dev/video9", *ALL],
        ["--source", "rtsp://user:${EDGEPOSE_MQTT_PASSWORD}@10.0.0.7/live", "--show", "neither"],
    ],
)
def test_what_it_writes_is_accepted_without_a_remark(answers, here, edgepose, monkeypatch):
    """Whatever was answered; the text is commented."""
    monkeypatch.setenv("EDGEPOSE_MQTT_PASSWORD", "secret")
    said = edgepose("init", "new.yaml", "--yes", *answers)
    assert said.code == 0, said.err
    assert notes(edgepose, "new.yaml") == []
    assert (here / "new.yaml").read_text().count("#") > 8


def test_without_a_camera_the_demo_clip_is_watched(here, edgepose, monkeypatch):
    """A first event needs no hardware."""
    bare = System(root=here, environ={})
    monkeypatch.setattr(module, "System", lambda: bare)
    assert edgepose("init", "--yes").code == 0
    assert "demo.mp4" in (here / "edgepose.yaml").read_text()


def test_a_camera_that_is_there_is_the_first_choice(here, edgepose, monkeypatch):
    """By the name that stays the same when cables are moved."""
    node = here / "sys/class/video4linux/video0"
    node.mkdir(parents=True)
    (node / "name").write_text("C920\n")
    monkeypatch.setattr(module, "System", lambda: System(root=here, environ={}))
    assert edgepose("init", "--yes").code == 0
    assert "device: /dev/video0" in (here / "edgepose.yaml").read_text()


def test_a_file_that_is_there_is_replaced_only_when_asked(here, edgepose):
    """It may be somebody's work of a day."""
    (here / "edgepose.yaml").write_text("mine")
    said = edgepose("init", "--yes")
    assert said.code == 2
    assert "add --force" in said.err
    assert (here / "edgepose.yaml").read_text() == "mine"
    assert edgepose("init", "--yes", "--force").code == 0
    assert notes(edgepose, "edgepose.yaml") == []


def test_a_wrong_answer_is_asked_for_again(here, edgepose, monkeypatch):
    """Six answers at most are enough, and one slip does not end it."""
    typed = ["nowhere.mp4", "1", "ex", "sqat", "squat", "none", "neither"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(typed) + "\n"))
    said = edgepose("init", "--no-start", "--relay", "none")
    assert said.code == 0, said.err
    assert "found none of them" in said.err
    assert "did you mean 'squat'?" in said.err
    assert "exercise: squat" in (here / "edgepose.yaml").read_text()


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--source", "nowhere.mp4", "a URL or a file"),
        ("--pose", "arms_upp", "did you mean 'arms_up'?"),
        ("--relay", "GPIO17", "expected the number of a GPIO"),
        ("--broker", "host:x", "expected HOST or HOST:PORT"),
        ("--relay", "²", "expected the number of a GPIO"),
        ("--relay", "9" * 5000, "expected the number of a GPIO"),
        ("--source", "²", "a URL or a file"),
        ("--source", "csi:²", "a URL or a file"),
        ("--source", "a" * 5000, "a URL or a file"),
        ("--source", "~nobody-here/a.mp4", "no home folder is known"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_writes_nothing(option, value, reason, here, edgepose):
    """What was expected and what was found."""
    said = edgepose("init", "--yes", option, value)
    assert said.code == 2
    assert reason in said.err
    assert not (here / "edgepose.yaml").exists()


def test_a_folder_is_no_file_to_write(here, edgepose):
    """Not even with --force."""
    said = edgepose("init", ".", "--yes", "--force")
    assert (said.code, said.err) == (2, "edgepose: . is a folder; name a file in it\n")


def test_it_starts_what_it_wrote(here):
    """The demo clip fires, and Ctrl-C ends it in order."""
    command = [sys.executable, "-m", "edgepose", "init", "--yes", "--start", "--show", "neither"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([*command, "--pose", "jumping_jack"], **pipes) as process:
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "jumping_jack  start" in first
    assert process.returncode == 0
    assert "frames perceived" in said
