"""Profiles: which watches count, switched while everything runs on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from witness import Witness

from edgepose.appliance.appliance import Appliance
from edgepose.appliance.assembly import in_profile
from edgepose.config.loader import load
from edgepose.config.profiles import OverrideSection
from edgepose.core.trigger import TUNABLE
from edgepose.errors import ConfigError, UserError
from edgepose.types import Scene

SHIPPED = Path(__file__).parents[2] / "configs" / "templates"
CONFIG = """\
version: 1
name: studio
source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 30}
watch:
  arms_up: {template: templates/arms_up.yaml, hold: 0.2}
  squats: {template: templates/squat.yaml}
profiles:
  morning:
    watch:
      arms_up:
        hold: 0.1  # they are in a hurry
  evening: {watch: {squats, arms_up: {exit: 0.5, enter: 0.6}}}
  closed: {watch: {}}
  everything:
outputs:
  log: {type: jsonl, path: events.jsonl}
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the state folder of the test."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    """Return a configuration with four profiles."""
    (tmp_path / "templates").mkdir()
    for name in ("arms_up", "squat"):
        (tmp_path / "templates" / f"{name}.yaml").write_text((SHIPPED / f"{name}.yaml").read_text())
    path = tmp_path / "studio.yaml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def running(config_file: Path, lightning: Path) -> Iterator[tuple[Appliance, Witness]]:
    """Return an appliance that runs until the test is over, and a witness of its scenes."""
    witness = Witness()
    appliance = Appliance(load(config_file), extra={"witness": witness})
    runner = threading.Thread(target=appliance.run)
    runner.start()
    witness.wait_for(lambda scene: bool(scene.poses))
    yield appliance, witness
    appliance.stop()
    runner.join(30)
    assert not runner.is_alive()


def names(scene: Scene) -> list[str]:
    """Return the watches that count in a scene."""
    return [watch.name for watch in scene.watches]


def test_the_first_profile_is_the_one_to_begin_with(running):
    """Only its watches count, with its thresholds; the health document says so."""
    appliance, witness = running

    state = json.loads(json.dumps(appliance.state()))

    assert state["profile"] == "morning"
    assert {name: watch["is_on"] for name, watch in state["watches"].items()} == {
        "arms_up": True, "squats": False,
    }  # fmt: skip
    assert state["watches"]["arms_up"]["hold"] == 0.1
    scene = witness.wait_for(bool)
    assert [(watch.name, watch.hold) for watch in scene.watches] == [("arms_up", 0.1)]


def test_a_switch_takes_effect_without_a_break(running):
    """Between two frames: the pipeline goes on, and what was active gets its end."""
    appliance, witness = running
    pipeline = appliance.pipeline
    witness.wait_for(lambda scene: any(event.type == "start" for event in scene.events))

    said = appliance.command("profile", "closed")

    assert said == "profile 'closed' is in use: watching nothing"
    assert names(witness.wait_for(lambda scene: not scene.watches)) == []
    witness.wait_for(lambda scene: scene.poses)
    kinds = [event.type for scene in witness.scenes for event in scene.events]
    assert kinds == ["start", "end"] * (len(kinds) // 2)
    appliance.command("profile", "evening")
    scene = witness.wait_for(lambda scene: len(scene.watches) == 2)
    assert names(scene) == ["arms_up", "squats"]
    assert appliance.state()["watches"]["arms_up"]["enter"] == 0.6
    assert appliance.state()["watches"]["arms_up"]["hold"] == 0.2
    assert appliance.pipeline is pipeline
    seqs = [scene.frame.seq for scene in witness.scenes]
    assert seqs == sorted(seqs)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("mornin", "no profile 'mornin'; did you mean 'morning'"),
        ("", "known: closed, evening, everything, morning"),
        (None, "no profile 'None'"),
        ({"name": "morning"}, "no profile"),
    ],
)
def test_a_wrong_name_is_refused_and_changes_nothing(config_file, lightning, value, words):
    """With the near miss; the profile in use stays in use."""
    appliance = Appliance(load(config_file))

    with pytest.raises(UserError, match=words):
        appliance.command("profile", value)

    assert appliance.state()["profile"] == "morning"


def test_without_profiles_there_is_nothing_to_switch(config_file, lightning):
    """All watches count, and the command says why it can't."""
    config_file.write_text(CONFIG.partition("profiles:")[0])
    appliance = Appliance(load(config_file))

    assert appliance.state()["profile"] == ""
    assert all(watch["is_on"] for watch in appliance.state()["watches"].values())
    with pytest.raises(UserError, match="there are no `profiles` in the configuration"):
        appliance.command("profile", "morning")


def test_the_choice_survives_a_reload_and_a_restart(running, config_file):
    """It is the installer's; a reload with other thresholds or another source leaves it."""
    appliance, witness = running
    appliance.command("profile", "evening")

    config_file.write_text(CONFIG.replace("enter: 0.6", "enter: 0.65"))
    appliance.command("reload")
    assert appliance.state()["profile"] == "evening"
    assert appliance.state()["watches"]["arms_up"]["enter"] == 0.65
    config_file.write_text(CONFIG.replace("motion: arms_up", "motion: squat"))
    appliance.command("reload")
    witness.wait_for(lambda scene: scene.frame.seq < 5 and len(scene.watches) == 2)

    assert Appliance(load(config_file)).state()["profile"] == "evening"


def test_a_profile_that_is_gone_gives_way_to_the_first(config_file, lightning, state):
    """After a reload that took it away, and at the next start."""
    appliance = Appliance(load(config_file))
    appliance.command("profile", "closed")
    config_file.write_text(CONFIG.replace("closed:", "shut:"))

    appliance.command("reload")

    assert appliance.state()["profile"] == "morning"
    assert Appliance(load(config_file)).state()["profile"] == "morning"


def test_a_disk_that_can_not_be_written_only_forgets(config_file, lightning, state, caplog):
    """The switch works; the log says that a restart will not know of it."""
    state.write_text("no folder")
    appliance = Appliance(load(config_file))

    appliance.command("profile", "evening")

    assert appliance.state()["profile"] == "evening"
    assert "a restart forgets it" in caplog.text


def test_what_is_tuned_is_saved_where_it_was_said(config_file, lightning):
    """A threshold of the profile in the profile, another one in the watch; comments stay."""
    appliance = Appliance(load(config_file))

    appliance.command("thresholds", {"watch": "arms_up", "hold": 0.7, "cooldown": 2.0})
    assert appliance.state()["unsaved"] is True
    assert appliance.state()["watches"]["arms_up"]["hold"] == 0.7
    said = appliance.command("save")

    assert said.startswith("arms_up: saved to ")
    text = config_file.read_text()
    saved = yaml.safe_load(text)
    assert saved["profiles"]["morning"]["watch"]["arms_up"] == {"hold": 0.7}
    assert saved["watch"]["arms_up"]["hold"] == 0.2
    assert saved["watch"]["arms_up"]["cooldown"] == 2.0
    assert "# they are in a hurry" in text
    assert appliance.state()["unsaved"] is False
    assert appliance.state()["profile"] == "morning"


def test_thresholds_that_do_not_go_together_are_refused_whole(config_file, lightning):
    """Also where one is the profile's and the other the watch's."""
    appliance = Appliance(load(config_file))
    appliance.command("profile", "evening")
    before = appliance.state()["watches"]

    with pytest.raises(UserError, match="expected `exit` below `enter`"):
        appliance.command("thresholds", {"watch": "arms_up", "enter": 0.4, "hold": 9})

    assert appliance.state()["watches"] == before
    assert appliance.state()["unsaved"] is False


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{squats,", "{squat,", r"line 12: profiles\.evening\.watch\.squat: .*'squats'"),
        ("exit: 0.5", "exit: 0.7", r"line 12: .*evening.*arms_up: expected `exit` below `enter`"),
        ("exit: 0.5", "exti: 0.5", r"line 12: .*exti: unknown.*did you mean 'exit'"),
        ("exit: 0.5", "exit: high", r"exit: expected a number"),
        ("closed: {watch: {}}", "closed: {watches: {}}", r"line 13: .*did you mean 'watch'"),
        ("  closed:", "  a/b:", r"line 13: profiles.*a name can't hold '/'"),
        ("profiles:", "profile:", r"profile: unknown.*did you mean 'profiles'"),
    ],
)
def test_a_mistake_is_told_with_its_line(config_file, old, new, words):
    """Place, expected, found and the near miss, as everywhere."""
    config_file.write_text(CONFIG.replace(old, new))

    with pytest.raises(ConfigError, match=words):
        load(config_file)


def test_a_profile_may_change_what_can_be_tuned_while_it_runs():
    """The page's sliders and the keys of a profile are the same."""
    assert tuple(OverrideSection.model_fields) == TUNABLE


def test_a_desk_looks_at_one_profile(config_file):
    """As a device begins: the first; or the one that was named."""
    config = load(config_file)

    assert {name: w.hold for name, w in in_profile(config).watches.items()} == {"arms_up": 0.1}
    assert list(in_profile(config, "everything").watches) == ["arms_up", "squats"]
    assert in_profile(config, "everything").watches == config.watches
    with pytest.raises(UserError, match="no profile 'evenin'; did you mean 'evening'"):
        in_profile(config, "evenin")
