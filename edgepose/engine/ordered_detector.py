"""Preparing frames and decoding results, whichever thread does it: one at a time, in order."""

from __future__ import annotations

import threading
import time

from edgepose.engine.inbox import InferenceResult, Numbered
from edgepose.engine.perception import Job, Perception
from edgepose.engine.stats import Stats
from edgepose.engine.threads import BusyTimer
from edgepose.types import Tensor


class OrderedDetector:
    """The two ends of inference, which share the crop region that follows a person.

    decoded: of how many frames the poses are known, or never will be. inside: runs while a thread
    prepares or decodes.
    """

    def __init__(self, perception: Perception, stats: Stats) -> None:
        self.decoded = 0
        self.inside = BusyTimer()
        self._perception = perception
        self._stats = stats
        self._lock = threading.Lock()

    def prepare(self, numbered: Numbered) -> Job:
        """Return the job of a frame."""
        number, frame = numbered
        with self._lock, self.inside:
            start = time.monotonic()
            job = self._perception.prepare(frame, number)
            self._stats.record("prepare", time.monotonic() - start)
            return job

    def decode(self, result: InferenceResult) -> InferenceResult:
        """Return a result with its poses; as it is where an earlier one is still to be decoded."""
        with self._lock, self.inside:
            if result.job.number != self.decoded:
                return result
            decoded = result if result.tensors is None else self._decoded(result, result.tensors)
            self.decoded += 1
            return decoded

    def _decoded(self, result: InferenceResult, tensors: tuple[Tensor, ...]) -> InferenceResult:
        start = time.monotonic()
        poses = self._perception.decode(result.job, tensors)
        taken = time.monotonic() - start
        self._stats.record("decode", taken)
        return InferenceResult(result.job, tensors, poses, taken)

    def reset(self) -> None:
        """Use the whole of the next frame: it has nothing to do with the ones before."""
        with self._lock:
            self._perception.detector.reset()
