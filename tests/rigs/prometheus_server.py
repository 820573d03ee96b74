"""A real Prometheus that scrapes one device, asked over its HTTP interface.

It is Debian's, fetched once and kept in the cache folder; nothing is installed.
"""

from __future__ import annotations

import json
import os
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from ports import free_port
from waiting import wait_until

CONFIGURATION = """
scrape_configs:
  - job_name: edgepose
    scrape_interval: 1s
    static_configs: [{{targets: ["127.0.0.1:{device}"]}}]
"""


class PrometheusServer:
    """A server that scrapes the metrics of a device each second: `start`, `stop`."""

    def __init__(self, folder: Path, device: int) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{(port := free_port())}"
        (folder / "prometheus.yml").write_text(CONFIGURATION.format(device=device))
        self._command = [
            _program(), f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        with (self._folder / "prometheus.log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._answers, 240)

    def stop(self) -> None:
        """End it in order; may be called twice."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            process.wait(60)

    def ask(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now."""
        return self._ask("query", query=expression)

    def over_time(
        self, expression: str, start: float, end: float, step: float
    ) -> list[dict[str, Any]]:
        """Return the series that an expression gives between two times, each `step` seconds."""
        return self._ask("query_range", query=expression, start=start, end=end, step=step)

    def _ask(self, what: str, **values: Any) -> list[dict[str, Any]]:
        query = urllib.parse.urlencode(values)
        with urllib.request.urlopen(f"{self._url}/api/v1/{what}?{query}", timeout=60) as answer:
            return json.load(answer)["data"]["result"]

    def _answers(self) -> bool:
        try:
            self.ask("up")
        except OSError:
            return False
        return True


def _program() -> Path:
    """Return the path of the program: fetched from Debian's archive, or kept from before."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "edgepose-tests" / "prometheus"
    program = folder / "usr" / "bin" / "prometheus"
    if not program.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "prometheus"], cwd=folder, check=True)
        package = next(folder.glob("prometheus_*.deb"))
        subprocess.run(["dpkg-deb", "--extract", package, folder], check=True)
    return program
