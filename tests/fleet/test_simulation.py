"""Five hundred devices on one broker: all come, all come back, and nothing is lost."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any, Final

import pytest

RIG: Final = Path(__file__).parent / "rigs" / "simulate.py"


@pytest.fixture
def rig() -> Any:
    """Return the simulation."""
    spec = importlib.util.spec_from_file_location("fleet_simulation", RIG)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["fleet_simulation"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_five_hundred_devices_survive_a_restart_of_the_broker(rig):
    """Every one is listed, takes a template and is back; every event arrives."""
    report = rig.simulate(500, 4, 20.0, 10.0)
    assert report["events"]["shown"] > 500
    assert report["events"]["lost"] == report["events"]["invented"] == 0
    assert sum(report["restart"]["connections_per_second"]) == 500
