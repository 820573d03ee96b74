"""Failover between runtimes: the best one that works, and back to it once it works again.

To the pipeline it is one runtime. A candidate that fails is replaced by the next one within the
same inference; a thread of its own keeps trying the better ones, with back-off, and hands over an
opened one between two inferences.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from edgepose.backoff import Backoff
from edgepose.engine.threads import BusyTimer, new_thread
from edgepose.errors import DeviceError, ModelError, RuntimeLost
from edgepose.runtimes.base import Runtime
from edgepose.types import Tensor

log = logging.getLogger(__name__)

REMEMBERED: Final = 20
_GIVEN_UP: Final = "the inference was given up"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to run the model. make: returns the runtime for it, not yet open."""

    name: str
    make: Callable[[], Runtime]


@dataclass(frozen=True, slots=True)
class Failover:
    """A change from one candidate to the next, `""` for none, and its reason."""

    candidate: str
    to: str
    reason: str


class FailoverRuntime(Runtime):
    """The first of several runtimes that works.

    candidates: best first; all take the same input and give the same outputs. pauses: between two
    tries to recover a better one. failovers: the latest, for the health document.
    failover_counts: how often each candidate was replaced by which, ever. recovering: runs while
    a better candidate is being opened.
    """

    def __init__(self, candidates: Sequence[Candidate], pauses: Backoff | None = None) -> None:
        self.failovers: deque[Failover] = deque(maxlen=REMEMBERED)
        self.failover_counts: Counter[tuple[str, str]] = Counter()
        self.recovering = BusyTimer()
        self._candidates = tuple(candidates)
        self._crash: BaseException | None = None  # of the recovery, raised by the next inference
        self._pauses = pauses or Backoff(first=30.0, limit=600.0)
        self._lock = threading.Lock()  # of what the recovery hands over, and of who may infer
        self._turn = 0  # a thread that began in an earlier one was given up
        self._index = 0
        self._runtime: Runtime | None = None
        self._better: tuple[int, Runtime] | None = None
        self._stop = threading.Event()
        self._recovery: threading.Thread | None = None

    @property
    def current(self) -> str:
        """Return the name of the candidate in use, `""` when none works."""
        return self._candidates[self._index].name if self._runtime is not None else ""

    @property
    def is_degraded(self) -> bool:
        """Return whether another candidate than the best one is in use."""
        return self._index > 0

    def open(self) -> None:
        """Open the best candidate possible. Raises what the last one raised when none opens."""
        self._stop.clear()
        self._open_from(0, self._turn)
        self._start_recovery()

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Infer on the current candidate, or on a later one should it fail now."""
        if self._crash is not None:
            raise self._crash
        turn = self._turn
        self._take_better(turn)
        if self._runtime is None:
            self._open_from(min(self._index + 1, len(self._candidates) - 1), turn)
            self._start_recovery()
        while True:
            runtime = self._current_runtime(turn)
            try:
                return runtime.infer(tensor)
            except RuntimeLost as error:
                self._fail_over(runtime, error, turn)

    def abandon(self) -> None:
        """Give up the candidate in whose native call a thread hangs; the next one takes over.

        Should the thread come back, it fails with RuntimeLost and touches nothing that is in use
        by then.
        """
        with self._lock:
            self._turn += 1
            runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.abandon()
            self._report(self._index, "inference hung")

    def close(self) -> None:
        """Close the candidate in use and stop the recovery."""
        self._stop.set()
        if self._recovery is not None:
            self._recovery.join(1.0)
        with self._lock:
            better, self._better = self._better, None
        for runtime in (self._runtime, better and better[1]):
            if runtime:
                runtime.close()
        self._runtime = None

    def _open_from(self, start: int, turn: int) -> None:
        """Open the first candidate from `start` on that opens."""
        for index in range(start, len(self._candidates)):
            try:
                runtime = self._opened(index)
            except (DeviceError, ModelError) as error:
                if index + 1 == len(self._candidates):
                    raise
                self._report(index, str(error))
            else:
                self._use(index, runtime, turn)
                return

    def _opened(self, index: int) -> Runtime:
        runtime = self._candidates[index].make()
        try:
            runtime.open()
        except BaseException:
            runtime.close()
            raise
        return runtime

    def _current_runtime(self, turn: int) -> Runtime:
        """Return the runtime in use. Raises RuntimeLost in a thread that was given up."""
        with self._lock:
            if turn != self._turn or self._runtime is None:
                raise RuntimeLost(_GIVEN_UP)
            return self._runtime

    def _fail_over(self, runtime: Runtime, error: RuntimeLost, turn: int) -> None:
        """Replace the current candidate by the next; raise `error` from the last one."""
        with self._lock:
            if turn != self._turn:
                raise error
            self._runtime = None
        runtime.close()
        if self._index + 1 == len(self._candidates):
            raise error
        self._report(self._index, str(error))
        self._open_from(self._index + 1, turn)
        self._start_recovery()

    def _use(self, index: int, runtime: Runtime, turn: int) -> None:
        with self._lock:
            is_wanted = turn == self._turn
            if is_wanted:
                self._index, self._runtime = index, runtime
                self.inputs, self.outputs = runtime.inputs, runtime.outputs
                self.backend = runtime.backend
        if not is_wanted:
            runtime.close()
            raise RuntimeLost(_GIVEN_UP)

    def _report(self, index: int, reason: str) -> None:
        name, *later = [candidate.name for candidate in self._candidates[index:]]
        to = later[0] if later else ""
        going = f"going on with {to}" if to else "nothing is left to go on with"
        log.warning("%s can't be used, %s: %s", name, going, reason)
        self.failovers.append(Failover(name, to, reason))
        self.failover_counts[name, to] += 1

    def _start_recovery(self) -> None:
        """Try the better candidates regularly, unless that is done already or there are none."""
        if self._index > 0 and (self._recovery is None or not self._recovery.is_alive()):
            self._pauses.reset()
            self._recovery = new_thread("failover", self._recover, self._crashed)
            self._recovery.start()

    def _recover(self) -> None:
        while not self._stop.wait(self._pauses.next()):
            for index in range(self._index):
                try:
                    with self.recovering:
                        better = index, self._opened(index)
                except (DeviceError, ModelError) as error:
                    log.debug("%s still can't be used: %s", self._candidates[index].name, error)
                else:
                    self._hand_over(*better)
                    return

    def _crashed(self, error: BaseException) -> None:
        self._crash = error

    def _hand_over(self, index: int, runtime: Runtime) -> None:
        with self._lock:
            is_wanted = not self._stop.is_set()
            if is_wanted:
                self._better = index, runtime
        if not is_wanted:  # closed meanwhile: nobody will take it
            runtime.close()

    def _take_better(self, turn: int) -> None:
        with self._lock:
            found, self._better = self._better, None
        if found is None:
            return
        if self._runtime is not None:
            self._runtime.close()
        self._use(*found, turn)
        log.warning("%s works again and is used.", self.current)
        self._start_recovery()
