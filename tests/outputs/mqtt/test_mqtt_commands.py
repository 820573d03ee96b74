"""Commands over MQTT: checked, carried out, answered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.mqtt.commands import MAX_BYTES, prepare
from edgepose.outputs.mqtt.output import Mqtt


@pytest.mark.parametrize(
    ("command", "payload", "asked"),
    [
        ("detect", b"ON", True),
        ("detect", b" off\n", False),
        ("template", b"squat", {"watch": "arms_up", "template": "squat"}),
        (
            "template",
            b'{"watch": "arms_up", "template": "t"}',
            {"watch": "arms_up", "template": "t"},
        ),
        (
            "thresholds",
            b'{"watch": "arms_up", "enter": 0.9, "hold": 2}',
            {"watch": "arms_up", "enter": 0.9, "hold": 2},
        ),
        ("routine", b"start", {"do": "start"}),
        ("capture", b"", None),
        ("capture", b"PRESS", None),
        ("capture", b"bow", "bow"),
        ("capture", b'{"name": "bow", "countdown": 3}', {"name": "bow", "countdown": 3}),
        (
            "routine",
            b'{"watch": "workout", "do": "skip"}',
            {"watch": "workout", "do": "skip"},
        ),
        ("save", b"", None),
        ("reload", b"", None),
        ("restart", b"PRESS", None),
    ],
)
def test_a_command_is_handed_on(
    device: Device, appliance: Any, command: str, payload: bytes, asked: Any
):
    """What makes sense reaches the appliance, and its sentence is the answer."""
    answer = prepare(device, command, payload, is_retained=False)()

    assert appliance.asked == [(command, asked)]
    assert (answer.ok, answer.text) == (True, f"{command} is done")


@pytest.mark.parametrize(
    ("command", "payload", "said"),
    [
        ("detect", b"1", "expected ON or OFF, found '1'"),
        ("detect", b"", "expected ON or OFF"),
        ("detect", b"\xff\xfe", "UTF-8"),
        ("detect", b"x" * (MAX_BYTES + 1), "at most 4096 bytes"),
        ("template", b"{", "expected a JSON object"),
        ("template", b"{}{}", "expected a JSON object"),
        ("template", b'{"watch": "arms_op", "template": "t"}', "did you mean 'arms_up'"),
        ("thresholds", b"[1]", "expected a JSON object"),
        ("thresholds", b"[" * 4000, "expected a JSON object"),
        ("thresholds", b'{"watch": "arms_up", "enter": NaN}', "expected a JSON object"),
        ("thresholds", b'{"watch": "arms_up", "enter": 2.0}', "enter: expected at most 1"),
    ],
)
def test_what_makes_no_sense_is_answered_with_the_reason(
    device: Device, appliance: Any, command: str, payload: bytes, said: str
):
    """Nothing reaches the appliance, and nobody gets a traceback."""
    answer = prepare(device, command, payload, is_retained=False)()

    assert not answer.ok
    assert said in answer.text
    assert appliance.asked == []


def test_a_command_that_the_file_does_not_list_is_refused(device: Device, appliance: Any):
    """By default restart and save; the appliance is not asked, and Home Assistant has no button."""
    limited = replace(device, commands=frozenset({"detect"}))
    reply = prepare(limited, "restart", b"", is_retained=False)()
    assert not reply.ok
    assert "see `commands`" in reply.text
    assert not appliance.asked
    assert prepare(limited, "detect", b"ON", is_retained=False)().ok


def test_a_template_needs_its_watch_where_there_are_several(appliance: Any):
    """A name alone would be ambiguous."""
    device = Device("lobby", ("a", "b"), "", appliance)

    answer = prepare(device, "template", b"squat", is_retained=False)()

    assert not answer.ok
    assert "expected a JSON object" in answer.text


def test_a_retained_command_is_refused(device: Device, appliance: Any):
    """It would come again with every connection: a restart for ever."""
    answer = prepare(device, "restart", b"", is_retained=True)()

    assert not answer.ok
    assert "must not be retained" in answer.text
    assert appliance.asked == []


def test_without_anybody_to_listen_commands_are_refused():
    """In a replay there is no appliance."""
    answer = prepare(Device("lobby"), "reload", b"", is_retained=False)()

    assert (answer.ok, answer.text) == (False, "there is no appliance to take commands")


def test_a_switch_is_answered_and_its_state_told(
    output: Callable[..., Mqtt], ear: Any, appliance: Any
):
    """OFF reaches the appliance; reply and retained state come back."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/detect/state", b"ON")
    ear.say("edgepose/lobby/detect/set", "OFF")

    ear.wait_last("edgepose/lobby/detect/state", b"OFF")
    ear.wait_last("edgepose/lobby/status/camera", b"disabled")
    ear.wait(lambda: ear.last("edgepose/lobby/detect/reply"), "the reply")
    assert appliance.asked == [("detect", False)]
    assert ear.documents("edgepose/lobby/detect/reply") == [
        {"command": "detect", "ok": True, "text": "detect is done"}
    ]


def test_a_refused_switch_goes_back(output: Callable[..., Mqtt], ear: Any, appliance: Any):
    """The state is told again, so that a page does not show what is not so."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/detect/state", b"ON")
    ear.say("edgepose/lobby/detect/set", "perhaps")

    ear.wait(lambda: ear.payloads("edgepose/lobby/detect/state") == [b"ON", b"ON"], "the state")
    ear.wait(lambda: ear.last("edgepose/lobby/detect/reply"), "the reply")
    (reply,) = ear.documents("edgepose/lobby/detect/reply")
    assert not reply["ok"]
    assert appliance.asked == []


@pytest.mark.parametrize(
    ("topic", "command"),
    [("template/set", "template"), ("save", "save"), ("reload", "reload"), ("restart", "restart")],
)
def test_every_command_has_its_reply(
    output: Callable[..., Mqtt], ear: Any, appliance: Any, topic: str, command: str
):
    """Each answers on a topic of its own, not retained."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/available", b"online")
    ear.say(f"edgepose/lobby/{topic}", "squat")

    ear.wait(lambda: ear.last(f"edgepose/lobby/{command}/reply"), "the reply")
    assert [name for name, _ in appliance.asked] == [command]


def test_a_profile_is_switched_and_its_state_told(
    output: Callable[..., Mqtt], ear: Any, appliance: Any
):
    """Its name comes in; the one in use stands on a topic, retained."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/profile/state", b"morning")
    ear.say("edgepose/lobby/profile/set", "evening class")

    ear.wait_last("edgepose/lobby/profile/state", b"evening class")
    assert appliance.asked == [("profile", "evening class")]


def test_a_wrong_profile_is_answered_with_the_near_miss(
    output: Callable[..., Mqtt], ear: Any, appliance: Any
):
    """Home Assistant's list goes back to the one in use."""
    made = output()
    made.open()
    ear.wait_last("edgepose/lobby/profile/state", b"morning")
    ear.say("edgepose/lobby/profile/set", "evening clas")

    state = "edgepose/lobby/profile/state"
    ear.wait(lambda: ear.payloads(state) == [b"morning", b"morning"], "the state again")
    ear.wait(lambda: ear.last("edgepose/lobby/profile/reply"), "the reply")
    (reply,) = ear.documents("edgepose/lobby/profile/reply")
    assert not reply["ok"]
    assert "did you mean 'evening class'" in reply["text"]


def test_a_changed_template_is_told(output: Callable[..., Mqtt], ear: Any, appliance: Any):
    """Which one each watch looks for stands on a topic; one that was refused does not."""
    made = output()
    made.open()
    ear.wait(lambda: ear.last("edgepose/lobby/template/state"), "the template")
    ear.say("edgepose/lobby/template/set", "squat")
    ear.say("edgepose/lobby/template/set", '{"watch": "nobody", "template": "lunge"}')
    ear.wait(lambda: len(ear.payloads("edgepose/lobby/template/reply")) == 2, "both replies")

    assert ear.documents("edgepose/lobby/template/state") == [
        {"arms_up": "arms_up"}, {"arms_up": "squat"},
    ]  # fmt: skip


def test_changed_thresholds_are_told(output: Callable[..., Mqtt], ear: Any, appliance: Any):
    """The state of all watches stands on a topic; a wrong value is answered."""
    made = output()
    made.open()
    state = "edgepose/lobby/thresholds/state"
    ear.wait(lambda: ear.last(state), "the thresholds")
    ear.say("edgepose/lobby/thresholds/set", '{"watch": "arms_up", "enter": 7}')
    ear.wait(lambda: ear.last("edgepose/lobby/thresholds/reply"), "the reply")

    assert ear.documents(state) == [
        {"arms_up": {"enter": 0.85, "exit": 0.7, "template": "arms_up"}}
    ]
    (reply,) = ear.documents("edgepose/lobby/thresholds/reply")
    assert reply["text"] == "enter: expected at most 1, found more"


def test_a_command_retained_on_the_broker_is_not_obeyed(
    output: Callable[..., Mqtt], ear: Any, appliance: Any
):
    """Somebody retained a restart: it is refused on every connection."""
    ear.say("edgepose/lobby/restart", "PRESS", retain=True)
    made = output()
    made.open()

    ear.wait(lambda: ear.last("edgepose/lobby/restart/reply"), "the reply")
    assert appliance.asked == []
