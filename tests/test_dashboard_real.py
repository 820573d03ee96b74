"""The dashboard of docs/recipes: its queries in a real Prometheus, its keys in Grafana's own SDK.

Both are fetched, so these tests are slow ones. Grafana itself is in no package archive.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from metered_device import metered_device
from prometheus_server import PrometheusServer
from waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

RECIPES = Path(__file__).parent.parent / "docs" / "recipes"
BOARD = json.loads((RECIPES / "grafana-dashboard.json").read_text())
QUERIES = [target["expr"] for panel in BOARD["panels"] for target in panel.get("targets", [])]
ALERTS = re.findall(r"\| `(.*?edgepose_.*?)` \|", (RECIPES / "grafana.md").read_text())
SDK = "grafana-foundation-sdk==1769699998!10.1.0"
READ = """
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard
register_default_plugins()
print(JSONEncoder().encode(Dashboard.from_json(json.load(sys.stdin))))
"""


@pytest.fixture
def device(tmp_path: Path) -> Iterator[int]:
    """Return the port of the metrics of a device that counts squats."""
    with metered_device(tmp_path) as port:
        wait_until(lambda: "edgepose_events_total{" in exposed(port), 240)
        yield port


def exposed(port: int) -> str:
    """Return all metrics of a device, "" while there are none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def test_prometheus_answers_every_query_of_the_dashboard(device: int, tmp_path: Path):
    """With a figure for each series that this device has; the alerts are understood as well."""
    server = PrometheusServer(tmp_path, device)
    server.start()
    try:
        wait_until(lambda: server.ask("count_over_time(edgepose_uptime_seconds[5m]) > 5"), 240)
        known = set(re.findall(r"^edgepose_\w+", exposed(device), re.M))
        silent = []
        for query in QUERIES:
            series = server.ask(query.replace("$device", ".*"))
            if not series and set(re.findall(r"edgepose_\w+", query)) <= known:
                silent.append(query)
        assert not silent
        assert len(ALERTS) >= 5
        for alert in ALERTS:
            server.ask(alert)
    finally:
        server.stop()


def test_grafana_s_own_sdk_knows_every_key(tmp_path: Path):
    """What it reads and writes again is the file; it leaves out what Grafana itself writes."""
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*pip, tmp_path, SDK], check=True)
    done = subprocess.run(
        [sys.executable, "-c", READ], input=json.dumps(BOARD), env={"PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert list(lost(BOARD, json.loads(done.stdout), "")) == ["/templating/list/1/definition"]


def lost(one: object, other: object, path: str) -> Iterator[str]:
    """Yield the paths of what is in one document and not in the other."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key, value in one.items():
            yield from lost(value, other.get(key), f"{path}/{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, value in enumerate(one):
            yield from lost(value, other[i], f"{path}/{i}")
    elif one != other:
        yield path
