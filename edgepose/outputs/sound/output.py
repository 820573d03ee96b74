"""Say and sound what happens, through the loudspeaker of the screen or of a USB sound card."""

from __future__ import annotations

import time
from pathlib import Path
from typing import ClassVar, Final, Literal

from pydantic import Field, field_validator

from edgepose import options
from edgepose.outputs.base import Device, Output
from edgepose.outputs.dedup import DeliveredEvents
from edgepose.outputs.sound import clips
from edgepose.outputs.sound.phrases import Coach, Utterance
from edgepose.outputs.sound.player import Player
from edgepose.types import Scene

# ALSA's names can do more: `file:` and `tee:` write to any file, or run a shell's command; with a
# dot, as in `pcm.file:`, a name is looked up from the root of ALSA's configuration.
_CARD: Final = r"^[A-Za-z0-9_][A-Za-z0-9_-]*(:[A-Za-z0-9_=,.-]*)?$"
_CHECK: Final = 0.5  # seconds between two looks at whether aplay has ended well


class SoundOptions(options.Options):
    """Where it sounds, and what is said."""

    device: str = Field(
        default="default",
        pattern=_CARD,
        title="the name of a sound card, such as default or plughw:1,0",
        description="sound card as ALSA names it; `aplay -L` lists them",
        examples=["plughw:1,0"],
    )
    when: str | tuple[str, ...] = Field(
        default=(), description="watches that are heard; empty: all", examples=["arms_up"]
    )
    voice: Literal["auto", "espeak", "none"] = Field(
        default="auto",
        description="who speaks: espeak (espeak-ng), none (tones only), or auto: espeak where it "
        "is installed",
    )
    tones: bool = Field(default=True, description="a short tone at each repetition and start")
    speed: int = Field(default=170, ge=80, le=400, description="words a minute")
    volume: options.Fraction = Field(default=1.0, description="loudness, 0 to 1")
    sounds: dict[str, dict[str, options.ExistingPath]] = Field(
        default={},
        description="WAV files of one's own, by watch and type of event; they replace tone and "
        "words",
        examples=[{}],
    )

    @field_validator("device")
    @classmethod
    def _is_card(cls, device: str) -> str:
        if device.partition(":")[0] in ("file", "tee"):
            raise ValueError(f"expected a sound card, found ALSA's plug-in for files: {device}")
        return device

    @field_validator("sounds")
    @classmethod
    def _are_playable(cls, sounds: dict[str, dict[str, Path]]) -> dict[str, dict[str, Path]]:
        for files in sounds.values():
            for path in files.values():
                clips.read_wav(path)
        return sounds

    def watches(self) -> tuple[str, ...]:
        """Return the watches that are heard, and those that have a sound of their own."""
        heard = (self.when,) if isinstance(self.when, str) else self.when
        return (*heard, *self.sounds)


class Sound(Output):
    """A coach's voice: the newest count, words about a fault, a tone a repetition.

    Nothing waits in a queue: what comes late is not said, and a new count ends the old one.
    """

    Options: ClassVar[type[options.Options]] = SoundOptions

    def __init__(self, options: SoundOptions, device: Device) -> None:
        """Take options; the sound card waits for `open`."""
        self._options = options
        self._language = device.language
        self._heard = (options.when,) if isinstance(options.when, str) else options.when
        self._coach = Coach(device.language)
        self._player = Player(options.device)
        self._done = DeliveredEvents()
        self._own: dict[tuple[str, str], clips.Clip] = {}
        self._kept_until = 0.0  # monotonic; until then words are worth hearing to their end
        self._speaks = False

    @property
    def trouble(self) -> str:
        """Return why there are tones only, though words are wanted."""
        wanted = self._options.voice != "none" and not self._speaks
        return "espeak-ng is not installed: tones only; apt install espeak-ng" if wanted else ""

    def open(self) -> None:
        """Find the player and read one's own sounds. Raises OutputLost."""
        self._player.open()
        self._speaks = self._options.voice != "none" and clips.can_speak()
        self._own = {
            (watch, kind): clips.read_wav(path)
            for watch, files in self._options.sounds.items()
            for kind, path in files.items()
        }

    def show(self, scene: Scene) -> None:
        """Say what is newest in a scene. Raises OutputLost."""
        self._player.check()
        events = [e for e in self._done.new(scene.events) if self._is_heard(e.name)]
        self._done.add(*scene.events)  # a repetition that could not be said is not said later
        states = [state for state in scene.watches if self._is_heard(state.name)]
        goals = {state.name: state.goal for state in states}
        utterance = self._coach.of_events(events, goals) or self._coach.of_states(states)
        if utterance is not None:
            self._say(utterance)

    def tick(self) -> None:
        """Find out whether the sound card took what was played. Raises OutputLost."""
        self.wake_at = time.monotonic() + _CHECK if self._player.is_playing else None
        self._player.check()

    def close(self) -> None:
        """Be silent."""
        self._player.stop()
        self.wake_at = None

    def _is_heard(self, watch: str) -> bool:
        return not self._heard or watch in self._heard

    def _say(self, utterance: Utterance) -> None:
        now = time.monotonic()
        if not utterance.is_kept and now < self._kept_until and self._player.is_playing:
            return
        clip = self._clip(utterance)
        if clip.data:
            self._player.play(clip)
            self._kept_until = now + clip.seconds if utterance.is_kept else 0.0
            self.wake_at = now + _CHECK
        self._spoken(utterance.next_text)  # prepared while this one sounds

    def _clip(self, utterance: Utterance) -> clips.Clip:
        own = self._own.get(utterance.key)
        if own is not None:
            return own
        spoken = self._spoken(utterance.text)
        if not utterance.tone or not self._options.tones:
            return spoken
        return clips.joined(clips.tone(utterance.tone, self._options.volume, spoken.rate), spoken)

    def _spoken(self, text: str) -> clips.Clip:
        if not text or not self._speaks:
            return clips.Clip(b"")
        voice, options = self._language.text("voice"), self._options
        return clips.words(text, voice, options.speed, options.volume)
