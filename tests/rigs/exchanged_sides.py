"""Count how often a model exchanges left and right from one frame to the next, and what is left.

    python tests/rigs/exchanged_sides.py MODEL.tflite CLIP...

Left and right of a pair of keypoints have changed places where both are known in two frames, are
apart by more than noise, and the way between them points the other way in the second one. Every
pair counts. The person of each track is looked at before and after `KeptSides`, unsmoothed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np

from edgepose.appliance.model import LoadedModel, load_model
from edgepose.config.model_section import ModelSection
from edgepose.core.sides import PAIRS, KeptSides
from edgepose.core.smoothing import Unsmoothed
from edgepose.core.tracking import Tracker
from edgepose.skeleton import KEYPOINTS
from edgepose.sources.video import clip_frames
from edgepose.types import Pose

APART = 0.08  # torso lengths between both keypoints, from which an exchange is more than noise

Track = list[tuple[int, float, Pose]]  # the number and time of each frame, and the person


def tracks(loaded: LoadedModel, clip: Path) -> list[Track]:
    """Return the people of a clip, as the model gives them."""
    loaded.detector.reset()
    tracker = Tracker()
    people: defaultdict[int, Track] = defaultdict(list)
    for frame in clip_frames(clip):
        for pose in tracker.track(loaded.detector.detect(frame), frame.time):
            people[pose.person].append((frame.seq, frame.time, pose))
    return [track for track in people.values() if len(track) > 1]


def kept(track: Track) -> Track:
    """Return a person with left and right where they were."""
    keep = KeptSides(Unsmoothed())
    return [(seq, time, keep(pose, time)) for seq, time, pose in track]


def exchanges(track: Track) -> Iterator[tuple[int, str]]:
    """Yield the frame and the part of each pair that changed places."""
    follows = np.diff([seq for seq, _, _ in track]) == 1
    places = np.array([pose.pixels for _, _, pose in track])
    trunk = places[:, [5, 6], :2].mean(1) - places[:, [11, 12], :2].mean(1)
    torso = np.median(np.linalg.norm(trunk, axis=1))
    for pair in PAIRS:
        ways = (places[:, pair[0], :2] - places[:, pair[1], :2]) / torso
        sure = (places[:, list(pair), 2] >= 0.2).all(1) & (np.linalg.norm(ways, axis=1) > APART)
        turned, went = ways[1:] + ways[:-1], ways[1:] - ways[:-1]
        reversed_ = np.linalg.norm(turned, axis=1) < 0.5 * np.linalg.norm(went, axis=1)
        for index in np.flatnonzero(reversed_ & sure[1:] & sure[:-1] & follows):
            yield track[index + 1][0], KEYPOINTS[pair[0]].removeprefix("left_")


def count(loaded: LoadedModel, clip: Path) -> tuple[int, list[tuple[int, str]]]:
    """Return how many exchanges the model makes in a clip, and those that are left."""
    people = tracks(loaded, clip)
    before = sum(len(list(exchanges(track))) for track in people)
    return before, sorted(one for track in people for one in exchanges(kept(track)))


@click.command()
@click.argument("model", type=click.Path(path_type=Path, exists=True))
@click.argument("clips", type=click.Path(path_type=Path, exists=True), nargs=-1)
def main(model: Path, clips: tuple[Path, ...]) -> None:
    """Print what each clip has before and after, and where."""
    loaded = load_model(ModelSection(path=model))
    all_before = all_after = 0
    for clip in clips:
        before, after = count(loaded, clip)
        all_before += before
        all_after += len(after)
        where = ", ".join(f"{part} {frame}" for frame, part in after)
        click.echo(f"{clip.name}: {before} before, {len(after)} after  {where}")
    click.echo(f"all: {all_before} before, {all_after} after")


if __name__ == "__main__":
    main()
