"""Outputs are measured with somebody at the other end."""

from __future__ import annotations

import shutil
from functools import partial

import numpy as np
import pytest
from scripted import new_perception, parts

from edgepose.bench import curves, rounds
from edgepose.bench.pipeline import Extent, saturated
from edgepose.bench.suite import Bench

__all__ = ["new_perception", "parts"]
PEERS = ("web, a viewer", "webhook, a receiver", "mqtt, a broker")


@pytest.fixture
def bench(parts, new_perception, tmp_path, monkeypatch) -> Bench:
    """Return a bench of short rounds with a model that answers at once."""
    monkeypatch.setattr(rounds, "PATIENCE", 1)
    pictures = [np.full((8, 8, 3), level, np.uint8) for level in range(10)]
    return Bench(
        lambda interpreters, watches: lambda: new_perception(parts["Runtime"]()),
        lambda size: pictures,
        tmp_path / "no.mp4",
        tmp_path,
        Extent(0.2, 1),
    )


@pytest.mark.parametrize("name", PEERS)
def test_an_output_works_while_it_is_measured(bench, name, monkeypatch, tmp_path):
    """Its scenes are shown; what it keeps is in the bench's folder, and the setting is put back."""
    if "mqtt" in name and not shutil.which("mosquitto"):
        pytest.skip("mosquitto is not installed; then there is no such row")
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "own"))
    found = {named: (peer, outputs) for named, peer, outputs in bench._outputs()}
    peer, outputs = found[name]
    maker, pictures = bench.new_perception(1, 1), bench.pictures((8, 8))
    for seconds in (0.2, 2.0, 20.0):  # on a busy machine an output may show nothing for long
        measure = partial(saturated, "one", maker, pictures, Extent(seconds, 1), outputs)
        result = bench._beside(peer, measure)
        if shown := [stage for stage in result.snapshot.stages if stage.startswith("output:")]:
            break
    assert shown == [f"output:{name.partition(',')[0]}"]
    assert not (tmp_path / "own").exists()


def test_latencies_are_measured_at_each_rate_of_a_camera(bench, monkeypatch):
    """A point for each, of the median and of the slowest frames."""
    found = bench.latencies()
    assert [list(curve) for curve in found.values()] == [[str(r) for r in curves.RATES]] * 2
    p50, p99 = found.values()
    assert all(0 < p50[rate] <= p99[rate] for rate in p50)
