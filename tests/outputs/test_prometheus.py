"""What Prometheus scrapes: over HTTP, read with the parser of its own client."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edgepose import __version__
from edgepose.engine.stats import Stats
from edgepose.errors import OutputLost
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.prometheus import CONNECTIONS, Prometheus, PrometheusOptions
from edgepose.types import Scene

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Health(Controls):
    """Say what an appliance says."""

    def __init__(self) -> None:
        stats = Stats()
        for thousandth in range(10):
            stats.record("infer", thousandth / 1000)
        stats.count("captured", 90)
        stats.count("dropped:capture", 7)
        stats.count("restarts:source", 3)
        stats.count("source_restarts:lost", 2)
        stats.count("source_restarts:open_failed")
        stats.count("restarts:bus", 3)
        self.document: dict[str, Any] = {
            "version": __version__,
            "uptime": 60.5,
            "detect": True,
            "fps": 29.5,
            "source": {"state": "running", "reason": ""},
            "runtime": {
                "state": "degraded",
                "reason": "unplugged",
                "model": "lightning",
                "backend": "LiteRT on the CPU",
                "fallbacks": [{"from": "edgetpu", "to": "litert", "count": 1}],
            },
            "outputs": {
                "bus": {
                    "state": "backing off",
                    "reason": "refused",
                    "connected": False,
                    "waiting": 12,
                    "dropped": 3,
                },
                "log": {"state": "running", "reason": ""},
            },
            "watches": {},
            "config": {
                "path": "x.yaml",
                "error": "",
                "loaded": 1.73e9,
                "reloads": {"taken": 1, "refused": 0},
            },
            "stats": stats.snapshot().to_dict(),
        }

    def state(self) -> dict[str, Any]:
        return self.document

    def command(self, name: str, value: Any = None) -> str:
        raise AssertionError(name)


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def health() -> Health:
    """Return the appliance."""
    return Health()


@pytest.fixture
def output(port: int, device: Device, health: Health) -> Iterator[Prometheus]:
    """Return an output that listens."""
    made = Prometheus(PrometheusOptions(port=port), replace(device, controls=health))
    made.open()
    yield made
    made.close()


def get(port: int) -> str:
    """Scrape."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        return answer.read().decode()


def scraped(port: int) -> Samples:
    """Return the values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(get(port))
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return one value."""
    return samples[name, frozenset(labels.items())]


def test_events_are_counted_once(output: Prometheus, port: int, scene: Callable[..., Scene]):
    """By watch and type; one that comes again is no further one."""
    output.show(scene(0, 1, 2))
    output.show(scene(1, 2, 3))

    samples = scraped(port)

    assert value(samples, "edgepose_events_total", watch="arms_up", type="start") == 3


def test_counters_begin_at_zero(output: Prometheus, port: int):
    """A rate over the first event of a watch needs a value before it."""
    samples = scraped(port)

    assert value(samples, "edgepose_events_total", watch="arms_up", type="start") == 0
    assert value(samples, "edgepose_events_total", watch="arms_up", type="end") == 0


def test_scenes_are_measured(
    output: Prometheus, port: int, scene: Callable[..., Scene], nobody: Callable[..., Scene]
):
    """The age of each, and who is there in the newest."""
    output.show(replace(scene(0), age=0.12))
    first = scraped(port)
    output.show(replace(nobody(1), age=0.9))
    second = scraped(port)

    assert value(first, "edgepose_persons") == 1
    assert value(second, "edgepose_persons") == 0
    assert value(second, "edgepose_frame_age_seconds_count") == 2
    assert value(second, "edgepose_frame_age_seconds_sum") == pytest.approx(1.02)
    assert value(second, "edgepose_frame_age_seconds_bucket", le="0.15") == 1


def test_the_appliance_is_asked_at_each_scrape(output: Prometheus, port: int, health: Health):
    """Values are those of now, also while no scene comes."""
    samples = scraped(port)
    info = {"version": __version__, "runtime": "lightning", "backend": "LiteRT on the CPU"}

    assert value(samples, "edgepose_build_info", **info) == 1
    assert value(samples, "edgepose_inference_fps") == 29.5
    assert value(samples, "edgepose_frames_captured_total") == 90
    assert value(samples, "edgepose_frames_dropped_total", stage="capture") == 7
    assert value(samples, "edgepose_camera_restarts_total", reason="lost") == 2
    assert value(samples, "edgepose_camera_restarts_total", reason="open_failed") == 1
    assert value(samples, "edgepose_camera_restarts_total", reason="frozen") == 0
    assert not [
        1 for name, labels in samples if "output" in name and ("output", "source") in labels
    ]
    assert value(samples, "edgepose_output_restarts_total", output="bus") == 3
    assert value(samples, "edgepose_output_up", output="bus") == 0
    assert value(samples, "edgepose_output_up", output="log") == 1
    assert value(samples, "edgepose_source_up") == 1
    assert value(samples, "edgepose_runtime_up") == 0
    assert value(samples, "edgepose_config_last_reload_successful") == 1
    assert value(samples, "edgepose_mqtt_connected", output="bus") == 0
    assert value(samples, "edgepose_mqtt_events_waiting", output="bus") == 12
    assert value(samples, "edgepose_mqtt_events_dropped_total", output="bus") == 3
    assert not [1 for name, labels in samples if "mqtt" in name and ("output", "log") in labels]
    health.document = health.document | {"fps": 12.0}
    assert value(scraped(port), "edgepose_inference_fps") == 12.0


def test_durations_are_histograms(output: Prometheus, port: int, health: Health):
    """Quantiles over several devices can be had from them; they only ever grow."""
    name = "edgepose_stage_duration_seconds"

    samples = scraped(port)

    assert value(samples, name + "_bucket", stage="infer", le="0.0025") == 3  # of 0, 1 ... 9 ms
    assert value(samples, name + "_bucket", stage="infer", le="0.005") == 6
    assert value(samples, name + "_bucket", stage="infer", le="5.0") == 10
    assert value(samples, name + "_bucket", stage="infer", le="+Inf") == 10
    assert value(samples, name + "_count", stage="infer") == 10
    assert value(samples, name + "_sum", stage="infer") == pytest.approx(0.045)


WANTED = {
    "edgepose_build_info": {"version", "runtime", "backend"},
    "edgepose_frames_captured": set(),
    "edgepose_frames_dropped": {"stage"},
    "edgepose_stage_duration_seconds": {"stage"},
    "edgepose_frame_age_seconds": set(),
    "edgepose_inference_fps": set(),
    "edgepose_persons": set(),
    "edgepose_events": {"watch", "type"},
    "edgepose_camera_restarts": {"reason"},
    "edgepose_backend_fallbacks": {"from", "to"},
    "edgepose_mqtt_connected": {"output"},
    "edgepose_config_reloads": {"result"},
    "edgepose_config_last_reload_success_timestamp_seconds": set(),
}  # those of a board's sensors have a test of their own


def test_every_name_that_is_promised_is_there(output: Prometheus, port: int):
    """By name and labels; dashboards are written against them."""
    found = {
        family.name: set(sample.labels) - {"le"}
        for family in text_string_to_metric_families(get(port))
        for sample in family.samples
    }

    assert {name: found.get(name) for name in WANTED} == WANTED


def test_without_an_appliance_there_is_what_scenes_tell(
    port: int, device: Device, scene: Callable[..., Scene]
):
    """In replay and tests nobody can be asked; what is unknown is left out, not 0."""
    output = Prometheus(PrometheusOptions(port=port), device)
    output.open()
    output.show(scene(0, 1))

    samples = scraped(port)
    output.close()

    assert value(samples, "edgepose_persons") == 1
    assert not [name for name, _ in samples if name.startswith("edgepose_frames")]
    assert value(
        samples,
        "edgepose_build_info",
        version=__version__,
        runtime="movenet-lightning-int8",
        backend="",
    )


def test_names_follow_the_rules(output: Prometheus, port: int, scene: Callable[..., Scene]):
    """One prefix, base units, `_total` on counters alone; each name has a type and a sentence."""
    output.show(scene(0, 1))
    units = re.compile(r"(milli|_ms|percent|kilo|minutes)")

    families = list(text_string_to_metric_families(get(port)))

    assert len(families) >= 15
    for family in families:
        assert re.fullmatch(r"(edgepose|process)_[a-z_]+", family.name)
        assert not units.search(family.name)
        assert family.documentation
        assert family.type in ("gauge", "counter", "histogram", "summary")
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter")
            assert set(sample.labels) <= LABELS
            assert not (set(sample.labels) & {"le", "quantile"}) or family.type == "histogram"
    assert len({family.name for family in families}) == len(families), "a name is told twice"


LABELS = {
    "version", "runtime", "backend", "stage", "le", "watch", "type", "output", "reason", "from",
    "to", "result", "device", "flag",
}  # fmt: skip


def test_histograms_add_up(output: Prometheus, port: int, scene: Callable[..., Scene]):
    """Buckets grow with their bounds, in order, up to +Inf, which is the count."""
    output.show(replace(scene(0), age=0.12))
    histograms = [f for f in text_string_to_metric_families(get(port)) if f.type == "histogram"]

    for family in histograms:
        ladders: dict[frozenset[Any], list[tuple[float, float]]] = {}
        counts: dict[frozenset[Any], float] = {}
        for sample in family.samples:
            rest = frozenset((k, v) for k, v in sample.labels.items() if k != "le")
            if sample.name.endswith("_bucket"):
                ladders.setdefault(rest, []).append((float(sample.labels["le"]), sample.value))
            if sample.name.endswith("_count"):
                counts[rest] = sample.value
        assert ladders.keys() == counts.keys()
        for rest, ladder in ladders.items():
            assert ladder == sorted(ladder)
            assert [n for _, n in ladder] == sorted(n for _, n in ladder)
            assert ladder[-1] == (float("inf"), counts[rest])
    assert {family.name for family in histograms} == {
        "edgepose_frame_age_seconds", "edgepose_stage_duration_seconds",
    }  # fmt: skip


def test_what_was_counted_survives_an_interruption(
    output: Prometheus, port: int, scene: Callable[..., Scene]
):
    """Closed and opened again, a counter doesn't go back, and the port can be had again."""
    output.show(scene(0, 1))
    output.close()
    with pytest.raises(urllib.error.URLError):
        get(port)
    output.open()

    samples = scraped(port)

    assert value(samples, "edgepose_events_total", watch="arms_up", type="start") == 1


def test_closing_leaves_no_thread(output: Prometheus, port: int):
    """The server's thread has a name, and ends."""
    assert "prometheus" in [thread.name for thread in threading.enumerate()]

    output.close()
    output.close()

    assert "prometheus" not in [thread.name for thread in threading.enumerate()]


def test_a_port_in_use_is_told(output: Prometheus, port: int, device: Device):
    """As a lost output, which is tried again."""
    second = Prometheus(PrometheusOptions(port=port), device)

    with pytest.raises(OutputLost, match=f"127.0.0.1:{port}: can't listen: Address already in use"):
        second.open()
    second.close()


def test_an_address_of_somebody_else_is_told(device: Device, port: int):
    """A typing error in `host`."""
    output = Prometheus(PrometheusOptions(host="192.0.2.1", port=port), device)

    with pytest.raises(OutputLost, match=r"192\.0\.2\.1:\d+: can't listen"):
        output.open()
    output.close()


def test_silent_clients_hold_up_nobody(output: Prometheus, port: int):
    """Who connects and says nothing doesn't keep others from scraping."""
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]

    assert scraped(port)

    for client in silent:
        client.close()


def test_a_crowd_of_silent_clients_takes_so_many_threads_only(output: Prometheus, port: int):
    """The oldest are closed, and a scrape comes through."""
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for _ in range(5 * CONNECTIONS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            client.sendall(b"GET /metr")

        assert scraped(port)
        assert threading.active_count() <= before + CONNECTIONS + 2  # some are just ending


def is_closed(client: socket.socket) -> bool:
    """Wait for data or the end for as long as the socket's timeout."""
    try:
        return client.recv(100) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_client_that_never_finishes_its_request_is_closed(
    output: Prometheus, port: int, monkeypatch: pytest.MonkeyPatch
):
    """Though it sends a byte now and then: the deadline is of the whole request."""
    monkeypatch.setattr("edgepose.outputs.prometheus.DEADLINE", 0.3)
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        client.settimeout(0.02)
        while not is_closed(client):
            client.sendall(b"a")


def test_closing_does_not_wait_for_clients(output: Prometheus, port: int):
    """Their connections are closed with it."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(b"GET /metr")
        assert scraped(port)
        output.close()
        with contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_many_events_at_once_are_remembered(
    output: Prometheus, port: int, scene: Callable[..., Scene]
):
    """A merged scene with more events than are usually remembered can be given again."""
    lost = scene(0, *range(6000))

    output.show(lost)
    output.show(lost)

    samples = scraped(port)
    assert value(samples, "edgepose_events_total", watch="arms_up", type="start") == 6000


def test_the_board_reports_temperatures_and_throttling(
    output: Prometheus, port: int, health: Health
):
    """With the numbers of the health document."""
    flags = {"under_voltage": True, "throttled": False}
    temperatures = {"cpu-thermal": 61.234, "apex_0": 48.05}
    health.document["board"] = {"temperatures": temperatures, "throttled": flags}

    samples = scraped(port)

    for device, degrees in temperatures.items():
        assert value(samples, "edgepose_device_temperature_celsius", device=device) == degrees
    for flag, is_on in flags.items():
        assert value(samples, "edgepose_throttled", flag=flag) == is_on


@pytest.mark.parametrize("board", [None, {}, {"temperatures": {}, "throttled": None}])
def test_a_board_without_sensors_has_no_metrics(
    output: Prometheus, port: int, health: Health, board: dict[str, Any] | None
):
    """What is unknown is left out, name and all."""
    health.document["board"] = board

    text = get(port)

    assert "edgepose_inference_fps" in text
    assert "edgepose_device_temperature_celsius" not in text
    assert "edgepose_throttled" not in text
