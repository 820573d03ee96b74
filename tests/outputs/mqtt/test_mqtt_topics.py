"""Topics, and what scenes say on them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.output import Mqtt
from edgepose.outputs.mqtt.topics import States, Topics
from edgepose.types import Scene

MakeScene = Callable[..., Scene]


def test_topics_are_below_prefix_and_name():
    """The promised names."""
    topics = Topics("site/edgepose", "lobby")

    assert topics.available == "site/edgepose/lobby/available"
    assert topics.events == "site/edgepose/lobby/events"
    assert topics.of("pose", "arms_up", "score") == "site/edgepose/lobby/pose/arms_up/score"
    assert topics.commands["site/edgepose/lobby/detect/set"] == "detect"
    assert topics.commands["site/edgepose/lobby/reload"] == "reload"
    assert topics.reply("detect") == "site/edgepose/lobby/detect/reply"


def test_a_scene_tells_persons_poses_counts_and_scores(scene: MakeScene):
    """ON from the start of a hold's event until it is over."""
    told = {
        phase: States().of(scene(0, phase=phase))["pose/arms_up"]
        for phase in ("idle", "holding", "active", "releasing", "cooldown")
    }

    assert told == {
        "idle": "OFF", "holding": "OFF", "active": "ON", "releasing": "ON", "cooldown": "OFF",
    }  # fmt: skip
    assert States().of(scene(0, phase="active", people=3, count=4)) == {
        "persons": "3", "pose/arms_up": "ON", "count/arms_up": "4", "pose/arms_up/score": "0.90",
    }  # fmt: skip


def test_scores_are_told_once_a_second_and_with_each_change(scene: MakeScene):
    """Of three seconds at 30 fps: four scores, and one more where the pose is taken."""
    states = States()
    told = [
        seq
        for seq in range(91)
        if "pose/arms_up/score" in states.of(scene(seq, phase="active" if seq >= 45 else "idle"))
    ]

    assert told == [0, 30, 45, 75]


def test_a_source_that_begins_anew_is_told_at_once(scene: MakeScene):
    """Times that go back don't silence the score."""
    states = States()
    states.of(scene(3000))

    assert "pose/arms_up/score" in states.of(scene(0))


def test_swaying_around_the_start_is_no_phase_of_its_own(scene: MakeScene):
    """A person who stands ready would otherwise send a message with every breath."""
    states = States(("squats",), {"squats": "exercise"})
    told = [
        states.of(scene(n, name="squats", kind="exercise", phase=phase, score=score))[
            "phase/squats"
        ]
        for n, (phase, score) in enumerate(
            [("ready", 0.0), ("going", 0.1), ("ready", 0.0), ("going", 0.3), ("target", 1.0)]
        )
    ]

    assert told == ["ready", "ready", "ready", "going", "target"]


def test_nobody_is_off(scene: MakeScene):
    """Without scenes nothing is ON, and the first scene afterwards tells its score."""
    states = States(("arms_up",))
    states.of(scene(0, phase="active"))

    assert states.empty() == {
        "persons": "0", "pose/arms_up": "OFF", "pose/arms_up/score": "0.00",
    }  # fmt: skip
    assert "pose/arms_up/score" in states.of(scene(1, phase="active"))


def test_a_watch_that_the_profile_leaves_out_is_off(scene: MakeScene):
    """Also one that was ON until just now; its count stays."""
    states = States(("arms_up", "squats"))
    assert states.of(scene(0, phase="active"))["pose/arms_up"] == "ON"

    told = states.of(scene(1, name="squats"))

    assert (told["pose/arms_up"], told["pose/arms_up/score"]) == ("OFF", "0.00")
    assert "count/arms_up" not in told


@pytest.mark.parametrize(
    "options",
    [{}, {"remote": True}, {"topic_prefix": "homeassistant"}, {"discovery_prefix": "edgepose"}],
)
def test_no_topic_is_subscribed_to_twice(output: Callable[..., Mqtt], options: dict[str, Any]):
    """Of two filters that overlap a broker sends each message twice, a huge one too."""
    filters = [topic.split("/") for topic in output(**options)._filters()]
    twice = [
        (one, other)
        for one, other in itertools.combinations(filters, 2)
        if len(one) == len(other)
        and all(a == b or "+" in (a, b) for a, b in zip(one, other, strict=True))
    ]
    assert len(filters) > 10
    assert not twice


def test_every_topic_that_is_sent_is_on_the_page_of_topics(ear, output, appliance, scene, wait):
    """Of a device with watches of every kind, profiles, reports, keypoints and the fleet."""
    kinds = {"arms_up": "pose", "squats": "exercise", "plank": "hold", "workout": "routine"}
    about = Device("lobby", tuple(kinds), "m", appliance, profiles=("morning",), kinds=kinds)
    appliance.more |= {"teaching": {"state": "idle"}, "board": {"temperature": 55.0}}
    mqtt = output(about, stats_interval=0.01, keypoints=5.0, skeleton=0.2, remote=True)
    mqtt.open()
    ear.wait(lambda: ear.last("edgepose/lobby/available"), "the device")
    ear.say("edgepose/lobby/detect/set", "OFF")
    ear.say("edgepose/lobby/logs/ask", '{"id": "7f", "lines": 1}')
    wanted = {f"edgepose/lobby/{one}" for one in
              ("events", "keypoints", "skeleton", "stats", "detect/reply", "logs",
               "pose/squats")}  # fmt: skip
    seqs = itertools.count()

    def all_came() -> bool:
        mqtt.show(scene(number := next(seqs), number))
        return wanted <= {message.topic for message in ear.heard}

    wait(all_came, "a message of each sort")
    sent = {message.topic.removeprefix("edgepose/lobby/") for message in ear.heard
            if message.topic.startswith("edgepose/")}  # fmt: skip
    assert [topic for topic in sorted(sent) if not _is_on_the_page(topic)] == []


def _is_on_the_page(topic: str) -> bool:
    page = (Path(__file__).parents[3] / "docs" / "reference" / "mqtt.md").read_text()
    named = re.findall(r"^\| `([^`]+)`", page, re.M)
    patterns = (re.sub("WATCH|NAME", "[^/]+", one) for one in (*named, "[a-z]+/reply"))
    return any(re.fullmatch(pattern, topic) for pattern in patterns)
