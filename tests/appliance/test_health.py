"""The health document: each part's state machine as seen from outside, and what ails in words."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from waiting import wait_until

from edgepose.appliance.health import Health
from edgepose.backoff import Backoff
from edgepose.engine.failover import Candidate, FailoverRuntime
from edgepose.engine.governor import Rates
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.watchdog import GIVEN_UP, hung_parts
from edgepose.errors import OutputLost, RuntimeLost, SourceLost
from edgepose.options import Options


class Well:
    """Be a board with nothing wrong."""

    def read(self) -> dict[str, Any]:
        """Return that nothing is known."""
        return {}


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return what holds a part until the test is over."""
    gate = threading.Event()
    yield gate
    gate.set()


@pytest.fixture
def started(gate) -> Iterator[Callable[..., Pipeline]]:
    """Return a starter of pipelines that are stopped in the end."""
    pipelines: list[Pipeline] = []

    def start(*args: Any, **kwargs: Any) -> Pipeline:
        pipelines.append(Pipeline(*args, **kwargs))
        pipelines[-1].start()
        return pipelines[-1]

    yield start
    gate.set()
    for pipeline in pipelines:
        pipeline.stop()


def document(
    pipeline: Pipeline, board: Any = None, without: str = "", **more: Any
) -> dict[str, Any]:
    """Return the document of a pipeline of fakes; without: an output that is not configured."""
    part = SimpleNamespace(type="fake", options=Options())
    names = [name for name, worker in pipeline.outputs.items() if not worker.output.internal]
    names = [name for name in names if name != without]
    config: Any = SimpleNamespace(name="lobby", source=part, outputs=dict.fromkeys(names, part))
    loaded: Any = SimpleNamespace(
        detector=pipeline.perception.detector, file=SimpleNamespace(name="echo"), why="because"
    )
    return Health(board or Well()).document(config, loaded, pipeline, **more)


def test_all_is_well(parts, new_perception, started):
    """Running parts are no trouble, and the age of the newest frame is known."""
    output = parts["Output"]()
    source = parts["Source"]([0.0], live=True)
    own = parts["Output"]()
    own.internal = True
    pipeline = started(source, new_perception(parts["Runtime"]()), {"log": output, "own": own})
    assert document(pipeline)["state"] == "running"
    wait_until(lambda: pipeline.stats.snapshot().counts.get("scenes"))
    wait_until(lambda: pipeline.outputs["log"].health.state == "running")
    found = document(pipeline)
    assert found["troubles"] == []
    assert 0 <= found["source"]["age"] < 30
    assert found["source"]["state"] == found["runtime"]["state"] == "running"
    assert found["runtime"]["why"] == "because"
    assert found["outputs"].keys() == {"log"}


def test_an_output_that_an_edit_took_away_is_left_out(parts, new_perception, started):
    """Until the old pipeline has ended the configuration is newer; nobody who asks then fails."""
    outputs = {"log": parts["Output"](), "bus": parts["Output"]()}
    pipeline = started(
        parts["Source"]([0.0], live=True), new_perception(parts["Runtime"]()), outputs
    )
    assert document(pipeline, without="bus")["outputs"].keys() == {"log"}


def test_a_source_in_back_off_is_told_with_its_restarts(parts, new_perception, started):
    """State, reason, and why it was started anew."""
    source = parts["Source"]([SourceLost("unplugged")] * 9, live=True)
    pipeline = started(source, new_perception(parts["Runtime"]()), {})
    wait_until(lambda: pipeline.capture.health.state == "backing off")
    found = document(pipeline)
    assert found["state"] == "degraded"
    (trouble,) = found["troubles"]
    assert trouble == {"name": "source", "state": "backing off", "reason": "unplugged"}
    assert found["source"]["restarts"]["latest"][0]["reason"] == "unplugged"
    assert found["source"]["age"] is None


def test_inference_that_fails_backs_off_and_runs_again(parts, new_perception, started):
    """While the runtime does not open the state says so; the reason stays among the restarts."""
    gate = threading.Event()

    class Slow(parts["Runtime"]):
        def open(self) -> None:
            if not gate.is_set():
                raise RuntimeLost("still away")

    runtime = Slow(failures=[RuntimeLost("the chip is gone")])
    source = parts["Source"]([0.0, gate.wait, 0.1], live=True)
    pipeline = started(source, new_perception(runtime), {})
    wait_until(lambda: document(pipeline)["runtime"]["state"] == "backing off")
    assert document(pipeline)["runtime"]["reason"] == "the chip is gone"
    gate.set()
    wait_until(lambda: document(pipeline)["runtime"]["state"] == "running")
    latest = document(pipeline)["runtime"]["restarts"]["latest"]
    assert [restart["reason"] for restart in latest] == ["the chip is gone"]


def test_an_output_that_works_only_in_part_is_degraded(parts, new_perception, started):
    """It is open, takes scenes, and says what it lacks."""

    class Deaf(parts["Output"]):
        trouble = "no connection"

        health = MappingProxyType({"waiting": 3})

    source = parts["Source"]([], live=True)
    pipeline = started(source, new_perception(parts["Runtime"]()), {"bus": Deaf()})
    wait_until(lambda: pipeline.outputs["bus"].health.state == "running")
    found = document(pipeline)
    assert found["outputs"]["bus"]["state"] == "degraded"
    assert found["outputs"]["bus"]["waiting"] == 3
    assert found["troubles"] == [{"name": "bus", "state": "degraded", "reason": "no connection"}]


def test_what_an_output_holds_back_is_counted(parts, new_perception, started):
    """Events that it could not take wait in its queue, and age there."""

    class Away(parts["Output"]):
        def show(self, scene: Any) -> None:
            raise OutputLost("refused")

    source = parts["Source"]([0.0, 0.1, 0.2], lossless=True)
    pipeline = started(source, new_perception(parts["Runtime"]()), {"hook": Away()})
    wait_until(lambda: document(pipeline)["outputs"]["hook"]["queue"]["events"] >= 4)
    wait_until(lambda: document(pipeline)["outputs"]["hook"]["queue"]["age"] > 0)
    wait_until(lambda: document(pipeline)["outputs"]["hook"]["state"] == "backing off")


def test_the_queue_of_an_output_that_hangs_holds_what_it_was_given(
    parts, new_perception, started, gate
):
    """What is inside a call that does not come back is not lost, and not forgotten either."""
    entered = threading.Event()

    def hang() -> None:
        entered.set()
        assert gate.wait(30)

    source = parts["Source"]([0.0], live=True)
    stuck = parts["Output"](before_show=hang)
    pipeline = started(source, new_perception(parts["Runtime"]()), {"screen": stuck})
    assert entered.wait(30)
    assert document(pipeline)["outputs"]["screen"]["queue"]["events"] == 1


def test_a_part_that_hangs_is_hung_whatever_it_last_said(
    parts, new_perception, started, gate, monkeypatch
):
    """The supervisor's look from outside wins over the part's own word."""
    source = parts["Source"]([lambda: gate.wait(30)], live=True)
    pipeline = started(source, new_perception(parts["Runtime"]()), {})
    monkeypatch.setattr(
        "edgepose.appliance.health.hung_parts", lambda *_: {"source": "31 s", "perception": "x"}
    )
    found = document(pipeline)
    assert (found["source"]["state"], found["source"]["reason"]) == ("hung", "31 s")
    assert [trouble["name"] for trouble in found["troubles"]] == ["source", "perception"]


def test_a_refused_configuration_and_an_ailing_board_are_troubles(parts, new_perception):
    """What no part can say of itself."""
    board = SimpleNamespace(read=lambda: {"temperature": 84.0})
    source = parts["Source"]([], live=True)
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {})
    found = document(pipeline, board, configuration={"error": "line 7"})
    assert [trouble["name"] for trouble in found["troubles"]] == ["config", "heat"]


def test_a_failover_is_degraded_and_says_why(parts, new_perception):
    """The backend in use, and what keeps the better one from being used."""

    class Gone(parts["Runtime"]):
        def open(self) -> None:
            raise RuntimeLost("no stick")

    candidates = [Candidate("Edge TPU", Gone), Candidate("CPU", parts["Runtime"])]
    failover = FailoverRuntime(candidates, Backoff(1000.0, 1000.0))
    failover.open()
    pipeline = Pipeline(parts["Source"]([], live=True), new_perception(failover), {})
    runtime = document(pipeline)["runtime"]
    failover.close()
    assert (runtime["state"], runtime["reason"]) == ("degraded", "no stick")
    assert runtime["why"] == "Edge TPU can't be used"
    assert runtime["fallbacks"] == [{"from": "Edge TPU", "to": "CPU", "count": 1}]


def test_a_climb_that_never_ends_hangs(parts, new_perception, gate, monkeypatch):
    """The way back to the better chip is watched as well."""
    opens = iter([False, True])

    class Sticky(parts["Runtime"]):
        def open(self) -> None:
            if next(opens, True):
                gate.wait(30)
            raise RuntimeLost("no stick")

    candidates = [Candidate("Edge TPU", Sticky), Candidate("CPU", parts["Runtime"])]
    failover = FailoverRuntime(candidates, Backoff(0.01, 0.01))
    failover.open()
    pipeline = Pipeline(parts["Source"]([], live=True), new_perception(failover), {})
    wait_until(lambda: failover.recovering.seconds > 0)
    assert "runtime" not in hung_parts(pipeline, 0.0)
    monkeypatch.setattr("edgepose.engine.watchdog.RECOVERY", -1000.0)
    assert "better chip" in hung_parts(pipeline, 0.0)["runtime"]
    gate.set()
    failover.close()


def test_inferences_that_were_given_up_are_counted_until_only_a_new_process_helps(
    parts, new_perception, started, gate
):
    """Each leaves a thread and an interpreter behind; a few are borne with."""

    class Swamp(parts["Runtime"]):
        def infer(self, tensor: Any) -> Any:
            self.abandoned_now = threading.Event()
            assert gate.wait(30)
            return (1.0,)

        def abandon(self) -> None:
            pass

    source = parts["Source"](range(10**6), live=True)
    pipeline = started(source, new_perception(Swamp()), {}, deadline=0.01)
    wait_until(lambda: pipeline.workers.given_up >= 1)
    assert document(pipeline)["runtime"]["given_up"] >= 1
    wait_until(lambda: pipeline.workers.given_up > GIVEN_UP)
    assert "never came back" in hung_parts(pipeline, 0.0)["runtime"]
    gate.set()
    wait_until(lambda: "runtime" not in hung_parts(pipeline, 0.0))


def test_heat_is_told_once_with_what_is_done_about_it(parts, new_perception):
    """Slowed down, the document says by how much; too hot all the same, it is one trouble."""
    pipeline = Pipeline(parts["Source"]([], live=True), new_perception(parts["Runtime"]()), {})
    pipeline.governor.rates = Rates(cool_at=75.0)
    pipeline.governor.update(60.0, 20.0, 0.0)
    pipeline.governor.update(84.0, 20.0, 100.0)
    found = document(pipeline, SimpleNamespace(read=lambda: {"temperature": 84.0}))
    assert found["rate"] == {"mode": "cooling", "limit_fps": 10.0, "steps": 1}
    (trouble,) = found["troubles"]
    assert trouble["name"] == "heat"
    assert "84 °C: only 10 pictures a second" in trouble["reason"]


@pytest.mark.parametrize("fault", ["fails", "hangs"])
def test_a_chip_that_fails_while_it_runs_gives_way_and_comes_back(
    parts, new_perception, started, gate, fault
):
    """Degraded on the next candidate with every frame's event, then running on the better one."""
    away = threading.Event()

    class Chip(parts["Runtime"]):
        def open(self) -> None:
            if away.is_set():
                raise RuntimeLost("no stick")

        def infer(self, tensor: Any) -> Any:
            if away.is_set():
                if fault == "hangs":
                    assert gate.wait(30)
                raise RuntimeLost("the stick was pulled out")
            return super().infer(tensor)

    def clock() -> Iterator[Any]:
        for number in range(10**6):
            yield lambda: threading.Event().wait(0.005)
            yield number / 100

    candidates = [Candidate("Edge TPU", Chip), Candidate("CPU", parts["Runtime"])]
    failover = FailoverRuntime(candidates, Backoff(0.05, 0.05))
    failover.open()
    source, output = parts["Source"]([], live=True), parts["Output"]()
    steps = clock()
    source.read = lambda: _next_frame(source, steps)
    pipeline = started(source, new_perception(failover), {"out": output}, deadline=0.5)
    wait_until(lambda: len(output.event_times) > 3)
    away.set()
    wait_until(lambda: document(pipeline)["runtime"]["why"] == "Edge TPU can't be used")
    seen = len(output.event_times)
    wait_until(lambda: len(output.event_times) > seen + 3)
    wait_until(lambda: document(pipeline)["runtime"]["state"] == "degraded")
    away.clear()
    wait_until(lambda: document(pipeline)["runtime"]["state"] == "running")
    seen = len(output.event_times)
    wait_until(lambda: len(output.event_times) > seen + 3)
    wait_until(lambda: not failover.is_degraded)


def _next_frame(source: Any, steps: Iterator[Any]) -> Any:
    """Let the source take the next two steps of an endless script."""
    if source.interrupted.is_set():
        return None
    source.script[:] = [next(steps), next(steps)]
    return type(source).read(source)
