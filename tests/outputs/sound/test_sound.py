"""The sound output: what is said when, and that nothing late piles up."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgepose.language import load_language
from edgepose.outputs.base import Device
from edgepose.outputs.sound import clips
from edgepose.outputs.sound.output import Sound, SoundOptions
from edgepose.outputs.sound.phrases import Coach
from edgepose.types import Effort, Event, Frame, Scene, WatchState, blank_frame

Heard = Callable[[int], bytes]


def event(kind: str, count: int = 1, time: float = 0.0, name: str = "squats", **more: Any) -> Event:
    """Return an event of a watch."""
    return Event(f"{time}-{count}-{kind}", kind, name, "gym", time, time, 1, count=count, **more)


def scene(*events: Event, watches: tuple[WatchState, ...] = ()) -> Scene:
    """Return a scene with events."""
    frame: Frame = blank_frame((48, 64), 0.0, 0)
    return Scene(frame, events=events, watches=watches)


@pytest.fixture
def coach() -> Coach:
    """Return an English coach who has said nothing yet."""
    return Coach(load_language("en"))


@pytest.mark.parametrize(
    ("step", "title", "words"),
    [("squat", "Squat", "next: Squat"), ("rest", "Rest", "rest")],
)
def test_the_next_step_of_a_routine_is_announced(coach: Coach, step: str, title: str, words: str):
    """By its title, also when the last repetition comes in the same moment."""
    effort = Effort(say=title, step=step, steps=5)
    said = coach.of_events([event("rep", 10), event("step", 2, effort=effort)])
    assert said is not None
    assert said.text == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(1, "1"), (5, "5"), (6, "6, halfway"), (9, "9, 3 more"), (11, "11, last one"), (12, "12")],
)
def test_repetitions_are_counted_towards_the_goal(coach: Coach, count: int, words: str):
    """Twelve are the goal: half of them, three before the end and the last one are announced."""
    said = coach.of_events([event("rep", count)], {"squats": 12})
    assert said is not None
    assert (said.text, said.tone) == (words, "rep")


@pytest.mark.parametrize("goal", [0, 4])
def test_without_a_goal_or_with_a_small_one_only_the_number_is_said(coach: Coach, goal: int):
    """Nobody wants "halfway" after two."""
    said = coach.of_events([event("rep", 2)], {"squats": goal})
    assert said is not None
    assert said.text == "2"


def test_a_fault_is_said_once_in_ten_seconds(coach: Coach):
    """And again when it is still there later."""
    effort = Effort(faults=("keep your chest up",))
    texts = [
        said.text
        for second in (0.0, 3.0, 6.0, 11.0)
        if (said := coach.of_events([event("rep", 1, second, effort=effort)]))
    ]
    assert texts == ["1, keep your chest up", "1", "1", "1, keep your chest up"]


def test_an_attempt_gets_words_without_figures(coach: Coach):
    """The degrees are for the log, not for the ear."""
    effort = Effort(reason="go deeper: 112°, needs 100°", say="go deeper")
    said = coach.of_events([event("partial", effort=effort)])
    assert said is not None
    assert (said.text, said.tone, said.is_kept) == ("go deeper", "partial", True)


def test_of_a_burst_only_the_newest_is_said(coach: Coach):
    """Fifty events that waited become one number."""
    said = coach.of_events([event("rep", count) for count in range(1, 51)])
    assert said is not None
    assert said.text == "50"


def test_a_set_says_how_many_and_whether_that_was_the_goal(coach: Coach):
    """Praise is for the goal."""
    said = [coach.of_events([event("set", count, effort=Effort(goal=12))]) for count in (12, 7)]
    assert [s.text for s in said if s] == ["12 repetitions, well done", "7 repetitions"]


def test_a_hold_is_told_its_half_and_its_last_seconds(coach: Coach):
    """Each once, though the state comes with every frame."""
    texts = []
    for tenth in range(620):
        state = WatchState("plank", "active", held=tenth / 10, kind="hold", goal=60.0)
        said = coach.of_states([state])
        texts += [(tenth / 10, said.text)] if said else []
    assert texts == [(30.0, "halfway"), (50.0, "10 seconds to go")]


def test_what_is_of_no_interest_is_silent(coach: Coach):
    """The end of a pose, an update, nobody there."""
    assert coach.of_events([event("end"), event("update")]) is None
    assert coach.of_states([WatchState("hands_up", "active", held=9.0)]) is None


def test_the_next_number_is_prepared_while_this_one_sounds(make: Callable[..., Sound]):
    """espeak-ng takes a while on a small board; the count after this one is known already."""
    clips.words.cache_clear()
    make().show(scene(event("rep", 7)))
    before = clips.words.cache_info().hits
    clips.words("8", "en", 170, 1.0)
    assert clips.words.cache_info().hits == before + 1


@pytest.fixture
def make(card: Path) -> Iterator[Callable[..., Sound]]:
    """Return the maker of outputs on the card that writes down what it is given."""
    made: list[Sound] = []

    def new(language: str = "en", **options: Any) -> Sound:
        device = Device("gym", ("squats",), language=load_language(language))
        checked = SoundOptions.model_validate({"device": "card", **options})
        made.append(Sound(checked, device))
        made[-1].open()
        return made[-1]

    yield new
    for output in made:
        output.close()


def spoken(text: str, tone: str, voice: str = "en") -> bytes:
    """Return the samples of a tone and of a text."""
    return clips.tone(tone, 1.0).data + clips.words(text, voice, 170, 1.0).data


def test_the_card_hears_the_tone_and_the_words(make: Callable[..., Sound], heard: Heard):
    """The very samples that espeak-ng makes of "7"."""
    output = make()
    expected = spoken("7", "rep")
    clips.words.cache_clear()
    output.show(scene(event("rep", 7)))
    assert heard(len(expected)).startswith(expected)


def test_german_is_spoken_by_a_german_voice(make: Callable[..., Sound], heard: Heard):
    """The number comes with the words of the language's table."""
    goal = WatchState("squats", kind="exercise", goal=12.0)
    make("de").show(scene(event("rep", 9), watches=(goal,)))
    expected = spoken("9, noch 3", "rep", "de")
    assert heard(len(expected)).startswith(expected)


def test_after_a_burst_nothing_waits(make: Callable[..., Sound], card: Path, heard: Heard):
    """Fifty scenes at once: the last number is heard last, and then it is quiet."""
    output = make(tones=False)
    for count in range(1, 51):
        output.show(scene(event("rep", count)))
    last = clips.words("50", "en", 170, 1.0).data
    deadline = time.monotonic() + 5
    while not card.read_bytes().rstrip(b"\0").endswith(last.rstrip(b"\0")):
        assert time.monotonic() < deadline
    assert not output._player.is_playing or time.monotonic() < deadline
    assert output._player._process is None or output._player._process.wait(2) == 0


def test_an_event_that_comes_again_is_said_once(make: Callable[..., Sound], heard: Heard):
    """The engine repeats a scene that an output failed on."""
    output = make(tones=False)
    again = scene(event("rep", 3))
    output.show(again)
    first = heard(1000)
    output.show(again)
    output.show(scene(event("rep", 4)))
    assert heard(len(first) + 1000).count(clips.words("3", "en", 170, 1.0).data[2000:6000]) == 1


def test_a_watch_that_is_not_asked_for_is_silent(make: Callable[..., Sound]):
    """`when` names those that are heard."""
    output = make(when="squats")
    output.show(scene(event("rep", 1, name="lunges")))
    assert not output._player.is_playing


def test_a_sound_of_one_s_own_takes_the_place_of_tone_and_words(
    make: Callable[..., Sound], heard: Heard, tmp_path: Path
):
    """A gym's applause at the end of a set."""
    tone = clips.tone("goal", 0.9)
    path = tmp_path / "applause.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, tone.rate, 0, "NONE", ""))
        file.writeframes(tone.data)
    output = make(sounds={"squats": {"set": str(path)}})
    output.show(scene(event("set", 12)))
    assert heard(len(tone.data)).startswith(tone.data)


def test_words_are_not_cut_off_by_a_mere_number(make: Callable[..., Sound], slow_card: None):
    """A fault that is being explained is heard to its end; the next fault may interrupt it."""
    output = make(device="slow")
    fault = event("rep", 1, effort=Effort(faults=("keep your chest up",)))
    output.show(scene(fault))
    playing = output._player._process
    output.show(scene(event("rep", 2, 0.5)))
    assert output._player._process is playing
    output.show(scene(replace(event("partial", 2, 1.0), effort=Effort(say="go deeper"))))
    assert output._player._process is not playing


def test_without_espeak_there_are_tones_and_a_reason(
    make: Callable[..., Sound], heard: Heard, monkeypatch: pytest.MonkeyPatch
):
    """The health document says what to install."""
    monkeypatch.setattr(clips, "can_speak", lambda: False)
    output = make()
    assert "apt install espeak-ng" in output.trouble
    output.show(scene(event("rep", 7)))
    assert heard(10).startswith(clips.tone("rep", 1.0).data[:10])


@pytest.mark.parametrize(
    "name",
    ["file:x.wav", "file:'|id>x',raw", "tee:default,x,raw", "plug:file:x", "-D", "hw:1;id",
     "plughw:{}", "/tmp/x", "pcm.file:FILE=x,FORMAT=raw", "pcm.tee:null,x,raw", "pcm.plug:file"],
)  # fmt: skip
def test_a_sound_card_is_a_card(name):
    """ALSA's plug-ins write to any file and run commands: nobody may choose one from outside."""
    with pytest.raises(ValidationError):
        SoundOptions.model_validate({"device": name})


@pytest.mark.parametrize(
    "name",
    ["default", "plughw:1,0", "hw:0", "sysdefault:CARD=vc4hdmi0", "hdmi:CARD=x,DEV=0", "my_card"],
)
def test_names_of_real_cards_are_taken(name):
    """As `aplay -L` lists them, and those of one's own asound.conf."""
    assert SoundOptions.model_validate({"device": name}).device == name
