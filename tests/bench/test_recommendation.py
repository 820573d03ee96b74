"""Which model is named for a machine, and why."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from edgepose.bench.recommendation import (
    ROUNDS,
    ModelChoice,
    accuracy,
    is_candidate,
    measure,
    recommended,
    with_estimates,
)
from edgepose.modelstore.manifest import manifest
from edgepose.types import blank_frame

LIGHTNING, THUNDER, NANO = "movenet-lightning-int8", "movenet-thunder-int8", "edgepose-nano"


def choice(name, milliseconds=None, **more):
    """Return a model of the manifest that took so long here."""
    known = manifest()[name]
    seconds = None if milliseconds is None else milliseconds / 1e3
    return ModelChoice(
        name, known.needs, seconds is not None, accuracy(known, manifest()), seconds, **more
    )


def test_the_most_accurate_that_is_fast_enough_is_named():
    """Its figure is published; what is slower than three quarters of a frame's time is not."""
    choices = [choice(LIGHTNING, 20.0), choice(THUNDER, 60.0), choice(NANO, 5.0)]
    assert recommended(choices, 10.0).name == THUNDER
    assert recommended(choices, 30.0).name == LIGHTNING


def test_where_none_is_fast_enough_the_fastest_is_named():
    """A slow machine still sees something."""
    assert recommended([choice(LIGHTNING, 200.0), choice(NANO, 70.0)], 15.0).name == NANO


def test_a_machine_without_any_model_has_no_answer():
    """One that can't be run is none."""
    assert recommended([], 15.0) is None
    assert recommended([choice(NANO, fault="damaged")], 15.0) is None


def test_what_is_not_here_is_estimated_from_the_nearest():
    """Thunder from Lightning, not from the bundled model; marked as an estimate."""
    rows = with_estimates([choice(NANO, 1.0), choice(LIGHTNING, 10.0), choice(THUNDER)], manifest())
    (thunder,) = [row for row in rows if row.name == THUNDER]
    assert thunder.is_estimated
    assert thunder.seconds == pytest.approx(10e-3 * manifest()[THUNDER].cost)
    assert not any(row.is_estimated for row in rows if row.name != THUNDER)


def test_a_chip_s_builds_are_candidates_only_where_it_is_plugged_in():
    """They have the accuracy of the build for the CPU."""
    known = manifest()
    build = known[f"{THUNDER}-edgetpu"]
    assert not is_candidate(build, known, is_here=True, has_tpu=False)
    assert is_candidate(build, known, is_here=False, has_tpu=True)
    assert accuracy(build, known) == known[THUNDER].accuracy


def test_detectors_and_classifiers_are_no_candidates():
    """They find no pose on their own."""
    for name in ("mediapipe-pose-detector", "yoga-classifier"):
        assert not is_candidate(manifest()[name], manifest(), is_here=True, has_tpu=False)


class Counted:
    """A detector that notes when it was used."""

    def __init__(self, name, log):
        self.name, self.log = name, log

    def detect(self, frame):
        """Find nobody."""
        self.log.append(self.name)
        return ()


def test_models_are_measured_in_turns():
    """A busy moment meets all of them; each turn is as long as the clock says."""
    log, ticks = [], itertools.count(0.0, 0.01)
    detectors = {name: Counted(name, log) for name in ("a", "b")}
    found = measure(detectors, blank_frame((8, 8), 0.0, 0), clock=lambda: next(ticks))
    assert log == ["a", "b"] * (ROUNDS + 1)
    assert np.allclose(list(found.values()), 0.01)


def test_a_slow_model_is_measured_fewer_times():
    """Two seconds of one are enough."""
    log, ticks = [], itertools.count(0.0, 1.0)
    measure({"a": Counted("a", log)}, blank_frame((8, 8), 0.0, 0), clock=lambda: next(ticks))
    assert len(log) == 3
