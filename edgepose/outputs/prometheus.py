"""Metrics for Prometheus from the health document: `http://127.0.0.1:9477/metrics`.

Names follow Prometheus's rules: base units, `_total` for what only grows, few values a label.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Thread
from typing import Any, ClassVar, Final
from wsgiref.simple_server import WSGIServer

from pydantic import Field

from edgepose import __version__, options
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.types import Scene

log = logging.getLogger(__name__)

PATIENCE: Final = 10.0  # seconds that a client may say nothing
AGES: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # buckets, seconds
_COMMON: Final = ("start", "end")  # shown as 0 before the first, so that a rate sees the first


class PrometheusOptions(options.Options):
    """Say where to listen."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="address to listen at; 0.0.0.0: from everywhere, without any login",
    )
    port: int = Field(default=9477, ge=1, le=65535, description="port of the page /metrics")


class Prometheus(Output):
    """Serve counters and gauges; those of the appliance are read when somebody asks."""

    Options: ClassVar[type[options.Options]] = PrometheusOptions

    def __init__(self, options: PrometheusOptions, device: Device) -> None:
        """Take options; counting begins with `open`."""
        self._options = options
        self._device = device
        self._metrics: _Metrics | None = None
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None
        self._counted = DeliveredEvents()

    def open(self) -> None:
        """Listen. Raises OutputLost where the address can't be had, or is in use."""
        from prometheus_client import start_http_server

        if self._metrics is None:
            self._metrics = _Metrics(self._device)
        host, port = self._options.host, self._options.port
        try:
            self._server, self._thread = start_http_server(port, host, self._metrics.registry)
        except OSError as error:
            reason = error.strerror or error
            raise OutputLost(
                f"{host}:{port}: can't listen: {reason}; set another `port`"
            ) from error
        self._thread.name = "prometheus"
        handler: Any = self._server.RequestHandlerClass
        self._server.RequestHandlerClass = type("Handler", (handler,), {"timeout": PATIENCE})

    def show(self, scene: Scene) -> None:
        """Count what is new."""
        assert self._metrics is not None, "open() comes first"
        self._metrics.people = len(scene.poses)
        self._metrics.age.observe(scene.age)
        for event in self._counted.new(scene.events):
            self._counted.add(event)
            self._metrics.events.labels(watch=event.name, type=event.type).inc()

    def close(self) -> None:
        """Listen no more; what was counted stays for the next `open`."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            thread.join()


class _Metrics:
    """Hold what is counted here, and collect what others know when it is asked for."""

    def __init__(self, device: Device) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector

        self.people = 0
        self._device = device
        self.registry = CollectorRegistry()
        self.events = Counter(
            "edgepose_events", "Events of the watches", ("watch", "type"), registry=self.registry
        )
        self.age = Histogram(
            "edgepose_frame_age_seconds",
            "Seconds from capture to the finished scene, of scenes that were not merged",
            registry=self.registry,
            buckets=AGES,
        )
        for watch in device.watches:
            for kind in _COMMON:
                self.events.labels(watch=watch, type=kind)
        ProcessCollector(registry=self.registry)
        self.registry.register(self)

    def collect(self) -> Iterator[Any]:
        """Yield what the appliance and the board say now."""
        health = self._health()
        yield self._family(build_figures(health, self._device.model))
        for figures in (*health_figures(health), *board_figures(health)):
            if figures.samples:
                yield self._family(figures)
        yield self._family(people_figures(self.people))

    def describe(self) -> Iterator[Any]:
        """Yield nothing: the registry need not ask the appliance in order to know our names."""
        return iter(())

    def _health(self) -> Mapping[str, Any]:
        controls = self._device.controls
        return controls.state() if controls is not None else {}

    @staticmethod
    def _family(figures: Figures) -> Any:
        from prometheus_client import Metric

        name = figures.name.removesuffix("_total") if figures.kind == "counter" else figures.name
        family = Metric(name, figures.about, figures.kind)
        for sample in figures.samples:
            end = "_total" if figures.kind == "counter" else sample.suffix
            family.add_sample(name + end, dict(sample.labels), sample.value)
        return family


_LOSSES: Final = ("lost", "frozen", "open_failed")  # of a source; each counter begins at zero


@dataclass(frozen=True, slots=True)
class Sample:
    """Hold one value with its labels; `suffix` for the parts of a histogram."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """Hold what is measured under one name. kind: "gauge", "counter" or "histogram"."""

    name: str
    kind: str
    about: str
    samples: tuple[Sample, ...]


def build_figures(health: Mapping[str, Any], model: str) -> Figures:
    """Say what runs, as labels of a constant 1."""
    runtime = _mapping(health, "runtime")
    labels = {
        "version": __version__,
        "runtime": str(runtime.get("model") or model),
        "backend": str(runtime.get("backend", "")),
    }
    return Figures("edgepose_build_info", "gauge", "What runs here", (Sample(1.0, labels),))


def people_figures(number: int) -> Figures:
    """Say how many people are there."""
    return _gauge("edgepose_persons", "People in the newest picture", number)


def health_figures(health: Mapping[str, Any]) -> Iterator[Figures]:
    """Yield what the health document says; nothing for an empty one."""
    if not health:
        return
    yield _gauge("edgepose_inference_fps", "Scenes a second, lately", health.get("fps"))
    yield _gauge("edgepose_detecting", "1 unless detection is switched off", health.get("detect"))
    uptime = health.get("uptime")
    yield _gauge("edgepose_uptime_seconds", "Seconds since the appliance was started", uptime)
    yield from _parts(health)
    yield from _counters(_mapping(health, "stats"))
    yield _stages(_mapping(health, "stats"))


def board_figures(health: Mapping[str, Any]) -> Iterator[Figures]:
    """Yield temperatures and what the firmware slows down, as far as the board tells."""
    board = _mapping(health, "board")
    degrees = _mapping(board, "temperatures").items()
    yield Figures(
        "edgepose_device_temperature_celsius",
        "gauge",
        "Temperature of the processor and of an Edge TPU on PCIe",
        tuple(Sample(value, {"device": device}) for device, value in degrees),
    )
    flags = _mapping(board, "throttled").items()
    yield Figures(
        "edgepose_throttled",
        "gauge",
        "1 while the Pi is slowed down",
        tuple(Sample(float(is_on), {"flag": flag}) for flag, is_on in flags),
    )


def _parts(health: Mapping[str, Any]) -> Iterator[Figures]:
    """Yield which parts are up: running, and not on a fallback."""
    for part in ("source", "runtime"):
        state = _mapping(health, part).get("state")
        about = f"1 while the {part} works as configured"
        yield _gauge(f"edgepose_{part}_up", about, state and state == "running")
    outputs = tuple(
        Sample(float(state.get("state") == "running"), {"output": name})
        for name, state in _mapping(health, "outputs").items()
    )
    yield Figures("edgepose_output_up", "gauge", "1 while the output works", outputs)
    yield from _brokers(_mapping(health, "outputs"))
    falls = _mapping(health, "runtime").get("fallbacks", ())
    yield Figures(
        "edgepose_backend_fallbacks_total",
        "counter",
        "Times a way to run the model gave way to the next",
        tuple(Sample(f["count"], {"from": f["from"], "to": f["to"]}) for f in falls),
    )
    yield from _reloads(_mapping(health, "config"))


def _brokers(outputs: Mapping[str, Any]) -> Iterator[Figures]:
    """Yield how each output that tells of a broker stands with it."""
    for key, name, kind, about in (
        ("connected", "edgepose_mqtt_connected", "gauge", "1 while the broker lets us in"),
        ("waiting", "edgepose_mqtt_events_waiting", "gauge", "Events kept for the broker"),
        ("dropped", "edgepose_mqtt_events_dropped_total", "counter", "Events lost to outbox_max"),
    ):
        told = {name: state for name, state in outputs.items() if key in state}
        samples = (Sample(float(state[key]), {"output": name}) for name, state in told.items())
        yield Figures(name, kind, about, tuple(samples))


def _reloads(config: Mapping[str, Any]) -> Iterator[Figures]:
    """Yield how often the configuration was read anew, and whether the last time worked."""
    results = _mapping(config, "reloads").items()
    yield Figures(
        "edgepose_config_reloads_total",
        "counter",
        "Times the configuration was read anew",
        tuple(Sample(count, {"result": result}) for result, count in results),
    )
    yield _gauge(
        "edgepose_config_last_reload_success_timestamp_seconds",
        "When the configuration that runs was read",
        config.get("loaded"),
    )
    error = config.get("error")
    about = "0 while a changed configuration is refused and the last good one runs"
    yield _gauge(
        "edgepose_config_last_reload_successful", about, None if error is None else not error
    )


def _counters(stats: Mapping[str, Any]) -> Iterator[Figures]:
    counts = _mapping(stats, "counts")
    captured = (Sample(float(counts.get("captured", 0))),)
    yield Figures("edgepose_frames_captured_total", "counter", "Frames of the source", captured)
    yield _labelled("edgepose_frames_dropped_total", "Frames given up", counts, "dropped:", "stage")
    restarts = _labelled("", "", counts, "restarts:", "output").samples
    named = {sample.labels["output"]: sample.value for sample in restarts}
    named.pop("source", None)
    why = {f"source_restarts:{reason}": 0 for reason in _LOSSES} | dict(counts)
    about = "Times the source was opened again"
    yield _labelled("edgepose_camera_restarts_total", about, why, "source_restarts:", "reason")
    failed = (Sample(named.pop("runtime", 0.0)),)
    yield Figures("edgepose_runtime_restarts_total", "counter", "Inferences that failed", failed)
    others = tuple(Sample(value, {"output": name}) for name, value in named.items())
    yield Figures("edgepose_output_restarts_total", "counter", "Times an output was lost", others)


def _labelled(name: str, about: str, counts: Mapping[str, Any], prefix: str, label: str) -> Figures:
    """Return counters `prefix:VALUE` as one name with a label."""
    samples = tuple(
        Sample(float(value), {label: key.removeprefix(prefix)})
        for key, value in counts.items()
        if key.startswith(prefix)
    )
    return Figures(name, "counter", about, samples)


def _stages(stats: Mapping[str, Any]) -> Figures:
    """Return how long stages take, as histograms."""
    samples: list[Sample] = []
    for stage, figures in _mapping(stats, "stages").items():
        label = {"stage": stage}
        within = {**_mapping(figures, "within"), "+Inf": figures["count"]}
        samples += [Sample(float(n), label | {"le": le}, "_bucket") for le, n in within.items()]
        samples.append(Sample(float(figures["count"]), label, "_count"))
        samples.append(Sample(float(figures["sum"]), label, "_sum"))
    about = "Duration of each stage"
    return Figures("edgepose_stage_duration_seconds", "histogram", about, tuple(samples))


def _gauge(name: str, about: str, value: Any) -> Figures:
    samples = () if value is None else (Sample(float(value)),)
    return Figures(name, "gauge", about, samples)


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}
