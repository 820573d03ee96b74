"""Configurations: a file, what `--set` adds and the environment holds, read and put to work."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import scribble
import yaml_corpus
from campaign import Input, Target

from edgepose.appliance import assembly
from edgepose.cli.check_config import as_dict
from edgepose.config.loader import Config, load
from edgepose.errors import ConfigError
from edgepose.outputs.base import Device
from edgepose.system.urls import redacted

LONGEST: Final = 300_000  # characters of all complaints together

_SETS: Final = (
    *("source.fps=15", "outputs.log.path=x", "watch.hands.enter=0.9", "name=", "people.zone[0]=1"),
    *("watch.hands.template=templates/arms_up.yaml", "=", "a", "a[0]=1", "version=2", "source={}"),
    *("outputs={a: {type: memory}}", "model.threads=2", "source.size[1]=641", "..=", "[9]=x"),
)


class ConfigFiles(Target):
    """Read damaged configurations; those that are taken must give working parts."""

    name = "config"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "kiosk.yaml"
        texts = yaml_corpus.configs()
        self._trees = [tree for tree in yaml_corpus.trees(texts) if isinstance(tree, dict)]
        self._texts = texts
        self._small = [text for text in texts if len(text) < 3000]
        (folder / "templates").mkdir(exist_ok=True)
        arms_up = yaml_corpus.templates()[0]
        for name in ("arms_up", "hands_up", "hands", "squat", "jumping_jack"):
            (folder / "templates" / f"{name}.yaml").write_bytes(arms_up)
        (folder / "templates" / "broken.yaml").write_text("version: 1\nname: [")
        (folder / "clip.mp4").touch()
        self._paths = [
            *(f"templates/{n}.yaml" for n in ("arms_up", "hands", "broken", "none")),
            *("clip.mp4", ".", "new/events.jsonl", "clip.mp4/x"),
            *("\U00010330" * 64, f"{'x' * 300}/a", "../" * 2000),
        ]
        self._environment = {"HOME": str(folder), "EDGEPOSE_MQTT_PASSWORD": "s3cret", "X": "\n[: "}

    def make(self, random: Random) -> Input:
        """Return a file's bytes and the texts of `--set`, one a line."""
        text = self._text(random)
        if random.random() < 0.15:
            text = scribble.scribbled(random, text, self._small)
        return text, b"\n".join(self._sets(random)) if random.random() < 0.15 else b""

    def _text(self, random: Random) -> bytes:
        chance = random.random()
        if chance < 0.3:
            pool = self._texts if random.random() < 0.05 else self._small
            return scribble.scribbled(random, random.choice(pool), self._small)
        if chance < 0.6:
            tree = random.choice(self._trees)
        else:
            tree = yaml_corpus.schema_tree(random, self._paths)
            if random.random() < 0.5:
                return yaml_corpus.dumped(random, tree)
        return yaml_corpus.dumped(random, scribble.tree_changed(random, tree, self._trees))

    def _sets(self, random: Random) -> list[bytes]:
        chosen = [text.encode() for text in random.choices(_SETS, k=random.randint(1, 2))]
        return [
            scribble.scribbled(random, text, chosen, 2) if random.random() < 0.5 else text
            for text in chosen
        ]

    def check(self, given: Input) -> str:
        """Read it: complaints of ours and nothing else, or parts that can be made."""
        text, lines = given
        self.path.write_bytes(text)
        sets = [line for line in lines.decode("utf-8", "replace").split("\n") if line]
        try:
            config = load(self.path, sets, self._environment)
        except ConfigError as error:
            self._check_words(str(error))
            return "refused"
        finally:
            assert self.path.read_bytes() == text, "the file was changed"
        _put_to_work(config)
        self._check_shown(config)
        again = load(self.path, sets, self._environment)
        assert _plain(again) == _plain(config), "read twice, it says two things"
        return "taken"

    def _check_shown(self, config: Config) -> None:
        """See that `check-config` and the source's messages hide what its address holds."""
        address = str(getattr(config.source.options, "url", ""))
        host = re.split(r"[/?#]", address.partition("://")[2].rpartition("@")[2], maxsplit=1)[0]
        is_secret = any(mark in address for mark in ("@", "password=", "pwd="))
        if not is_secret or scribble.SECRET in host:
            return  # damaged so that it is no password any more
        shown = json.dumps(as_dict(config))
        assert scribble.SECRET not in shown + redacted(address), "a password is shown"

    def _check_words(self, words: str) -> None:
        words.encode()  # a terminal and the journal must be able to show it
        assert words.strip(), "no words"
        assert len(words) < LONGEST, f"too many words: {len(words)}"
        assert scribble.SECRET not in words, "a password is told"
        for line in words.splitlines():
            assert line.startswith((str(self.path), "--set")), f"a line without its place: {line!r}"


def _plain(config: Config) -> Config:
    """Return a configuration without its templates, which are equal to themselves only."""
    return replace(config, templates={})


def _put_to_work(config: Config) -> None:
    """Make every part as `run` does; what is opened then is beyond a configuration."""
    source = assembly.new_source(config)
    source.close()
    about = Device(config.name, tuple(config.watches), "m", templates=config.templates)
    outputs = assembly.new_outputs(config, about)
    assert set(outputs) == set(config.outputs), "an output is missing"
    interpreter = assembly.new_interpreter(config)
    assert [watch.name for watch in interpreter.watches] == list(config.watches), "a watch is lost"
