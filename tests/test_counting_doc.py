"""docs/counting.md is true: its files load, its commands run, its events and topics are those."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgepose.appliance import assembly
from edgepose.config.loader import load
from edgepose.definitions import classifier_file
from edgepose.outputs.mqtt.entities import EVENT_TYPES
from edgepose.outputs.mqtt.topics import COMMANDS, Topics
from edgepose.types import Effort, Event

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "counting.md").read_text()
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def blocks(language: str, info: str = "") -> list[str]:
    """Return the fenced blocks of a language with that word behind it."""
    return [b for name, more, b in BLOCK.findall(TEXT) if (name, more.strip()) == (language, info)]


def rows(section: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    body = TEXT.partition(f"## {section}\n")[2].partition("\n## ")[0]
    lines = [line for line in body.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.fixture
def gym(tmp_path: Path, monkeypatch) -> Path:
    """Return the folder of a reader: templates, a classifier, and the files of the page."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs" / "templates", tmp_path / "templates")
    shape = np.random.default_rng(0).uniform(100, 300, (17, 3)).astype(np.float32)
    examples = [(("tree", "dog")[n % 2], f"{n}.jpg", shape + n) for n in range(4)]
    classifier_file.save(tmp_path / "yoga.csv", classifier_file.examples_of(examples))
    (tmp_path / "routines").mkdir()
    (tmp_path / "routines" / "evening.yaml").write_text(blocks("yaml", "routine")[0])
    (tmp_path / "gym.yaml").write_text(blocks("yaml")[0])
    return tmp_path


def test_the_configuration_and_the_routine_load(gym):
    """A reader can copy either."""
    config = load(gym / "gym.yaml")
    assert set(assembly.kinds(config).values()) == set(EVENT_TYPES)
    text = (gym / "gym.yaml").read_text().replace("routine: morning", "routine: evening")
    (gym / "gym.yaml").write_text(text)
    steps = [step.name for _, step in load(gym / "gym.yaml").routines["workout"].sequence]
    assert steps[:5] == ["arms_up", "squat", "rest", "biceps_curl_left", "biceps_curl_right"]
    assert len(steps) == 12


def test_the_commands_run(gym, edgepose_command):
    """Each ends with exit code 0."""
    commands = [line for body in blocks("sh") for line in body.splitlines()]
    assert len(commands) == 2
    for line in commands:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "edgepose"
        said = edgepose_command(*arguments)
        assert said.code == 0, f"{line}\n{said.err}"


def test_every_event_type_is_described_for_its_kind():
    """And no other; the events of a step are those of its kind."""
    described: dict[str, set[str]] = {}
    for kinds, types, _ in rows("Events"):
        for kind in kinds.split(", "):
            described.setdefault(kind, set()).update(re.findall(r"`(\w+)`", types))
    own = set(EVENT_TYPES["routine"]) - {
        one for kind in ("pose", "exercise", "hold") for one in EVENT_TYPES[kind]
    }
    expected = {kind: set(types) for kind, types in EVENT_TYPES.items()} | {"routine": own}
    assert described == expected


@pytest.mark.parametrize("body", blocks("json"))
def test_an_event_of_the_page_has_the_keys_of_one(body):
    """In the order in which they are sent."""
    found = json.loads(body)
    effort = Effort(
        seconds=0.0, down=0.0, up=0.0, range=(0, 1), faults=(), reason="", goal=1.0, step="s",
        steps=1,
    )  # fmt: skip
    full = Event("i", "rep", "w", "d", 0.0, 0.0, 1, 0.5, 1.0, 1, effort=effort).to_dict()
    assert [key for key in full if key in found] == list(found)
    assert found.keys() <= full.keys()


def test_every_topic_is_one_that_is_written():
    """States of the watches of the example and of teaching, and the command."""
    topics = Topics("edgepose", "gym")
    kinds = {"squats": "exercise", "plank": "hold", "workout": "routine"}
    known = topics.of_watches(("hands_up", *kinds), kinds) | {topics.events}
    known |= {topics.of(COMMANDS["routine"]), topics.reply("routine")}
    known |= {topics.of("teaching", "state")}
    named = [re.sub("`", "", row[0]) for row in rows("MQTT and Home Assistant")]
    assert len(named) == 10
    assert {topics.of(name) for name in named} <= known
