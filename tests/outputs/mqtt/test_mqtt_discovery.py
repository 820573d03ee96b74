"""Descriptions for Home Assistant, held against what its documentation allows."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from edgepose.language import Language, load_language
from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.discovery import MIGRATE, Discovery
from edgepose.outputs.mqtt.entities import Entities, slug
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.mqtt.topics import Topics
from edgepose.types import Scene

# From the pages of home-assistant.io: "MQTT" (discovery payload, origin, device), and one page
# for each component (binary_sensor.mqtt, sensor.mqtt, switch.mqtt and so on).
_ENTITY: Final = {
    "availability", "availability_mode", "availability_template", "availability_topic", "device",
    "enabled_by_default", "encoding", "entity_category", "entity_picture", "icon",
    "json_attributes_template", "json_attributes_topic", "name", "object_id", "origin",
    "payload_available", "payload_not_available", "platform", "qos", "unique_id",
}  # fmt: skip
REQUIRED: Final[dict[str, set[str]]] = {
    "binary_sensor": {"state_topic"},
    "sensor": {"state_topic"},
    "switch": {"command_topic"},
    "button": {"command_topic"},
    "select": {"command_topic", "options"},
    "text": {"command_topic"},
    "event": {"state_topic", "event_types"},
    "number": {"command_topic"},
    "update": {"state_topic"},
    "image": {"image_topic"},
}
ALLOWED: Final[dict[str, set[str]]] = {
    "binary_sensor": _ENTITY | {
        "device_class", "expire_after", "force_update", "off_delay", "payload_off", "payload_on",
        "state_topic", "value_template",
    },
    "sensor": _ENTITY | {
        "device_class", "expire_after", "force_update", "last_reset_value_template", "options",
        "state_class", "state_topic", "suggested_display_precision", "unit_of_measurement",
        "value_template",
    },
    "switch": _ENTITY | {
        "command_template", "command_topic", "device_class", "optimistic", "payload_off",
        "payload_on", "retain", "state_off", "state_on", "state_topic", "value_template",
    },
    "button": _ENTITY | {
        "command_template", "command_topic", "device_class", "payload_press", "retain",
    },
    "select": _ENTITY | {
        "command_template", "command_topic", "optimistic", "options", "retain", "state_topic",
        "value_template",
    },
    "text": _ENTITY | {
        "command_template", "command_topic", "max", "min", "mode", "pattern", "retain",
        "state_topic", "value_template",
    },
    "event": _ENTITY | {"device_class", "event_types", "state_topic", "value_template"},
    "number": _ENTITY | {
        "command_template", "command_topic", "device_class", "max", "min", "mode", "optimistic",
        "payload_reset", "retain", "state_topic", "step", "unit_of_measurement", "value_template",
    },
    "update": _ENTITY | {
        "command_topic", "device_class", "display_precision", "latest_version_template",
        "latest_version_topic", "payload_install", "release_summary", "release_url", "retain",
        "state_topic", "title", "value_template",
    },
    "image": _ENTITY | {
        "content_type", "image_encoding", "image_topic", "url_template", "url_topic",
    },
}  # fmt: skip
DEVICE: Final = {
    "configuration_url", "connections", "hw_version", "identifiers", "manufacturer", "model",
    "model_id", "name", "serial_number", "suggested_area", "sw_version", "via_device",
}  # fmt: skip
ORIGIN: Final = {"name", "sw_version", "support_url"}
AVAILABILITY: Final = {"payload_available", "payload_not_available", "topic", "value_template"}
CATEGORIES: Final = {"config", "diagnostic"}
STATE_CLASSES: Final = {"measurement", "measurement_angle", "total", "total_increasing"}
DEVICE_CLASSES: Final = {
    "binary_sensor": {"occupancy", "connectivity", "problem"},
    "button": {"restart", "identify", "update"},
    "sensor": {"duration", "temperature"},
    "number": {"duration"},
    "update": {"firmware"},
}  # those of many that make sense here

ID: Final = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def described(device: Device, reports: float = 60.0, **more: Any) -> dict[str, dict[str, Any]]:
    """Return topic -> description of everything a device has."""
    made = discovery(device, reports, **more)
    return {topic: json.loads(payload) for topic, payload in made.messages.items()}


def discovery(device: Device, reports: float = 60.0, **more: Any) -> Discovery:
    """Return the maker of a device's descriptions."""
    has = {key: more.pop(key) for key in list(more) if key.startswith("has_")}
    entities = Entities(Topics("edgepose", device.name), device, reports, **has)
    return Discovery("homeassistant", entities, **more)


def check(topic: str, description: dict[str, Any]) -> None:
    """Hold one description against the tables."""
    prefix, component, node, object_id, last = topic.split("/")
    assert (prefix, last) == ("homeassistant", "config")
    assert set(node) <= ID
    assert set(object_id) <= ID
    assert REQUIRED[component] <= description.keys() <= ALLOWED[component]
    assert {"name", *description["origin"]} <= ORIGIN
    assert description["device"].keys() <= DEVICE
    assert description["device"]["identifiers"]
    assert not {"availability", "availability_topic"} <= description.keys()
    for availability in description["availability"]:
        assert {"topic"} <= availability.keys() <= AVAILABILITY
    assert description.get("entity_category", "config") in CATEGORIES
    assert description.get("state_class", "total") in STATE_CLASSES
    if "device_class" in description:
        assert description["device_class"] in DEVICE_CLASSES[component]
    if component == "sensor" and "entity_category" in description:
        assert description["entity_category"] == "diagnostic"  # config is for what can be set
    for key in ("state_topic", "command_topic"):
        assert not set("+#") & set(description.get(key, "x"))


@pytest.mark.parametrize(
    "watches", [(), ("arms_up",), ("arms_up", "squats", "Größe 2", "a b", "a_b")]
)
@pytest.mark.parametrize("name", ["lobby", "Eingang Süd", "東京", "a.b"])
def test_every_description_is_as_documented(name: str, watches: tuple[str, ...], appliance: Any):
    """Required keys are there, no unknown one is, for any name that a configuration can hold."""
    found = described(Device(name, watches, "model", appliance, profiles=("morning", "späť")))

    for topic, description in found.items():
        check(topic, description)
    assert len(found) == 4 + (4 + 5) * len(watches) + 1 + 6 + 2


def test_ids_are_unique_and_stay(appliance: Any):
    """Names that lose letters on the way are still told apart; ids don't change between runs."""
    device = Device("Süd", ("a b", "a_b", "a/b", "ä"), "model", appliance)
    ids = [description["unique_id"] for description in described(device).values()]

    assert len(set(ids)) == len(ids)
    assert ids == [description["unique_id"] for description in described(device).values()]
    assert slug("arms_up") == "arms_up"
    assert slug("東京") != slug("大阪")


def test_entities_read_the_topics_that_are_written(appliance: Any):
    """A pose, its score and count, occupancy, camera, frame rate, switch, button and events."""
    found = described(Device("lobby", ("arms_up",), "model", appliance))
    topics = {topic.split("/", 1)[1].removesuffix("/config"): d for topic, d in found.items()}

    read = {key: d.get("state_topic") or d["command_topic"] for key, d in topics.items()}
    assert read == {
        "binary_sensor/lobby/occupancy": "edgepose/lobby/persons",
        "sensor/lobby/persons": "edgepose/lobby/persons",
        "event/lobby/events": "edgepose/lobby/events",
        "binary_sensor/lobby/camera": "edgepose/lobby/status/camera",
        "binary_sensor/lobby/pose_arms_up": "edgepose/lobby/pose/arms_up",
        "sensor/lobby/score_arms_up": "edgepose/lobby/pose/arms_up/score",
        "sensor/lobby/count_arms_up": "edgepose/lobby/count/arms_up",
        "event/lobby/event_arms_up": "edgepose/lobby/events",
        "sensor/lobby/fps": "edgepose/lobby/stats",
        "switch/lobby/detect": "edgepose/lobby/detect/state",
        "button/lobby/restart": "edgepose/lobby/restart",
        "button/lobby/teach": "edgepose/lobby/capture",
        "text/lobby/teach_named": "edgepose/lobby/capture",
        "sensor/lobby/teaching": "edgepose/lobby/teaching/state",
        "binary_sensor/lobby/problem": "edgepose/lobby/status/problem",
        "update/lobby/update": "edgepose/lobby/update",
        **{
            f"number/lobby/{key}_arms_up": "edgepose/lobby/thresholds/state"
            for key in ("enter", "exit", "hold", "release", "cooldown")
        },
    }
    assert topics["switch/lobby/detect"]["command_topic"] == "edgepose/lobby/detect/set"


def test_profiles_are_a_list_to_choose_from(appliance: Any):
    """By the names of the configuration; where there are none, there is no list."""
    device = Device("lobby", ("arms_up",), "model", appliance, profiles=("morning", "evening"))

    chosen = described(device)["homeassistant/select/lobby/profile/config"]

    assert chosen["options"] == ["morning", "evening"]
    assert chosen["state_topic"] == "edgepose/lobby/profile/state"
    assert chosen["command_topic"] == "edgepose/lobby/profile/set"
    without = described(Device("lobby", ("arms_up",), "model", appliance))
    assert not [topic for topic in without if "/select/" in topic]


def test_what_can_not_be_done_is_not_offered():
    """No switch where nobody listens, no frame rate without reports."""
    found = described(Device("lobby"), reports=0.0)

    components = {topic.split("/")[1] for topic in found}
    assert components == {"binary_sensor", "sensor", "event"}
    assert not any("fps" in topic for topic in found)


KINDS: Final = {
    "arms_up": "pose", "tree": "class", "squats": "exercise", "plank": "hold", "workout": "routine"
}  # fmt: skip


def test_each_kind_of_watch_has_its_entities(appliance: Any):
    """Repetitions have no score, a routine has a step; all are as documented."""
    found = described(Device("lobby", tuple(KINDS), "model", appliance, kinds=KINDS))
    for topic, description in found.items():
        check(topic, description)
    objects = {"/".join(topic.split("/")[1::2][:2]) for topic in found}
    numbers = {f"number/{key}" for key in ("enter", "exit", "hold", "release", "cooldown")}
    of_kind = {
        "arms_up": {"binary_sensor/pose", "sensor/score", "sensor/count", "event/event"} | numbers,
        "tree": {"binary_sensor/pose", "sensor/score", "sensor/count", "event/event"} | numbers,
        "squats": {"sensor/count", "sensor/phase", "event/event"},
        "plank": {
            "binary_sensor/pose", "sensor/held", "sensor/phase", "sensor/count", "event/event"
        },
        "workout": {
            "sensor/step", "sensor/count", "sensor/held", "event/event",
            "button/start", "button/stop", "button/skip",
        },
    }  # fmt: skip
    for watch, expected in of_kind.items():
        ids = {one.removesuffix(f"_{watch}") for one in objects if one.endswith(watch)}
        assert ids == expected, watch


@pytest.mark.parametrize(
    ("watch", "types"),
    [
        ("arms_up", ["start", "end"]),
        ("squats", ["rep", "partial", "set"]),
        ("plank", ["start", "end", "goal"]),
    ],
)
def test_only_event_types_that_can_come_are_listed(watch: str, types: list[str], appliance: Any):
    """Home Assistant offers them as triggers, and drops any other; each is of its own watch."""
    found = described(Device("lobby", tuple(KINDS), "model", appliance, kinds=KINDS))
    own = found[f"homeassistant/event/lobby/event_{watch}/config"]

    assert own["event_types"] == types
    assert own["value_template"].startswith(f'{{% if value_json.name == "{watch}" %}}')
    assert "event_type=value_json.type" in own["value_template"]


def test_the_event_of_the_device_lists_those_of_all_watches():
    """In a device without watches those of poses: the list must not be empty."""

    def types(*watches: str) -> list[str]:
        found = described(Device("lobby", watches, kinds=KINDS))
        return found["homeassistant/event/lobby/events/config"]["event_types"]

    assert types() == ["start", "end"]
    assert types("arms_up", "squats") == ["rep", "partial", "set", "start", "end"]
    assert {"step", "finished", "abandoned", "timeout", "rep"} <= set(types("workout"))


def test_entities_have_the_titles_and_the_language_of_the_device(appliance: Any):
    """What people read; ids and topics stay."""
    device = Device(
        "lobby", ("squats", "workout"), "model", appliance, kinds=KINDS,
        language=load_language("de"), titles={"squats": "Kniebeugen"},
    )  # fmt: skip
    named = {topic.split("/")[3]: d["name"] for topic, d in described(device).items()}
    assert named["count_squats"] == "Kniebeugen Anzahl"
    assert named["start_workout"] == "Workout starten"
    assert named["detect"] == "Erkennung"
    assert named["teach"] == "Pose beibringen"
    plain = described(replace(device, language=Language(), titles={}))
    assert plain.keys() == described(device).keys()
    assert plain["homeassistant/sensor/lobby/count_squats/config"]["name"] == "Squats count"


def test_teaching_is_offered_where_it_is_allowed(appliance: Any):
    """Others than the page may not, unless `commands` lists it."""
    may_not = Device("lobby", ("a",), "model", appliance, commands=frozenset({"detect"}))
    assert not [topic for topic in described(may_not) if "teach" in topic]


def test_a_pose_is_taught_from_home_assistant(
    output: Callable[..., Mqtt], ear: Any, appliance: Any
):
    """The button presses as Home Assistant does by default; how it goes is on the state topic."""
    made = output()
    made.open()
    button = json.loads(ear.wait_first("homeassistant/button/lobby/teach/config"))
    text = json.loads(ear.wait_first("homeassistant/text/lobby/teach_named/config"))
    ear.wait_first("edgepose/lobby/detect/state")

    appliance.more["teaching"] = {
        "state": "refused", "name": "bow", "reason": "hold still", "left": 0.3, "points": [],
    }  # fmt: skip
    ear.say(button["command_topic"], button.get("payload_press", "PRESS"))
    ear.wait(lambda: ("capture", None) in appliance.asked, "the press")
    template = text["command_template"]
    assert template == "{{ {'name': value, 'countdown': 5, 'watch': true} | tojson }}"
    asked = {"name": "bow", "countdown": 5, "watch": True}
    ear.say(text["command_topic"], json.dumps(asked))  # which it becomes there
    ear.wait(lambda: ("capture", asked) in appliance.asked, "the name")
    state = json.loads(ear.wait_first("edgepose/lobby/teaching/state"))
    made.close()
    assert (state["state"], state["reason"]) == ("refused", "hold still")
    assert not {"left", "points"} & state.keys()


def test_stopped_makes_entities_unavailable():
    """Home Assistant passes payloads over that are neither of the two it knows."""
    for description in described(Device("lobby", ("a",))).values():
        (availability,) = description["availability"]
        assert availability["topic"] == "edgepose/lobby/available"
        assert "else 'offline'" in availability["value_template"]


def test_descriptions_on_the_broker_are_retained(
    broker: Any, output: Callable[..., Mqtt], heard: Any, scene: Callable[..., Scene]
):
    """Home Assistant finds them whenever it starts; all are as documented."""
    made = output()
    made.open()
    made.show(scene(0))
    made.close()
    late = heard(broker.port, "homeassistant/#")
    late.wait(lambda: len(late.heard) >= 10, "ten descriptions")

    for message in late.heard:
        assert message.retain
        check(message.topic, json.loads(message.payload))
    late.close()


def test_without_discovery_nothing_is_described(output: Callable[..., Mqtt], ear: Any):
    """Switched off, no topic of Home Assistant is touched."""
    made = output(discovery=False)
    made.open()
    made.close()
    ear.wait_last("edgepose/lobby/available", b"stopped")

    assert not [m.topic for m in ear.heard if m.topic.startswith("homeassistant")]


def test_entities_of_watches_that_are_gone_are_taken_away(
    output: Callable[..., Mqtt], ear: Any, device: Device
):
    """A watch that left the configuration leaves Home Assistant; others' entities stay."""
    foreign = "homeassistant/sensor/lobby/mine/config"
    ear.say(foreign, json.dumps({"origin": {"name": "me"}, "state_topic": "x"}), retain=True)
    before = output(Device("lobby", ("arms_up", "squats")))
    before.open()
    before.close()
    ear.wait(lambda: ear.last("homeassistant/sensor/lobby/count_squats/config"), "the entity")

    after = output()
    after.open()

    for component, id in (("binary_sensor", "pose"), ("sensor", "score"), ("sensor", "count")):
        ear.wait_last(f"homeassistant/{component}/lobby/{id}_squats/config", b"")
    after.close()
    assert len(ear.payloads(foreign)) == 1
    assert ear.last("homeassistant/sensor/lobby/count_arms_up/config")


def test_thresholds_are_numbers_that_can_be_set(appliance: Any):
    """Each sets its own key of its own watch; a quote in a name does not end the template."""
    watch = 'a"b'
    found = described(Device("lobby", (watch,), "model", appliance))
    number = found[f"homeassistant/number/lobby/hold_{slug(watch)}/config"]

    assert (number["min"], number["max"], number["unit_of_measurement"]) == (0.0, 60.0, "s")
    assert number["command_topic"] == "edgepose/lobby/thresholds/set"
    assert number["command_template"] == r"""{{ {'watch': "a\"b", 'hold': value} | tojson }}"""
    assert number["value_template"] == r"""{{ value_json["a\"b"].hold }}"""
    shown = {d["name"] for d in found.values() if d.get("enabled_by_default", True)}
    assert 'A"b hold time' in shown
    assert 'A"b release time' not in shown


def test_a_device_is_described_in_one_message_too(appliance: Any):
    """The same entities with the same ids as in a message each, so that one follows the other."""
    device = Device("lobby", tuple(KINDS), "model", appliance, kinds=KINDS)
    single = described(device, has_temperature=True, has_picture=True)
    (topic, whole), *others = described(
        device, has_temperature=True, has_picture=True, form="device"
    ).items()

    assert topic == "homeassistant/device/lobby/config"
    assert others == []
    assert whole.keys() == {"availability", "device", "origin", "components"}
    for id, component in whole["components"].items():
        platform = component.pop("platform")
        shared = {key: whole[key] for key in ("availability", "device", "origin")}
        assert single.pop(f"homeassistant/{platform}/lobby/{id}/config") == component | shared
    assert single == {}


def test_the_page_is_where_the_device_is_configured(appliance: Any):
    """Home Assistant links to it; without a page there is no link."""
    device = Device("lobby", ("a",), "model", appliance)
    for description in described(device, page="http://192.0.2.7:8080/").values():
        assert description["device"]["configuration_url"] == "http://192.0.2.7:8080/"
    assert not any("configuration_url" in d["device"] for d in described(device).values())


@pytest.mark.parametrize("first", ["entity", "device"])
def test_a_change_of_form_moves_the_entities(output: Callable[..., Mqtt], ear: Any, first: str):
    """The old messages say so before they go: Home Assistant keeps names and history."""
    forms = {"entity": "device", "device": "entity"}
    one, all_ = "homeassistant/sensor/lobby/persons/config", "homeassistant/device/lobby/config"
    old, new = (one, all_) if first == "entity" else (all_, one)
    before = output(discovery_form=first)
    before.open()
    ear.wait(lambda: ear.last(old), "the first form")
    before.close()

    after = output(discovery_form=forms[first])
    after.open()
    ear.wait_last(old, b"")
    after.close()
    assert ear.payloads(old)[-2:] == [MIGRATE, b""]
    assert [m.topic for m in ear.heard if m.topic in (old, new)][-1] == new  # after the move


def test_a_watch_that_is_gone_leaves_the_one_message(output: Callable[..., Mqtt], ear: Any):
    """Its components are named once more, with nothing but their platform."""
    topic = "homeassistant/device/lobby/config"
    before = output(Device("lobby", ("arms_up", "squats")), discovery_form="device")
    before.open()
    ear.wait(lambda: ear.last(topic), "the device")
    before.close()

    after = output(discovery_form="device")
    after.open()
    gone = {"platform": "sensor"}
    ear.wait(
        lambda: json.loads(ear.last(topic))["components"].get("count_squats") == gone, "the end"
    )
    after.close()
    assert len(json.loads(ear.last(topic))["components"]["count_arms_up"]) > 1


def test_a_device_reports_what_its_operator_looks_at(
    output: Callable[..., Mqtt], ear: Any, appliance: Any, monkeypatch: pytest.MonkeyPatch
):
    """Its troubles, its temperature, the address of its page, and whether it is the latest."""
    page = "edgepose.outputs.mqtt.device_report.for_others"
    monkeypatch.setattr(page, lambda url: url and "http://192.0.2.7:8080/")
    trouble = {"name": "source", "state": "waiting", "reason": "no camera"}
    appliance.more |= {
        "troubles": [trouble],
        "board": {"temperature": 61.6},
        "outputs": {"screen": {}, "web": {"url": "http://lobby:8080/"}},
    }
    ear.say("edgepose/latest_version", "9.1.0", retain=True)
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/status/problem", b"ON")
    ear.wait_last("edgepose/lobby/status/temperature", b"62")
    ear.wait(lambda: b"9.1.0" in (ear.last("edgepose/lobby/update") or b""), "the latest version")
    ear.say("edgepose/latest_version", "<script>", retain=True)
    ear.wait(lambda: b"9.1.0" not in ear.last("edgepose/lobby/update"), "no version")
    made.close()

    assert json.loads(ear.wait_first("edgepose/lobby/status/troubles")) == {"troubles": [trouble]}
    versions = json.loads(ear.last("edgepose/lobby/update"))
    assert versions["latest_version"] == versions["installed_version"]
    described = json.loads(ear.wait_first("homeassistant/sensor/lobby/temperature/config"))
    assert described["device"]["configuration_url"] == "http://192.0.2.7:8080/"


def test_the_skeleton_is_sent_where_it_is_wanted(
    output: Callable[..., Mqtt], ear: Any, scene: Callable[..., Scene], wait: Callable[..., None]
):
    """A JPEG every so many seconds of the source; off at first, and never where none may be."""
    made = output(skeleton=1.0)
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    wait(lambda: made.health["connected"], "the connection")
    for seq in range(45):  # a second and a half
        made.show(scene(seq))
    ear.wait(lambda: len(ear.payloads("edgepose/lobby/skeleton")) == 2, "two pictures")
    made.close()
    assert ear.payloads("edgepose/lobby/skeleton")[0].startswith(b"\xff\xd8")
    assert MqttOptions(host="a").skeleton == 0.0
    assert Mqtt.private(MqttOptions(host="a", skeleton=1.0), "none").skeleton == 0.0
    assert Mqtt.private(MqttOptions(host="a", skeleton=1.0), "skeleton").skeleton == 1.0
