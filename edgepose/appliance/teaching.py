"""Teach a pose at the camera: countdown, frames, the median, or a refusal with its reason.

The same session serves the command line, the page, MQTT and a button. It knows the time only from
its caller.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from edgepose import imaging
from edgepose.core.teaching import FRAMES, Refusal, Trouble, left_out, lesson
from edgepose.core.templates import Array, Template
from edgepose.definitions import template_file
from edgepose.errors import TemplateError, UserError, near_miss
from edgepose.outputs.base import Output
from edgepose.types import Pose, Scene

COUNTDOWN: Final = 5.0  # seconds to get into the pose
MOST_SECONDS: Final = 12.0  # to collect the frames: a small board sees two a second
ENOUGH: Final = 6  # frames that will do where no more came in that time


class TeachingState(StrEnum):
    """Where a teaching session is."""

    IDLE = "idle"
    COUNTDOWN = "countdown"
    COLLECTING = "collecting"
    DONE = "done"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class TeachingRequest:
    """What is to be taught.

    countdown: seconds. ignore: limbs that won't count. is_watched: a watch is to look for it.
    """

    name: str
    countdown: float = COUNTDOWN
    ignore: frozenset[str] = frozenset()
    mirror: bool = False
    is_watched: bool = False


MOST_COUNTDOWN: Final = 60.0  # seconds
_KEYS: Final = ("name", "countdown", "ignore", "only", "mirror", "watch")


def parse_request(value: Any, folder: Path) -> TeachingRequest:
    """Return what a command asks for: a name, an object with more, or nothing for a free name.

    folder: where templates are. A name alone is taught at once. Raises UserError.
    """
    if value is None:
        return TeachingRequest(free_name(folder), is_watched=True)
    asked = {"name": free_name(folder), **value} if isinstance(value, dict) else {"name": value}
    for key in asked.keys() - set(_KEYS):
        raise UserError(f"capture: unknown '{key!s:.40}'{near_miss(str(key), _KEYS)}")
    return TeachingRequest(
        template_file.must_be_name(asked.get("name")),
        _seconds(asked.get("countdown", 0.0)),
        left_out(_names(asked, "ignore"), _names(asked, "only")),
        switch(asked, "mirror"),
        switch(asked, "watch"),
    )


def free_name(folder: Path) -> str:
    """Return pose_1, or the first number whose file is not there yet."""
    number = 1
    while (folder / f"pose_{number}.yaml").exists():
        number += 1
    return f"pose_{number}"


def _seconds(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 <= value <= MOST_COUNTDOWN:
        raise UserError(
            f"countdown: expected seconds, 0 to {MOST_COUNTDOWN:g}, found {value!r:.40}"
        )
    return float(value)


def _names(asked: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = asked.get(key, ())
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{key}: expected a list such as ['arms', 'left_shin'], found {value!r:.40}"
        )
    return tuple(names)


def switch(asked: Mapping[str, Any], key: str) -> bool:
    """Return whether a key of a command is true, false without it. Raises UserError."""
    value = asked.get(key, False)
    if not isinstance(value, bool):
        raise UserError(f"{key}: expected true or false, found {value!r:.40}")
    return value


class TeachingSession:
    """One pose being taught: `begin(request, now)`, then `step(pose, now)` for every frame.

    state, request, reason, its kind and points are what came of it: points (17, 2) in pixels when
    done.
    """

    def __init__(self, known_score: float) -> None:
        self.known_score = known_score
        self.state = TeachingState.IDLE
        self.request = TeachingRequest("")
        self.reason = ""
        self.kind: Trouble | None = None
        self.points: Array | None = None
        self._at = 0.0  # when the countdown ends
        self._poses: list[Pose] = []
        self._frames = 0

    def begin(self, request: TeachingRequest, now: float) -> None:
        """Start over; what was under way is forgotten."""
        self.request, self._at = request, now + request.countdown
        self._poses, self._frames, self.points, self.reason, self.kind = [], 0, None, "", None
        self.state = TeachingState.COUNTDOWN

    def cancel(self) -> None:
        """Forget what is under way."""
        self.state = TeachingState.IDLE

    @property
    def is_under_way(self) -> bool:
        """Return whether the pose is still to be taken."""
        return self.state in (TeachingState.COUNTDOWN, TeachingState.COLLECTING)

    def step(self, pose: Pose | None, now: float) -> bool:
        """Take the person of a frame, None where nobody is; return whether it is learnt now."""
        if not self._collects(now):
            return False
        self._frames += 1
        if pose is not None:
            self._poses.append(pose)
        is_late = now >= self._at + MOST_SECONDS and self._frames >= ENOUGH
        return self.finish() if self._frames >= FRAMES or is_late else False

    def check(self, now: float) -> None:
        """Refuse a session to which hardly a frame has come in all the time that there was."""
        if self._collects(now) and now >= self._at + MOST_SECONDS + 1.0:
            self.refuse("no pictures come from the camera; see why with `edgepose doctor`")

    def refuse(self, reason: str, kind: Trouble | None = None) -> None:
        """End without a pose, with the reason, and its kind where it is about the person."""
        self.state, self.reason, self.kind = TeachingState.REFUSED, reason, kind

    def seconds_left(self, now: float) -> float:
        """Return the seconds until the pose is taken, 0 when it is or was."""
        return max(self._at - now, 0.0) if self.state is TeachingState.COUNTDOWN else 0.0

    def _collects(self, now: float) -> bool:
        if self.state is TeachingState.COUNTDOWN and now >= self._at:
            self.state = TeachingState.COLLECTING
        return self.state is TeachingState.COLLECTING

    def finish(self) -> bool:
        """Learn from the frames so far; return whether that is a pose."""
        if not self.is_under_way:
            return self.state is TeachingState.DONE
        result = lesson(
            self._poses, max(self._frames, ENOUGH), self.known_score, self.request.ignore
        )
        if isinstance(result, Refusal):
            self.refuse(result.reason, result.kind)
            return False
        self.points, self.state = result, TeachingState.DONE
        return True

    def template(self) -> Template:
        """Return what was learnt. Raises TemplateError where it can't be a template."""
        assert self.points is not None
        request = self.request
        return Template(
            request.name, self.points[None], ignore=request.ignore, mirror=request.mirror
        )

    def document(self, now: float) -> dict[str, Any]:
        """Return the session as plain values; when done, with the points of the pose in pixels."""
        about: dict[str, Any] = {
            "state": self.state.value,
            "name": self.request.name,
            "left": round(self.seconds_left(now), 1),
            "reason": self.reason,
            "kind": self.kind.value if self.kind else "",
        }
        if self.state is TeachingState.DONE and self.points is not None:
            about["points"] = [
                None if math.isnan(y) else [round(y, 1), round(x, 1)]
                for y, x in self.points.tolist()
            ]
        return about


class Teacher(Output):
    """The teaching session of an appliance, fed by its scenes.

    on_learnt: called on the thread of the scenes when a pose was learnt.
    """

    internal = True

    def __init__(
        self,
        known_score: float,
        on_learnt: Callable[[TeachingSession], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = TeachingSession(known_score)
        self._on_learnt = on_learnt
        self._clock = clock
        self._lock = threading.Lock()  # scenes come on one thread, commands and questions on others
        self._seq = -1

    def begin(self, request: TeachingRequest, known_score: float) -> None:
        """Start a countdown; one that is under way is forgotten."""
        with self._lock:
            self._session.known_score = known_score
            self._session.begin(request, self._clock())

    def cancel(self) -> None:
        """Forget what is under way."""
        with self._lock:
            self._session.cancel()

    def show(self, scene: Scene) -> None:
        """Take the closest person of a scene whose frame is new."""
        with self._lock:
            if scene.frame.seq == self._seq:
                return
            self._seq = scene.frame.seq
            pose = scene.raw_poses[0] if scene.raw_poses else None
            is_learnt = self._session.step(pose, self._clock())
        if is_learnt:
            self._on_learnt(self._session)

    def document(self) -> dict[str, Any]:
        """Return the state of the session as plain values."""
        with self._lock:
            now = self._clock()
            self._session.check(now)
            return self._session.document(now)


def keep(path: Path, template: Template, note: str) -> Path:
    """Write a template, and a drawing of it beside the file; return the drawing's path.

    Raises TemplateError or UserError where that can't be done.
    """
    from edgepose.render.taught import (
        draw_pose,  # with Pillow, which a device without screen spares
    )

    picture = path.with_suffix(".png")
    if picture.is_symlink() or (picture.exists() and not path.exists()):
        raise TemplateError(f"{picture} is there and no drawing of edgepose; choose another name")
    template_file.save(path, template, note)
    imaging.write_image(picture, draw_pose(template.points[0]))
    return picture
