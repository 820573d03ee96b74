"""The inference threads: each owns a runtime and does nothing but run it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from edgepose.engine.desk import Answer, Desk
from edgepose.engine.mailbox import Backoff, Mailbox, remaining
from edgepose.engine.perception import Job
from edgepose.engine.stats import Stats
from edgepose.engine.threads import OnCrash, new_thread
from edgepose.errors import RuntimeLost
from edgepose.runtimes.base import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """Number a job, so that answers come back in the order of the frames."""

    number: int
    job: Job


class Workers:
    """Run jobs on one or several interpreters of the same model.

    More than one raises throughput where cores are free, and costs latency: the crop region of
    a frame then follows a pose that is several frames old.
    """

    def __init__(
        self, runtimes: Sequence[Runtime], desk: Desk, stats: Stats, on_crash: OnCrash
    ) -> None:
        self._runtimes = tuple(runtimes)
        self.started_at = 0.0  # of the latest inference, monotonic
        self._desk = desk
        self._stats = stats
        self._given = 0
        self._stop = threading.Event()
        self._jobs: Mailbox[Ticket] = Mailbox()
        self._threads = [
            new_thread(f"infer-{i}", partial(self._run, runtime), on_crash)
            for i, runtime in enumerate(self._runtimes)
        ]

    def __len__(self) -> int:
        return len(self._runtimes)

    def start(self) -> None:
        """Start the threads; the runtimes are open already."""
        for thread in self._threads:
            thread.start()

    def give(self, job: Job) -> None:
        """Hand over the next job; the caller gives no more than the workers plus one can hold."""
        self._jobs.put_wait(Ticket(self._given, job), timeout=60.0)
        self._given += 1

    def stop(self) -> None:
        """Ask the threads to end after the job in hand."""
        self._stop.set()
        self._jobs.close()

    def join(self, deadline: float) -> bool:
        """Wait for the threads until a deadline of the monotonic clock; False if one hangs."""
        for thread in self._threads:
            thread.join(remaining(deadline))
        is_alive = any(thread.is_alive() for thread in self._threads)
        if is_alive:
            log.warning("Inference did not end in time and is left behind.")
        return not is_alive

    def _run(self, runtime: Runtime) -> None:
        backoff = Backoff()
        ended_at = 0.0
        while (ticket := self._jobs.take()) is not None:
            start = self.started_at = time.monotonic()
            try:
                tensors = runtime.infer(ticket.job.tensor)
            except RuntimeLost as error:
                self._recover(runtime, ticket, error, backoff)
                continue
            end = time.monotonic()
            self._desk.put_answer(Answer(ticket.number, ticket.job, tensors))
            self._stats.record("infer", end - start)
            if ended_at:
                self._stats.record("gap", start - ended_at)
            ended_at = end
            backoff.reset()

    def _recover(
        self, runtime: Runtime, ticket: Ticket, error: RuntimeLost, backoff: Backoff
    ) -> None:
        log.warning("Inference failed and is started anew: %s", error)
        self._stats.count("restarts:runtime")
        self._desk.put_answer(Answer(ticket.number, ticket.job, None))
        while not self._stop.wait(backoff.next()):
            try:
                runtime.close()
                runtime.open()
            except RuntimeLost as again:
                log.debug("The runtime does not open yet: %s", again)
            else:
                return
