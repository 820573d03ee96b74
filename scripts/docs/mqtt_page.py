"""The page of MQTT topics and payloads, from the classes that send and take them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

import md

from edgepose import jsonio
from edgepose.config.limits import Command, commands_of
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.mqtt import topics as topic_module
from edgepose.outputs.mqtt.commands import prepare
from edgepose.outputs.mqtt.discovery import Discovery
from edgepose.outputs.mqtt.entities import EVENT_TYPES, Entities
from edgepose.outputs.mqtt.options import MqttOptions
from edgepose.outputs.mqtt.topics import COMMANDS, Topics
from edgepose.types import WatchKind

_NODE: Final = "lobby"
_PREFIX: Final = MqttOptions(host="broker.local").topic_prefix
_TOPICS: Final = Topics(_PREFIX, _NODE)
_KINDS: Final[dict[str, WatchKind]] = {
    "hands_up": "pose",
    "tree": "class",
    "squats": "exercise",
    "plank": "hold",
    "workout": "routine",
}
_PROFILES: Final = ("morning", "evening")


@dataclass(frozen=True)
class _Row:
    """One topic below the device's: retained or not, a payload, and what it says."""

    topic: str
    payload: str
    about: str
    is_retained: bool = True


_OF_DEVICE: Final = (
    _Row("available", "online", "`online`; `offline` by the last will; `stopped` after an orderly "
         "stop"),
    _Row("persons", "1", "how many people are followed"),
    _Row("status/camera", "online", "`online`, `offline` (no picture for 5 s), `disabled` "
         "(detection is off)"),
    _Row("status/problem", "OFF", "`ON` while anything is degraded"),
    _Row("status/troubles", '{"troubles": [{"name": "source", ...}]}', "what is degraded, and why"),
    _Row("status/temperature", "61", "of the board's hottest part, whole degrees Celsius"),
    _Row("update", '{"installed_version": "0.1.0", "latest_version": "0.1.0"}',
         "the version that runs, and the latest that was announced"),
    _Row("detect/state", "ON", "whether detection is on"),
    _Row("profile/state", "morning", "the profile in use, where the configuration has profiles"),
    _Row("thresholds/state", '{"hands_up": {"enter": 0.85, "exit": 0.7, ...}}',
         "the thresholds in use"),
    _Row("template/state", '{"hands_up": "arms_up"}', "the template of each watch"),
    _Row("teaching/state", '{"state": "countdown", "name": "bow", "reason": "", ...}',
         "[teaching a pose](../teaching.md)"),
    _Row("health", '{"state": "running", "troubles": [], ...}',
         "[the health document](../health.md), with `time` and `remote`"),
    _Row("device", '{...}', "which device uses this name, so that two of one name notice it"),
    _Row("events", '{"type": "rep", "name": "squats", "count": 3, ...}',
         "[events](events.md), QoS 1, kept on disk until the broker has them", False),
    _Row("stats", '{"version": ..., "fps": 29.7, "events_waiting": 0, ...}',
         "a report every `stats_interval` seconds", False),
    _Row("keypoints", '{"poses": [...], ...}',
         "all poses in pixels, where `keypoints` of the output says how many a second", False),
    _Row("skeleton", "JPEG", "people as lines on black, every `skeleton` seconds of the output; "
         "off by default", False),
)  # fmt: skip
_OF_WATCH: Final = {
    "pose/+": ("ON", "`ON` while it is held, else `OFF`"),
    "pose/+/score": ("0.93", "0 to 1, once a second and when `ON` or `OFF` changes; of repetitions "
                     "how far the present one is"),
    "count/+": ("3", "repetitions of the present set; how often a pose began"),
    "phase/+": ("going", "`idle` `settling` `ready` `going` `target` `returning`; of a hold "
                "`holding` `active`; of a routine also `resting`"),
    "held/+": ("23", "whole seconds"),
    "step/+": ("Squats", "title of the running step, else `idle`"),
}  # fmt: skip
_COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "detect": ("OFF", "switch detection off or on"),
    "profile": ("evening", "use a profile"),
    "template": ('{"watch": "hands_up", "template": "star"}', "let a watch look for another pose; "
                 "with a single watch the name alone"),
    "thresholds": ('{"watch": "hands_up", "enter": 0.9, "hold": 0.5}', "change `enter`, `exit`, "
                   "`hold`, `release`, `cooldown`, `angle_deviation`"),
    "routine": ('{"watch": "workout", "do": "start"}', "`start`, `stop` or `skip`; that word alone "
                "where there is one routine"),
    "capture": ('{"name": "bow", "countdown": 5, "watch": true}', "[teach a pose](../teaching.md); "
                "a name alone is taught at once, nothing at all counts down from 5"),
    "save": ("", "write changed thresholds and templates to the file"),
    "reload": ("", "read the configuration again"),
    "restart": ("", "end the process; systemd starts it again"),
}  # fmt: skip
_FLEET: Final = (
    _Row("push/config", '{"id": "7f3a", "text": "version: 1 ..."}', "a configuration"),
    _Row("push/template/NAME", '{"id": "7f3b", "text": "..."}', "a template"),
    _Row("push/config/state", '{"id": "7f3a", "state": "accepted", "text": "...", ...}',
         "the answer, also on `push/template/NAME/state`: `accepted` `refused` `starting` `trying` "
         "`rolled back`"),
    _Row("logs/ask", '{"id": "7f3c", "lines": 50}', "ask for the log", False),
    _Row("logs", '{"id": "7f3c", "lines": ["..."]}', "the answer", False),
)  # fmt: skip


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`. Raises AssertionError where the code has more."""
    text = md.page(
        "MQTT topics and payloads",
        f"Topics begin with `{_PREFIX}/NAME/`: `topic_prefix` of the output and the device's "
        f"`name`, here `{_NODE}`. A retained message is there for whoever subscribes later, and is "
        "sent when it changes.",
        md.fence(f"mosquitto_sub -h broker.local -v -t '{_PREFIX}/{_NODE}/#'", "sh",
                 "skip=needs-a-broker"),
        "## The device",
        _rows(_OF_DEVICE),
        "## Watches",
        _of_watches(),
        "## Commands",
        "Publish to the topic, not retained; the answer comes on `COMMAND/reply`: "
        '`{"command": "detect", "ok": true, "text": "..."}`. `commands` of the configuration says '
        f"which are taken; unset, from the broker these: {md.codes(_by_default())}.",
        _commands(),
        "## Fleet",
        "Taken with `remote: true` only; see [Many devices](../fleet.md).",
        _rows(_FLEET),
        "## Home Assistant",
        "With `discovery: true`, the default, the device appears by itself. These are the entities "
        f"of a device with a watch of each kind ({', '.join(_KINDS)}), profiles, and all commands "
        "allowed:",
        _entities(),
        "Their descriptions are retained below `homeassistant/COMPONENT/NAME/OBJECT/config`. With "
        "`discovery_form: device` there is one for the whole device instead, on "
        "`homeassistant/device/NAME/config`, which Home Assistant reads since 2024.11. The form "
        "can be changed at any time: entities keep their names and their history.",
        "`image.skeleton` is there where the output has `skeleton`, `sensor.temperature` where the "
        "board measures it. Of the thresholds only start and hold time are enabled at first. What "
        "a number sets is lost with a restart unless `save` is sent. The device's card links to "
        "its page, where one is served to the network.",
        f"`update.update` compares the version that runs with the one that you announce to all "
        f"devices, and installs nothing: `mosquitto_pub -r -t {_PREFIX}/latest_version -m 0.2.0`.",
    )  # fmt: skip
    return {"reference/mqtt.md": text}


def _rows(rows: Iterable[_Row]) -> str:
    return md.table(
        ("topic", "retained", "payload", "what it says"),
        [(md.code(row.topic), "yes" if row.is_retained else "no", md.code(row.payload), row.about)
         for row in rows],
    )  # fmt: skip


def _of_watches() -> str:
    always, more = topic_module._ALWAYS, topic_module._MORE
    known = {*always, *(one for topics in more.values() for one in topics)}
    assert known == set(_OF_WATCH), known ^ set(_OF_WATCH)
    rows = []
    for topic, (payload, about) in _OF_WATCH.items():
        kinds = [kind for kind in EVENT_TYPES if topic in (*always, *more.get(kind, ()))]
        of = "every kind" if len(kinds) == len(EVENT_TYPES) else ", ".join(kinds)
        rows.append((md.code(topic.replace("+", "WATCH")), of, md.code(payload), about))
    return md.table(("topic", "of", "payload", "what it says"), rows)


def _commands() -> str:
    assert set(_COMMANDS) == set(COMMANDS), set(_COMMANDS) ^ set(COMMANDS)
    rows = []
    for command, (payload, about) in _COMMANDS.items():
        reply = prepare(_device(), command, payload.encode(), is_retained=False)()
        assert reply.ok, f"{command}: {reply.text}"
        shown = md.code(payload) or "anything"
        rows.append((md.code(COMMANDS[command]), shown, about))
    return md.table(("topic", "payload", "what it does"), rows)


def _by_default() -> list[str]:
    taken = commands_of(None, "mqtt")
    return [command for command in get_args(Command) if command in taken]


class _Anything(Controls):
    """An appliance that does whatever it is asked."""

    def state(self) -> Mapping[str, Any]:
        return {}

    def command(self, name: str, value: Any = None) -> str:
        return f"{name} {value}"


def _device() -> Device:
    return Device(_NODE, tuple(_KINDS), controls=_Anything(), profiles=_PROFILES, kinds=_KINDS)


def _entities() -> str:
    options = MqttOptions(host="broker.local")
    entities = Entities(
        _TOPICS, _device(), options.stats_interval, has_temperature=True, has_picture=True
    )
    found = Discovery(options.discovery_prefix, entities)
    rows = []
    for topic, payload in found.messages.items():
        component, _, name = topic.removeprefix(f"{options.discovery_prefix}/").split("/")[:3]
        body = cast("dict[str, Any]", jsonio.loads(payload))
        source = body.get("state_topic") or body.get("command_topic") or body["image_topic"]
        short = source.removeprefix(_TOPICS.of(""))
        rows.append((f"`{component}.{name}`", body["name"], md.code(short)))
    return md.table(("entity", "name", "topic"), rows)
