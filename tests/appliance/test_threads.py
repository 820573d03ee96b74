"""How many threads a model gets where the configuration leaves it open."""

from __future__ import annotations

import json
import logging

import pytest

from edgepose.appliance import threads
from edgepose.appliance.threads import fastest, settled
from edgepose.config.model_section import ModelSection


@pytest.fixture
def four_cores(monkeypatch, tmp_path):
    """Let there be cores for three threads, and a state folder of its own."""
    monkeypatch.setattr(threads, "default_threads", lambda: 3)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    return tmp_path


@pytest.fixture
def timed(monkeypatch):
    """Let two threads be the fastest; return the counts that were tried, by measurement."""
    tried: list[list[int]] = []

    def time_(runtimes):
        tried.append(list(runtimes))
        return {1: 0.03, 2: 0.015, 3: 0.02}

    monkeypatch.setattr(threads, "_timed", time_)
    return tried


def test_the_fastest_count_is_taken_where_it_is_clearly_better():
    """Within a tenth the default stays: noise must not change it from device to device."""
    assert fastest({1: 0.030, 2: 0.016, 3: 0.020}, 3) == 2
    assert fastest({1: 0.030, 2: 0.019, 3: 0.020}, 3) == 3


def test_auto_is_measured_once_and_remembered(four_cores, timed, caplog):
    """The second start reads what the first one found."""
    caplog.set_level(logging.INFO)
    section = ModelSection(name="edgepose-nano")
    assert [settled(section).threads, settled(section).threads] == [2, 2]
    assert timed == [[1, 2, 3]]
    assert "Threads for edgepose-nano.tflite: 2" in caplog.text
    (row,) = json.loads((four_cores / "threads.json").read_text()).values()
    assert row == {"most": 3, "threads": 2}


def test_another_number_of_cores_is_measured_again(four_cores, timed, monkeypatch):
    """A card that moves from one board to another keeps nothing wrong."""
    section = ModelSection(name="edgepose-nano")
    settled(section)
    monkeypatch.setattr(threads, "default_threads", lambda: 2)
    settled(section)
    assert timed == [[1, 2, 3], [1, 2]]


@pytest.mark.parametrize("text", ["{", "[]", '{"x": 1}', "\xff"])
def test_a_damaged_memory_is_measured_again(four_cores, timed, text):
    """The file is a cache: nothing depends on it."""
    (four_cores / "threads.json").write_text(text, encoding="latin-1")
    assert settled(ModelSection(name="edgepose-nano")).threads == 2


@pytest.mark.parametrize(
    "section", [ModelSection(threads=1), ModelSection(workers=2), ModelSection(runtime="replay")]
)
def test_what_is_settled_otherwise_is_not_measured(four_cores, timed, section):
    """A number, several interpreters, and another runtime stay as they are."""
    assert settled(section) == section
    assert not timed


def test_two_cores_leave_no_choice(four_cores, timed, monkeypatch):
    """With one thread as the only candidate nothing is measured at all."""
    monkeypatch.setattr(threads, "default_threads", lambda: 1)
    section = ModelSection(name="edgepose-nano")
    assert settled(section) is section
    assert not timed


def test_a_real_model_is_timed_with_each_count(four_cores):
    """The shortest inference of each is found, and the model opens with the choice."""
    section = settled(ModelSection(name="edgepose-nano"))
    assert section.threads in (1, 2, 3)
