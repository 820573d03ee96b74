"""A whole small appliance behind the page: camera, watches and controls, without a model."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgepose.appliance.teaching import Teacher, TeachingSession, parse_request
from edgepose.core.trigger import Thresholds
from edgepose.core.watches.pose import PoseWatch
from edgepose.definitions import template_file
from edgepose.errors import DeviceError, OutputLost, UserError, near_miss
from edgepose.outputs.base import Controls, Output
from edgepose.sources.synthetic.source import Synthetic
from edgepose.types import Event, Frame, Scene

ARMS_UP = Path(__file__).parents[3] / "configs" / "templates" / "arms_up.yaml"


class Appliance(Controls):
    """Watch a mannequin for a pose, and do what the page asks for.

    asked: commands that came, in order. saved: thresholds when "save" was last asked for.
    """

    def __init__(self, watch: str = "arms_up", **thresholds: float) -> None:
        self.asked: list[tuple[str, Any]] = []
        self.saved: dict[str, float] = {}
        self.detect = True
        self.broken = False
        self.profile = "open"
        self._lock = threading.Lock()
        self._name = watch
        self._templates = {"arms_up": template_file.load(ARMS_UP)}
        self._template = "arms_up"
        self._thresholds = Thresholds(**({"hold": 0.5} | thresholds))
        self._poses = ()
        self._number = 0
        self._teacher = Teacher(0.15, self._learn)
        self._renew()

    def _renew(self) -> None:
        template = self._templates[self._template]
        self._watch = PoseWatch(self._name, [template], self._thresholds, max_deviated=12)

    def state(self) -> Mapping[str, Any]:
        """Return a health document like the real one."""
        with self._lock:
            watched = asdict(self._thresholds) | {"angle_deviation": None}
            return {
                "version": "0.1.0",
                "uptime": 7384.2,
                "hung": {"source": "no answer for 12 s"},
                "config": {"path": "/etc/edgepose/kiosk.yaml", "error": ""},
                "detect": self.detect,
                "teaching": self._teacher.document() | {"hint": "", "model": "nano"},
                "profile": self.profile,
                "fps": 15.0,
                "source": {"state": "running", "type": "synthetic", "reason": ""},
                "runtime": {"state": "running", "backend": "CPU", "reason": ""},
                "outputs": {
                    "page": {"state": "running", "reason": ""},
                    "bus": {"state": "backing off", "reason": "no broker at broker.local:1883"},
                },
                "watches": {
                    self._name: watched
                    | {"template": self._template, "is_on": self.profile != "closed"}
                },
                "stats": {
                    "fps": 15.0,
                    "stages": {"infer": {"count": 9, "p50_ms": 4.8, "p99_ms": float("nan")}},
                    "counts": {"scenes": 1234, "events": 3},
                },
            }

    def library(self) -> Mapping[str, Any]:
        """Return the pose that is shipped, as a template that was taught."""
        points = self._templates["arms_up"].points[0].round().astype(int).tolist()
        about = {"own": True, "taught": True, "users": [self._name]}
        return {
            "templates": [{"name": "arms_up", "match": "arms_up", "figures": [points], **about}],
            "exercises": [],
        }

    def command(self, name: str, value: Any = None) -> str:
        """Do it, or raise UserError; DeviceError while `broken`."""
        self.asked.append((name, value))
        if self.broken:
            raise DeviceError("kiosk.yaml: can't be written to: the disk is full")
        known = {
            "capture": self._capture, "template": self._use, "thresholds": self._tune,
            "save": self._save, "profile": self._switch, "detect": self._set_detect,
            "reload": lambda value: "Read again.", "learn": self._learn_exercise,
        }  # fmt: skip
        if name not in known:
            raise UserError(f"unknown command '{name}'{near_miss(name, known)}")
        with self._lock:
            return known[name](value)

    def _capture(self, value: Any) -> str:
        if value == "cancel":
            self._teacher.cancel()
            return "No pose is taken."
        self._teacher.begin(parse_request(value, Path("templates")), 0.15)
        return "Take the pose."

    def _learn(self, session: TeachingSession) -> None:
        name = session.request.name
        self._templates[name] = session.template()
        if session.request.is_watched:
            self._use({"watch": self._name, "template": name})

    def _learn_exercise(self, value: Any) -> str:
        if value["name"] == "nothing":
            raise UserError(f"nothing repeats {value['count']} times; film it again")
        return f"exercise '{value['name']}' is learned from {value['count']} repetitions"

    def _use(self, value: Any) -> str:
        self._template = value["template"]
        self._renew()
        return f"'{value['watch']}' now looks for '{value['template']}'."

    def _switch(self, value: Any) -> str:
        self.profile = value
        return f"profile '{value}' is in use: watching nothing"

    def _tune(self, value: Any) -> str:
        given = {key: number for key, number in value.items() if key != "watch"}
        self._thresholds = replace(self._thresholds, **given)
        self._renew()
        return f"'{value['watch']}' has new thresholds."

    def _save(self, value: Any) -> str:
        self.saved = asdict(self._thresholds)
        return "Saved to kiosk.yaml; the last version is kept beside it."

    def _set_detect(self, value: Any) -> str:
        self.detect = bool(value)
        return "Watching." if self.detect else "Paused."

    def look(self, frame: Frame) -> Scene:
        """Return the scene of a frame of the synthetic source."""
        with self._lock:
            poses = tuple(replace(pose, person=1) for pose in frame.truth)
            self._poses = poses
            state, changes = self._watch.step(poses, frame.time)
            events = [self._event(change, frame.time) for change in changes]
        scene = Scene(frame, poses, poses, (state,), tuple(events), stats={"fps": 15.0})
        self._teacher.show(scene)
        return scene

    def _event(self, change: Any, time: float) -> Event:
        self._number += 1
        return Event(
            f"id-{self._number}", change.type, self._name, "lobby", 1.79e9 + time, time, 1,
            change.score, change.held, change.count,
        )  # fmt: skip


class Camera:
    """Show what a mannequin does to an output, as the engine would, until it is stopped."""

    def __init__(self, appliance: Appliance, output: Output, motion: str, **options: Any) -> None:
        self._appliance = appliance
        self._output = output
        wanted = {"motion": motion, "fps": 15, "size": (240, 320)} | options
        self._source = Synthetic(Synthetic.Options.model_validate(wanted))
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)

    def __enter__(self) -> Camera:
        """Begin."""
        self._source.open()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._source.interrupt()
        self._thread.join(5)
        self._source.close()

    def _run(self) -> None:
        while (frame := self._source.read()) is not None:
            with suppress(OutputLost):
                self._output.show(self._appliance.look(frame))
