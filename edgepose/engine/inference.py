"""The inference threads: each has its own interpreter of the model, and gives it work itself."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Final

from edgepose.backoff import Backoff
from edgepose.engine.component import ComponentState
from edgepose.engine.inbox import Due, Inbox, InferenceResult
from edgepose.engine.mailbox import remaining
from edgepose.engine.ordered_detector import OrderedDetector
from edgepose.engine.perception import Job
from edgepose.engine.stats import Stats
from edgepose.engine.threads import BusyTimer, OnCrash, new_thread
from edgepose.errors import RuntimeLost

log = logging.getLogger(__name__)

DEADLINE: Final = 5.0  # seconds; the slowest model on the slowest board takes 0.6


@dataclass(slots=True, eq=False)
class _Worker:
    """One thread: its current job, since when, and whether it was given up.

    A job has one result: by its thread, or past the deadline from whoever gives the thread up.
    """

    index: int
    job: Job | None = None
    since: float = 0.0
    inside: BusyTimer = field(default_factory=BusyTimer)
    thread: threading.Thread = field(init=False)
    _is_given_up: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, job: Job) -> None:
        """Make a job the current one."""
        with self._lock:
            self.since, self.job = time.monotonic(), job

    def end(self) -> bool:
        """End the job; False where the thread was given up, and the job has its result already."""
        with self._lock:
            self.job = None
            return not self._is_given_up

    def give_up(self, deadline: float) -> Job | None:
        """Give the thread up and return its job where that takes more than `deadline` seconds."""
        with self._lock:
            if self.job is None or time.monotonic() - self.since <= deadline:
                return None
            self._is_given_up = True
            return self.job


class Workers:
    """The inference threads of one model.

    An idle one takes the frame that waits and prepares it, and decodes what comes out, so that
    nothing has to change threads between two inferences. What follows it hands over only when it
    is about to infer the next frame: Python code in another thread would delay that one.

    Worker number i uses interpreter i of the job's detector, so that a new model takes over from
    one job to the next. More than one worker raises throughput where cores are free, and costs
    latency: the crop region of a frame then follows a pose that is several frames old.

    due: when an idle worker may take a frame. health: how inference does. deadline: seconds after
    which one is given up.
    """

    def __init__(
        self,
        number: int,
        inbox: Inbox,
        detector: OrderedDetector,
        due: Due,
        *,
        stats: Stats,
        on_crash: OnCrash,
        deadline: float = DEADLINE,
    ) -> None:
        self.started_at = 0.0  # of the latest inference, monotonic
        self.health = ComponentState()
        self._inbox = inbox
        self._detector = detector
        self._due = due
        self._stats = stats
        self._on_crash = on_crash
        self.deadline = deadline
        self._stop = threading.Event()
        self._given_up: list[threading.Thread] = []
        self._workers = [self._new_worker(index) for index in range(number)]

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def given_up(self) -> int:
        """Return how many threads were given up in a native call and are in it still."""
        return sum(thread.is_alive() for thread in self._given_up)

    @property
    def waiting(self) -> float:
        """Return for how many seconds the oldest job has been inferred, 0 for none."""
        now = time.monotonic()
        return max((now - w.since for w in self._workers if w.job is not None), default=0.0)

    @property
    def inside(self) -> float:
        """Return for how many seconds a thread has been in its runtime, of all the longest."""
        return max(worker.inside.seconds for worker in self._workers)

    def start(self) -> None:
        """Start the threads; the runtimes are open already."""
        for worker in self._workers:
            worker.thread.start()

    def replace_hung(self) -> None:
        """Replace the threads whose inference is past the deadline: native code can't be stopped.

        The job fails, the interpreter is abandoned, and a new thread takes over.
        """
        for index, worker in enumerate(self._workers):
            if (job := worker.give_up(self.deadline)) is not None:
                alive = [thread for thread in self._given_up if thread.is_alive()]
                self._given_up = [*alive, worker.thread]
                job.detector.runtimes[index].abandon()
                self._fail(job, f"it took more than {self.deadline:g} s and is given up")
                self._workers[index] = self._new_worker(index)
                self._workers[index].thread.start()

    def stop(self) -> None:
        """Ask the threads to end after the current job."""
        self._stop.set()
        self._inbox.close()

    def join(self, deadline: float) -> bool:
        """Wait for the threads until a deadline of the monotonic clock; False if one hangs."""
        for worker in self._workers:
            worker.thread.join(remaining(deadline))
        is_alive = any(worker.thread.is_alive() for worker in self._workers)
        if is_alive:
            log.warning("Inference did not end in time and is left behind.")
        return not is_alive

    def _new_worker(self, index: int) -> _Worker:
        worker = _Worker(index)
        worker.thread = new_thread(f"infer-{index}", lambda: self._run(worker), self._on_crash)
        return worker

    def _run(self, worker: _Worker) -> None:
        backoff = Backoff()
        ended = 0.0
        done: InferenceResult | None = None  # handed over once the next job is ready
        while not self._stop.is_set():
            job = self._next_job(is_waiting=done is None)
            if done is not None:
                self._inbox.put_result(done)
            self._inbox.continue_source()
            done = None
            if job is None:
                continue
            found = self._infer(worker, job)
            if not worker.end():
                return
            if isinstance(found, RuntimeLost):
                self._fail(job, str(found))
                self._reopen(worker, job, backoff)
            else:
                ended = self._record(worker.since, ended)
                done = found if self._inbox.has_job else self._detector.decode(found)
                backoff.reset()
        if done is not None:
            self._inbox.put_result(done)

    def _next_job(self, is_waiting: bool) -> Job | None:
        """Return a job that was prepared ahead, or that of the frame that waits."""
        found = self._inbox.take_work(self._due, is_waiting)
        return self._detector.prepare(found) if isinstance(found, tuple) else found

    def _infer(self, worker: _Worker, job: Job) -> InferenceResult | RuntimeLost:
        worker.begin(job)
        self.started_at = worker.since
        try:
            with worker.inside:
                return InferenceResult(*job.detector.infer(job, worker.index))
        except RuntimeLost as error:
            return error

    def _record(self, started: float, last_ended: float) -> float:
        """Record an inference and the gap before it; return when it ended."""
        ended = time.monotonic()
        self.health.note("running")
        self._stats.record("infer", ended - started)
        if last_ended:
            self._stats.record("gap", started - last_ended)
        return ended

    def _fail(self, job: Job, reason: str) -> None:
        if self.health.restart(reason):
            log.error("Inference is restarted: %s.", reason.rstrip("."))
        self._stats.count("restarts:runtime")
        self._inbox.put_result(InferenceResult(job, None))

    def _reopen(self, worker: _Worker, job: Job, backoff: Backoff) -> None:
        """Open the runtime again, with back-off, until it works or the run ends."""
        runtime = job.detector.runtimes[worker.index]
        while not self._stop.wait(backoff.next()):
            try:
                with worker.inside:
                    runtime.close()
                    runtime.open()
            except RuntimeLost as again:
                log.debug("The runtime does not open yet: %s", again)
            else:
                return
