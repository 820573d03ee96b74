"""Exercises on the screen: big numbers, rings, the end of a set, everybody by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edgepose.language import Language, load_language, title_of
from edgepose.render import Palette, Renderer, Wording
from edgepose.render.counting import SET_SHOWN, ending_of, goal_words, set_words, time_left
from edgepose.render.style import rgb
from edgepose.types import Effort, Event, Pose, Scene, Size, StepState, WatchState, blank_frame

ACCENT = rgb(Palette().matching)
SQUATS = WatchState("squats", "going", 0.5, count=8, person=1, kind="exercise", goal=12)
DONE = Event("1", "set", "squats", "lobby", 0.0, 5.0, 1, count=12,
             effort=Effort(seconds=41.3, goal=12))  # fmt: skip


def shown(*watches: WatchState, size: Size = (720, 1280), time: float = 5.0, **more: Any) -> Any:
    """Return the picture of watches without people, on black."""
    return Renderer().draw(Scene(blank_frame(size, time, 0), watches=watches, **more))


def lit(image: Any, colour: tuple[int, int, int]) -> Any:
    """Return where a picture has a colour, nearly."""
    return (np.abs(image.astype(int) - colour) < 30).all(axis=2)


@pytest.mark.parametrize("size", [(480, 854), (720, 1280), (1080, 1920), (1280, 720)])
@pytest.mark.parametrize("count", [8, 12, 120])
def test_digits_are_a_sixth_of_the_shorter_side(size: Size, count: int):
    """To be read from five metres on a television, however many there are."""
    untitled = replace(SQUATS, name="_", count=count, score=0.3, goal=0)
    rows = np.flatnonzero(lit(shown(untitled, size=size), (255, 255, 255)).any(1))
    assert np.ptp(rows) >= min(size) / 6


@pytest.mark.parametrize("count", [8, 12])
def test_digits_are_a_sixth_of_an_upright_screen_s_height(count: int):
    """Where the picture lies across and leaves room above it."""
    untitled = replace(SQUATS, name="_", count=count, score=0.3, goal=0)
    scene = Scene(blank_frame((480, 640), 5.0, 0), watches=(untitled,))
    rows = np.flatnonzero(lit(Renderer().draw(scene, (1280, 720)), (255, 255, 255)).any(1))
    assert np.ptp(rows) >= 1280 / 6
    assert rows.max() < 640 + 0.1 * 540, "the number covers people"


def test_the_ring_is_how_deep_the_repetition_is():
    """Twice as deep, twice as much of it."""
    half, whole = (lit(shown(replace(SQUATS, score=s)), ACCENT).sum() for s in (0.4, 0.8))
    assert whole == pytest.approx(2 * half, rel=0.1)


def test_a_hold_fills_its_ring_with_the_seconds():
    """Of its goal; it is not full just because it has begun."""
    hold = WatchState("plank", "active", 1.0, 15.0, 60.0, 1, 1, kind="hold", goal=60.0)
    quarter, half = (lit(shown(replace(hold, held=s)), ACCENT).sum() for s in (15.0, 30.0))
    assert half == pytest.approx(2 * quarter, rel=0.1)


def two(mirror: bool = False) -> Any:
    """Return the picture of two people, the second on the left with nine of depth."""
    poses = []
    for number, x in ((1, 0.75), (2, 0.25)):
        keypoints = np.full((17, 3), (0.5, x, 1.0), np.float32)
        poses.append(Pose(keypoints, 1.0, (720, 1280), number))
    state = replace(SQUATS, score=0.0, others=(replace(SQUATS, person=2, score=0.9),))
    scene = Scene(blank_frame((720, 1280), 5.0, 0), tuple(poses), watches=(state,))
    style = Renderer().style.model_copy(update={"mirror": mirror})
    return lit(Renderer(style).draw(scene)[:360], ACCENT)


@pytest.mark.parametrize("mirror", [False, True])
def test_two_people_have_their_numbers_on_their_own_side(mirror: bool):
    """Also in a mirror."""
    ring = two(mirror)
    left, right = ring[:, :640].sum(), ring[:, 640:].sum()
    assert (left > 1000, right > 1000) == (not mirror, mirror)


def test_the_end_of_a_set_fills_the_screen_for_a_while():
    """And goes when somebody begins again."""
    rest = replace(SQUATS, phase="ready", score=0.0, count=0)
    frames = [(5.0, rest, (DONE,)), (6.0, rest, ()), (6.1, SQUATS, ()), (6.2, rest, ()),
              (5.0 + SET_SHOWN, rest, ())]  # fmt: skip
    renderer = Renderer()
    images = [
        renderer.draw(Scene(blank_frame((720, 1280), time, 0), watches=(state,), events=events))
        for time, state, events in frames
    ]
    middle = np.s_[300:420, 540:740]
    white = [lit(image[middle], (255, 255, 255)).sum() > 3000 for image in images]
    assert white == [True, True, False, True, False]


FINISHED = Event("2", "finished", "workout", "lobby", 0.0, 5.0, 1, 0.93,
                 effort=Effort(seconds=312.4, steps=4))  # fmt: skip


def screens(after: WatchState) -> list[bool]:
    """Return whether the end of a routine fills the screen, each second from its event on."""
    renderer = Renderer()
    images = [
        renderer.draw(Scene(blank_frame((720, 1280), 5.0 + i, 0), watches=(after,), events=events))
        for i, events in enumerate([(FINISHED,), *[()] * 11])
    ]
    return [lit(image[300:420, 540:740], (255, 255, 255)).sum() > 3000 for image in images]


def test_the_end_of_a_routine_fills_the_screen():
    """For long enough to read it from afar, also beside a watch that has counted."""
    waits = WatchState("workout", step=StepState("Workout", 0, 5))
    assert screens(waits) == [True] * 10 + [False] * 2
    assert screens(SQUATS)[:10] == [True] * 10


def test_a_routine_that_begins_again_has_the_screen():
    """Whatever the last one came to."""
    running = replace(SQUATS, name="workout", step=StepState("Squats", 1, 5))
    assert not any(screens(running))


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (FINISHED, "finished, well done · 4 steps · 5:12 min"),
        (replace(FINISHED, score=0.4, effort=Effort(seconds=59.6, steps=1)), "finished · 1:00 min"),
    ],
)
def test_a_routine_is_summed_up_in_words(event: Event, words: str):
    """Praise is for who did most of it; the number is the share that was done."""
    ending = ending_of(Wording(titles={"workout": "Morning round"}), event, "rest")
    assert ending.words == words
    assert (ending.title, ending.unit) == ("Morning round", "%")
    assert ending.number == f"{100 * (event.score or 0):.0f}"
    assert ending.is_reached == ((event.score or 0) > 0.8)


def test_a_step_with_a_limit_shows_its_time():
    """In words of the language; whole seconds, none before the time is up."""
    step = replace(SQUATS, step=StepState("Squats", 2, 5, left=41.2))
    assert time_left(Language(), step) == "42 s left"
    assert time_left(load_language("de"), step) == "noch 42 s"
    assert time_left(Language(), SQUATS) == ""
    without = replace(step, step=StepState("Squats", 2, 5))
    added = lit(shown(step), (255, 255, 255)).sum() - lit(shown(without), (255, 255, 255)).sum()
    assert added > 300


@pytest.mark.parametrize(
    ("event", "kind", "words"),
    [
        (DONE, "exercise", "12 repetitions · 41 seconds · well done"),
        (replace(DONE, count=7), "exercise", "7 repetitions · 41 seconds"),
        (replace(DONE, held=62.0, effort=Effort(goal=60)), "hold", "62 seconds · well done"),
        (replace(DONE, held=20.9, effort=None), "hold", "20 seconds"),
    ],
)
def test_a_set_is_summed_up_in_words(event: Event, kind: str, words: str):
    """Praise is for who reached the goal."""
    assert set_words(Language(), event, kind) == words


def test_goals_are_in_the_language_of_the_device():
    """With the unit of holds."""
    assert goal_words(load_language("de"), SQUATS) == "von 12"
    assert goal_words(Language(), WatchState("plank", kind="hold", goal=30)) == "of 30 s"
    assert goal_words(Language(), replace(SQUATS, goal=0)) == ""


def test_titles_are_what_people_call_a_watch():
    """Its own, or its name with blanks; a step of a routine has its own, and its place."""
    wording = Wording(titles={"arms_up": "Hoch damit!"})
    assert wording.title("arms_up") == "Hoch damit!"
    assert wording.title("side_lunge") == title_of("side_lunge") == "Side lunge"
    step = replace(SQUATS, step=StepState("Squats", 2, 5))
    assert wording.heading(step) == "Squats · 2/5"
