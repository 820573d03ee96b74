"""edgepose status: read by a person, by a program, and by a script through its exit code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from edgepose.system import status_file

HEALTH: dict[str, Any] = {
    "version": "1.2.3",
    "name": "lobby",
    "uptime": 93_784.2,
    "detect": True,
    "fps": 29.83,
    "source": {"state": "backing off", "reason": "/dev/video0 is gone"},
    "runtime": {"state": "running", "reason": "", "model": "lightning", "backend": "CPU"},
    "outputs": {"screen": {"state": "running", "reason": ""}},
    "hung": {},
    "watches": {"arms_up": {}, "squats": {}},
    "last_event": {"name": "arms_up", "type": "start", "time": 1_700_000_000.0},
    "config": {"path": "/etc/edgepose/edgepose.yaml", "error": ""},
    "stats": {
        "stages": {"age": {"p50_ms": 41.2, "p99_ms": 60.0}},
        "counts": {"captured": 100, "restarts:source": 3, "dropped:capture": 0},
    },
}


@pytest.fixture
def services(tmp_path: Path, monkeypatch) -> Path:
    """Return the folder that stands for /run/edgepose."""
    folder = tmp_path / "run"
    monkeypatch.setattr(status_file.reports, "__defaults__", (folder,))
    monkeypatch.setattr(status_file, "SESSIONS", tmp_path / "user")
    monkeypatch.setattr(status_file, "TEMPORARY", tmp_path)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return folder


def change(path: Path, **values: Any) -> None:
    """Change the envelope of a status file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_running_service_is_shown_on_one_page(edgepose, services):
    """Everything that a person asks first stands there, and the exit code is 0."""
    status_file.write(services, HEALTH)
    said = edgepose("status")
    assert said.code == 0, said.err
    for words in (
        f"lobby is running for 1 day, 2:03:04 (edgepose 1.2.3, process {os.getpid()})",
        "backing off  /dev/video0 is gone",
        "model lightning",
        "output screen",
        "29.8 fps, camera to result 41 ms, p99 60 ms",
        "arms_up, squats",
        "arms_up start, 2023-11-",
        "source 3",
        "/etc/edgepose/edgepose.yaml",
    ):
        assert words in said.out
    assert "dropped" not in said.out  # nothing was


@pytest.mark.parametrize(
    ("file", "words"),
    [("/var/lib/edgepose/web-token", "token: sudo cat /var/lib/edgepose/web-token"),
     ("", "token: in the configuration")],
)  # fmt: skip
def test_the_page_is_named_with_the_way_to_its_token(edgepose, services, file: str, words: str):
    """Who may not read the token is not told it: everybody can ask for the status."""
    page = {"state": "running", "reason": "", "url": "http://pi:8080/", "token_file": file}
    status_file.write(services, HEALTH | {"outputs": {"page": page}})

    said = edgepose("status")

    assert "http://pi:8080/" in said.out
    assert words in said.out


def test_json_is_the_health_document_with_its_age(edgepose, services):
    """A program gets what MQTT and the web page give, on one line."""
    status_file.write(services, HEALTH)
    said = edgepose("status", "--json")
    document = json.loads(said.out)
    assert document["running"] is True
    assert document["age"] < 20
    assert {key: document[key] for key in HEALTH} == HEALTH


def test_nothing_that_runs_is_exit_code_1_with_a_way_out(edgepose, services):
    """Without a status file there is nothing to show but how to start it."""
    said = edgepose("status")
    assert said.code == 1
    assert "systemctl start edgepose" in said.err
    assert edgepose("status", "--json").out == ""


def test_a_service_that_stopped_reporting_is_told_from_one_that_runs(edgepose, services):
    """A process that hangs is there, but silent."""
    status_file.write(services, HEALTH)
    change(services / "status.json", beat=time.monotonic() - 60)
    said = edgepose("status")
    assert said.code == 1
    assert re.search(r"does not report: nothing for 6\d s", said.out)


def test_a_service_that_was_killed_is_not_running(edgepose, services):
    """SIGKILL leaves the file; the process that wrote it is gone."""
    status_file.write(services, HEALTH)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    change(services / "status.json", pid=dead.pid)
    said = edgepose("status")
    assert said.code == 1
    assert "is not running" in said.out


def test_each_instance_is_shown_and_can_be_asked_for(edgepose, services):
    """Several cameras, several services: all of them, or one."""
    status_file.write(services / "door", HEALTH | {"name": "door"})
    status_file.write(services / "yard", HEALTH | {"name": "yard"})
    assert edgepose("status").out.count("is running") == 2
    lines = edgepose("status", "--json").out.splitlines()
    assert [json.loads(line)["instance"] for line in lines] == ["door", "yard"]
    assert edgepose("status", "yard", "--json").out.count("\n") == 1
    unknown = edgepose("status", "roof")
    assert unknown.code == 1
    assert "edgepose@roof is not running" in unknown.err


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "beat": 0}', "\0",
     '{"pid": 1e300, "beat": 1, "health": {}}', '{"pid": -1, "beat": 1, "health": {}}'],
)  # fmt: skip
def test_a_damaged_status_file_counts_as_none(edgepose, services, content):
    """Whatever lies there, no traceback."""
    services.mkdir()
    (services / "status.json").write_text(content)
    assert edgepose("status").code == 1


def test_a_document_of_another_version_is_shown_as_far_as_it_goes(edgepose, services):
    """During an upgrade the command may be newer than what runs."""
    status_file.write(services, {"name": "lobby"})
    said = edgepose("status")
    assert said.code == 0
    assert "lobby is running" in said.out


def test_what_hangs_and_what_was_refused_is_shown(edgepose, services):
    """The two things that somebody has to mend."""
    health = HEALTH | {
        "outputs": {"screen": {"state": "hung", "reason": "it has not come back for 31 s"}},
        "config": {"path": "a.yaml", "error": "a.yaml line 3: enter: expected a number"},
        "detect": False,
    }
    status_file.write(services, health)
    said = edgepose("status")
    assert "output screen    hung         it has not come back for 31 s" in said.out
    assert "not taken over a.yaml line 3" in said.out
    assert "switched off by a command" in said.out


def test_a_process_at_a_terminal_is_found_through_the_session(edgepose, services, monkeypatch):
    """`edgepose run` without systemd reports in the session's own tmpfs."""
    session = services.parent / "session"
    session.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    folder = status_file.own_folder()
    assert folder is not None
    status_file.write(folder, HEALTH)
    assert edgepose("status").code == 0


def test_what_is_new_in_the_document_is_shown(edgepose, services):
    """Ages, queues, restarts with their reasons, the board and the last exit."""
    restart = {"time": 1_700_000_000.0, "reason": "unplugged"}
    health = HEALTH | {
        "source": {
            "state": "running", "reason": "", "age": 0.31,
            "restarts": {"last_hour": 1, "latest": [restart]},
        },
        "runtime": HEALTH["runtime"] | {"why": "no Edge TPU is plugged in"},
        "outputs": {
            "bus": {
                "type": "mqtt", "state": "degraded", "reason": "refused",
                "queue": {"age": 12.0, "events": 2}, "waiting": 7, "dropped": 1,
            }
        },
        "troubles": [
            {"name": "bus", "state": "degraded", "reason": "refused"},
            {"name": "heat", "state": "degraded", "reason": "the board has 84 °C"},
        ],
        "board": {
            "temperature": 84.2, "throttled": {"under_voltage": False, "throttled_occurred": True},
            "memory": {"rss_mb": 131, "available_mb": 640},
            "disk": {"path": "/var/lib/edgepose", "free_mb": 900, "read_only": False},
        },
        "process": {"last_exit": {"time": 1_700_000_000.0, "reason": "it crashed (killed SEGV)"}},
        "config": {"path": "a.yaml", "digest": "0123456789ab", "error": ""},
    }  # fmt: skip
    status_file.write(services, health)
    out = edgepose("status").out
    for words in (
        "newest frame 0.3 s old", ": unplugged", "CPU (no Edge TPU is plugged in)",
        "degraded     refused",
        "2 events wait, the oldest for 12 s", "7 events in the outbox", "1 events dropped",
        "the board has 84 °C", "84 °C", "throttled occurred", "131 MB, 640 MB left",
        "900 MB free (/var/lib/edgepose)", "it crashed (killed SEGV)", "a.yaml (0123456789ab)",
    ):  # fmt: skip
        assert words in out, words
    assert out.count("refused") == 1


def test_a_process_without_a_session_is_found(edgepose, services):
    """Over `sudo`, in a container and from cron there is no session; the report is private."""
    folder = status_file.own_folder()
    assert folder is not None
    assert folder.stat().st_mode & 0o777 == 0o700
    page = {"web": {"type": "web", "state": "running", "url": "http://127.0.0.1:8080/"}}
    status_file.write(folder, HEALTH | {"outputs": page})
    said = edgepose("status")
    assert said.code == 0
    assert "http://127.0.0.1:8080/" in said.out


def test_another_users_run_is_found_in_their_session(edgepose, services, monkeypatch):
    """`sudo edgepose status` finds what somebody started at a terminal."""
    status_file.write(services.parent / "user" / "1000" / "edgepose", HEALTH)
    assert edgepose("status").code == 0


def test_a_folder_that_somebody_else_prepared_is_not_used(services):
    """A link in the place where everybody may write leads nowhere."""
    target = services.parent / "theirs"
    target.mkdir()
    (services.parent / f"edgepose-{os.geteuid()}").symlink_to(target)
    assert status_file.own_folder() is None
    status_file.write(target, HEALTH)
    assert status_file.reports() == ()


def test_a_report_cannot_command_the_terminal(edgepose, services):
    """Escapes that somebody put into a report are shown as question marks."""
    status_file.write(services, HEALTH | {"name": "lobby\x1b]0;gone\x07"})
    assert "\x1b]" not in edgepose("status").out
    (services / "status.json").write_text('{"health":' + "[" * 100_000)
    assert status_file.reports() == ()


@pytest.mark.parametrize(
    "health",
    [
        {"troubles": 5},
        {"troubles": [{"name": "a", "state": "b"}]},
        {"outputs": {"a": 1}},
        {"source": 5},
        {"fps": "x"},
        {"uptime": 1e308},
        {"last_event": {"name": "a", "type": "b", "time": 99999999999999999}},
        {"process": {"last_exit": {"time": 1e300, "reason": ""}}},
    ],
)
def test_a_report_of_somebody_else_hides_no_service(edgepose, services, health):
    """Any account may leave one for temporary files; the services' own are shown as ever."""
    status_file.write(services, HEALTH)
    status_file.write(services.parent / f"edgepose-{os.geteuid()}", health)
    said = edgepose("status")
    assert said.code == 0, said.err
    assert "lobby is running" in said.out
    assert "not one of edgepose's" in said.out


def test_a_file_that_is_not_read_for_its_name_is_shown(edgepose, services):
    """Who edited edgepose.yaml.txt on the boot partition finds out why nothing changed."""
    config = {"path": "a.yaml", "not_read": ["/boot/firmware/edgepose.yaml.txt"]}
    status_file.write(services, HEALTH | {"config": config})
    assert "not read     /boot/firmware/edgepose.yaml.txt: rename it" in edgepose("status").out
