"""Which parts hang, when the watchdog is fed, and what is reported."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from edgepose.engine.pipeline import Pipeline
from edgepose.engine.watchdog import Supervisor, hung_parts, status_line
from edgepose.errors import OutputLost, RuntimeLost, SourceLost
from edgepose.system import status_file

HEALTH: dict[str, Any] = {
    "name": "lobby",
    "fps": 29.8,
    "source": {"state": "running", "reason": ""},
    "runtime": {"state": "running", "reason": "", "backend": "CPU"},
    "outputs": {"screen": {"state": "running", "reason": ""}},
    "hung": {},
    "troubles": [],
    "last_event": None,
}


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return what holds a part until the test is over."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def running(gate) -> Iterator[Callable[..., Pipeline]]:
    """Return a starter of pipelines that are stopped in the end."""
    started: list[Pipeline] = []

    def start(*args: Any, **kwargs: Any) -> Pipeline:
        pipeline = Pipeline(*args, **kwargs)
        pipeline.start()
        started.append(pipeline)
        return pipeline

    yield start
    gate.set()
    for pipeline in started:
        pipeline.stop()


def held(gate: threading.Event, entered: threading.Event) -> Callable[[], None]:
    """Return a call that hangs until the gate is opened."""

    def call() -> None:
        entered.set()
        assert gate.wait(30)

    return call


def test_a_source_that_is_stuck_in_read_hangs(parts, new_perception, running, gate):
    """A live camera whose read does not come back is named; its own time-out counts first."""
    entered = threading.Event()
    source = parts["Source"]([held(gate, entered)], live=True)
    pipeline = running(source, new_perception(parts["Runtime"]()), {})
    assert entered.wait(30)
    wait_until(lambda: pipeline.capture.inside.seconds > 0)
    assert "source" in hung_parts(pipeline, patience=0.0, limit=0.0)
    assert "source" not in hung_parts(pipeline, patience=60.0, limit=0.0)


def test_pictures_that_are_shown_for_a_minute_each_do_not_hang(
    parts, new_perception, running, gate
):
    """What is no camera may take its time: nothing there can hang in a driver."""
    entered = threading.Event()
    source = parts["Source"]([held(gate, entered)], live=False)
    pipeline = running(source, new_perception(parts["Runtime"]()), {})
    assert entered.wait(30)
    assert "source" not in hung_parts(pipeline, patience=0.0, limit=0.0)


def test_a_source_in_back_off_does_not_hang(parts, new_perception, running):
    """A camera that is unplugged has said so; a restart of the process would not plug it in."""
    source = parts["Source"]([SourceLost("unplugged")] * 100, live=True)
    pipeline = running(source, new_perception(parts["Runtime"]()), {})
    wait_until(lambda: pipeline.capture.health.state == "backing off")
    assert "source" not in hung_parts(pipeline, patience=0.0, limit=0.0)


def test_an_output_that_is_stuck_in_show_hangs_and_the_others_do_not(
    parts, new_perception, running, gate
):
    """The one that does not come back is named."""
    entered = threading.Event()
    stuck = parts["Output"](before_show=held(gate, entered))
    outputs = {"screen": stuck, "log": parts["Output"]()}
    source = parts["Source"]([0.0, 0.1], live=True)
    pipeline = running(source, new_perception(parts["Runtime"]()), outputs)
    assert entered.wait(30)
    wait_until(lambda: not pipeline.outputs["log"].inside.seconds)
    hung = hung_parts(pipeline, patience=60.0, limit=0.0)
    assert "output screen" in hung
    assert "output log" not in hung


def test_an_output_in_back_off_does_not_hang(parts, new_perception, running):
    """A broker that is away is waited for."""

    class Away(parts["Output"]):
        def open(self) -> None:
            raise OutputLost("refused")

    source = parts["Source"]([], live=True)
    pipeline = running(source, new_perception(parts["Runtime"]()), {"bus": Away()})
    wait_until(lambda: pipeline.outputs["bus"].health.state == "backing off")
    wait_until(lambda: not pipeline.outputs["bus"].inside.seconds)
    assert "output bus" not in hung_parts(pipeline, patience=60.0, limit=0.0)


def test_an_inference_past_its_deadline_hangs_unless_it_was_given_up(
    parts, new_perception, running, gate
):
    """Perception replaces a thread that hangs; only where it does not, the process has to go."""
    runtime = parts["Runtime"](gate=gate)
    source = parts["Source"]([0.0], live=True)
    pipeline = running(source, new_perception(runtime), {}, deadline=60.0)
    assert runtime.started.wait(30)
    assert "runtime" not in hung_parts(pipeline, patience=60.0, limit=0.0)
    pipeline.workers.deadline = 0.0
    wait_until(lambda: runtime.abandoned or hung_parts(pipeline, 60.0, 0.0).get("runtime"))
    wait_until(lambda: runtime.abandoned)
    wait_until(lambda: "runtime" not in hung_parts(pipeline, patience=60.0, limit=0.0))
    assert not gate.is_set()  # it hangs still, and counts no more: another thread took its place


def test_a_runtime_that_hangs_while_it_is_opened_again_hangs(parts, new_perception, running, gate):
    """Nobody gives a deadline to that: a driver that never opens is found by the supervisor."""
    entered = threading.Event()

    class Sticky(parts["Runtime"]):
        def open(self) -> None:
            held(gate, entered)()

    runtime = Sticky(failures=[RuntimeLost("unplugged")])
    source = parts["Source"]([0.0], live=True)
    pipeline = running(source, new_perception(runtime), {}, deadline=0.0)
    assert entered.wait(30)
    wait_until(lambda: "runtime" in hung_parts(pipeline, patience=60.0, limit=0.0))


def test_perception_that_does_not_come_round_hangs(parts, new_perception, running, gate):
    """The thread between the others is looked after as well."""
    perception = new_perception(parts["Runtime"]())
    entered = threading.Event()
    call = held(gate, entered)
    prepare = perception.prepare
    perception.prepare = lambda *numbered: (call(), prepare(*numbered))[1]
    pipeline = running(parts["Source"]([0.0], live=True), perception, {})
    assert entered.wait(30)
    wait_until(lambda: pipeline.since_beat > 0.01)
    assert "perception" in hung_parts(pipeline, patience=60.0, limit=0.01)


def test_a_pipeline_that_is_not_running_does_not_hang(parts, new_perception):
    """Before the start and after the end there is nothing to wait for."""
    source = parts["Source"]([0.0], lossless=True)
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {"log": parts["Output"]()})
    assert hung_parts(pipeline, patience=0.0, limit=0.0) == {}
    pipeline.run()
    assert hung_parts(pipeline, patience=0.0, limit=0.0) == {}


@pytest.fixture
def manager(tmp_path: Path, monkeypatch) -> Iterator[Callable[[], dict[str, str]]]:
    """Return a reader of what systemd is told, one message a call."""
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(10)
        bound.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        yield lambda: dict(line.split("=", 1) for line in bound.recv(4096).decode().splitlines())


def crash(error: BaseException) -> None:
    """Fail the test that a thread crashed in."""
    raise error


def test_the_watchdog_is_fed_while_nothing_hangs_and_not_fed_while_something_does(manager, caplog):
    """WATCHDOG=1 is proof that every part moves; the reason is logged once, not every time."""
    health = dict(HEALTH)
    supervisor = Supervisor(lambda: health, crash)
    supervisor.step()
    assert manager() == {"WATCHDOG": "1", "STATUS": "29.8 fps on CPU"}
    health["hung"] = {"output screen": "it has not come back for 31 s"}
    with caplog.at_level(logging.WARNING):
        supervisor.step()
        supervisor.step()
    for _ in range(2):
        said = manager()
        assert "WATCHDOG" not in said
        assert "hangs: output screen" in said["STATUS"]
    assert caplog.text.count("has not come back") == 1
    health["hung"] = {}
    supervisor.step()
    assert manager()["WATCHDOG"] == "1"


def test_the_watchdog_is_fed_at_half_its_time(manager, monkeypatch):
    """A thread feeds it again and again without being asked, at once for a short watchdog."""
    monkeypatch.setenv("WATCHDOG_USEC", "20000")
    supervisor = Supervisor(lambda: HEALTH, crash)
    supervisor.start()
    assert [manager()["WATCHDOG"] for _ in range(3)] == ["1"] * 3
    supervisor.stop()
    supervisor.stop()


def test_a_fault_of_the_health_document_ends_nothing(caplog):
    """A reading that fails, for want of descriptors, is logged once; the process is not hung."""

    def no_document() -> dict[str, object]:
        raise OSError(24, "Too many open files")

    supervisor = Supervisor(no_document, crash)
    supervisor.step()
    supervisor.step()
    assert caplog.text.count("The health document can't be made: a fault in edgepose (OSError") == 1


def test_the_status_file_is_whole_readable_by_all_and_goes_with_the_process(tmp_path):
    """`edgepose status` reads it as another user, and finds nothing after an orderly end."""
    folder = tmp_path / "run" / "edgepose"
    supervisor = Supervisor(lambda: HEALTH, crash, folder)
    supervisor.start()
    path = folder / "status.json"
    assert json.loads(path.read_text())["health"] == HEALTH
    assert path.stat().st_mode & 0o777 == 0o644
    assert [found.name for found in folder.iterdir()] == ["status.json"]
    report = status_file.read(folder)
    assert report is not None
    assert report.is_running
    supervisor.stop()
    assert list(folder.iterdir()) == []


def test_a_step_that_ends_after_the_stop_leaves_no_file(tmp_path):
    """The document took longer to be had than the stop waits."""
    supervisor = Supervisor(lambda: HEALTH, crash, tmp_path)
    supervisor.step()
    supervisor.stop()
    supervisor.step()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_can_not_be_written_is_told_once_and_hurts_nobody(tmp_path, caplog):
    """A full or missing tmpfs must not stop the appliance."""
    (tmp_path / "run").write_text("a file where the folder should be")
    supervisor = Supervisor(lambda: HEALTH, crash, tmp_path / "run" / "edgepose")
    with caplog.at_level(logging.WARNING):
        supervisor.step()
        supervisor.step()
    assert caplog.text.count("will not know") == 1


def test_the_status_line_says_rate_backend_trouble_and_the_last_event():
    """What `systemctl status` shows is enough to see what is wrong from afar."""
    health = HEALTH | {
        "troubles": [
            {"name": "source", "state": "backing off", "reason": "/dev/video0: no such device."}
        ],
        "last_event": {"name": "arms_up", "type": "start", "time": 1_700_000_000.0},
    }
    line = status_line(health)
    assert line.startswith("29.8 fps on CPU; source backing off: /dev/video0: no such device; ")
    assert "last event arms_up start at " in line
