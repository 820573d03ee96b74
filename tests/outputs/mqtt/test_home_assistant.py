"""The entities in a real Home Assistant, with a real broker in between.

It is fetched once, some minutes; so these tests are slow ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from home_assistant import HomeAssistant

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.types import Scene

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KINDS = {"arms_up": "pose", "squats": "exercise", "plank": "hold", "workout": "routine"}


@pytest.fixture(params=["entity", "device"])
def form(request) -> str:
    """Return one of the two forms of discovery."""
    return request.param


@pytest.fixture
def home(broker: Any, tmp_path: Any) -> Iterator[HomeAssistant]:
    """Return a Home Assistant that uses the broker."""
    made = HomeAssistant(tmp_path / "home")
    try:
        made.start()
        made.use_broker(broker.port)
        yield made
    finally:
        made.stop()


@pytest.fixture
def room(device: Device, appliance: Any) -> Device:
    """Return a device with a watch of each kind, a temperature and a trouble."""
    appliance.more |= {
        "troubles": [{"name": "source", "state": "waiting", "reason": "no camera"}],
        "board": {"temperature": 61.6},
        "watches": {"arms_up": {"enter": 0.85, "exit": 0.7, "hold": 1.0, "release": 0.2,
                                "cooldown": 0.0, "template": "arms_up"}},
        "outputs": {"web": {"url": "http://192.0.2.7:8080/"}},
        "teaching": {"state": "idle"},
    }  # fmt: skip
    return replace(device, watches=tuple(KINDS), kinds=KINDS)


def test_entities_appear_change_and_survive_a_restart_of_each(  # noqa: PLR0917
    home: HomeAssistant, broker: Any, output: Callable[..., Mqtt], room: Device, form: str,
    scene: Callable[..., Scene], appliance: Any, heard: Any,
):  # fmt: skip
    """Of the device, of the broker, and of Home Assistant itself."""
    options = {"discovery_form": form, "skeleton": 1.0, "stats_interval": 0.5}
    mqtt = output(room, **options)
    mqtt.open()
    seen = iter(range(100_000))

    def shown(phase: str, state: str, *events: int) -> None:
        mqtt.show(scene(next(seen), *events, phase=phase))

        def is_so() -> bool:
            mqtt.show(scene(next(seen), phase=phase))
            return home.state("binary_sensor.lobby_arms_up") == state

        home.wait(is_so, f"arms_up to be {state}")

    shown("idle", "off")
    described = {entity for entity in home.states() if ".lobby_" in entity}
    assert described == {
        "binary_sensor.lobby_arms_up", "binary_sensor.lobby_camera",
        "binary_sensor.lobby_occupancy", "binary_sensor.lobby_plank",
        "binary_sensor.lobby_problem", "button.lobby_restart", "button.lobby_teach_a_pose",
        "button.lobby_workout_skip", "button.lobby_workout_start", "button.lobby_workout_stop",
        "event.lobby_arms_up_event", "event.lobby_event", "event.lobby_plank_event",
        "event.lobby_squats_event", "event.lobby_workout_event",
        "image.lobby_skeleton", "number.lobby_arms_up_hold_time", "number.lobby_arms_up_starts_at",
        "select.lobby_profile", "sensor.lobby_arms_up_count", "sensor.lobby_arms_up_score",
        "sensor.lobby_frame_rate", "sensor.lobby_persons", "sensor.lobby_plank_count",
        "sensor.lobby_plank_phase", "sensor.lobby_plank_time", "sensor.lobby_squats_count",
        "sensor.lobby_squats_phase", "sensor.lobby_teaching", "sensor.lobby_temperature",
        "sensor.lobby_workout_count", "sensor.lobby_workout_step", "sensor.lobby_workout_time",
        "switch.lobby_detection", "text.lobby_teach_a_pose_named", "update.lobby_update",
    }  # fmt: skip

    shown("active", "on", 1)
    home.wait(lambda: home.state("event.lobby_arms_up_event") not in ("", "unknown"), "the event")
    event = home.states()["event.lobby_arms_up_event"]["attributes"]
    assert (event["event_type"], event["name"]) == ("start", "arms_up")
    assert home.state("event.lobby_squats_event") == "unknown"
    home.wait_for("sensor.lobby_temperature", "62")
    home.wait_for("binary_sensor.lobby_problem", "on")
    problem = home.states()["binary_sensor.lobby_problem"]["attributes"]
    assert problem["troubles"][0]["reason"] == "no camera"
    home.wait_for("update.lobby_update", "off")
    mqtt.show(scene(next(seen) + 60, phase="active"))
    home.wait(lambda: home.state("image.lobby_skeleton") not in ("", "unknown"), "a picture")
    assert home.picture("image.lobby_skeleton").startswith(b"\xff\xd8")

    home.wait_for("number.lobby_arms_up_hold_time", "1.0")
    home.call("number.set_value", "number.lobby_arms_up_hold_time", value=2.5)
    home.wait(lambda: ("thresholds", {"watch": "arms_up", "hold": 2.5}) in appliance.asked)
    home.call("switch.turn_off", "switch.lobby_detection")
    home.wait_for("switch.lobby_detection", "off")
    home.call("switch.turn_on", "switch.lobby_detection")
    home.call("select.select_option", "select.lobby_profile", option="evening class")
    home.wait_for("select.lobby_profile", "evening class")
    ear = heard(broker.port)
    ear.say("edgepose/latest_version", "99.0.0", retain=True)
    ear.close()
    home.wait_for("update.lobby_update", "on")

    mqtt.close()
    home.wait_for("binary_sensor.lobby_arms_up", "unavailable")
    mqtt = output(room, **options)
    mqtt.open()
    shown("active", "on")

    broker.stop()
    home.wait_for("binary_sensor.lobby_arms_up", "unavailable")
    broker.start()
    shown("idle", "off")

    home.stop()
    home.start()
    shown("active", "on")
    assert {entity for entity in home.states() if ".lobby_" in entity} == described
    assert refusals(home) == []
    mqtt.close()


def test_a_change_of_form_keeps_the_entities(
    home: HomeAssistant, output: Callable[..., Mqtt], room: Device, scene: Callable[..., Scene]
):
    """There and back: the same entities, not others with a number behind their name."""
    described: set[str] = set()

    for form in ("entity", "device", "entity"):
        mqtt = output(room, discovery_form=form)
        mqtt.open()
        seen = iter(range(100_000))

        def is_there(mqtt: Mqtt = mqtt, seen: Iterator[int] = seen) -> bool:
            mqtt.show(scene(next(seen)))
            return home.state("sensor.lobby_persons") == "1"

        home.wait(is_there, f"the {form} form")
        described = described or alive(home)
        home.wait(partial(is_alive, home, described), "the same entities")
        mqtt.close()
        home.wait_for("sensor.lobby_persons", "unavailable")
    assert refusals(home) == []


def refusals(home: HomeAssistant) -> list[str]:
    """Return what its MQTT integration has complained about, but for what must be.

    Lost connections; once for each entity, that one form came before the other one had gone; and
    that nothing is left of the old form when it is cleared.
    """
    ours = (line for line in home.log.splitlines() if "[homeassistant.components.mqtt" in line)
    bad = (line for line in ours if " WARNING " in line or " ERROR " in line)
    return [
        line
        for line in bad
        if not re.search("mqtt.client|a conflicting MQTT|No device components", line)
    ]


def is_alive(home: HomeAssistant, entities: set[str]) -> bool:
    """Return whether these entities of the device are alive, and no others."""
    return alive(home) == entities


def alive(home: HomeAssistant) -> set[str]:
    """Return the entities of the device that are alive."""
    return {
        entity
        for entity, one in home.states().items()
        if ".lobby_" in entity and one["state"] != "unavailable"
    }
