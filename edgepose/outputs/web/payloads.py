"""Payloads of the stream of events: scenes as JSON values."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from edgepose.core.points import seen_points
from edgepose.core.templates import MIN_SCORE
from edgepose.language import Language
from edgepose.render.focus import Advice
from edgepose.types import Pose, Scene, WatchState


class SceneSummary:
    """Summary of scenes for the page; advice stays long enough to be read: `of(scene)`.

    has_poses: with the keypoints of each person, which is as much as a skeleton picture shows.
    """

    def __init__(self, language: Language | None = None, *, has_poses: bool = False) -> None:
        self._language = language
        self._has_poses = has_poses
        self._advice: dict[str, Advice] = {}

    def of(self, scene: Scene) -> dict[str, Any]:
        """Return number of people and state of each watch as JSON values, no picture."""
        poses = {pose.person: _points(pose) for pose in scene.poses if self._has_poses}
        return {
            "seq": scene.frame.seq,
            "poses": poses,
            "people": len(scene.poses),
            "age_ms": round(scene.age * 1e3, 1),
            "stats": dict(scene.stats),
            "watches": [self._watch(watch, scene.frame.time) for watch in scene.watches],
        }

    def _watch(self, watch: WatchState, time: float) -> dict[str, Any]:
        advice = self._advice.setdefault(watch.name, Advice(self._language))
        state = {
            "name": watch.name,
            "phase": watch.phase,
            "score": round(watch.score, 3),
            "progress": round(watch.progress, 3),
            "held": round(watch.held, 2),
            "count": watch.count,
            "kind": watch.kind,
            "person": watch.person,
            "goal": watch.goal,
            "hold": watch.hold,
            "advice": [*filter(None, (watch.advice,)), *advice.words(watch.match, time)],
        }
        if watch.match:
            state["match"] = watch.match.name
            state["limbs"] = {limb.limb: limb.state for limb in watch.match.limbs}
            state["off"] = [
                {"limb": limb.limb, "degrees": round(limb.degrees, 1), "text": limb.text}
                for limb in watch.match.deviated
            ]
        if watch.step:
            state["step"] = asdict(watch.step)
        return state


def _points(pose: Pose) -> list[list[int] | None]:
    """Return 17 points of (y, x) in pixels, None for what is not seen."""
    points = seen_points(pose, MIN_SCORE)
    return [None if point is None else [round(y) for y in point] for point in points]
