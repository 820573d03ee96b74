"""edgepose fleet against real devices and a real broker: seen, changed, and never lost."""

from __future__ import annotations

import json
import logging
import threading
from pathlib import Path
from typing import Any, Final

import pytest
from old_broker import OldBroker

from edgepose.appliance import remote_update
from edgepose.appliance.remote_update import roll_back_crashing
from edgepose.appliance.update_journal import EARLIER, REMEMBERED, UpdateJournal
from edgepose.config.files import ConfigFiles
from edgepose.config.loader import load
from edgepose.errors import DeviceError, UserError
from edgepose.fleet import connection
from edgepose.fleet.connection import FleetClient
from edgepose.outputs.mqtt.options import MqttOptions

TEMPLATES: Final = Path(__file__).parent.parent.parent / "configs" / "templates"


def test_list_shows_every_device_with_its_state(house, fleet, rows, online, ear):
    """One that runs, one that was stopped, one that the broker lost; also as a table."""
    house.start("hall")
    online("hall")
    ear.say("edgepose/cellar/available", "offline", retain=True)
    ear.say("edgepose/attic/push/config", json.dumps({"id": "1", "text": ""}), retain=True)

    result = fleet("list", "--json")

    assert result.exit_code == 0
    found = {row["device"]: row for row in rows(result)}
    assert {name: row["state"] for name, row in found.items()} == {
        "attic": "never seen", "cellar": "offline", "hall": "online",
    }  # fmt: skip
    hall = found["hall"]
    assert hall["model"] == "edgepose-nano"
    assert hall["remote"] is True
    assert list(hall["templates"]) == ["hands"]
    assert found["attic"]["waiting"] == ["config"]
    table = fleet("list").stdout
    assert "hall" in table
    assert "never seen" in table
    assert "push waits" in table


def test_an_empty_broker_and_none_at_all_are_told_apart(fleet, broker, house):
    """Exit code 1 both times, each with its sentence; no address is a mistake of usage."""
    empty = fleet("list")
    assert empty.exit_code == 1
    assert "No device has ever connected under 'edgepose/'" in empty.stderr
    broker.stop()
    gone = fleet("list")
    assert gone.exit_code == 1
    assert "connection refused" in str(gone.exception)


def test_a_broker_that_ends_the_connection_is_not_an_empty_one(small_broker):
    """It takes 100 bytes at once, which the subscriptions exceed: nobody knows who is there."""
    with pytest.raises(DeviceError, match=r"^the broker 127.0.0.1:\d+: it (takes|accepts)"):
        listed(small_broker.port)


def test_a_broker_that_answers_no_subscription_is_not_an_empty_one(monkeypatch):
    """It accepts the connection and says nothing more."""
    monkeypatch.setattr(connection, "ANSWER", 0.1)
    broker = OldBroker("refuses", subscribes=False)
    with pytest.raises(DeviceError, match="accepts us, and answers nothing"):
        listed(broker.port)
    broker.close()


def listed(port: int) -> list[str]:
    """Return the devices that a broker knows. Raises DeviceError."""
    with FleetClient(MqttOptions(host="127.0.0.1", port=port)) as client:
        return list(client.devices)


def test_without_an_address_it_says_where_to_write_it(fleet, monkeypatch, tmp_path):
    """Exit code 2 and all three ways."""
    monkeypatch.delenv("EDGEPOSE_MQTT_HOST")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    result = fleet("list")
    assert result.exit_code == 2
    assert "--host" in str(result.exception)
    assert str(tmp_path / "edgepose" / "fleet.yaml") in str(result.exception)


def test_health_is_the_health_document(house, fleet, rows, online):
    """The same as the device itself gives, with the time it was written."""
    appliance = house.start("hall")
    online("hall")
    (told,) = rows(fleet("health", "hall", "--json"))
    assert told.keys() >= appliance.state().keys()
    assert told["device"] == "hall"
    assert told["source"]["state"] in ("starting", "running")
    assert "model edgepose-nano" in fleet("health", "hall").stdout
    missing = fleet("health", "hell")
    assert missing.exit_code == 2
    assert "did you mean 'hall'" in str(missing.exception)


def test_a_template_is_taken_by_running_watches_at_once(house, fleet, rows, online, tmp_path):
    """The file stands beside the configuration, the watch uses it, nothing is started anew."""
    appliance = house.start("hall")
    online("hall")
    before = appliance.pipeline
    file = tmp_path / "hands.yaml"
    file.write_text((TEMPLATES / "squat.yaml").read_text())

    result = fleet("push-template", file, "hall", "--json")

    assert rows(result) == [
        {
            "device": "hall", "state": "accepted",
            "text": "template 'hands' is in place; hands uses it from now on",
        }
    ]  # fmt: skip
    assert result.exit_code == 0
    placed = house.file("hall").parent / "templates" / "hands.yaml"
    assert placed.read_text() == file.read_text()
    assert appliance.pipeline is before
    watch = appliance.pipeline.perception.interpreter.watches[0]
    assert watch._templates.templates[0].name == "squat"


def test_a_template_that_the_watch_can_not_use_leaves_the_old_one(
    house, fleet, rows, online, tmp_path
):
    """Refused with the reason, the file is as before, and nothing stays on the broker."""
    text = house.text("hall").replace("hands.yaml}", "hands.yaml, min_visible: 8}")
    house.start("hall", text)
    online("hall")
    placed = house.file("hall").parent / "templates" / "hands.yaml"
    before = placed.read_text()
    file = tmp_path / "hands.yaml"
    file.write_text(before.replace("ignore: [", "ignore: [left_upper_arm, "))

    (told,) = rows(result := fleet("push-template", file, "hall", "--json"))

    assert result.exit_code == 1
    assert told["state"] == "refused"
    assert "min_visible" in told["text"]
    assert placed.read_text() == before
    assert rows(fleet("list", "--json"))[0]["waiting"] == []


def test_a_broken_file_is_refused_on_this_side(house, fleet, online, tmp_path):
    """Exit code 2 and the line; no device hears of it."""
    file = tmp_path / "hands.yaml"
    file.write_text("version: 1\nname: x\n")
    result = fleet("push-template", file, "hall")
    assert result.exit_code == 2
    assert f"{file}" in str(result.exception)


def test_a_configuration_is_taken_with_the_devices_own_name(house, fleet, rows, online, tmp_path):
    """One file for all, without `name`; both run with it, and each keeps its own."""
    devices = [house.start(name) for name in ("hall", "yard")]
    online("hall", "yard")
    file = tmp_path / "all.yaml"
    file.write_text(house.text("x").replace("name: x\n", "").replace("fps: 10", "fps: 12"))

    result = fleet("push-config", file, "--all", "--json")

    assert [row["state"] for row in rows(result)] == ["accepted", "accepted"]
    assert result.exit_code == 0
    for name, appliance in zip(("hall", "yard"), devices, strict=True):
        assert appliance.config.name == name
        assert appliance.config.source.options.fps == 12
        assert "# What every device of the house does." in house.file(name).read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port: PORT", "port: 9"),
        ("remote: true", 'remote: true, user: mute, password: "${MUTE}"'),
    ],
    ids=["nobody there", "not allowed to speak"],
)
def test_a_configuration_that_loses_the_broker_is_rolled_back(
    house, *, fleet, rows, online, tmp_path, monkeypatch, broker, old, new
):
    """The classic way to lose a fleet: the device comes back by itself and says so."""
    monkeypatch.setenv("MUTE", "secret")
    monkeypatch.setattr(remote_update, "PROBATION", 2.0)
    appliance = house.start("hall")
    online("hall")
    before = house.file("hall").read_text()
    file = tmp_path / "new.yaml"
    file.write_text(before.replace(old.replace("PORT", str(broker.port)), new))

    (told,) = rows(result := fleet("push-config", file, "hall", "--json", "--timeout", "50"))

    assert result.exit_code == 1
    assert told["state"] == "rolled back"
    assert "the broker was not reached within 2 s" in told["text"]
    assert house.file("hall").read_text() == before
    assert appliance.config.outputs["bus"].options.port == broker.port
    assert rows(fleet("list", "--json"))[0]["waiting"] == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("fps: 10", "fps: -10", "fps"),
        ("name: hall", "name: yard", "not the name of hall"),
        ("remote: true", "remote: false", "could never be reached again"),
        ("remote: true", "remote: true, user: u, password: p", "must not lie on the broker"),
    ],
)
def test_what_would_lose_the_device_or_its_secrets_is_refused_on_this_side(
    house, *, fleet, tmp_path, old, new, said
):
    """Exit code 2 before anything is sent."""
    file = tmp_path / "new.yaml"
    file.write_text(house.text("hall").replace(old, new))
    result = fleet("push-config", file, "hall")
    assert result.exit_code == 2
    assert said in str(result.exception)


def push(ear: Any, name: str, id: str, text: str) -> None:
    """Put a configuration on the broker without anybody checking it."""
    payload = json.dumps({"id": id, "text": text})
    ear.say(f"edgepose/{name}/push/config", payload, retain=True)


def answer(ear: Any, name: str, id: str) -> dict[str, Any]:
    """Return a device's last word on a push of its configuration."""
    topic = f"edgepose/{name}/push/config/state"

    def last() -> dict[str, Any]:
        found = json.loads(ear.last(topic) or b"{}")
        return found if found.get("state") not in ("starting", "trying") else {}

    ear.wait(lambda: last().get("id") == id, f"the answer to {id}")
    return last()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("fps: 10", "fps: [", "line"),
        ("name: hall", "name: yard", "a push can't rename a device"),
        ("remote: true", "remote: false", "could never be reached again"),
        ("edgepose-nano", "no-such-model", "no-such-model"),
        ("hands.yaml", "nothing.yaml", "nothing.yaml"),
        ("port:", 'user: u, password: "${NOT_SET_HERE}", port:', "NOT_SET_HERE is not set"),
        ("127.0.0.1", '"${NOT_SET_HERE}"', "for passwords, tokens and secrets only"),
    ],
)
def test_the_device_refuses_what_it_can_not_run(house, ear, *, online, old, new, said):
    """The file and what runs stay as they were, and the reason is told."""
    appliance = house.start("hall")
    online("hall")
    before, config = house.file("hall").read_text(), appliance.config
    push(ear, "hall", "1", before.replace(old, new))

    told = answer(ear, "hall", "1")

    assert told["state"] == "refused"
    assert said in told["text"]
    assert house.file("hall").read_text() == before
    assert appliance.config == config
    assert not appliance.state()["config"]["error"]


def test_a_push_whose_probation_can_not_be_kept_is_refused(house, ear, online, state):
    """After a restart nothing would know that it has to be rolled back."""
    (state / "pushes").parent.mkdir(parents=True, exist_ok=True)
    (state / "pushes").write_text("a disk that can't be written")
    house.start("hall")
    online("hall")
    before = house.file("hall").read_text()
    push(ear, "hall", "1", before.replace("fps: 10", "fps: 9"))

    told = answer(ear, "hall", "1")

    assert told["state"] == "refused"
    assert "there would be no way back" in told["text"]
    assert house.file("hall").read_text() == before


def test_without_permission_nothing_is_taken_and_the_way_out_is_told(house, fleet, rows, online):
    """`remote` is off unless the device's own configuration says otherwise."""
    house.start("hall", house.text("hall").replace("remote: true, ", ""))
    online("hall")
    before = house.file("hall").read_text()
    (told,) = rows(fleet("push-template", TEMPLATES / "squat.yaml", "hall", "--json"))
    assert told["state"] == "refused"
    assert "set `remote: true`" in told["text"]
    assert house.file("hall").read_text() == before
    logs = fleet("logs", "hall")
    assert logs.exit_code == 1
    assert "set `remote: true`" in str(logs.exception)


def test_a_device_that_was_away_takes_it_once_when_it_comes_back(
    house, *, fleet, rows, online, ear, tmp_path
):
    """Retained: taken at the next start, and not again at the one after that."""
    house.start("hall")
    online("hall")
    house.stop()
    ear.wait_last("edgepose/hall/available", b"stopped")
    file = tmp_path / "new.yaml"
    file.write_text(house.text("hall").replace("fps: 10", "fps: 12"))
    (told,) = rows(result := fleet("push-config", file, "hall", "--json"))
    assert (told["state"], result.exit_code) == ("waits", 1)

    pushed = json.loads(ear.last("edgepose/hall/push/config"))
    appliance = house.start("hall")

    assert answer(ear, "hall", pushed["id"])["state"] == "accepted"
    assert appliance.config.source.options.fps == 12
    house.stop()
    house.file("hall").write_text(house.text("hall").replace("fps: 10", "fps: 15"))
    appliance = house.start("hall")
    ear.wait_last("edgepose/hall/available", b"online")
    fleet("push-template", TEMPLATES / "squat.yaml", "hall")  # behind the retained one
    assert appliance.config.source.options.fps == 15


def test_a_configuration_that_crashes_the_process_is_put_back_at_the_third_start(
    house, tmp_path, caplog: pytest.LogCaptureFixture
):
    """However early it crashes: the start itself looks first."""
    good = house.text("hall")
    file = house.write("hall", good)
    ConfigFiles(file).good.prove(load(file))
    file.write_text("broken")
    UpdateJournal.of(file).answer("config", "1", "broken", "starting", "")

    texts = []
    for _ in range(4):
        roll_back_crashing(ConfigFiles(file))
        texts.append(file.read_text())

    assert texts == ["broken", "broken", good, good]
    assert not UpdateJournal.of(file).is_on_probation
    assert UpdateJournal.of(file).answers["config"]["state"] == "rolled back"


def test_an_accepted_configuration_that_fails_at_each_start_is_put_back(
    house, caplog: pytest.LogCaptureFixture
):
    """Three failures of its own, each soon after a start; kills from outside don't count."""
    good = house.text("hall")
    pushed = good.replace("fps: 10", "fps: 12")
    file = house.write("hall", good)
    ConfigFiles(file).good.prove(load(file))
    file.write_text(pushed)
    UpdateJournal.of(file).answer("config", "1", pushed, "accepted", "")
    ConfigFiles(file).good.keep_before(file, pushed)
    ConfigFiles(file).good.prove(load(file))

    texts = []
    for has_failed in (False, True, True, False, True, True, True, True):
        roll_back_crashing(ConfigFiles(file), has_failed)
        texts.append(file.read_text())

    assert texts == [pushed] * 6 + [good] * 2
    assert UpdateJournal.of(file).answers["config"]["state"] == "rolled back"
    assert "edgepose failed 3 times within 60 s of its start" in caplog.text


def test_what_somebody_wrote_at_the_device_is_never_put_back(house):
    """Also where a push before it was accepted."""
    good = house.text("hall")
    file = house.write("hall", good)
    ConfigFiles(file).good.prove(load(file))
    ConfigFiles(file).good.keep_before(file, good.replace("fps: 10", "fps: 12"))
    UpdateJournal.of(file).answer("config", "1", "text", "accepted", "")
    own = good.replace("fps: 10", "fps: 9")
    file.write_text(own)

    for _ in range(5):
        roll_back_crashing(ConfigFiles(file), has_failed=True)

    assert file.read_text() == own


def test_a_long_run_ends_a_crash_loop(house):
    """Failures a day apart are none."""
    file = house.write("hall", text := house.text("hall"))
    for _ in range(3):
        good = ConfigFiles(file).good
        good.count_start(text)
    good.settle(text)
    assert ConfigFiles(file).good.count_start(text) == 1


def test_a_trial_goes_on_after_a_power_cut(house, ear, online):
    """The process that starts with the new configuration proves it, and it is accepted."""
    text = house.text("hall").replace("fps: 10", "fps: 12")
    file = house.write("hall", house.text("hall"))
    ConfigFiles(file).good.prove(load(file))
    file.write_text(text)
    UpdateJournal.of(file).answer("config", "7", text, "starting", "")

    house.start("hall")

    assert answer(ear, "hall", "7")["state"] == "accepted"
    assert not UpdateJournal.of(file).is_on_probation


def test_a_start_before_the_push_was_written_refuses_it(house, ear, online):
    """The file is as it was, and nothing is on probation."""
    file = house.write("hall", house.text("hall"))
    ConfigFiles(file).good.prove(load(file))
    UpdateJournal.of(file).answer("config", "7", "text", "starting", "")

    appliance = house.start("hall")

    assert "push it again" in answer(ear, "hall", "7")["text"]
    assert not appliance.active.is_on_probation


def test_a_second_push_waits_for_the_end_of_the_probation(house, ear, online, monkeypatch):
    """It is refused, and the first one is accepted all the same."""
    appliance = house.start("hall")
    online("hall")
    keep = appliance._commands["keep_config"]
    came = threading.Event()
    monkeypatch.setitem(appliance._commands, "keep_config", lambda value: came.set() or "")
    text = house.text("hall").replace("port: ", "keypoints: 1, port: ")
    appliance.command("push_config", {"id": "1", "text": text})
    assert came.wait(30)
    with pytest.raises(UserError, match="another configuration is on probation"):
        appliance.command("push_config", {"id": "2", "text": text})
    keep({"id": "1", "output": appliance.pipeline.outputs["bus"].output, "proof": "broker"})
    assert answer(ear, "hall", "1")["state"] == "accepted"
    assert not appliance.active.is_on_probation


def test_the_broker_keeps_no_edit_of_a_page(house, ear, online, monkeypatch):
    """Whoever edits may lose the page while the broker is there: a browser has to reach it."""
    page = "commands: [config]\noutputs:\n  page: {type: web, host: 127.0.0.1, port: 0}\n"
    appliance = house.start("hall", house.text("hall").replace("outputs:\n", page))
    online("hall")
    came = threading.Event()
    keep = appliance._commands["keep_config"]

    def keep_or_note(value):
        try:
            return keep(value)
        finally:
            came.set()

    monkeypatch.setitem(appliance._commands, "keep_config", keep_or_note)
    document = appliance.configuration()
    text = document["text"].replace("fps: 10", "fps: 9")
    appliance.command("edit_config", {"id": "p", "text": text, "version": document["version"]})
    assert came.wait(30)
    assert appliance.active.is_on_probation
    output = appliance.pipeline.outputs["page"].output
    appliance.command("keep_config", {"id": "p", "output": output, "proof": "page"})
    assert answer(ear, "hall", "p")["state"] == "accepted"


def test_answers_to_templates_push_out_no_answer_to_a_configuration(tmp_path):
    """Whoever may push templates would have every configuration taken back."""
    journal = UpdateJournal(tmp_path / "journal.json")
    journal.answer("config", "c", "text", "trying", "")
    for number in range(REMEMBERED + 1):
        journal.answer(f"template/n{number}", "t", "text", "refused", "")
    assert UpdateJournal(tmp_path / "journal.json").is_on_probation
    assert len(journal.answers) == 1 + REMEMBERED
    assert "template/n0" not in journal.answers


def test_a_push_is_recognised_however_many_were_answered_since(tmp_path):
    """Whoever pushes what is refused makes nobody's accepted push be carried out once more."""
    file = tmp_path / "journal.json"
    journal = UpdateJournal(file)
    journal._save = lambda: None  # not 1,500 times
    journal.answer("template/wave", "first", "text", "accepted", "in place")
    for number in range(REMEMBERED + EARLIER["refused"] + 1):
        journal.answer(f"template/n{number}", "bad", "text", "refused", "")
    del journal._save
    journal.answer("template/last", "bad", "text", "refused", "")

    again = UpdateJournal(file)

    assert again.is_answered("template/wave", "first")
    assert not again.is_answered("template/wave", "second")
    assert [again.is_answered(f"template/n{number}", "bad") for number in range(3)] == [
        False, False, True,
    ]  # fmt: skip
    assert len(again.answers) == REMEMBERED
    assert file.stat().st_size < 200_000

    again.answer("template/wave", "second", "text", "refused", "")

    assert not again.is_answered("template/wave", "first")
    assert UpdateJournal(file).is_answered("template/wave", "second")


def test_logs_are_the_devices_latest_lines(house, fleet, rows, online, monkeypatch):
    """Bounded, and not twice within the pause: two seconds, here more for a busy machine."""
    monkeypatch.setattr("edgepose.outputs.recent_logs.PAUSE", 60.0)
    house.start("hall")
    online("hall")
    for number in range(30):
        logging.getLogger("edgepose.test").warning("line %d", number)
    result = fleet("logs", "hall", "-n", "5", "--json")
    assert [line["text"] for line in rows(result)] == [f"line {n}" for n in range(25, 30)]
    again = fleet("logs", "hall")
    assert again.exit_code == 1
    assert "too often" in str(again.exception)
