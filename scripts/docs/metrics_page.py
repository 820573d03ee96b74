"""The page of metrics, from what the `prometheus` output registers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import md
from prometheus_client import Metric

from edgepose.outputs.base import Device
from edgepose.outputs.prometheus import PrometheusOptions, _Metrics, health_metrics

_EXAMPLE = """\
# edgepose.yaml
outputs:
  metrics: {type: prometheus, host: 0.0.0.0}
"""
_SCRAPE = """\
# prometheus.yml
scrape_configs:
  - job_name: edgepose
    static_configs: [{targets: ["lobby.local:%d"]}]
"""


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`."""
    port = PrometheusOptions().port
    text = md.page(
        "Metrics",
        f"The output `prometheus` answers at `http://127.0.0.1:{port}/metrics`; another computer "
        "reaches it only where `host` says so, and then without any login.",
        md.fence(_EXAMPLE, "yaml", "fragment"),
        md.fence(_SCRAPE % port, "yaml", "fragment"),
        "A dashboard that shows them: [Grafana](../recipes/grafana.md).",
        md.table(("metric", "type", "labels", "what it is"), map(_row, _families())),
        "Besides these `process_*` of the Prometheus client: memory, processor time, open files.",
        "A metric whose value is unknown, such as the throttling of a board that is no Raspberry "
        "Pi, is left out.",
    )
    return {"reference/metrics.md": text}


def names() -> set[str]:
    """Return the names of all series, with the endings that Prometheus adds."""
    return {name for family in _families() for name in _series(family)}


def _families() -> Iterable[Metric]:
    """Return the families, of the output itself and of an empty health document."""
    metrics = _Metrics(Device("lobby", ("squats",)))
    own = [one for one in metrics.registry.collect() if one.name.startswith("edgepose")]
    return sorted([*own, *health_metrics({})], key=lambda family: family.name)


def _series(family: Metric) -> Iterator[str]:
    endings = {
        "counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",),
    }.get(family.type, ("",))  # fmt: skip
    yield from (family.name + ending for ending in endings)


def _row(family: Metric) -> tuple[str, str, str, str]:
    labels = {name for sample in family.samples for name in sample.labels} - {"le"}
    known = getattr(family, "_labelnames", ()) or sorted(labels)
    name = next(_series(family)).removesuffix("_bucket")
    return md.code(name), family.type, md.codes(known), family.documentation
