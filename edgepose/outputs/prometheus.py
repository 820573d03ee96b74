"""Metrics for Prometheus from the health document: `http://127.0.0.1:9477/metrics`.

Names follow Prometheus's rules: base units, `_total` for what only grows, few values a label.
"""

from __future__ import annotations

import logging
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, ClassVar, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from pydantic import Field

from edgepose import __version__, options
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.system.name_lookup import own_addresses
from edgepose.types import Scene

if TYPE_CHECKING:
    from prometheus_client import Metric

log = logging.getLogger(__name__)

CONNECTIONS: Final = 8  # at a time, each with a thread; Prometheus uses one
DEADLINE: Final = 10.0  # seconds for a whole request and its answer
AGES: Final = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)  # buckets, seconds
_COMMON: Final = ("start", "end")  # shown as 0 before the first, so that a rate sees the first
_LOSSES: Final = ("lost", "frozen", "open_failed")  # of a source; each counter begins at zero


class PrometheusOptions(options.Options):
    """Options of the metrics output: where it listens."""

    host: options.Host = Field(
        default="127.0.0.1",
        description="address to listen at; 0.0.0.0: from everywhere, without any login",
    )
    port: int = Field(default=9477, ge=1, le=65535, description="port of the page /metrics")

    def claims(self) -> tuple[str, ...]:
        """Return the port."""
        return (f"port {self.port}",)


class Prometheus(Output):
    """HTTP endpoint with counters and gauges, read from the appliance at each scrape."""

    Options: ClassVar[type[options.Options]] = PrometheusOptions

    def __init__(self, options: PrometheusOptions, device: Device) -> None:
        self._options = options
        self._device = device
        self._metrics: _Metrics | None = None
        self._server: _Server | None = None
        self._thread: Thread | None = None
        self._counted = DeliveredEvents()

    def open(self) -> None:
        """Listen. Raises OutputLost where the address can't be had, or is in use."""
        from prometheus_client import make_wsgi_app

        if self._metrics is None:
            self._metrics = _Metrics(self._device)
        host, port = self._options.host, self._options.port
        try:
            self._server = _Server(host, port, make_wsgi_app(self._metrics.registry))
        except OSError as error:
            reason = error.strerror or error
            raise OutputLost(
                f"{host}:{port}: can't listen: {reason}; set another `port`"
            ) from error
        self._thread = Thread(target=self._server.serve_forever, name="prometheus", daemon=True)
        self._thread.start()

    def show(self, scene: Scene) -> None:
        """Count people, age and new events."""
        assert self._metrics is not None, "open() comes first"
        self._metrics.people = len(scene.poses)
        self._metrics.age.observe(scene.age)
        for event in self._counted.new(scene.events):
            self._counted.add(event)
            self._metrics.events.labels(watch=event.name, type=event.type).inc()

    def close(self) -> None:
        """Stop listening; counters keep their values for the next `open`."""
        server, self._server = self._server, None
        thread, self._thread = self._thread, None
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""


class _Server(ThreadingMixIn, WSGIServer):
    """HTTP server with a thread for each connection, a cap on those, and a deadline for each."""

    daemon_threads = True
    request_queue_size = 128  # of 5, a handful of connections makes a scrape wait for seconds

    def __init__(self, host: str, port: int, app: Callable[..., Any]) -> None:
        """Listen. Raises OSError."""
        found = own_addresses(host, port)[0]
        self.address_family = found[0]
        self._since: dict[Any, float] = {}  # sockets of open connections, the oldest first
        self._freed = Event()
        super().__init__((str(found[4][0]), port), _Handler)
        self.set_app(app)

    def server_bind(self) -> None:
        """Take the address as the server's name: http.server looks one up, which may hang."""
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a new thread; where there are too many, the oldest connection is closed."""
        if len(self._since) >= CONNECTIONS:
            self._freed.clear()
            self._abort(next(iter(self._since), request))
            self._freed.wait(1.0)
        if len(self._since) >= CONNECTIONS:
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection, however it ended."""
        super().shutdown_request(request)
        self._since.pop(request, None)
        self._freed.set()

    def service_actions(self) -> None:
        """Close connections that are past their deadline; called twice a second."""
        for request, since in list(self._since.items()):
            if time.monotonic() - since > DEADLINE:
                self._abort(request)

    def server_close(self) -> None:
        """Stop listening, and close all connections."""
        super().server_close()
        for request in list(self._since):
            self._abort(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log a bug; a client that goes away is not one."""
        if not isinstance(sys.exception(), OSError):
            log.exception("A request for metrics failed.")

    @staticmethod
    def _abort(request: Any) -> None:
        """Let the thread of a connection read and write no more, so that it ends."""
        with suppress(OSError):  # closed just now
            request.shutdown(socket.SHUT_RDWR)


class _Metrics:
    """Registry with our own counters and a collector of the health document."""

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

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the appliance and the board as they are now."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        controls = self._device.controls
        health = controls.state() if controls is not None else {}
        runtime = _mapping(health, "runtime")
        labels = {
            "version": __version__,
            "runtime": str(runtime.get("model") or self._device.model),
            "backend": str(runtime.get("backend", "")),
        }
        yield InfoMetricFamily("edgepose_build", "What runs here", labels)
        if health:
            for family in health_metrics(health):
                if family.samples:
                    yield family
        yield GaugeMetricFamily("edgepose_persons", "People in the newest picture", self.people)

    def describe(self) -> Iterator[Metric]:
        """Yield nothing: the registry need not ask the appliance in order to know our names."""
        return iter(())


def health_metrics(health: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield what a health document contains; a metric whose value is unknown has no samples."""
    stats = _mapping(health, "stats")
    yield _gauge("edgepose_inference_fps", "Scenes a second, lately", health.get("fps"))
    yield _gauge("edgepose_detecting", "1 unless detection is switched off", health.get("detect"))
    uptime = health.get("uptime")
    yield _gauge("edgepose_uptime_seconds", "Seconds since the appliance was started", uptime)
    yield from _components(health)
    yield from _outputs(_mapping(health, "outputs"))
    yield from _reloads(_mapping(health, "config"))
    yield from _counters(_mapping(stats, "counts"))
    yield _durations(_mapping(stats, "stages"))
    yield from _board(_mapping(health, "board"))


def _components(health: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield whether source and runtime are up: running, and not on a fallback."""
    for part in ("source", "runtime"):
        state = _mapping(health, part).get("state")
        about = f"1 while the {part} works as configured"
        yield _gauge(f"edgepose_{part}_up", about, state and state == "running")
    changes = _mapping(health, "runtime").get("fallbacks", ())
    yield _counter(
        "edgepose_backend_fallbacks_total",
        "Times a way to run the model gave way to the next",
        {(change["from"], change["to"]): change["count"] for change in changes},
        "from",
        "to",
    )


def _outputs(outputs: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield which outputs are up, and the broker connection of those that have one."""
    up = {name: state.get("state") == "running" for name, state in outputs.items()}
    yield _gauge("edgepose_output_up", "1 while the output works", up, "output")

    brokers = {name: state for name, state in outputs.items() if "connected" in state}

    about = "1 while the broker lets us in"
    yield _gauge("edgepose_mqtt_connected", about, _values(brokers, "connected"), "output")
    about = "Events kept for the broker"
    yield _gauge("edgepose_mqtt_events_waiting", about, _values(brokers, "waiting"), "output")
    about = "Events lost to outbox_max"
    dropped = _values(brokers, "dropped")
    yield _counter("edgepose_mqtt_events_dropped_total", about, dropped, "output")
    about = "Events that an output keeps until they are taken"
    yield _gauge("edgepose_output_events_waiting", about, _values(outputs, "waiting"), "output")
    about = "Events that an output has lost"
    dropped = _values(outputs, "dropped")
    yield _counter("edgepose_output_events_dropped_total", about, dropped, "output")


def _values(outputs: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Return one value of each output that has it."""
    return {name: state[key] for name, state in outputs.items() if key in state}


def _reloads(config: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield how often the configuration was read again, and whether the last time worked."""
    reloads = _mapping(config, "reloads")
    about = "Times the configuration was read again"
    yield _counter("edgepose_config_reloads_total", about, reloads, "result")
    about = "When the configuration that runs was read"
    yield _gauge(
        "edgepose_config_last_reload_success_timestamp_seconds", about, config.get("loaded")
    )
    error = config.get("error")
    about = "0 while a changed configuration is refused and the last good one runs"
    succeeded = None if error is None else not error
    yield _gauge("edgepose_config_last_reload_successful", about, succeeded)


def _counters(counts: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield frames and restarts from the counters of the pipeline, `GROUP` or `GROUP:LABEL`."""

    def values(group: str) -> dict[str, Any]:
        found = (key.partition(f"{group}:") for key in counts if key.startswith(f"{group}:"))
        return {label: counts[prefix + label] for _, prefix, label in found}

    captured = counts.get("captured", 0)
    yield _counter("edgepose_frames_captured_total", "Frames of the source", captured)
    dropped = values("dropped")
    yield _counter("edgepose_frames_dropped_total", "Frames given up", dropped, "stage")
    reasons = dict.fromkeys(_LOSSES, 0) | values("source_restarts")
    about = "Times the source was opened again"
    yield _counter("edgepose_camera_restarts_total", about, reasons, "reason")
    restarts = values("restarts")
    restarts.pop("source", None)  # with its reasons, above
    failed = restarts.pop("runtime", 0)
    yield _counter("edgepose_runtime_restarts_total", "Inferences that failed", failed)
    about = "Times an output was lost"
    yield _counter("edgepose_output_restarts_total", about, restarts, "output")


def _durations(stages: Mapping[str, Any]) -> Metric:
    """Return how long stages take, as histograms."""
    from prometheus_client.core import HistogramMetricFamily

    name, about = "edgepose_stage_duration_seconds", "Duration of each stage"
    family = HistogramMetricFamily(name, about, labels=("stage",))
    for stage, figures in stages.items():
        within = {**_mapping(figures, "within"), "+Inf": figures["count"]}
        family.add_metric((stage,), [*within.items()], figures["sum"])
    return family


def _board(board: Mapping[str, Any]) -> Iterator[Metric]:
    """Yield temperatures and throttling flags, as far as the board has them."""
    temperatures = _mapping(board, "temperatures")
    about = "Temperature of the processor and of an Edge TPU on PCIe"
    yield _gauge("edgepose_device_temperature_celsius", about, temperatures, "device")
    flags = _mapping(board, "throttled")
    yield _gauge("edgepose_throttled", "1 while the Pi is slowed down", flags, "flag")


def _gauge(name: str, about: str, value: Any, *labels: str) -> Metric:
    """Return a gauge: of one value, or of values by label."""
    from prometheus_client.core import GaugeMetricFamily

    return _filled(GaugeMetricFamily(name, about, labels=labels), value)


def _counter(name: str, about: str, value: Any, *labels: str) -> Metric:
    """Return a counter: of one value, or of values by label or by tuple of labels."""
    from prometheus_client.core import CounterMetricFamily

    return _filled(CounterMetricFamily(name, about, labels=labels), value)


def _filled(family: Any, value: Any) -> Metric:
    """Return the family with its values; None stands for one that is unknown."""
    values = value if isinstance(value, Mapping) else {(): value}
    for labels, number in values.items():
        if number is not None:
            family.add_metric(labels if isinstance(labels, tuple) else (labels,), float(number))
    return family


def _mapping(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, Mapping) else {}
