"""The values that travel from camera to event. All frozen; a stage returns a new one.

Order is (y, x, score) and (height, width); keypoints are in normalised frame coordinates
(0..1 inside the picture), images are RGB uint8, times are seconds, angles degrees.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, TypeVar, dataclass_transform

import numpy as np
from numpy.typing import NDArray

from edgepose.correction import ENGLISH, Correction
from edgepose.skeleton import EXTRA_KEYPOINTS, KEYPOINTS, LIMBS, NUM_KEYPOINTS

Size = tuple[int, int]  # (height, width) in pixels
Image = NDArray[np.uint8]  # (height, width, 3), RGB
Keypoints = NDArray[np.float32]  # (17, 3) of (y, x, score)
Row = tuple[float, float, float]  # (y, x, score) of one keypoint as plain numbers
Point = tuple[float, float]  # (y, x)
Tensor = NDArray[Any]
T = TypeVar("T")
WatchKind = Literal["pose", "class", "exercise", "hold", "routine"]
"""What a watch looks for: a pose, a class of poses, repetitions or a hold of an exercise, or the
steps of a routine."""


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make a class a dataclass that is frozen for the type checker alone: one made every frame.

    A frozen one sets each field by a call, which takes four times as long.
    """
    return dataclass(slots=True, eq=False)(cls)


@value
class Frame:
    """One picture and its time.

    image: uint8 (height, width, 3), RGB, never written to.
    time: seconds on the source's own clock: position in a file, monotonic clock of a camera;
        never goes back within one source, also not when a file loops.
    seq: counts the source's frames from 0, those that were dropped later included.
    captured: seconds of the monotonic clock when the picture was taken (a camera) or handed
        out (a paced file); None where age has no meaning.
    lores: the same view in fewer pixels, where the camera gives it for free.
    truth: known poses of a synthetic picture, unsmoothed and exact.
    """

    image: Image
    time: float
    seq: int
    captured: float | None = None
    lores: Image | None = None
    truth: tuple[Pose, ...] = ()

    @property
    def size(self) -> Size:
        """Return (height, width) in pixels."""
        return self.image.shape[0], self.image.shape[1]

    def without_picture(self) -> Frame:
        """Return the frame with nothing of what the camera saw: black, of the same size."""
        black = np.broadcast_to(np.zeros(1, np.uint8), self.image.shape)
        return replace(self, image=black, lores=None)


def blank_frame(size: Size, time: float, seq: int) -> Frame:
    """Return a black frame of (height, width) `size` that takes no memory: recordings have none."""
    image = np.broadcast_to(np.zeros(1, np.uint8), (*size, 3))
    return Frame(image, time, seq)


class Region(NamedTuple):
    """A part of the frame, normalised; it may lie partly outside 0..1.

    turn: degrees by which it is turned clockwise about its centre, on the frame's pixels; 0 for
    one whose edges are parallel to the frame's.
    """

    y: float
    x: float
    height: float
    width: float
    turn: float = 0.0

    def to_frame(self, keypoints: NDArray[Any], frame_size: Size = (1, 1)) -> Keypoints:
        """Map (n, 3) of (y, x, score) from this region's coordinates to the frame's.

        frame_size: (height, width) in pixels, which a turned region needs.
        """
        if self.turn:
            return self._turned(keypoints, frame_size)
        scale = np.array([self.height, self.width, 1.0])
        shift = np.array([self.y, self.x, 0.0])
        return (keypoints * scale + shift).astype(np.float32)

    def _turned(self, keypoints: NDArray[Any], frame_size: Size) -> Keypoints:
        """Do the work of `to_frame` for a turned region."""
        extent = np.array(frame_size, float)
        size = np.array([self.height, self.width])
        sin, cos = math.sin(math.radians(self.turn)), math.cos(math.radians(self.turn))
        away = (keypoints[:, :2] - 0.5) * size * extent  # from the centre, pixels
        turned = away @ np.array([[cos, -sin], [sin, cos]])
        result = keypoints.astype(np.float32)
        result[:, :2] = (self.y, self.x) + size / 2 + turned / extent
        return result


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output of a model. scale 0 means that the values are not quantised."""

    name: str
    shape: tuple[int, ...]  # -1 where the model takes any size
    dtype: np.dtype[Any]
    scale: float = 0.0
    zero_point: int = 0

    def dequantise(self, tensor: Tensor) -> NDArray[np.float32]:
        """Return real values: (tensor - zero_point) * scale, or the tensor as float32."""
        if not self.scale:
            return tensor.astype(np.float32, copy=False)
        return (tensor.astype(np.float32) - self.zero_point) * np.float32(self.scale)


@value
class Pose:
    """The 17 keypoints of one person.

    keypoints: float32 (17, 3) of (y, x, score), normalised frame coordinates; a keypoint that
        was never found has score 0.
    score: 0..1, how sure the model is of the person; computed by the family.
    size: (height, width) of the frame in pixels, to compute angles and pixels.
    person: id of the track, from 1; 0 before tracking.
    box: (ymin, xmin, ymax, xmax), normalised, where the model gives one.
    extra: float32 (16, 3) of skeleton.EXTRA_KEYPOINTS, like keypoints, where the model finds them.
    region: where the model expects the person in the next frame, where it says so.
    """

    keypoints: Keypoints
    score: float
    size: Size
    person: int = 0
    box: tuple[float, float, float, float] | None = None
    extra: Keypoints | None = None
    region: Region | None = None
    _made: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of_numbers(
        cls,
        flat: Sequence[float],
        score: float,
        size: Size,
        *,
        person: int = 0,
        box: tuple[float, float, float, float] | None = None,
        extra: Keypoints | None = None,
        region: Region | None = None,
    ) -> Pose:
        """Return a pose of 51 finite plain numbers: y, x and score of keypoint after keypoint.

        Its keypoints are never to be written to. Packed first, as float32 holds them, they are
        made in half the time, and so are `rows`. Raises OverflowError for a number beyond float32.
        """
        packed = _PACKED.pack(*flat)
        keypoints = np.ndarray((NUM_KEYPOINTS, 3), np.float32, packed)
        pose = cls(keypoints, score, size, person, box, extra, region)
        pose._made[_rows, ()] = list(_ROW.iter_unpack(packed))
        return pose

    @property
    def rows(self) -> list[Row]:
        """Return the keypoints as plain numbers: of 17, arrays cost more than they save.

        One that is not finite has score -1, below every threshold.
        """
        return self.once(_rows)

    def once(self, make: Callable[..., T], *arguments: Hashable) -> T:
        """Return `make(self, *arguments)`, made for whoever asks first: watches ask for the same.

        What is made must not depend on `person`, must not be changed, and is not None.
        """
        try:
            made: T = self._made[make, arguments]
        except KeyError:
            made = self._made[make, arguments] = make(self, *arguments)
        return made

    def of_person(self, person: int) -> Pose:
        """Return the pose with the id of a track, and with what was made of its keypoints."""
        pose = Pose(
            self.keypoints, self.score, self.size, person, self.box, self.extra, self.region
        )
        pose._made.update(self._made)
        return pose

    def with_keypoints(self, keypoints: Keypoints) -> Pose:
        """Return the pose with other keypoints; `replace` takes twice as long."""
        return Pose(
            keypoints, self.score, self.size, self.person, self.box, self.extra, self.region
        )

    @property
    def pixels(self) -> Keypoints:
        """Return keypoints as (17, 3) of (y, x, score) in pixels of the source frame."""
        return self.in_pixels(self.keypoints)

    def in_pixels(self, keypoints: Keypoints) -> Keypoints:
        """Return (n, 3) of (y, x, score) in pixels of normalised ones."""
        height, width = self.size
        return keypoints * np.array([height, width, 1], np.float32)

    def _named(self, names: Sequence[str], keypoints: Keypoints) -> list[dict[str, Any]]:
        return [
            {"name": name, "y": round(y, 2), "x": round(x, 2), "score": round(score, 3)}
            for name, (y, x, score) in zip(names, self.in_pixels(keypoints).tolist(), strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the promised JSON form: person (if tracked), score and 17 keypoints in pixels.

        Extra keypoints follow as `extra`, where the model finds them.
        """
        keypoints = self._named(KEYPOINTS, self.keypoints)
        head = {"person": self.person} if self.person else {}
        tail = {} if self.extra is None else {"extra": self._named(EXTRA_KEYPOINTS, self.extra)}
        return {**head, "score": round(self.score, 3), "keypoints": keypoints, **tail}


def _rows(pose: Pose) -> list[Row]:
    return rows_of(pose.keypoints)


def rows_of(keypoints: Keypoints) -> list[Row]:
    """Return (n, 3) keypoints as `Pose.rows` does."""
    flat: list[float] = keypoints.ravel().tolist()
    rows = list(zip(*[iter(flat)] * 3, strict=True))
    if math.isfinite(sum(flat)):
        return rows
    return [row if math.isfinite(sum(row)) else (0.0, 0.0, -1.0) for row in rows]


@lru_cache
def float32(number: float) -> float:
    """Return a number as float32 holds it: a threshold that plain numbers compare scores with.

    Otherwise a score of 0.3, which is a little more as float32, could fall below it or reach it.
    """
    return float(np.float32(number))


_ROW: Final = struct.Struct("3f")
_PACKED: Final = struct.Struct(f"{3 * NUM_KEYPOINTS}f")


def empty_keypoints() -> Keypoints:
    """Return (17, 3) zeros: nobody there."""
    return np.zeros((NUM_KEYPOINTS, 3), np.float32)


UNKNOWN: Final = 0  # limb states of a Match
OK: Final = 1
DEVIATED: Final = 2
STATE_NAMES: Final = ("unknown", "ok", "deviated")


@dataclass(frozen=True, slots=True)
class LimbMatch:
    """The comparison of one limb with the template.

    state: "ok", "deviated" or "unknown". degrees: how far the limb must turn, signed,
    counter-clockwise as seen in the picture is positive. proportion: length against the anchor
    minus the template's. text: what the person should do, `""` when nothing; the same
    for the limbs that one thing puts right.
    """

    limb: str
    state: str
    degrees: float
    proportion: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """A pose compared with a template; arrays are by limb in the order of skeleton.LIMBS.

    score: 0..1. states: int8 (12,) of UNKNOWN, OK, DEVIATED; a limb that the template ignores
    is UNKNOWN. degrees, proportions: float32 (12,), NaN where unknown. explain: works out what to
    change, the worst first. words: the texts of corrections, in the language of people there.
    """

    name: str
    score: float
    states: NDArray[np.int8]
    degrees: NDArray[np.float32]
    proportions: NDArray[np.float32]
    explain: Callable[[], tuple[Correction, ...]] = tuple
    words: Mapping[str, str] = field(default_factory=lambda: ENGLISH)

    @property
    def limbs(self) -> tuple[LimbMatch, ...]:
        """Return the comparison limb by limb."""
        texts = {name: one.text(self.words) for one in self.explain() for name in one.limbs}
        rows = zip(LIMBS, self.states, self.degrees, self.proportions, strict=True)
        return tuple(
            LimbMatch(
                limb.name,
                STATE_NAMES[state],
                float(turn),
                float(size),
                texts.get(limb.name, "") if state == DEVIATED else "",
            )
            for limb, state, turn, size in rows
        )

    @property
    def deviated(self) -> tuple[LimbMatch, ...]:
        """Return the limbs that deviate."""
        return tuple(limb for limb in self.limbs if limb.state == "deviated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What a repetition, an attempt or a set was like; None where it does not apply.

    seconds: from its begin to its end. down, up: seconds from the start to the target, and back.
    range: the least and the greatest value of the exercise's signal. faults: what to tell the
    person about it. reason: why it was not counted; say: the same for the person, who needs no
    figures (not part of the JSON form). goal: repetitions or seconds to reach.

    Of a routine, seconds: from its start to its end. step: the name of the step that it is about.
    steps: how many it has, at its end how many were done. reason: what ended a step or the routine
    early: "timeout", "stopped", "nobody" or "ended"; of a time-out, what happens then. say: the
    title of a step.
    """

    seconds: float | None = None
    down: float | None = None
    up: float | None = None
    range: tuple[float, float] | None = None
    faults: tuple[str, ...] | None = None
    reason: str | None = None
    say: str = ""
    goal: float | None = None
    step: str | None = None
    steps: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; what is None comes as None."""
        return {
            "seconds": _rounded(self.seconds, 2),
            "down": _rounded(self.down, 2),
            "up": _rounded(self.up, 2),
            "range": None if self.range is None else [round(value, 2) for value in self.range],
            "faults": None if self.faults is None else list(self.faults),
            "reason": self.reason,
            "goal": _whole(self.goal),
            "step": self.step,
            "steps": self.steps,
        }

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Effort | None:
        """Return what `to_dict` gave, None where there is nothing of it."""
        known = {key.name: row[key.name] for key in fields(cls) if row.get(key.name) is not None}
        for key in known.keys() & {"range", "faults"}:
            known[key] = tuple(known[key])
        return cls(**known) if known else None


def _whole(value: float | None) -> float | None:
    """Return 12 for 12.0: a goal of repetitions is read as a number of them."""
    return int(value) if value is not None and value == int(value) else value


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


@dataclass(frozen=True, slots=True)
class Event:
    """The start, update or end of a hold, or a repetition. `to_dict` is the form that is sent."""

    id: str
    type: str  # start | update | end | rep | ...
    name: str  # of the watch
    device: str
    time: float  # unix seconds
    frame_time: float  # seconds in the source
    person: int | None = None
    score: float | None = None
    held: float | None = None
    count: int | None = None
    deviated: tuple[LimbMatch, ...] = ()
    effort: Effort | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the promised JSON form; keys that do not apply are left out."""
        full: dict[str, Any] = {
            "id": self.id,
            "type": self.type,
            "name": self.name,
            "device": self.device,
            "time": round(self.time, 3),
            "frame_time": round(self.frame_time, 4),
            "person": self.person,
            "score": _rounded(self.score, 3),
            "held": _rounded(self.held, 3),
            "count": self.count,
            **(self.effort.to_dict() if self.effort else {}),
        }
        if self.deviated:
            full["deviated"] = [
                {"limb": limb.limb, "degrees": round(limb.degrees, 1), "text": limb.text}
                for limb in self.deviated
            ]
        return {key: value for key, value in full.items() if value is not None}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Event:
        """Return an event whose `to_dict` is this one.

        Raises KeyError, TypeError or ValueError where it is none.
        """
        return cls(
            str(row["id"]),
            str(row["type"]),
            str(row["name"]),
            str(row["device"]),
            float(row["time"]),
            float(row["frame_time"]),
            **{key: row[key] for key in ("person", "score", "held", "count") if key in row},
            deviated=tuple(
                LimbMatch(limb["limb"], "deviated", float(limb["degrees"]), 0.0, limb["text"])
                for limb in row.get("deviated", ())
            ),
            effort=Effort.from_dict(row),
        )


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a watch's state for one person; the engine makes it an Event.

    type: "start", "end", "update", "rep" ... held: seconds held so far. deviated: limbs that are
    off at that moment, though the score suffices. effort: of an exercise.
    """

    type: str
    person: int
    score: float | None
    held: float | None
    count: int | None = None
    deviated: tuple[LimbMatch, ...] = ()
    effort: Effort | None = None


@dataclass(frozen=True, slots=True)
class StepState:
    """Where a routine is: the step that runs, or what it shows while nothing runs.

    number: of the step from 1, 0 while the routine is idle. steps: how many there are in all
    rounds. left: seconds until the step's time is up, None without a limit. following: the title
    of the next step, `""` for none.
    """

    title: str
    number: int = 0
    steps: int = 0
    round: int = 0
    rounds: int = 1
    left: float | None = None
    following: str = ""


def _uncompared() -> Match | None:
    return None


@value
class WatchState:
    """The state of one watch after a frame, for one person.

    phase: "idle", "holding" (above enter, hold not yet reached), "active" (fired, still held),
    "releasing" (below exit, release delay running) or "cooldown".
    held, hold: seconds the pose has been held and must be held. compare: makes `match`, for who
    reads it. count: how often the watch fired.

    Of an exercise, phase: "idle" (not at the start), "settling" (at the start, not yet for long
    enough), "ready", "going", "target" or "returning"; one that is held has the phases of a pose.
    score: how far the repetition is towards its target. count: repetitions of the present set.
    goal: repetitions or seconds to reach, 0 for none. advice: what to tell the person at present.
    counts: of everybody, by person. others: the same of everybody but `person`.

    enter: score from which a pose is held.

    Of a routine: the state of its running step. kind "rest" has the phase "resting", and `held` of
    `hold` seconds are over. step: which one it is; None for all other kinds of watch.
    """

    name: str
    phase: str = "idle"
    score: float = 0.0
    held: float = 0.0
    hold: float = 0.0
    count: int = 0
    person: int = 0
    compare: Callable[[], Match | None] = _uncompared
    enter: float = 0.85
    others: tuple[WatchState, ...] = ()
    kind: Literal["pose", "exercise", "hold", "rest"] = "pose"
    goal: float = 0.0
    advice: str = ""
    counts: Mapping[int, int] = field(default_factory=dict)
    step: StepState | None = None

    @property
    def match(self) -> Match | None:
        """Return the best comparison limb by limb, None when nobody is there."""
        return self.compare()

    @property
    def progress(self) -> float:
        """Return how much of the hold, or of the repetition, is done, 0..1."""
        if self.kind == "exercise":
            return self.score
        if self.phase in ("active", "releasing"):
            return 1.0
        return min(self.held / self.hold, 1.0) if self.hold > 0 else 0.0


@value
class Scene:
    """All that is known after one frame: the input of outputs.

    poses: smoothed, tracked. raw_poses: the same people, unsmoothed. watches: one a watch that
    counts at present, of the person who is closest to the pose. events: those of this frame and
    of frames that an output missed. age: seconds from capture to now, 0 in replay. missed: scenes
    merged into this one. stats: figures for the overlay (fps, latency_ms ...).
    """

    frame: Frame
    poses: tuple[Pose, ...] = ()
    raw_poses: tuple[Pose, ...] = ()
    watches: tuple[WatchState, ...] = ()
    events: tuple[Event, ...] = ()
    age: float = 0.0
    missed: int = 0
    stats: Mapping[str, float] = field(default_factory=dict)

    def with_stats(self, stats: Mapping[str, float]) -> Scene:
        """Return the scene with figures; `replace` takes five times as long."""
        return Scene(
            self.frame,
            self.poses,
            self.raw_poses,
            self.watches,
            self.events,
            self.age,
            self.missed,
            stats,
        )

    def merged_into(self, newer: Scene) -> Scene:
        """Return `newer` with the events of this scene before its own: nothing is lost."""
        return replace(
            newer, events=self.events + newer.events, missed=newer.missed + self.missed + 1
        )
