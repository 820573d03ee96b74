"""Payloads of the streams: scenes as JSON values, pictures as JPEG."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import cv2

from edgepose.core.templates import seen_points
from edgepose.language import Language
from edgepose.render import Renderer, Style
from edgepose.render.focus import Advice
from edgepose.types import Pose, Scene, Size, WatchState


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
    return [None if point is None else [round(y) for y in point] for point in seen_points(pose)]


LONGEST: Final = 640  # pixels of the longer side: sharp on a phone, about 40 kB, 3 ms to make
_QUALITY: Final = 80


class JpegEncoder:
    """Scenes as JPEGs: `encode(scene)`. With `hides` no pixel of a frame is used."""

    def __init__(self, *, hides: bool, mirror: bool) -> None:
        style = Style(background="black" if hides else "picture", mirror=mirror)
        self._renderer = Renderer(style)

    def encode(self, scene: Scene) -> bytes:
        """Return a JPEG of the people, without words: the page writes them itself.

        cv2 releases the GIL while it scales and encodes, so inference goes on.
        """
        picture = self._renderer.draw_people(scene, fitted(scene.frame.size))
        settings = (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
        image_bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        return cv2.imencode(".jpg", image_bgr, settings)[1].tobytes()


def fitted(size: Size) -> Size:
    """Return a (height, width) of the same shape whose longer side is at most LONGEST."""
    scale = min(LONGEST / max(size), 1.0)
    return max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
