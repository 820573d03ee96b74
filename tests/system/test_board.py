"""The board's sensors, read from copies of the files that a Pi has, and from this machine's."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from edgepose.system import board as board_module
from edgepose.system.board import FRESH, Board, problems

MEMINFO = "MemTotal:        1893824 kB\nMemFree:   80000 kB\nMemAvailable:     812032 kB\n"


def put(root: Path, path: str, text: str) -> None:
    """Write one file of the pretended machine."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """Return the files of a Pi that was hot once and is well now, as far as they matter."""
    root = tmp_path / "pi"
    put(root, "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")
    put(root, "sys/class/thermal/thermal_zone0/temp", "61322\n")
    put(root, "sys/class/apex/apex_0/temp", "48000\n")
    put(root, "sys/devices/platform/soc/soc:firmware/get_throttled", "80000\n")
    put(root, "sys/class/hwmon/hwmon1/name", "rpi_volt\n")
    put(root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n")
    put(root, "proc/meminfo", MEMINFO)
    put(root, "proc/self/statm", "100000 25600 3000 1 0 40000 0\n")
    return root


def test_a_pi_is_read(pi, tmp_path):
    """Heat, throttling now and before, memory and disk, as plain JSON values."""
    reading = json.loads(json.dumps(Board(tmp_path / "state", pi).read()))
    assert reading["temperature"] == 61.322
    assert reading["temperatures"] == {"cpu-thermal": 61.322, "apex_0": 48.0}
    on = {flag for flag, is_on in reading["throttled"].items() if is_on}
    assert on == {"soft_temperature_limit_occurred"}
    assert reading["memory"] == {
        "rss_mb": 25600 * os.sysconf("SC_PAGE_SIZE") >> 20, "available_mb": 793,
    }  # fmt: skip
    assert reading["disk"]["free_mb"] > 0
    assert not reading["disk"]["read_only"]
    assert list(problems(reading)) == []


@pytest.mark.parametrize(
    ("path", "text", "name"),
    [
        ("sys/class/thermal/thermal_zone0/temp", "80100", "heat"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "50005", "power"),
        ("sys/devices/platform/soc/soc:firmware/get_throttled", "4", "power"),
        ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1", "power"),
        ("proc/meminfo", "MemAvailable: 20000 kB\n", "memory"),
    ],
)
def test_what_is_wrong_with_the_board_is_named(pi, tmp_path, path, text, name):
    """One file at a time says that something is wrong."""
    put(pi, path, text)
    assert [found for found, _ in problems(Board(tmp_path, pi).read())] == [name]


def test_a_full_disk_ails_and_a_read_only_one_does_not():
    """A root that is read-only has its free space for show."""
    disk = {"path": "/var/lib/edgepose", "free_mb": 3, "read_only": False}
    assert [name for name, _ in problems({"disk": disk})] == ["disk"]
    assert list(problems({"disk": disk | {"read_only": True}})) == []


def test_a_board_that_tells_nothing_is_no_fault(tmp_path):
    """No sensor, no firmware, no /proc: nothing is known, and nothing raised."""
    reading = Board(tmp_path, tmp_path / "nothing").read()
    assert reading["temperature"] is None
    assert reading["throttled"] is None
    assert reading["memory"] == {"rss_mb": None, "available_mb": None}
    assert list(problems(reading)) == []


@pytest.mark.parametrize("text", ["", "hot", "\xff\xfe", "-"])
def test_damaged_sensors_are_passed_over(pi, tmp_path, text):
    """A driver that answers nonsense must not end the service."""
    put(pi, "sys/class/thermal/thermal_zone0/temp", text)
    put(pi, "sys/devices/platform/soc/soc:firmware/get_throttled", text)
    reading = Board(tmp_path, pi).read()
    assert reading["temperatures"] == {"apex_0": 48.0}
    assert reading["throttled"] == {"under_voltage": False}


def test_one_reading_serves_for_a_while(pi, tmp_path, monkeypatch):
    """A screen that asks every second costs no more than a reading every other one."""
    now = [100.0]
    monkeypatch.setattr(board_module.time, "monotonic", lambda: now[0])
    board = Board(tmp_path, pi)
    assert board.read()["temperature"] == 61.322
    put(pi, "sys/class/thermal/thermal_zone0/temp", "70000")
    assert board.read()["temperature"] == 61.322
    now[0] += FRESH + 0.1
    assert board.read()["temperature"] == 70.0


def test_the_firmware_s_tool_is_asked_where_there_is_no_file(tmp_path, monkeypatch):
    """Seldom: it is a process each time."""
    tool = tmp_path / "vcgencmd"
    calls = tmp_path / "calls"
    tool.write_text(f"#!/bin/sh\necho x >> {calls}\necho throttled=0x50005\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    now = [100.0]
    monkeypatch.setattr(board_module.time, "monotonic", lambda: now[0])
    board = Board(tmp_path)
    for _ in range(3):
        reading = board.read()
        now[0] += FRESH + 0.1
    assert reading["throttled"]["under_voltage"]
    assert reading["throttled"]["throttled_occurred"]
    assert calls.read_text() == "x\n"


def test_this_machine_is_read(tmp_path):
    """The real /proc of this process."""
    memory = Board(tmp_path).read()["memory"]
    assert memory["rss_mb"] > 10
    assert memory["available_mb"] > 0
