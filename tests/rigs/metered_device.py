"""A device whose drawn person does squats, and whose metrics a Prometheus can scrape."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

CONFIGURATION = """
version: 1
name: gym
source: {{type: synthetic, motion: squat, fps: 15, size: [480, 640]}}
model: {{name: edgepose-nano}}
watch:
  squats: {{exercise: half_squat}}
outputs:
  metrics: {{type: prometheus, port: {port}}}
  log: {{type: jsonl, path: events.jsonl}}
"""


@contextmanager
def metered_device(folder: Path) -> Iterator[int]:
    """Run it in a folder of its own; yield the port of its metrics, which come a little later."""
    port = free_port()
    (folder / "device.yaml").write_text(CONFIGURATION.format(port=port), "utf-8")
    command = [sys.executable, "-m", "edgepose", "run", "device.yaml"]
    own = os.environ | {"STATE_DIRECTORY": str(folder)}
    process = subprocess.Popen(command, cwd=folder, env=own, stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(60)
