"""Turn the health document into metrics; what isn't there is left out.

Names follow Prometheus's rules: base units, `_total` for what only grows, few values a label.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from edgepose import __version__

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
