"""A ladder of runtimes: the best that works, visibly down when it fails, back up when it can.

To the pipeline a ladder is one runtime. A rung that fails is left for the next one within the
same inference; a thread of its own keeps trying the better rungs, with back-off, and hands over
an opened one between two inferences.
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
    """Name a way to run the model, and make the runtime for it (not yet open)."""

    name: str
    make: Callable[[], Runtime]


@dataclass(frozen=True, slots=True)
class Failover:
    """Remember why a rung was left. to: where the work went on, `""` nowhere."""

    rung: str
    to: str
    reason: str


class FailoverRuntime(Runtime):
    """Run on the first rung that works.

    rungs: best first; all take the same input and give the same outputs. pauses: between two
    tries to get back up. falls: the latest, for the health document. fall_counts: how
    often each rung gave way to which, ever. climbing: runs while a better rung is being opened.
    """

    def __init__(
        self,
        rungs: Sequence[Candidate],
        pauses: Backoff | None = None,
    ) -> None:
        self.falls: deque[Failover] = deque(maxlen=REMEMBERED)
        self.fall_counts: Counter[tuple[str, str]] = Counter()
        self.climbing = BusyTimer()
        self._rungs = tuple(rungs)
        self._crash: BaseException | None = None  # of the climber, raised by the next inference
        self._pauses = pauses or Backoff(first=30.0, limit=600.0)
        self._lock = threading.Lock()  # of what the climber hands over, and of who stands where
        self._turn = 0  # a thread that began in an earlier one was given up
        self._index = 0
        self._runtime: Runtime | None = None
        self._better: tuple[int, Runtime] | None = None
        self._stop = threading.Event()
        self._climber: threading.Thread | None = None

    @property
    def rung(self) -> str:
        """Return the name of the rung that works at present, `""` when none does."""
        return self._rungs[self._index].name if self._runtime is not None else ""

    @property
    def is_down(self) -> bool:
        """Tell whether something else than the best rung works at present."""
        return self._index > 0

    def open(self) -> None:
        """Open the best rung that can be. Raises what the last one raised when none can."""
        self._stop.clear()
        self._descend(0, self._turn)
        self._watch_for_better()

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Infer on the current rung, or on a lower one should it fail now."""
        if self._crash is not None:
            raise self._crash
        turn = self._turn
        self._take_better(turn)
        if self._runtime is None:
            self._descend(min(self._index + 1, len(self._rungs) - 1), turn)
            self._watch_for_better()
        while True:
            runtime = self._held(turn)
            try:
                return runtime.infer(tensor)
            except RuntimeLost as error:
                self._leave(runtime, error, turn)

    def abandon(self) -> None:
        """Forget the rung in whose native call a thread hangs; go on a rung lower.

        Should the thread come back, it fails with RuntimeLost and touches nothing of what is used
        by then.
        """
        with self._lock:
            self._turn += 1
            runtime, self._runtime = self._runtime, None
        if runtime is not None:
            runtime.abandon()
            self._tell(self._index, "inference hung")

    def close(self) -> None:
        """Close the rung in use and stop looking for a better one."""
        self._stop.set()
        if self._climber is not None:
            self._climber.join(1.0)
        with self._lock:
            better, self._better = self._better, None
        for runtime in (self._runtime, better and better[1]):
            if runtime:
                runtime.close()
        self._runtime = None

    def _descend(self, start: int, turn: int) -> None:
        """Open the first rung from `start` on that can be opened."""
        for index in range(start, len(self._rungs)):
            try:
                runtime = self._opened(index)
            except (DeviceError, ModelError) as error:
                if index + 1 == len(self._rungs):
                    raise
                self._tell(index, str(error))
            else:
                self._stand_on(index, runtime, turn)
                return

    def _opened(self, index: int) -> Runtime:
        runtime = self._rungs[index].make()
        try:
            runtime.open()
        except BaseException:
            runtime.close()
            raise
        return runtime

    def _held(self, turn: int) -> Runtime:
        """Return the rung in use. Raises RuntimeLost in a thread that was given up."""
        with self._lock:
            if turn != self._turn or self._runtime is None:
                raise RuntimeLost(_GIVEN_UP)
            return self._runtime

    def _leave(self, runtime: Runtime, error: RuntimeLost, turn: int) -> None:
        """Give up the current rung for the next; raise `error` from the lowest."""
        with self._lock:
            if turn != self._turn:
                raise error
            self._runtime = None
        runtime.close()
        if self._index + 1 == len(self._rungs):
            raise error
        self._tell(self._index, str(error))
        self._descend(self._index + 1, turn)
        self._watch_for_better()

    def _stand_on(self, index: int, runtime: Runtime, turn: int) -> None:
        with self._lock:
            is_wanted = turn == self._turn
            if is_wanted:
                self._index, self._runtime = index, runtime
                self.inputs, self.outputs = runtime.inputs, runtime.outputs
                self.backend = runtime.backend
        if not is_wanted:
            runtime.close()
            raise RuntimeLost(_GIVEN_UP)

    def _tell(self, index: int, reason: str) -> None:
        to = self._rungs[index + 1].name if index + 1 < len(self._rungs) else ""
        going = f"going on with {to}" if to else "nothing is left to go on with"
        log.warning("%s can't be used, %s: %s", self._rungs[index].name, going, reason)
        self.falls.append(Failover(self._rungs[index].name, to, reason))
        self.fall_counts[self._rungs[index].name, to] += 1

    def _watch_for_better(self) -> None:
        """Start to look for the better rungs unless that is done already, or this is the best."""
        if self._index > 0 and (self._climber is None or not self._climber.is_alive()):
            self._pauses.reset()
            self._climber = new_thread("ladder", self._recover, self._crashed)
            self._climber.start()

    def _recover(self) -> None:
        while not self._stop.wait(self._pauses.next()):
            for index in range(self._index):
                try:
                    with self.climbing:
                        better = index, self._opened(index)
                except (DeviceError, ModelError) as error:
                    log.debug("%s is still away: %s", self._rungs[index].name, error)
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
        self._stand_on(*found, turn)
        log.warning("%s works again and is used.", self.rung)
        self._watch_for_better()
