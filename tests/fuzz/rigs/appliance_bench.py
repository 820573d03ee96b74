"""A real appliance on the bundled model that stands still: commands change it, no thread runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml_corpus

from edgepose.appliance.appliance import Appliance
from edgepose.appliance.tuning import TUNABLE
from edgepose.config.loader import load
from edgepose.core.teaching import FRAMES
from edgepose.outputs.base import Controls
from edgepose.sources.synthetic.motion import pose_at
from edgepose.types import Frame, Scene

CONFIG: Final = """\
# What the museum's lobby watches.
version: 1
name: lobby
source: {type: synthetic, motion: arms_up, size: [240, 320], fps: 30}
model: {name: edgepose-nano}
watch:
  hands:            # the one that opens the door
    template: templates/hands.yaml
    enter: 0.85     # tuned on site
  squat: {template: templates/squat.yaml, hold: 1.0}
outputs:
  log: {type: jsonl, path: events.jsonl}
  bus: {type: mqtt, host: 127.0.0.1, port: 9, remote: true}
"""
TEMPLATE: Final = yaml_corpus.templates()[0].decode()
TEMPLATES: Final = ("hands", "squat", "other")
MOST_TEMPLATES: Final = 40  # files; a campaign that taught more is cleaned up after


class Bench:
    """Hold an appliance and its files; `check` says whether its state is whole."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lobby.yaml"
        self.templates = folder / "templates"
        self.templates.mkdir()
        self._restore()
        self.appliance = Appliance(load(self.path))
        self.appliance.submit = partial(Controls.submit, self.appliance)  # at once
        self._seen = b""
        self.refill()

    def _restore(self) -> None:
        self.path.write_text(CONFIG)
        arms_up, _, squat = yaml_corpus.templates()
        for name in TEMPLATES:
            (self.templates / f"{name}.yaml").write_bytes(squat if name == "squat" else arms_up)

    def refill(self) -> None:
        """Put somebody in front of the camera, from whom a pose can be taught."""
        frame = Frame(np.zeros((240, 320, 3), np.uint8), 0.0, 0)
        for i in range(FRAMES):
            pose = pose_at("arms_up", 0.6 + i / 100, (240, 320))
            self.appliance._recent.show(Scene(frame, (pose,), (pose,)))

    def edited(self, content: bytes, act: Callable[[], str]) -> str:
        """Do something after somebody edited the file: what was there stays, or is a whole one."""
        self.appliance.command("thresholds", {"watch": "hands", "enter": 0.99, "exit": 0.1})
        self.path.write_bytes(content)
        try:
            outcome = act()
            if self.path.read_bytes() != content:
                load(self.path)
            self.appliance.state()
        finally:
            self._restore()
            self.appliance.command("reload")
            self.revive()
        self.check()
        return f"{outcome} after an edit"

    def pushed(self, act: Callable[[], str]) -> str:
        """Do something that may put another whole configuration in place."""
        try:
            outcome = act()
            self.revive()
            load(self.path)
            json.dumps(self.appliance.state(), allow_nan=False)
        finally:
            self._restore()
            self.appliance.command("reload")
            self.revive()
        self.check()
        return f"{outcome} for a push"

    def revive(self) -> None:
        """Do what systemd and the main loop do after a restart or a change of everything."""
        appliance = self.appliance
        if appliance._halt.is_set() and not appliance._stop.is_set():
            appliance.pipeline = appliance._new_pipeline()
            self.refill()
        appliance._stop.clear()
        appliance._halt.clear()

    def check(self) -> None:
        """Raise AssertionError where the state between two commands is not a whole one."""
        with self.appliance._lock:  # the page's may still be at work when its client has gone
            self._check()

    def _check(self) -> None:
        state = self.appliance.state()
        text = json.dumps(state, allow_nan=False)
        text.encode()
        assert set(state["watches"]) == {"hands", "squat"}, "a watch is lost"
        for name, values in state["watches"].items():
            self._check_watch(name, values)
        self._check_files()
        self._clean_up()

    def _check_watch(self, name: str, values: dict[str, Any]) -> None:
        assert 0.0 <= values["exit"] < values["enter"] <= 1.0, f"thresholds crossed: {values}"
        running = next(w for w in self.appliance.pipeline.watches if w.name == name)
        thresholds = running._thresholds
        for key in TUNABLE[:-1]:
            assert getattr(thresholds, key) == values[key], f"{key} is told and not at work"

    def _check_files(self) -> None:
        content = self.path.read_bytes()
        if content != self._seen:
            self._seen = content
            assert b"# the one that opens the door" in content, "a comment is lost"
            assert load(self.path).name == "lobby", "the file is another one"

    def _clean_up(self) -> None:
        found = list(self.templates.glob("*"))
        drafts = [path for path in found if path.suffix not in (".yaml", ".png")]
        assert not drafts, "a draft is left behind"
        if len(found) > MOST_TEMPLATES:
            self._restore()  # first: a watch, or a file not taken yet, may name what goes
            self.appliance.command("reload")
            for path in found:
                if path.stem not in TEMPLATES:
                    path.unlink()

    def close(self) -> None:
        """Let the model go."""
        for model in (*self.appliance._retired, self.appliance.model):
            model.close()
