"""Inbox of the perception thread: the newest frame, and inference results in order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from edgepose.engine.perception import Job
from edgepose.types import Frame, Tensor


@dataclass(frozen=True, slots=True, eq=False)
class InferenceResult:
    """The tensors of one job; None when the runtime failed on it."""

    job: Job
    tensors: tuple[Tensor, ...] | None


class Inbox:
    """The newest frame and the results of inference, given out in the order of the jobs."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._frame_since = 0.0  # when the waiting frame was put, monotonic
        self._results: dict[int, InferenceResult] = {}
        self._next_number = 0
        self._is_ended = self._is_woken = False
        self._changed = threading.Condition()

    def put_frame(self, frame: Frame) -> int:
        """Put the newest frame without waiting; return how many it replaced, 0 or 1."""
        with self._changed:
            replaced = int(self._frame is not None)
            self._put(frame)
            return replaced

    def put_frame_wait(self, frame: Frame, is_over: Callable[[], bool]) -> None:
        """Wait until the last frame was taken, then put this one; for lossless sources."""
        with self._changed:
            while self._frame is not None and not is_over():
                self._changed.wait(0.1)
            self._put(frame)

    def _put(self, frame: Frame) -> None:
        self._frame, self._frame_since = frame, time.monotonic()
        self._changed.notify_all()

    def drop_frame(self) -> None:
        """Drop the waiting frame: its source was replaced."""
        with self._changed:
            self._frame = None
            self._changed.notify_all()

    def wake(self) -> None:
        """Let a waiting `take` return None."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def put_result(self, result: InferenceResult) -> None:
        """Put the result of a job."""
        with self._changed:
            self._results[result.job.number] = result
            self._changed.notify_all()

    def end(self) -> None:
        """Note that no further frame comes."""
        with self._changed:
            self._is_ended = True
            self._changed.notify_all()

    @property
    def waiting(self) -> float:
        """Return for how many seconds a frame has been waiting, 0 when none does."""
        return 0.0 if self._frame is None else time.monotonic() - self._frame_since

    @property
    def is_ended(self) -> bool:
        """Return whether all frames were taken and none will come."""
        with self._changed:
            return self._is_ended and self._frame is None

    def take_frame(self, not_before: float = 0.0) -> Frame | None:
        """Return the frame that waits, without waiting for one; None before a moment."""
        with self._changed:
            if self._frame is None or time.monotonic() < not_before:
                return None
            return self._taken()

    def _taken(self) -> Frame | None:
        frame, self._frame = self._frame, None
        self._changed.notify_all()
        return frame

    def take(self, wants_frame: bool, not_before: float = 0.0) -> InferenceResult | Frame | None:
        """Return the next result, or else a frame if wanted; None after a second or at the end.

        not_before: a moment of the monotonic clock before which no frame is returned, so that a
        fresher one may still replace it.
        """
        deadline = time.monotonic() + 1.0
        with self._changed:
            while True:
                result = self._results.pop(self._next_number, None)
                if result is not None:
                    self._next_number += 1
                    return result
                now = time.monotonic()
                if wants_frame and self._frame is not None and now >= not_before:
                    return self._taken()
                is_over = self._is_ended and self._frame is None and wants_frame
                if is_over or now >= deadline or self._is_woken:
                    self._is_woken = False
                    return None
                is_timed = wants_frame and self._frame is not None
                until = min(not_before, deadline) if is_timed else deadline
                self._changed.wait(max(0.0, until - now))
