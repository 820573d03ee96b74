"""Clips on a real sound card's place: ALSA's file plug-in, which writes down what it was given."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.sound import clips
from edgepose.outputs.sound.player import Player


def test_what_is_played_reaches_the_card(card: Path, heard: Callable[[int], bytes]):
    """The samples arrive as they are, in order."""
    player = Player("card")
    player.open()
    tone = clips.tone("goal", 0.5)
    player.play(tone)
    assert heard(len(tone.data)).startswith(tone.data)  # silence fills the last period
    player.stop()


def test_playing_waits_for_nothing(slow_card: None):
    """A card that takes seconds over a clip holds nobody up, and is cut off by the next one."""
    player = Player("slow")
    began = time.monotonic()
    for _ in range(5):
        player.play(clips.Clip(bytes(2 * clips.RATE * 20)))
    assert player.is_playing
    player.stop()
    assert time.monotonic() - began < 2.0
    assert not player.is_playing


def test_a_card_that_is_not_there_is_reported(card: Path):
    """The reason is ALSA's own, and names the device."""
    player = Player("nowhere")
    player.play(clips.tone("rep", 0.5))
    deadline = time.monotonic() + 5
    while player.is_playing and time.monotonic() < deadline:
        pass
    with pytest.raises(OutputLost, match=r"sound card 'nowhere' does not play: .*nowhere"):
        player.check()


def test_without_aplay_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch):
    """An installer learns which package is missing."""
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OutputLost, match="apt install alsa-utils"):
        Player("default").open()


@pytest.mark.parametrize("name", ["rep", "start", "goal", "partial"])
def test_a_tone_is_short_and_does_not_click(name: str):
    """It begins and ends in silence and stays below full scale."""
    clip = clips.tone(name, 1.0)
    samples = np.frombuffer(clip.data, "<i2").astype(int)
    assert 0.05 < clip.seconds < 0.6
    assert abs(samples[0]) < 500 > abs(samples[-1])
    assert 10_000 < abs(samples).max() <= 32767


def test_words_are_spoken_and_the_volume_counts():
    """espeak-ng's samples, half as loud at half the volume."""
    loud, soft = (clips.words("keep your chest up", "en", 170, v) for v in (1.0, 0.5))
    level = [np.abs(np.frombuffer(c.data, "<i2").astype(float)).mean() for c in (loud, soft)]
    assert 0.6 < loud.seconds < 3.0
    assert level[1] < 0.7 * level[0]


def test_a_text_is_never_an_option():
    """Words that begin with a dash are spoken, too."""
    assert clips.words("--version", "en", 170, 1.0).seconds > 0.2


def test_a_folder_in_the_home_silences_no_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An output may have made it in the state folder, which is the home of a service."""
    (tmp_path / "espeak-ng-data").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert clips.words("still here", "en", 170, 1.0).seconds > 0.2


def test_a_wav_file_keeps_its_rate_and_channels(tmp_path: Path):
    """An applause in stereo sounds as it was recorded."""
    path = tmp_path / "applause.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(bytes(44100 * 4))
    clip = clips.read_wav(path)
    assert (clip.rate, clip.channels, clip.seconds) == (44100, 2, 1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "expected a WAV file of 16-bit PCM, found none whole"),
        (b"ID3 an mp3 file", "expected a WAV file"),
    ],
)
def test_what_is_no_wav_file_is_refused(tmp_path: Path, content: bytes, words: str):
    """The message names the file and what is expected."""
    path = tmp_path / "ding.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"ding.wav: {words}"):
        clips.read_wav(path)


def test_a_wav_file_of_minutes_is_refused(tmp_path: Path):
    """Music would hide the counts."""
    path = tmp_path / "song.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(2 * 8000 * 60))
    with pytest.raises(ValueError, match="at most 30 s"):
        clips.read_wav(path)
