"""From a frame to a scene: crop, infer, decode, track, smooth, match, trigger.

A plain object without thread, clock or device: time comes with the frame, its age and inference
are handed in. The live pipeline calls `prepare`, `decode` and `interpret`, and infers, on threads
of its own choice; replay, tests and benchmarks call `step`, or `interpret` with recorded poses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final, Protocol

from edgepose import imaging
from edgepose.core.crop import Crop
from edgepose.core.families.base import Family
from edgepose.core.templates import Template
from edgepose.core.trigger import Thresholds
from edgepose.engine.event_ids import Stamp
from edgepose.runtimes.base import Runtime
from edgepose.types import Event, Frame, Pose, Scene, Tensor, Transition, WatchState, value

FORGET_AFTER: Final = 2.0  # seconds unseen after which a person's smoother goes; past any track
KEPT_FOR: Final = 2.0  # seconds that a followed person may score less than a newcomer needs


Smoother = Callable[[Pose, float], Pose]
"""Given a person's pose and its time, return the smoothed pose."""

People = Callable[[Sequence[Pose], float], tuple[Pose, ...]]
"""Given the poses of a frame and its time, return them with ids, or the chosen ones."""


class Watch(Protocol):
    """One thing that is looked for."""

    name: str
    max_age: float
    is_on: bool

    def step(
        self, poses: Sequence[Pose], time: float, fresh: bool
    ) -> tuple[WatchState, tuple[Transition, ...]]:
        """Take the people of one frame; return the state and what began or ended."""

    def finish(self, time: float) -> tuple[Transition, ...]:
        """End what is active."""

    def tune(self, templates: Sequence[Template], thresholds: Thresholds) -> None:
        """Go on with other templates and thresholds."""


@value
class Job:
    """A frame on its way through inference.

    detector: the one that prepared the frame, and decodes the result. number: results are
    finished in this order.
    """

    frame: Frame
    crop: Crop
    tensor: Tensor
    detector: Detector
    number: int = 0


class Detector:
    """One model with its crop region: frames to tensors, tensors to poses.

    runtimes: open interpreters of that model, one an inference thread. resize: of the pictures
    to the model's input.
    """

    def __init__(
        self, family: Family, *runtimes: Runtime, resize: imaging.Resize = "exact"
    ) -> None:
        self.family = family
        self.runtimes = runtimes
        self._resize = resize
        self._follower = family.follower()
        self._sure_at: float | None = None  # when who is followed last had the score of a newcomer

    @property
    def is_following(self) -> bool:
        """Return whether the region of a frame follows the pose of the one before."""
        return self._follower is not None

    def prepare(self, frame: Frame, number: int = 0) -> Job:
        """Return the job of a frame: the region that the last pose asks for, as input tensor."""
        crop = self.family.full_frame(frame.size)
        if self._follower is not None:
            crop = self._follower.crop(crop, frame.size)
        return Job(frame, *self._sampled(frame, crop), self, number)

    def _sampled(self, frame: Frame, wanted: Crop) -> tuple[Crop, Tensor]:
        """Return what a crop of a frame really shows, and its input tensor."""
        pixels, shown = imaging.sample(frame, wanted.region, wanted.size, self._resize)
        return Crop(shown, wanted.size), self.family.encode(pixels)

    def infer(self, job: Job, index: int = 0) -> tuple[Job, tuple[Tensor, ...]]:
        """Return the output tensors of a job, and the job that they belong to.

        A model of two networks may need the second one on a part of the same frame: the job is then
        that of the second. index: of the interpreter.
        """
        tensors = self.runtimes[index].infer(job.tensor)
        narrowed = self.family.narrow(tensors, job.crop, job.frame.size)
        if narrowed is None:
            return job, tensors
        crop, tensor = self._sampled(job.frame, narrowed)
        return replace(job, crop=crop, tensor=tensor), self.runtimes[index].infer(tensor)

    def decode(self, job: Job, tensors: Sequence[Tensor]) -> tuple[Pose, ...]:
        """Return the poses of a job, and let the next region follow the best of them."""
        poses = self.family.decode(tensors, job.crop, job.frame.size)
        if self.family.keep_score is not None:
            poses = self._kept(poses, job.frame.time)
        if self._follower is not None:
            self._follower.update(poses[0] if poses else None, job.frame.size, job.frame.time)
        return poses

    def _kept(self, poses: tuple[Pose, ...], time: float) -> tuple[Pose, ...]:
        """Return the pose of a newcomer from `min_score` on, of a followed person from less.

        For KEPT_FOR seconds at most: an empty place that resembles a person a little must not hold
        on to somebody who has left.
        """
        if poses and poses[0].score >= self.family.min_score:
            self._sure_at = time
        elif not poses or self._sure_at is None or time - self._sure_at > KEPT_FOR:
            self._sure_at = None
            return ()
        return poses

    def reset(self) -> None:
        """Use the whole frame next: it has nothing to do with the frames before."""
        self._sure_at = None
        if self._follower is not None:
            self._follower.reset()

    def detect(self, frame: Frame) -> tuple[Pose, ...]:
        """Prepare, infer and decode in one go."""
        return self.decode(*self.infer(self.prepare(frame)))

    def close(self) -> None:
        """Close the interpreters."""
        for runtime in self.runtimes:
            runtime.close()


class Interpreter:
    """People, matches and events made of the poses of frame after frame."""

    def __init__(
        self,
        device: str,
        *,
        tracker: People,
        selection: People,
        new_smoother: Callable[[], Smoother],
        watches: Sequence[Watch],
        stamp: Stamp,
    ) -> None:
        self.watches = tuple(watches)
        self._device = device
        self._track = tracker
        self._select = selection
        self._new_smoother = new_smoother
        self._stamp = stamp
        self._smoothers: dict[int, Smoother] = {}
        self._last_seen: dict[int, float] = {}

    def interpret(self, frame: Frame, poses: Sequence[Pose], age: float = 0.0) -> Scene:
        """Return the scene of a frame whose poses are known.

        age: seconds since the frame was taken; a watch fires nothing when it is too old for it.
        """
        people = self._select(self._track(poses, frame.time), frame.time)
        smoothed = self._smooth(people, frame.time)
        states: list[WatchState] = []
        events: list[Event] = []
        for watch in self.watches:
            state, changes = watch.step(smoothed, frame.time, age <= watch.max_age)
            if watch.is_on:
                states.append(state)
            for change in changes:
                events.append(self._event(watch.name, change, frame.time))
        return Scene(frame, smoothed, people, tuple(states), tuple(events), age)

    def finish(self, time: float) -> tuple[Event, ...]:
        """Return the events that end what is active: the source has come to its end."""
        return tuple(
            self._event(watch.name, change, time)
            for watch in self.watches
            for change in watch.finish(time)
        )

    def nobody(self, frame: Frame, age: float) -> Scene:
        """Return the scene of a frame that nobody can be found in any more: what is active ends."""
        events = self.finish(frame.time)
        on = [watch for watch in self.watches if watch.is_on]
        states = tuple(watch.step((), frame.time, False)[0] for watch in on)
        return Scene(frame, watches=states, events=events, age=age)

    def _smooth(self, people: Sequence[Pose], time: float) -> tuple[Pose, ...]:
        for person in [p for p, seen in self._last_seen.items() if time - seen > FORGET_AFTER]:
            del self._smoothers[person], self._last_seen[person]
        smoothed = []
        for pose in people:
            self._last_seen[pose.person] = time
            smoother = self._smoothers.get(pose.person)
            if smoother is None:
                smoother = self._smoothers[pose.person] = self._new_smoother()
            smoothed.append(smoother(pose, time))
        return tuple(smoothed)

    def _event(self, name: str, change: Transition, frame_time: float) -> Event:
        event_id, unix = self._stamp(frame_time)
        return Event(
            id=event_id,
            type=change.type,
            name=name,
            device=self._device,
            time=unix,
            frame_time=frame_time,
            person=change.person,
            score=change.score,
            held=change.held,
            count=change.count,
            deviated=change.deviated,
            effort=change.effort,
        )


class Perception:
    """A detector and an interpreter: the whole way from frame to scene."""

    def __init__(self, detector: Detector, interpreter: Interpreter) -> None:
        self.detector = detector
        self.interpreter = interpreter

    def prepare(self, frame: Frame, number: int = 0) -> Job:
        """Return what inference needs to know of the frame, and its number."""
        return self.detector.prepare(frame, number)

    def decode(self, job: Job, tensors: Sequence[Tensor]) -> tuple[Pose, ...]:
        """Return the poses of a job that was inferred; the next frame may be prepared then."""
        return job.detector.decode(job, tensors)

    def finish(self, job: Job, tensors: Sequence[Tensor], age: float = 0.0) -> Scene:
        """Return the scene of a job that was inferred."""
        return self.interpreter.interpret(job.frame, self.decode(job, tensors), age)

    def step(self, frame: Frame, age: float = 0.0) -> Scene:
        """Return the scene of a frame, all steps in this thread."""
        job, tensors = self.detector.infer(self.prepare(frame))
        return self.finish(job, tensors, age)
