"""What waits between the threads of perception: the newest frame, jobs, and results in order."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, TypeVar

from edgepose.engine.perception import Job
from edgepose.types import Frame, Pose, Tensor, value

PATIENCE: Final = 1.0  # seconds after which whoever waits here looks after something else

T = TypeVar("T")
Numbered = tuple[int, Frame]
"""A frame on its way to inference, and its number: results are finished in this order."""
Due = Callable[[], float]
"""Return the moment, monotonic, from which a frame may be taken; infinity: not at all now."""


@value
class InferenceResult:
    """The tensors of one job; None when the runtime failed on it.

    poses: decoded from them, None where that is still to be done. decoding: seconds that it took.
    """

    job: Job
    tensors: tuple[Tensor, ...] | None
    poses: tuple[Pose, ...] | None = None
    decoding: float = 0.0


class Inbox:
    """The newest frame, jobs prepared ahead, and results, given out in the order of the frames.

    taken: how many frames went to inference. taken_at: when the latest frame was taken, monotonic.
    """

    def __init__(self) -> None:
        self.taken = 0
        self.taken_at = 0.0
        self._frame: Frame | None = None
        self._frame_since = 0.0  # when the waiting frame was put, monotonic
        self._jobs: deque[Job] = deque()
        self._results: dict[int, InferenceResult] = {}
        self._next_number = 0  # of the result that is given out next
        self._is_ended = self._is_woken = self._is_closed = False
        self._is_inferred = True  # of what `take` was last called for
        self._idle = 0  # inference threads that wait for work
        # Each is woken only for what it may take: a thread woken in vain delays the right one.
        self._lock = threading.RLock()
        self._for_source = threading.Condition(self._lock)
        self._for_inference = threading.Condition(self._lock)
        self._for_perception = threading.Condition(self._lock)

    def put_frame(self, frame: Frame) -> int:
        """Put the newest frame without waiting; return how many it replaced, 0 or 1."""
        with self._lock:
            replaced = int(self._frame is not None)
            self._put(frame)
            return replaced

    def put_frame_wait(self, frame: Frame, is_over: Callable[[], bool]) -> None:
        """Wait until the last frame was taken, then put this one; for lossless sources."""
        with self._lock:
            while self._frame is not None and not is_over():
                self._for_source.wait(0.1)
            self._put(frame)

    def _put(self, frame: Frame) -> None:
        self._frame, self._frame_since = frame, time.monotonic()
        if self._idle and self._is_inferred:
            self._for_inference.notify()
        else:
            self._for_perception.notify()

    def drop_frame(self) -> None:
        """Drop the waiting frame: its source was replaced."""
        with self._lock:
            self._frame = None

    def put_job(self, job: Job) -> None:
        """Put a job that was prepared while inference was busy."""
        with self._lock:
            self._jobs.append(job)
            self._for_inference.notify()

    def put_result(self, result: InferenceResult) -> None:
        """Put the result of a job."""
        with self._lock:
            self._results[result.job.number] = result
            self._for_perception.notify()

    def continue_source(self) -> None:
        """Let a lossless source put its next frame, where the last one was taken."""
        with self._lock:
            self._for_source.notify()

    def continue_inference(self) -> None:
        """Let idle inference threads look again: a frame may be taken now."""
        with self._lock:
            self._for_inference.notify_all()

    def wake(self) -> None:
        """Let a waiting `take` return None."""
        with self._lock:
            self._is_woken = True
            self._for_perception.notify()

    def end(self) -> None:
        """Note that no further frame comes."""
        with self._lock:
            self._is_ended = True
            self.wake()

    def close(self) -> None:
        """Let every `take_work` return None from now on."""
        with self._lock:
            self._is_closed = True
            self._for_inference.notify_all()

    @property
    def waiting(self) -> float:
        """Return for how many seconds a frame has been waiting, 0 when none does."""
        return 0.0 if self._frame is None else time.monotonic() - self._frame_since

    @property
    def is_ended(self) -> bool:
        """Return whether all frames were taken and none will come."""
        with self._lock:
            return self._is_ended and self._frame is None

    @property
    def has_job(self) -> bool:
        """Return whether a job waits that was prepared ahead."""
        return bool(self._jobs)

    @property
    def has_result(self) -> bool:
        """Return whether the next result waits."""
        return self._next_number in self._results

    @property
    def outstanding(self) -> int:
        """Return of how many frames the result was not given out yet."""
        with self._lock:
            return self.taken - self._next_number

    def take(self, due: Due, is_inferred: bool = True) -> InferenceResult | Numbered | Frame | None:
        """Return the next result, or else a frame that is due; None after a second, or when woken.

        A frame that is not due yet may be replaced by a fresher one. is_inferred: give it a number,
        and expect its result.
        """
        with self._lock:
            self._is_inferred = is_inferred
            found = self._awaited(
                self._for_perception, self._next_result, due, lambda: self._is_woken, PATIENCE
            )
            self._is_woken = False
            if isinstance(found, Frame):
                self._for_source.notify()
                return self._numbered(found) if is_inferred else found
            if self._frame is not None:
                self._for_inference.notify_all()  # no result is in its way any more
            return found

    def take_work(self, due: Due, is_waiting: bool) -> Job | Numbered | None:
        """Return a job that was prepared ahead, or else a frame that is due.

        is_waiting: wait a second for one. `continue_source` is for when the frame was prepared: the
        source goes on while the chip works.
        """
        with self._lock:
            patience = PATIENCE if is_waiting else 0.0
            self._idle += 1
            found = self._awaited(
                self._for_inference, self._next_job, due, lambda: self._is_closed, patience
            )
            self._idle -= 1
            return self._numbered(found) if isinstance(found, Frame) else found

    def _awaited(
        self,
        changed: threading.Condition,
        ready: Callable[[], T | None],
        due: Due,
        is_over: Callable[[], bool],
        patience: float,
    ) -> T | Frame | None:
        """Return what is ready, or a frame that is due, or None past the patience."""
        deadline = time.monotonic() + patience
        while True:
            found = ready()
            if found is not None:
                return found
            now = time.monotonic()
            moment = math.inf if self._frame is None else due()
            if moment <= now:
                frame, self._frame = self._frame, None
                self.taken_at = now
                return frame
            if is_over() or now >= deadline:
                return None
            changed.wait(min(moment, deadline) - now)

    def _numbered(self, frame: Frame) -> Numbered:
        self.taken += 1
        return self.taken - 1, frame

    def _next_result(self) -> InferenceResult | None:
        result = self._results.pop(self._next_number, None)
        self._next_number += result is not None
        return result

    def _next_job(self) -> Job | None:
        return self._jobs.popleft() if self._jobs else None
