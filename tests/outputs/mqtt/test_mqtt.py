"""The mqtt output against a real broker: states, events, good-byes and the last will."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from full_disk import fill, needs_root, small_disk

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Scene, StepState, WatchState

Make = Callable[..., Mqtt]
MakeScene = Callable[..., Scene]


def test_it_says_that_it_is_there_and_goes(output: Make, ear: Any, scene: MakeScene):
    """`available` is online while it runs and stopped after a clean end, retained both."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    made.close()

    ear.wait_last("edgepose/lobby/available", b"stopped")
    assert b"offline" not in ear.payloads("edgepose/lobby/available")


def test_what_a_former_name_has_left_ends_with_its_last_event(
    output: Make, ear: Any, scene: MakeScene
):
    """Killed while a pose was held, and renamed: its end goes where its start went."""
    for part, payload in (("pose/arms_up", "ON"), ("persons", "1"), ("available", "offline")):
        ear.say(f"edgepose/lobby/{part}", payload, retain=True)
    renamed = output(Device("foyer", ("arms_up",)))
    renamed.open()

    renamed.recover(scene(1, 1).events)
    renamed.tick()

    ear.wait_last("edgepose/lobby/pose/arms_up", b"OFF")
    ear.wait_last("edgepose/lobby/persons", b"0")
    ear.wait_last("edgepose/lobby/available", b"stopped")
    renamed.close()
    ear.wait_last("edgepose/foyer/available", b"stopped")
    assert [event["id"] for event in ear.documents("edgepose/lobby/events")] == ["id-1"]
    assert not ear.payloads("edgepose/foyer/events")
    assert not [topic for topic in renamed._publisher._states if "lobby" in topic]


def test_states_stand_on_the_broker(output: Make, broker: Any, heard: Any, scene: MakeScene):
    """Who subscribes later finds the last state of everything that keeps one."""
    made = output()
    made.open()
    made.show(scene(0, phase="active", people=2, count=7))
    made.close()
    late = heard(broker.port)

    late.wait_last("edgepose/lobby/pose/arms_up", b"ON")
    late.wait_last("edgepose/lobby/pose/arms_up/score", b"0.90")
    late.wait_last("edgepose/lobby/count/arms_up", b"7")
    late.wait_last("edgepose/lobby/persons", b"2")
    late.wait_last("edgepose/lobby/detect/state", b"ON")
    assert all(message.retain for message in late.heard)
    assert not late.payloads("edgepose/lobby/events")
    late.close()


def test_a_state_is_told_only_when_it_changes(output: Make, ear: Any, scene: MakeScene):
    """Sixty frames of the same give one message; a change gives one more."""
    made = output()
    made.open()
    for seq in range(60):
        made.show(scene(seq))
    ear.wait_last("edgepose/lobby/persons", b"1")
    made.show(scene(60, people=0))
    made.show(scene(61, people=0))
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    assert ear.payloads("edgepose/lobby/persons")[-2:] == [b"1", b"0"]
    assert ear.payloads("edgepose/lobby/persons").count(b"1") == 1
    assert ear.payloads("edgepose/lobby/pose/arms_up") == [b"OFF"]


def test_events_are_the_promised_objects(output: Make, ear: Any, scene: MakeScene):
    """Each is JSON as in the event log, once, in order, not retained."""
    made = output()
    made.open()
    shown = scene(0, 1, 2)
    made.show(shown)
    made.show(scene(1, 2, 3))
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    events = ear.documents("edgepose/lobby/events")
    assert [event["id"] for event in events] == ["id-1", "id-2", "id-3"]
    assert events[0] == json.loads(json.dumps(shown.events[0].to_dict()))
    assert not any(m.retain for m in ear.heard if m.topic == "edgepose/lobby/events")


def test_what_the_broker_has_is_not_kept(output: Make, state: Path, scene: MakeScene):
    """After a clean end with the broker there the outbox is empty; the same run sends no more."""
    made = output()
    made.open()
    made.show(scene(0, *range(100)))
    made.close()

    assert made._outbox.waiting == 0
    assert (state / "outbox" / "lobby.sqlite").exists()


def test_events_of_a_time_without_broker_come_later(
    output: Make, broker: Any, heard: Any, scene: MakeScene
):
    """Shown and closed while the broker is down; another run delivers them before its own."""
    broker.stop()
    made = output()
    made.open()
    made.show(scene(0, 1, 2))
    made.close()
    broker.start()
    ear = heard(broker.port)

    again = output()
    again.open()
    again.show(scene(1, 3))
    again.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    assert [e["id"] for e in ear.documents("edgepose/lobby/events")] == ["id-1", "id-2", "id-3"]
    ear.close()


def test_states_are_told_again_to_a_broker_that_forgot(
    output: Make, broker: Any, heard: Any, scene: MakeScene
):
    """A broker without memory is killed: after the reconnection all states stand again."""
    made = output()
    made.open()
    made.show(scene(0, phase="active"))
    first = heard(broker.port)
    first.wait_last("edgepose/lobby/pose/arms_up", b"ON")
    first.close()
    broker.kill()
    made.show(scene(1, phase="idle"))
    broker.start()
    ear = heard(broker.port)

    ear.wait_last("edgepose/lobby/available", b"online")
    ear.wait_last("edgepose/lobby/pose/arms_up", b"OFF")
    ear.wait(lambda: ear.last("homeassistant/switch/lobby/detect/config"), "the description")
    ear.close()


def test_states_of_watches_that_are_gone_are_taken_away(
    output: Make, broker: Any, heard: Any, ear: Any, scene: MakeScene
):
    """A watch that left the configuration leaves the broker; others' states and topics stay."""
    ear.say("edgepose/attic/pose/squats", "ON", retain=True)
    before = output(Device("lobby", ("arms_up", "squats")))
    before.open()
    before.show(scene(0, phase="active", count=3))
    before.show(scene(1, name="squats", phase="active", count=5))
    before.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    after = output()
    after.open()
    for topic in ("pose/squats", "pose/squats/score", "count/squats"):
        ear.wait_last(f"edgepose/lobby/{topic}", b"")
    after.close()

    late = heard(broker.port)
    late.wait_last("edgepose/lobby/available", b"stopped")
    late.wait_last("edgepose/lobby/count/arms_up", b"3")
    late.wait_last("edgepose/attic/pose/squats", b"ON")
    assert not [
        m.topic for m in late.heard if m.topic.startswith("edgepose/lobby/") and "squats" in m.topic
    ]
    late.close()


def test_each_kind_of_watch_has_its_states(
    output: Make, broker: Any, heard: Any, ear: Any, scene: MakeScene
):
    """Repetitions with their phase, seconds held, the step: retained, and sent on change only."""
    kinds = {"squats": "exercise", "plank": "hold", "workout": "routine"}
    made = output(Device("lobby", tuple(kinds), kinds=kinds))
    made.open()
    states = (
        WatchState("squats", "going", 0.6, kind="exercise", count=4),
        WatchState("plank", "active", kind="hold", held=7.2),
        WatchState("workout", "ready", kind="exercise", count=3, step=StepState("Squat", 2, 5)),
    )
    for seq in range(30):
        made.show(replace(scene(seq), watches=states))
    ear.wait_last("edgepose/lobby/step/workout", b"Squat")
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")
    late = heard(broker.port)
    late.wait_last("edgepose/lobby/count/squats", b"4")
    late.close()

    assert ear.payloads("edgepose/lobby/count/squats") == [b"4"]
    assert ear.payloads("edgepose/lobby/phase/squats")[-1:] == [b"going"]
    assert ear.payloads("edgepose/lobby/held/plank")[-1:] == [b"7"]
    assert ear.last("edgepose/lobby/count/workout") == b"3"
    assert not ear.payloads("edgepose/lobby/held/squats")
    assert not ear.payloads("edgepose/lobby/step/plank")


def test_a_watch_of_another_kind_takes_its_old_states_away(output: Make, ear: Any):
    """A hold that became repetitions has no seconds any more."""
    ear.say("edgepose/lobby/held/arms", "7", retain=True)
    ear.say("edgepose/lobby/phase/arms", "idle", retain=True)
    made = output(Device("lobby", ("arms",), kinds={"arms": "exercise"}))
    made.open()

    ear.wait_last("edgepose/lobby/held/arms", b"")
    assert set(ear.payloads("edgepose/lobby/phase/arms")) == {b"idle"}


def test_home_assistants_birth_brings_everything_again(output: Make, ear: Any, scene: MakeScene):
    """It lost its memory of entities: descriptions and states come again."""
    made = output()
    made.open()
    made.show(scene(0))
    topics = ("homeassistant/sensor/lobby/persons/config", "edgepose/lobby/persons")
    ear.wait(lambda: all(ear.last(topic) for topic in topics), "the first time")
    ear.wait_last("edgepose/lobby/persons", b"1")
    before = [len(ear.payloads(topic)) for topic in topics]

    ear.say("homeassistant/status", "online")

    ear.wait(
        lambda: [len(ear.payloads(t)) for t in topics] == [n + 1 for n in before], "the second"
    )


def test_a_late_last_will_is_corrected(output: Make, ear: Any):
    """An `offline` of an earlier connection that comes while we are there does not stay."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    ear.say("edgepose/lobby/available", "offline", retain=True)

    ear.wait(
        lambda: ear.payloads("edgepose/lobby/available")[-2:] == [b"offline", b"online"], "online"
    )


def test_the_camera_is_told_by_its_scenes(
    output: Make, ear: Any, scene: MakeScene, appliance: Any, monkeypatch: pytest.MonkeyPatch
):
    """Offline before the first scene, online with it, offline and nobody there after silence."""
    now = 1000.0
    monkeypatch.setattr("edgepose.outputs.mqtt.output.time.monotonic", lambda: now)
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/status/camera", b"offline")
    made.show(scene(0, phase="active"))
    ear.wait_last("edgepose/lobby/status/camera", b"online")
    ear.wait_last("edgepose/lobby/pose/arms_up", b"ON")

    now += 6.0
    made.tick()

    ear.wait_last("edgepose/lobby/status/camera", b"offline")
    ear.wait_last("edgepose/lobby/pose/arms_up", b"OFF")
    ear.wait_last("edgepose/lobby/persons", b"0")
    appliance.detect = False
    now += 6.0
    made.tick()
    ear.wait_last("edgepose/lobby/status/camera", b"disabled")
    ear.wait_last("edgepose/lobby/detect/state", b"OFF")


def test_reports_come_at_their_interval(
    output: Make, ear: Any, scene: MakeScene, monkeypatch: pytest.MonkeyPatch
):
    """`stats` says how fast it is and what waits; it wakes itself for that without scenes."""
    now = 1000.0
    monkeypatch.setattr("edgepose.outputs.mqtt.output.time.monotonic", lambda: now)
    made = output(stats_interval=10.0)
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    made.show(scene(0))
    assert made.wake_at == 1001.0
    now += 10.0
    made.tick()
    made.tick()
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    (report,) = ear.documents("edgepose/lobby/stats")
    assert report["fps"] == 29.7
    assert report["events_waiting"] == report["events_dropped"] == report["rivals"] == 0
    assert report["health"]["detect"] is True


def test_keypoints_come_at_their_rate(output: Make, ear: Any, scene: MakeScene):
    """Off by default; two a second of a source with thirty frames."""
    made = output(keypoints=2.0)
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    for seq in range(61):
        made.show(scene(seq))
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    told = ear.documents("edgepose/lobby/keypoints")
    assert [row["frame_time"] for row in told] == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert len(told[0]["poses"][0]["keypoints"]) == 17
    assert told[0]["size"] == [48, 64]


def test_two_of_a_name_on_one_machine_are_told(output: Make, device: Device):
    """The outbox belongs to one process; the second says what to change."""
    from edgepose.errors import OutputLost

    output().open()

    with pytest.raises(OutputLost, match=r"in use by another edgepose.*`name`.*`client_id`"):
        output().open()


def test_two_outputs_of_a_device_can_stand_side_by_side(output: Make, ear: Any, scene: MakeScene):
    """With a client id of its own each has its own outbox; both deliver."""
    first, second = output(), output(client_id="second")
    for each in (first, second):
        each.open()
        each.show(scene(0, 1))
    for each in (first, second):
        each.close()

    ear.wait(lambda: ear.payloads("edgepose/lobby/available").count(b"stopped") == 2, "both ends")
    assert [e["id"] for e in ear.documents("edgepose/lobby/events")] == ["id-1", "id-1"]


def test_the_password_is_never_in_the_log(output: Make, caplog: pytest.LogCaptureFixture):
    """Nor in how options look when printed."""
    with caplog.at_level(logging.DEBUG):
        made = output(user="lobby", password="s3cret-horse")
        made.open()
        made.close()

    assert "s3cret-horse" not in caplog.text + repr(made._options) + str(made._options)


@needs_root
def test_a_full_disk_does_not_take_mqtt_away(output: Make, ear: Any, scene: MakeScene, state: Path):
    """Events go on, directly from memory; the device stays `online`, and says what is wrong."""
    with small_disk(state):
        made = output()
        made.open()
        made.show(scene(0, 1))
        fill(state)
        for number in range(2, 40):
            made.show(scene(number, *range(number * 100, number * 100 + 20)))
        sent = 1 + 38 * 20
        ear.wait(lambda: len(ear.payloads("edgepose/lobby/events")) >= sent, "all events")

        assert len({event["id"] for event in ear.documents("edgepose/lobby/events")}) == sent
        assert ear.payloads("edgepose/lobby/available") == [b"online"]
        assert "kept in memory" in made.trouble
        assert "full" in made.trouble
        made.close()
