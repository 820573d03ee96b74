"""Let Prometheus scrape how the device does: `http://127.0.0.1:9477/metrics`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from threading import Thread
from typing import Any, ClassVar, Final
from wsgiref.simple_server import WSGIServer

from pydantic import Field

from edgepose import options
from edgepose.errors import OutputLost
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import Taken
from edgepose.outputs.prometheus_health import (
    Figures,
    board_figures,
    build_figures,
    health_figures,
    people_figures,
)
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
        self._counted = Taken()

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
