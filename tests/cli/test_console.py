"""What the terminal says at the end about watches that never fired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgepose.cli.console import Console, line
from edgepose.types import Effort, Event, Scene, StepState, WatchState, blank_frame


@pytest.fixture
def console():
    """Return a console that has printed nothing."""
    return Console()


def show(console, *states, events=()):
    """Show one frame."""
    console.show(Scene(blank_frame((4, 4), 0.0, 0), watches=states, events=events))


def event(kind, **more):
    """Return an event of the watch."""
    return Event("id", kind, "w", "lobby", 1e9, 0.0, 1, **more)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (WatchState("w"), "nobody was in view"),
        (WatchState("w", score=0.41, person=1), "best 0.41"),
        (WatchState("w", score=0.9, person=1, held=1.24, hold=3), "best 0.90, held 1.2 of 3 s"),
        (WatchState("w", score=0.9, person=1, held=0.98, hold=1), "best 0.90, held 0.9 of 1 s"),
        (
            WatchState("w", score=1.0, person=1, kind="exercise"),
            "nothing counted; nobody was at its start for long enough, such as upright before a "
            "squat",
        ),
        (
            WatchState("w", "going", score=0.62, person=1, kind="exercise"),
            "nothing counted; 62% of the way to the target at most",
        ),
        (
            WatchState("w", score=0.0, person=1, kind="hold", advice="keep your hips in line"),
            "not held; keep your hips in line",
        ),
        (WatchState("w", step=StepState("Morning")), "never started"),
        (
            WatchState("w", score=0.71, person=1, held=0.5, hold=2, step=StepState("Morning")),
            "never started; best 0.71, held 0.5 of 2 s",
        ),
    ],
)
def test_each_kind_of_watch_says_how_close_it_was(console, state, text):
    """In the words of its kind; the best moment counts, not the last one."""
    show(console, state)
    show(console, replace(state, score=0.0, held=0.0, person=0, advice=""))
    assert list(console.near_misses()) == [f"edgepose: w: {text}"]


def test_a_watch_that_fired_is_left_out(console):
    """Nothing was missed."""
    show(console, WatchState("w", score=0.9, person=1), events=[event("start", score=0.9)])
    assert list(console.near_misses()) == []


def test_a_partial_repetition_gives_its_reason(console):
    """It is not a repetition, but says what was missing."""
    effort = Effort(reason="go deeper: 112°, needs 100°")
    state = WatchState("w", score=0.8, person=1, kind="exercise")
    show(console, state, events=[event("partial", effort=effort)])
    (line,) = console.near_misses()
    assert line.endswith("w: nothing counted; go deeper: 112°, needs 100°")


@pytest.mark.parametrize(
    ("kind", "more", "effort", "text"),
    [
        ("rep", {"count": 3}, Effort(step="squat", seconds=2.0), "w  rep    squat, 3, 2.0 s"),
        ("step", {"count": 2}, Effort(step="rest", steps=5, goal=10), "w  step   rest, 2"),
        (
            "abandoned",
            {"score": 0.5},
            Effort(seconds=90.0, steps=2, reason="nobody"),
            "w  abandoned  score 0.50, 90.0 s, nobody",
        ),
    ],
)
def test_the_events_of_a_routine_name_their_step(kind, more, effort, text):
    """A line an event, as for all others."""
    assert line(event(kind, effort=effort, **more)).partition(" s  ")[2] == text
