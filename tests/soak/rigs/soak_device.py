"""The device of the soak: a real appliance that says once a block of frames how it fares."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import soak_parts

from edgepose.appliance.appliance import Appliance
from edgepose.cli.run import run_appliance
from edgepose.config.loader import load
from edgepose.outputs.base import Output
from edgepose.system import malloc
from edgepose.types import Scene


class Probe(Output):
    """See every scene; write a line of JSON for each block of frames to stdout."""

    every_frame = True
    internal = True

    def __init__(self, block: int) -> None:
        self._block = block
        self._latencies: list[float] = []
        self._count = self._events = 0
        self.appliance: Appliance | None = None

    def show(self, scene: Scene) -> None:
        """Count it."""
        self._events += len(scene.events)
        self._count += 1
        self._latencies.append(scene.stats.get("latency_ms", 0.0))
        if self._count % self._block == 0:
            self._say()

    def _say(self) -> None:
        assert self.appliance is not None
        counts = self.appliance.pipeline.stats.snapshot().counts
        line = {
            "frames": self._count,
            "events": self._events,
            "p50_ms": round(float(np.percentile(self._latencies, 50)), 3),
            "p99_ms": round(float(np.percentile(self._latencies, 99)), 3),
            "cpu": time.process_time(),
            "counts": dict(counts),
            "busy": {t.name: _cpu_of(t) for t in threading.enumerate() if t.ident},
            "model": self.appliance.model.file.name,
        }
        self._latencies.clear()
        print(json.dumps(line), flush=True)  # noqa: T201 - the parent reads it


def _cpu_of(thread: threading.Thread) -> float:
    """Return the seconds that a thread has computed; 0 for one that has just ended."""
    try:
        return round(time.clock_gettime(time.pthread_getcpuclockid(thread.ident or 0)), 2)
    except OSError:
        return 0.0


def main() -> None:
    """Run the configuration named by the first argument; a line a block of frames."""
    malloc.limit_arenas()
    soak_parts.register()
    probe = Probe(int(sys.argv[2]))
    appliance = Appliance(load(Path(sys.argv[1])), {"probe": probe})
    probe.appliance = appliance
    run_appliance(appliance)


if __name__ == "__main__":
    main()
