"""The fault matrix, process: its clock, its memory, its configuration, its model, its end."""

from __future__ import annotations

import ctypes
import mmap
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import compiled

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

LOG = "outputs: {log: {type: jsonl, path: events.jsonl}}\n"

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
static volatile double* ahead;
__attribute__((constructor)) static void look(void) {
    int file = open(getenv("CLOCK_AHEAD"), O_RDONLY);
    ahead = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
}
int clock_gettime(clockid_t which, struct timespec* now) {
    static int (*real)(clockid_t, struct timespec*);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int answer = real(which, now);
    if (which == CLOCK_REALTIME && ahead) now->tv_sec += (time_t)*ahead;
    return answer;
}
"""


class WallClock:
    """Be the wall clock of a process: `set` moves it by seconds, its monotonic clock goes on."""

    def __init__(self, folder: Path) -> None:
        source = folder / "shim.c"
        source.write_text(SHIM)
        self.library = compiled(folder, source, "-ldl")
        self.path = folder / "ahead"
        self.path.write_bytes(bytes(8))
        with self.path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self._ahead = ctypes.c_double.from_buffer(self._map)

    def set(self, seconds: float) -> None:
        """Jump."""
        self._ahead.value = seconds

    def close(self) -> None:
        """Let go."""
        del self._ahead
        self._map.close()


@pytest.fixture
def wall_clock(device, tmp_path: Path) -> Iterator[WallClock]:
    """Return the wall clock of the device."""
    clock = WallClock(tmp_path)
    device.env |= {"LD_PRELOAD": str(clock.library), "CLOCK_AHEAD": str(clock.path)}
    yield clock
    clock.close()


@pytest.mark.parametrize("hours", [1, -1])
def test_the_clock_jumps(device, wall_clock, saw, hours):
    """Nothing but the time stamps of events jumps: no part restarts, every hold is as long."""
    device.start()
    device.wait_events(4)
    before = [event["held"] for event in device.events() if event["type"] == "end"]
    known = len(device.events())
    wall_clock.set(3600.0 * hours)
    device.wait_events(6)
    health = device.health
    assert health["troubles"] == []
    assert health["source"]["restarts"]["last_hour"] == 0
    assert device.stop() == 0
    events = device.no_event_is_lost()
    jump = events[known + 1]["time"] - events[known - 1]["time"]
    assert jump * hours > 3500
    after = [event["held"] for event in events[known + 1 :] if event["type"] == "end"]
    assert max(after) <= max(before) + 2.0
    saw(f"clock {hours:+d} h", "while running", f"{health['state']}, every part runs on")


@pytest.mark.parametrize("hours", [1, -1])
def test_the_clock_is_wrong_at_the_start(device, wall_clock, saw, hours):
    """A Pi without a clock of its own starts in the past, until the network corrects it."""
    wall_clock.set(3600.0 * hours)
    device.start()
    device.wait_events()
    wall_clock.set(0.0)
    device.wait_events()
    assert device.health["troubles"] == []
    saw(f"clock {hours:+d} h", "at start", f"{device.health['state']}, every part runs on")
    assert device.stop() == 0
    device.no_event_is_lost()


def test_memory_is_short_at_the_start(device, saw):
    """It ends with a code that makes systemd try again, and runs once there is memory."""
    device.wrapper = ["prlimit", "--as=150000000"]
    device.start()
    assert device.process.wait(90) not in (0, None)
    saw("memory limit", "at start", f"exit code {device.process.returncode}, systemd tries again")
    device.wrapper = []
    device.start()
    device.wait_events()
    assert device.stop() == 0


def test_memory_runs_out_while_it_runs(device, broker, saw):
    """It crashes loudly or goes on, but never hangs; after the restart every event arrives."""
    broker.start()
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}}}"
    device.write(f"outputs:\n  log: {{type: jsonl, path: events.jsonl}}\n  bus: {bus}\n")
    device.start()
    device.wait_events()
    used = int(Path(f"/proc/{device.process.pid}/statm").read_text().split()[0]) * 4096
    resource.prlimit(device.process.pid, resource.RLIMIT_AS, (used, used))
    device.hup()
    try:
        code = device.process.wait(20)
    except subprocess.TimeoutExpired:
        device.process.send_signal(signal.SIGKILL)  # as the kernel's OOM killer does
        code = device.process.wait(20)
    how = f"exit-code exited {code}" if code > 0 else "oom-kill killed KILL"
    (device.runtime / "last-exit").write_text(f"1700000000 {how}\n")  # as the unit notes it
    device.start()
    health = device.wait(lambda h: h["process"]["last_exit"], "how the last process ended")
    reason = health["process"]["last_exit"]["reason"]
    saw("memory limit", "while running", f"after the restart: last exit: {reason}")
    device.wait_part("bus", "running")
    device.wait_events()
    device.wait(lambda h: device.part("bus", h).get("waiting") == 0, "an empty outbox")
    assert device.stop() == 0


def test_the_configuration_is_garbage_at_the_start(device, saw):
    """The service stays up and says which line; the mended file is taken up by itself."""
    good = device.config.read_text()
    device.config.write_text("version: 1\nsource: {type: v4l3}\n")
    device.start()
    health = device.wait(lambda h: h.get("troubles"), "the trouble to be told")
    (trouble,) = health["troubles"]
    assert trouble["name"] == "config"
    saw("config garbage", "at start", f"{trouble['name']} {trouble['state']}: {trouble['reason']}")
    device.config.write_text(good)
    device.wait_events()
    assert device.stop() == 0
    device.no_event_is_lost()


@pytest.mark.parametrize("garbage", ["version: 1\nsource: {type: v4l3}\n", "\0\xff: [", ""])
def test_the_configuration_becomes_garbage(device, saw, garbage):
    """The last good one runs on, and everywhere stands why."""
    device.start()
    device.wait_events()
    good = device.config.read_text()
    device.config.write_bytes(garbage.encode("latin-1"))
    device.hup()
    health = device.wait(lambda h: h["config"]["error"], "the refusal to be told")
    assert [trouble["name"] for trouble in health["troubles"]] == ["config"]
    saw("config garbage", "while running", f"config refused: {health['config']['error']}")
    device.wait_events()
    device.config.write_text(good)
    device.wait(lambda h: not h["troubles"], "the mended file to be taken over")
    assert device.stop() == 0
    device.no_event_is_lost()


def test_the_model_is_deleted_at_the_start(device, lightning, tmp_path, saw):
    """The service waits for it, says so, and runs when it is put back."""
    copy = tmp_path / "copy.tflite"
    device.write(f"model: {{path: {copy}}}\n", LOG)
    device.start()
    health = device.wait(lambda h: h.get("troubles"), "the trouble to be told")
    assert "copy.tflite" in health["troubles"][0]["reason"]
    saw("model file deleted", "at start", f"config refused: {health['troubles'][0]['reason']}")
    shutil.copy(lightning, copy)
    device.wait_events()
    assert device.stop() == 0
    device.no_event_is_lost()


def test_the_model_is_deleted_while_it_runs(device, lightning, tmp_path, saw):
    """What is loaded runs on; only a reload misses it, and takes it up again."""
    copy = tmp_path / "copy.tflite"
    shutil.copy(lightning, copy)
    device.write(f"model: {{path: {copy}}}\n", LOG)
    device.start()
    device.wait_events()
    copy.unlink()
    device.hup()
    health = device.wait(lambda h: h["config"]["error"], "the refusal to be told")
    saw("model file deleted", "while running", f"config refused: {health['config']['error']}")
    device.wait_events()
    shutil.copy(lightning, copy)
    device.wait(lambda h: not h["troubles"], "it to be well again")
    assert device.stop() == 0
    device.no_event_is_lost()


@pytest.mark.parametrize("when", ["at start", "while running"])
def test_sigterm_mid_everything(device, camera, broker, saw, when):
    """With camera and broker gone it still ends in order; what it knew comes after the restart."""
    bus = f"{{type: mqtt, host: 127.0.0.1, port: {broker.port}}}"
    outputs = f"outputs:\n  log: {{type: jsonl, path: events.jsonl}}\n  bus: {bus}\n"
    device.write(outputs, source=camera.source)
    if when == "while running":
        camera.plug_in()
        device.start()
        device.wait_events()
        device.hup()
    else:
        device.start()
    assert device.stop() == 0 if when == "while running" else device.stop() in (0, -signal.SIGTERM)
    assert not (device.runtime / "status.json").exists()
    waiting = len(device.events())
    broker.start()
    camera.unplug()
    camera.plug_in()
    device.start()
    device.wait_part("bus", "running")
    device.wait_events()
    device.wait(lambda h: device.part("bus", h).get("waiting") == 0, "an empty outbox")
    saw("SIGTERM", when, f"exit code 0; {waiting} events kept, sent after the restart")
    assert device.stop() == 0
    device.no_event_is_lost()


def test_a_pose_that_was_held_at_a_kill_ends_at_the_next_start(device, saw):
    """No light stays on: the start has its end before anything new, with what is known of it."""
    device.start()
    device.wait_events()
    device.process.send_signal(signal.SIGSTOP)
    while device.events()[-1]["type"] != "start":
        device.process.send_signal(signal.SIGCONT)
        device.wait_events(1)
        device.process.send_signal(signal.SIGSTOP)
    device.process.send_signal(signal.SIGKILL)
    device.process.wait(20)
    before = device.events()
    start = before[-1]

    device.start()
    device.wait_events(3)
    end = device.events()[len(before)]

    assert end["type"] == "end"
    assert [end[key] for key in ("name", "person", "count", "frame_time")] == [
        start[key] for key in ("name", "person", "count", "frame_time")
    ]
    assert "held" not in end
    assert "its end is sent now" in device.log.read_text()
    saw("SIGKILL", "pose held", "its end is the first event of the next process")
    assert device.stop() == 0
    device.no_event_is_lost()
