"""The live pipeline with scripted parts: order, loss, recovery, shutdown."""

from __future__ import annotations

import threading

import pytest
from scripted import ListOutput

from edgepose.engine import fanout
from edgepose.engine import output_worker as outlet_module
from edgepose.engine.event_journal import EventJournal
from edgepose.engine.perception import Detector
from edgepose.engine.pipeline import Pipeline
from edgepose.errors import OutputLost, RuntimeLost, SourceLost
from edgepose.system import malloc
from edgepose.types import Transition, WatchState


def run(pipeline: Pipeline) -> None:
    """Run to the end of the source."""
    pipeline.start()
    assert pipeline.wait(30)
    pipeline.stop()


def test_every_frame_of_a_lossless_source_reaches_every_output_in_order(parts, new_perception):
    """A lossless run drops nothing and keeps the order, whatever the speed of the parts."""
    runtime, output = parts["Runtime"](), parts["Output"](every_frame=True)
    source = parts["Source"](range(50), lossless=True)
    run(Pipeline(source, new_perception(runtime), {"out": output}))
    assert [scene.frame.seq for scene in output.scenes[:50]] == list(range(50))
    assert output.event_times == [*map(float, range(50)), 49.0]  # the last one is the end


def test_the_next_frame_is_inferred_while_this_one_is_interpreted(parts, new_perception):
    """The chip does not wait for tracking, matching and outputs, with a lossless source either."""
    begun = [threading.Event() for _ in range(20)]
    numbers = iter(range(20))

    class Runtime(parts["Runtime"]):
        def infer(self, tensor):
            begun[next(numbers)].set()
            return super().infer(tensor)

    class Watch(parts["Watch"]):
        overlapped = 0

        def step(self, poses, time, fresh):
            following = begun[int(time) + 1] if time < 19 else None
            self.overlapped += following is not None and following.wait(5)
            return super().step(poses, time, fresh)

    perception = new_perception(Runtime())
    perception.interpreter.watches = (watch := Watch(),)
    output = parts["Output"](every_frame=True)
    source = parts["Source"](range(20), lossless=True)
    run(Pipeline(source, perception, {"out": output}))

    assert watch.overlapped == 19
    assert [scene.frame.seq for scene in output.scenes[:20]] == list(range(20))


def test_two_workers_keep_the_frames_in_order(parts, new_perception):
    """Answers of several interpreters come out in the order of the frames."""
    runtimes = [parts["Runtime"](), parts["Runtime"]()]
    output = parts["Output"](every_frame=True)
    source = parts["Source"](range(80), lossless=True)
    run(Pipeline(source, new_perception(*runtimes), {"out": output}))
    seqs = [scene.frame.seq for scene in output.scenes]
    assert seqs == sorted(seqs)
    assert len(set(seqs)) == 80


def test_a_late_frame_is_replaced_and_counted(parts, new_perception):
    """While inference is busy the newest frame replaces the one that waits."""
    gate = threading.Event()
    runtime, output = parts["Runtime"](gate), parts["Output"]()
    script = [0, runtime.started.wait, *range(1, 20), gate.set]
    pipeline = Pipeline(parts["Source"](script), new_perception(runtime), {"o": output})
    run(pipeline)
    assert output.event_times[0] == 0.0
    assert output.event_times[-1] == 19.0  # the newest frame was perceived
    counts = pipeline.stats.snapshot().counts
    assert counts["captured"] == 20
    assert counts["dropped:capture"] + counts["scenes"] == 20


def test_a_source_that_dies_is_opened_again_and_the_run_goes_on(parts, new_perception):
    """A lost camera is reopened with back-off; frames before and after arrive."""
    runtime, output = parts["Runtime"](), parts["Output"]()
    source = parts["Source"]([0, SourceLost("cable out"), 1], lossless=True)
    pipeline = Pipeline(source, new_perception(runtime), {"out": output})
    run(pipeline)
    assert source.opened == 2
    assert pipeline.stats.snapshot().counts["source_restarts:lost"] == 1
    assert {0.0, 1.0} <= set(output.event_times)


def test_a_source_that_does_not_open_is_counted_as_that(parts, new_perception):
    """Told apart from one that was lost while it ran."""
    source = parts["Source"]([0], lossless=True)
    tries = iter([True])

    def open_at_second_try() -> None:
        if next(tries, False):
            raise SourceLost("no such camera")

    source.open = open_at_second_try
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {})
    run(pipeline)
    counts = pipeline.stats.snapshot().counts
    assert counts["source_restarts:open_failed"] == counts["restarts:source"] == 1
    assert "source_restarts:lost" not in counts


def test_a_dead_output_loses_no_event_and_stops_nobody(parts, new_perception):
    """Events gather while an output can't be opened; another output gets all at once."""
    runtime, good, bad = parts["Runtime"](), parts["Output"](), parts["Output"]()
    tries = iter([True, False])

    def open_at_second_try() -> None:
        if next(tries):
            raise OutputLost("no such display")

    bad.open = open_at_second_try
    source = parts["Source"](range(30), lossless=True)
    run(Pipeline(source, new_perception(runtime), {"good": good, "bad": bad}))
    expected = [*map(float, range(30)), 29.0]
    assert good.event_times == expected
    assert bad.event_times == expected


def test_a_failed_show_is_tried_again_with_its_events(parts, new_perception):
    """A scene whose showing failed comes again after the output was reopened."""
    failures = [OutputLost("disk full")]

    def fail_once() -> None:
        if failures:
            raise failures.pop()

    runtime, output = parts["Runtime"](), parts["Output"](before_show=fail_once)
    run(Pipeline(parts["Source"]([0]), new_perception(runtime), {"out": output}))
    assert output.event_times == [0.0, 0.0]
    assert output.opened == 2


def test_a_slow_output_gets_merged_scenes_with_every_event(parts, new_perception):
    """An output that can't keep up sees fewer pictures and all events."""
    gate = threading.Event()
    output = parts["Output"](before_show=lambda: gate.wait(30))
    runtime = parts["Runtime"]()
    script = [*range(40), gate.set]
    source = parts["Source"](script, lossless=True)
    run(Pipeline(source, new_perception(runtime), {"out": output}))
    assert output.event_times == [*map(float, range(40)), 39.0]
    assert len(output.scenes) < 40


def test_an_output_that_hangs_does_not_hold_up_a_lossless_run(parts, new_perception, monkeypatch):
    """The patience with an output that wants every frame has an end, and is not spent twice."""
    monkeypatch.setattr(outlet_module, "PATIENCE", 0.05)
    gate = threading.Event()
    output = parts["Output"](every_frame=True, before_show=lambda: gate.wait(30))
    runtime = parts["Runtime"]()
    source = parts["Source"]([*range(20), gate.set], lossless=True)
    run(Pipeline(source, new_perception(runtime), {"out": output}))
    assert output.event_times == [*map(float, range(20)), 19.0]


def test_a_failed_inference_drops_its_frame_and_reopens_the_runtime(parts, new_perception):
    """A chip that fails once costs one frame."""
    runtime = parts["Runtime"](failures=[RuntimeLost("usb gone")])
    output = parts["Output"]()
    source = parts["Source"](range(3), lossless=True)
    pipeline = Pipeline(source, new_perception(runtime), {"out": output})
    run(pipeline)
    assert output.event_times == [1.0, 2.0, 2.0]
    assert runtime.opened == 1
    assert pipeline.stats.snapshot().counts["dropped:infer"] == 1


def test_stop_ends_a_live_source_in_order_and_closes_everything(parts, new_perception):
    """Stopping interrupts a waiting camera, ends what is active and closes all parts."""
    others = set(threading.enumerate())
    shown = threading.Event()
    runtime, output = parts["Runtime"](), parts["Output"](before_show=shown.set)
    source = parts["Source"]([0], live=True)
    pipeline = Pipeline(source, new_perception(runtime), {"out": output})
    pipeline.start()
    assert shown.wait(30)
    pipeline.stop()
    assert source.closed >= 1
    assert output.closed == 1
    assert [event.type for scene in output.scenes for event in scene.events] == ["rep", "end"]
    mine = set(threading.enumerate()) - others
    assert not [t.name for t in mine if t.name.startswith(("infer", "output"))]


def test_a_crash_in_a_part_is_raised_by_stop(parts, new_perception):
    """A fault in the code is not swallowed: the run ends and the error comes out."""

    def crash() -> None:
        raise ZeroDivisionError("a bug")

    class Broken(parts["Runtime"]):
        infer = staticmethod(lambda *_: crash())

    perception = new_perception(Broken())
    pipeline = Pipeline(parts["Source"]([0]), perception, {"out": parts["Output"]()})
    pipeline.start()
    assert pipeline.wait(30)
    with pytest.raises(ZeroDivisionError, match="a bug"):
        pipeline.stop()


def test_a_frame_that_is_too_old_fires_nothing(new_perception, parts):
    """The age of a frame reaches the watch's freshness guard."""
    runtime = parts["Runtime"]()
    perception = new_perception(runtime)
    frame = parts["Source"]([0]).read()
    assert perception.step(frame, age=0.5).events
    assert not perception.step(frame, age=1.5).events


def test_a_hanging_inference_is_given_up_and_the_run_goes_on(parts, new_perception):
    """Past the deadline a new thread takes over; the late answer of the old one is not used."""
    gate = threading.Event()
    runtime, output = parts["Runtime"](gate), parts["Output"]()
    hang = iter([True])

    def infer(tensor, original=runtime.infer):
        if next(hang, False):
            return original(tensor)  # waits for the gate, which opens at the end
        runtime.gate = None
        return original(tensor)

    runtime.infer = infer
    source = parts["Source"]([*range(4), gate.set], lossless=True)
    pipeline = Pipeline(source, new_perception(runtime), {"out": output}, deadline=0.2)
    run(pipeline)
    assert runtime.abandoned == 1
    assert output.event_times == [2.0, 3.0, 3.0]  # one hung, one told the runtime to open again
    assert pipeline.stats.snapshot().counts["restarts:runtime"] == 2


def test_a_model_is_swapped_between_two_frames(parts, new_perception, monkeypatch):
    """Each frame is answered wholly by one model; the old one is closed, no event is lost."""
    closed_when_given_back = []
    monkeypatch.setattr(malloc, "trim", lambda: closed_when_given_back.append(old.closed))
    old, new = parts["Runtime"](), parts["Runtime"]()
    new.infer = lambda tensor: (-1.0,)
    output = parts["Output"](every_frame=True)
    source = parts["Source"]([])
    pipeline = Pipeline(source, new_perception(old), {"out": output})
    source.lossless = True
    source.script = [
        *range(10),
        lambda: pipeline.swap(Detector(parts["Family"](), new)),
        *range(10, 20),
    ]
    run(pipeline)
    answers = [scene.poses[0].score for scene in output.scenes[:20]]
    switched = answers.index(-1.0)
    assert 0 < switched <= 11
    assert all(score > 0 for score in answers[:switched])
    assert set(answers[switched:]) == {-1.0}
    assert old.closed == 1
    assert new.closed == 0
    assert closed_when_given_back == [1]
    assert output.event_times[:20] == [*map(float, range(20))]


def test_another_source_takes_over_and_what_was_active_ends(parts, new_perception):
    """The outputs run on; the frames of the old source come before its end, the new ones after."""
    shown = threading.Semaphore(0)
    output = parts["Output"](every_frame=True, before_show=shown.release)
    first = parts["Source"]([100, 101], live=True, lossless=True)
    second = parts["Source"]([*range(5)], lossless=True)
    pipeline = Pipeline(first, new_perception(parts["Runtime"]()), {"out": output})
    pipeline.start()
    assert shown.acquire(timeout=30)
    assert shown.acquire(timeout=30)
    before = pipeline.perception.interpreter
    pipeline.change_source(second, new_perception(parts["Runtime"]()).interpreter)
    assert pipeline.watches is not before.watches
    assert pipeline.wait(30)
    pipeline.stop()
    assert output.event_times == [100.0, 101.0, 101.0, 0.0, 1.0, 2.0, 3.0, 4.0, 4.0]
    assert (output.opened, first.closed, second.opened) == (1, 1, 1)


def test_a_source_may_change_while_the_run_still_starts(parts, new_perception):
    """The page is up before the camera is: an edit in that moment must not end the process."""
    output = parts["Output"](every_frame=True)
    first = parts["Source"]([100], live=True, lossless=True)
    second = parts["Source"]([0, 1], lossless=True)
    pipeline = Pipeline(first, new_perception(parts["Runtime"]()), {"out": output})
    other = new_perception(parts["Runtime"]()).interpreter
    edit = threading.Thread(target=pipeline.change_source, args=(second, other))
    start = pipeline.workers.start

    def start_and_edit() -> None:
        start()
        edit.start()
        edit.join(0.2)  # it waits for the rest of the start

    pipeline.workers.start = start_and_edit
    pipeline.start()
    edit.join(30)
    assert pipeline.wait(30)
    pipeline.stop()
    assert output.event_times[-3:] == [0.0, 1.0, 1.0]


def test_another_source_waits_until_the_one_before_has_closed(parts, new_perception):
    """The same camera with other options is let go before it is opened again."""
    gate, reading, order = threading.Event(), threading.Event(), []
    first = parts["Source"]([0, reading.set, lambda: gate.wait(30), 1], lossless=True)
    second = parts["Source"]([5], lossless=True)
    first.close = lambda: order.append("closed")
    opened = threading.Event()
    second.open = lambda: (order.append("opened"), opened.set())
    pipeline = Pipeline(first, new_perception(parts["Runtime"]()), {})
    pipeline.start()
    assert reading.wait(30)
    pipeline.change_source(second, new_perception(parts["Runtime"]()).interpreter)
    assert not opened.wait(0.3)  # while the one before still reads
    gate.set()
    assert pipeline.wait(30)
    pipeline.stop()
    assert order == ["closed", "opened"]


def test_another_interpreter_loses_no_frame(parts, new_perception):
    """Between two frames of a lossless source: what was active ends, and every frame counts."""
    output, shown, go = parts["Output"](every_frame=True), threading.Event(), threading.Event()
    source = parts["Source"]([0, 1, 2, shown.set, lambda: go.wait(30), 3, 4], lossless=True)
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {"out": output})
    pipeline.start()
    assert shown.wait(30)
    pipeline.change_interpreter(new_perception(parts["Runtime"]()).interpreter)
    go.set()
    assert pipeline.wait(30)
    pipeline.stop()
    frames = output.event_times
    assert sorted(set(frames)) == [0.0, 1.0, 2.0, 3.0, 4.0]
    assert len(frames) == 7  # five frames and two ends


def test_an_output_that_is_replaced_leaves_what_it_could_not_show(parts, new_perception):
    """The events that a dead output gathered reach its successor; the others see no change."""
    good, dead, heir = parts["Output"](), parts["Output"](), parts["Output"]()

    def fail() -> None:
        raise OutputLost("no such display")

    dead.open = fail
    shown, go = threading.Event(), threading.Event()
    source = parts["Source"]([*range(5), shown.set, lambda: go.wait(30), 5], lossless=True)
    outputs = {"good": good, "screen": dead}
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), outputs)
    pipeline.start()
    assert shown.wait(30)
    pipeline.change_outputs({"screen": heir})
    go.set()
    assert pipeline.wait(30)
    pipeline.stop()
    assert heir.event_times == good.event_times == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 5.0]
    assert (good.opened, good.closed) == (1, 1)


def test_an_output_is_taken_away_and_another_one_comes(parts, new_perception):
    """The one that goes is closed in order; the one that comes sees the scenes from then on."""
    goes, comes = parts["Output"](), parts["Output"]()
    shown, go = threading.Event(), threading.Event()
    source = parts["Source"]([0, shown.set, lambda: go.wait(30), 1], lossless=True)
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {"goes": goes})
    pipeline.start()
    assert shown.wait(30)
    pipeline.change_outputs({"goes": None, "comes": comes})
    assert list(pipeline.outputs) == ["comes"]
    go.set()
    assert pipeline.wait(30)
    pipeline.stop()
    assert goes.closed == 1
    assert comes.event_times[-2:] == [1.0, 1.0]
    assert comes.closed == 1


def test_what_is_active_ends_when_the_camera_is_silent_for_long(parts, new_perception, monkeypatch):
    """A pose that was held when the cable came out ends, once, and a new frame begins anew."""
    monkeypatch.setattr(fanout, "SILENCE", 0.2)
    output, silent = parts["Output"](), threading.Event()
    gone = [SourceLost("cable out")] * 2  # 1.5 s
    source = parts["Source"]([1.0, *gone, silent.set, 9.0], live=True)
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {"out": output})
    pipeline.start()
    assert silent.wait(30)
    pipeline.capture.stop()
    pipeline.wait(30)
    pipeline.stop()
    told = [(e.type, e.frame_time) for scene in output.scenes for e in scene.events]
    before = [event for event in told if event[1] < 9.0]
    assert before == [("rep", 1.0), ("end", 1.0)]
    silence = next(s for s in output.scenes if s.events and s.events[-1].type == "end")
    assert silence.poses == ()
    assert [watch.name for watch in silence.watches] == ["tick"]


def test_a_source_that_is_no_camera_may_be_silent(parts, new_perception, monkeypatch):
    """Pictures shown for a minute each end nothing between two of them."""
    monkeypatch.setattr(fanout, "SILENCE", 0.2)
    output, gate = parts["Output"](), threading.Event()
    source = parts["Source"]([0.0, lambda: gate.wait(1.5), 1.0])
    run(Pipeline(source, new_perception(parts["Runtime"]()), {"out": output}))
    told = [e.type for scene in output.scenes for e in scene.events]
    assert told == ["rep", "rep", "end"]


def test_no_picture_comes_out_once_none_may(parts, new_perception):
    """Not even that of the latest frame, which the ends of what is active are told with."""
    shown = threading.Semaphore(0)
    output = parts["Output"](every_frame=True, before_show=shown.release)
    source = parts["Source"]([])
    pipeline = Pipeline(source, new_perception(parts["Runtime"]()), {"out": output})
    source.script = [1, lambda: shown.acquire(timeout=30), lambda: pipeline.show_pictures(False)]
    run(pipeline)
    first, *_, end = output.scenes
    assert first.frame.image.any()
    assert [event.type for event in end.events] == ["end"]
    assert not end.frame.image.any()
    assert end.frame.size == first.frame.size


class _Held:
    """Be held from the first frame on."""

    name, max_age, is_on = "arms", 1.0, True
    begun = False

    def step(self, poses, time, fresh):
        change = () if self.begun else (Transition("start", 1, 1.0, 0.0),)
        self.begun = True
        return WatchState("arms"), change

    def finish(self, time):
        return (Transition("end", 1, 0.0, 0.0),)


class _Bound(ListOutput):
    """Have a receiver that keeps what was switched on."""

    def __init__(self, receiver):
        super().__init__()
        self._receiver = receiver
        self.has_start = threading.Event()

    def show(self, scene):
        super().show(scene)
        if "start" in self.types:
            self.has_start.set()

    @property
    def receiver(self):
        return self._receiver

    def say_farewell(self, scene):
        self.scenes.append(scene)

    @property
    def types(self):
        """Return the types of all events."""
        return [event.type for scene in self.scenes for event in scene.events]


def test_a_receiver_that_is_reached_no_more_gets_the_end_of_what_is_held(parts, new_perception):
    """Of an output that goes, and of one with another address; the others see the true end."""
    goes, moves, same = _Bound("door"), _Bound("lamp 1"), _Bound("bell")
    moved, again = _Bound("lamp 2"), _Bound("bell")
    go = threading.Event()
    source = parts["Source"]([0, 1, lambda: go.wait(30), 2], lossless=True)
    perception = new_perception(parts["Runtime"]())
    perception.interpreter.watches = (_Held(),)
    outputs = {"door": goes, "lamp": moves, "bell": same}
    pipeline = Pipeline(source, perception, outputs)
    pipeline.start()
    assert all(output.has_start.wait(30) for output in (goes, moves, same))
    pipeline.change_outputs({"door": None, "lamp": moved, "bell": again})
    go.set()
    assert pipeline.wait(30)
    pipeline.stop()

    assert goes.types == moves.types == ["start", "end"]
    assert goes.scenes[-1].watches == ()
    assert same.types + again.types == ["start", "end"]


@pytest.mark.parametrize("is_live", [True, False])
def test_a_clip_keeps_its_last_people_and_is_in_no_journal(
    parts, new_perception, tmp_path, monkeypatch, is_live
):
    """A camera's run ends with nobody, so no light stays on; a clip's is recorded as it was."""
    shown = threading.Semaphore(0)
    perception = new_perception(parts["Runtime"]())
    output = parts["Output"](every_frame=True, before_show=shown.release)
    perception.interpreter.watches = (_Held(),)
    monkeypatch.setattr(_Held, "finish", lambda self, time: ())
    output.keeps_events = True
    journal = EventJournal(tmp_path / "a.journal", pytest.fail)
    journal.open()
    noted = []
    monkeypatch.setattr(journal, "append", noted.extend)
    source = parts["Source"]([0, 1], live=is_live, lossless=True)
    pipeline = Pipeline(source, perception, {"out": output})
    pipeline.use_journal(journal)

    pipeline.start()
    assert shown.acquire(timeout=30)
    assert shown.acquire(timeout=30)
    pipeline.stop()

    assert journal.close()
    assert [scene.frame.seq for scene in output.scenes] == ([0, 1, 1] if is_live else [0, 1])
    assert len(noted) == is_live


def test_what_is_changed_after_the_end_changes_nothing(parts, new_perception):
    """Nobody would stop what began then: a camera stays busy, a file open."""
    output, late, source = parts["Output"](), parts["Output"](), parts["Source"]([1])
    pipeline = Pipeline(parts["Source"]([0]), new_perception(parts["Runtime"]()), {"a": output})
    run(pipeline)

    pipeline.change_outputs({"a": None, "b": late})
    pipeline.change_source(source, pipeline.perception.interpreter)

    assert list(pipeline.outputs) == ["a"]
    assert late.opened == 0
    assert pipeline.capture.source is not source
