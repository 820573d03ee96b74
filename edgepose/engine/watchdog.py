"""Feed systemd's watchdog while no component hangs, and keep the status file fresh.

A component hangs when it is inside a device for longer than a call can take. One that waits for
its next try is not hung: it reports that. A thread in native code can't be stopped; only a new
process helps.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from edgepose.engine.failover import FailoverRuntime
from edgepose.engine.pipeline import Pipeline
from edgepose.engine.threads import OnCrash, new_thread
from edgepose.errors import fault_text
from edgepose.system import status_file
from edgepose.system.systemd import notify, watchdog_timeout

log = logging.getLogger(__name__)

INTERVAL: Final = 5.0  # seconds between two reports at most
STUCK: Final = 30.0  # seconds; the slowest healthy call seen, a card that stalls a write, takes 10
RECOVERY: Final = 30.0  # seconds more for opening an Edge TPU, which is first tried for up to 20
GIVEN_UP: Final = 4  # threads left behind in native code, each with an interpreter's memory


def hung_parts(pipeline: Pipeline, patience: float, limit: float = STUCK) -> dict[str, str]:
    """Return the components that hang by name, each with a sentence.

    patience: seconds that the source may take by its options, on top of `limit`. A source that
    is not live (pictures shown for a minute each) may take its time.
    """
    return dict(_hung(pipeline, patience, limit))


def _hung(pipeline: Pipeline, patience: float, limit: float) -> Iterator[tuple[str, str]]:
    capture = pipeline.capture
    if capture.source.live and capture.inside.seconds > limit + patience:
        yield "source", _reason(capture.inside.seconds)
    if pipeline.since_beat > limit:
        yield "perception", _reason(pipeline.since_beat)
    yield from _hung_runtime(pipeline, limit)
    for name, worker in pipeline.outputs.items():
        if worker.inside.seconds > limit + worker.output.patience:
            yield f"output {name}", _reason(worker.inside.seconds)


def _hung_runtime(pipeline: Pipeline, limit: float) -> Iterator[tuple[str, str]]:
    """Yield at most one sentence: on inference, on those given up, on the recovery."""
    workers = pipeline.workers
    failovers = [r for r in pipeline.perception.detector.runtimes if isinstance(r, FailoverRuntime)]
    recovering = max((runtime.recovering.seconds for runtime in failovers), default=0.0)
    if workers.inside > workers.deadline + limit:
        yield "runtime", _reason(workers.inside)
    elif workers.given_up > GIVEN_UP:
        yield "runtime", f"{workers.given_up} inferences that were given up never came back"
    elif recovering > limit + RECOVERY:
        yield "runtime", f"trying to get back to the better chip: {_reason(recovering)}"


def _reason(seconds: float) -> str:
    return f"it has not come back for {seconds:.0f} s"


def status_line(health: Mapping[str, Any]) -> str:
    """Return what `systemctl status` shows: rate, backend, what is degraded, last event."""
    parts = [f"{health['fps']:.1f} fps on {health['runtime']['backend'] or 'nothing yet'}"]
    parts += [
        f"{trouble['name']} {trouble['state']}: {trouble['reason'].rstrip('.')}"
        for trouble in health["troubles"]
    ]
    event = health.get("last_event")
    if event:
        at = datetime.fromtimestamp(event["time"]).strftime("%H:%M:%S")
        parts.append(f"last event {event['name']} {event['type']} at {at}")
    return "; ".join(parts)


class Supervisor:
    """The watchdog of a running process, on a thread of its own.

    health: gives the health document, with what `hung_parts` returned as "hung". folder: of the
    status file; None where there is no place for one.
    """

    def __init__(
        self,
        health: Callable[[], Mapping[str, Any]],
        on_crash: OnCrash,
        folder: Path | None = None,
    ) -> None:
        self._health = health
        self._hung: Mapping[str, str] = {}
        self._folder = folder
        self._has_warned = False
        self._fault = ""
        self._interval = min(INTERVAL, (watchdog_timeout() or INTERVAL * 2) / 2)
        self._stop = threading.Event()
        self._writing = threading.Lock()
        self._thread = new_thread("supervisor", self._run, on_crash)

    def start(self) -> None:
        """Report once, then regularly."""
        self.step()
        self._thread.start()

    def stop(self) -> None:
        """Stop reporting, and remove the status file; may be called twice."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        if self._folder is not None:
            with self._writing:
                status_file.remove(self._folder)

    def step(self) -> None:
        """Feed the watchdog unless a component hangs, and report."""
        try:
            health = self._health()
        except Exception as error:  # noqa: BLE001 - what can't be read hangs nothing
            self._unread(error)
            return
        self._log(health["hung"])
        if not self._hung:
            notify(WATCHDOG=1, STATUS=status_line(health))
        else:
            notify(STATUS=f"hangs: {', '.join(self._hung)}; the watchdog will restart the service")
        self._write(health)

    def _unread(self, error: Exception) -> None:
        """Feed the watchdog without a document, and report why there is none, once a reason."""
        reason = fault_text(error)
        if reason != self._fault:
            log.error("The health document can't be made: %s.", reason)
        self._fault = reason
        notify(WATCHDOG=1, STATUS=reason)

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            self.step()

    def _log(self, hung: Mapping[str, str]) -> None:
        before, self._hung = self._hung, hung
        for name in hung.keys() - before.keys():
            log.error("The %s hangs: %s; the watchdog is not fed.", name, hung[name])
        for name in before.keys() - hung.keys():
            log.warning("The %s no longer hangs.", name)

    def _write(self, health: Mapping[str, Any]) -> None:
        if self._folder is None:
            return
        try:
            with self._writing:
                if not self._stop.is_set():  # a step that took long must not leave a file behind
                    status_file.write(self._folder, health)
        except OSError as error:
            if not self._has_warned:
                log.warning("`edgepose status` will not know of this process: %s", error)
            self._has_warned = True
