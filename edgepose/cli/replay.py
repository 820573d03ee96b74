"""edgepose replay: the events of a recording or a clip with any configuration, reproducible."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import click

from edgepose.appliance import assembly
from edgepose.appliance.model import load_model
from edgepose.cli.command import Command
from edgepose.cli.options import config_argument, set_option
from edgepose.cli.progress import tracked
from edgepose.config.loader import Config, load
from edgepose.engine.event_ids import replay_stamp
from edgepose.engine.perception import Perception
from edgepose.engine.replay import replay_poses, replay_source
from edgepose.errors import counted
from edgepose.recording import is_recording, read_recording
from edgepose.registry import part
from edgepose.sources.video import clip_length
from edgepose.types import Event, Scene

CLIP_START: Final = 0.0  # a clip has no start time: its events count from 1970


@click.command(
    cls=Command,
    examples=[
        "edgepose replay poses.jsonl kiosk.yaml",
        "edgepose replay clip.mp4 kiosk.yaml --diff stricter.yaml",
    ],
)
@click.argument("recording", type=click.Path(path_type=Path))
@config_argument
@set_option
@click.option(
    "--diff",
    "other",
    type=click.Path(path_type=Path),
    metavar="OTHER_CONFIG",
    help="Compare with another configuration: which events are lost or added.",
)
@click.option("--profile", metavar="NAME", help="Which of the `profiles`; the first by default.")
def replay(
    recording: Path, config: Path, sets: tuple[str, ...], other: Path | None, profile: str | None
) -> None:
    """Replay RECORDING against CONFIG and print its events, one JSON object a line.

    RECORDING: a file of `edgepose run --record` or of a recording output, a jsonl file with
    poses, or a video. The source and the outputs of CONFIG are not used.
    """
    events = list(replay_events(recording, assembly.in_profile(load(config, sets), profile)))
    if other is None:
        for event in events:
            click.echo(json.dumps(event.to_dict(), ensure_ascii=False))
    else:
        others = replay_events(recording, assembly.in_profile(load(other, sets), profile))
        click.echo(compare(events, list(others)))


def replay_events(recording: Path, config: Config) -> Iterator[Event]:
    """Yield the events that a configuration makes of a recording."""
    for scene in _scenes(recording, config):
        yield from scene.events


def _scenes(recording: Path, config: Config) -> Iterator[Scene]:
    if is_recording(recording):
        recorded = read_recording(recording)
        stamp = replay_stamp(recorded.start)
        return replay_poses(recorded.frames, assembly.new_interpreter(config, stamp))
    return _clip_scenes(recording, config)


def _clip_scenes(clip: Path, config: Config) -> Iterator[Scene]:
    video = part("source", "video")
    source = video(video.Options(path=clip.absolute(), pace="fast"))
    with closing(load_model(config.model)) as loaded:
        interpreter = assembly.new_interpreter(
            config, replay_stamp(CLIP_START), loaded.detector.family
        )
        scenes = replay_source(source, Perception(loaded.detector, interpreter))
        yield from tracked(scenes, clip.name, clip_length(clip), "frames")


def compare(before: list[Event], after: list[Event]) -> str:
    """Return a readable difference of two lists of events: `-` only before, `+` only after."""
    old, new = ([_key(event) for event in events] for events in (before, after))
    changes = [row for row in difflib.ndiff(old, new) if row[0] in "+-"]
    lost, added = (sum(row[0] == sign for row in changes) for sign in "-+")
    head = f"{counted(len(old), 'event')} before, {len(new)} after: {lost} lost, {added} added"
    return "\n".join([head, *changes])


def _key(event: Event) -> str:
    person = "" if event.person is None else f"person {event.person}"
    return f"{event.frame_time:9.2f} s  {event.name}  {event.type:<5}  {person}".rstrip()
