"""Clips of the seconds around events: which pictures are in them, and what is remembered."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from full_disk import empty, fill, needs_root, small_disk

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.video import event_clips
from edgepose.outputs.video.event_clips import EventClips, PacketBuffer, prune
from edgepose.outputs.video.mp4 import CLOCK, Encoded, Format
from edgepose.outputs.video.output import VideoOutput, VideoOutputOptions
from edgepose.types import Scene

FPS = 10
LOOK = Format((48, 64), "h264", 10)
GROUP = 60  # frames from one keyframe to the next


def picture(number: int) -> np.ndarray:
    """Return a picture whose grey tells its number, 0 to 250."""
    return np.full((48, 64, 3), number, np.uint8)


def numbers(path: Path) -> list[int]:
    """Return which pictures are in a clip, to within 2."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [round(float(frame.mean())) for frame in frames]


def show_all(output: VideoOutput, scenes: Iterable[Scene]) -> None:
    """Show scenes one after another."""
    for scene in scenes:
        output.show(scene)


def times(path: Path) -> list[float]:
    """Return when the pictures of a clip are shown."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def assert_shows(path: Path, first: int, last: int, group: int = GROUP) -> None:
    """Check that a clip shows these pictures, at its start up to a group of others, in step."""
    shown = numbers(path)
    assert last - first + 1 <= len(shown) <= last - first + 1 + group
    assert shown == pytest.approx(range(last + 1 - len(shown), last + 1), abs=2)
    assert times(path) == pytest.approx([step / FPS for step in range(len(shown))], abs=1e-3)


def record(
    folder: Path, events: dict[int, list[str]], seconds: float = 2.0, **options: Any
) -> None:
    """Show 200 pictures, ten a second, with events at some of them."""
    values = {"encoding": LOOK, "keep": 100} | options
    clips = EventClips(folder / "lobby.mp4", seconds=seconds, **values)
    for number in range(200):
        clips.write(picture(number), number * CLOCK // FPS, events.get(number, []))
    clips.close()


def names(folder: Path) -> list[str]:
    """Return the files of a folder."""
    return sorted(file.name for file in folder.iterdir())


def test_without_events_nothing_is_written(tmp_path: Path):
    """Whoever does nothing is not recorded."""
    record(tmp_path, {})

    assert names(tmp_path) == []


def test_the_seconds_before_and_after_are_in_the_clip(tmp_path: Path):
    """From the keyframe that is needed to show two seconds before, to two seconds after."""
    record(tmp_path, {100: ["1700000000.123456-abc123"]})

    path = tmp_path / "lobby-1700000000.123456-abc123.mp4"
    assert names(tmp_path) == [path.name]
    assert_shows(path, 80, 120)


@pytest.mark.parametrize("moment", range(40, 170, 7))
def test_no_moment_is_too_close_to_a_keyframe(tmp_path: Path, moment: int):
    """The seconds before are there wherever the event falls."""
    record(tmp_path, {moment: ["1.1-aaaaaa"]})

    assert_shows(tmp_path / "lobby-1.1-aaaaaa.mp4", moment - 20, moment + 20)


def test_an_event_at_the_very_beginning_has_what_there_is(tmp_path: Path):
    """No two seconds have passed yet."""
    record(tmp_path, {3: ["1.1-aaaaaa"]})

    assert_shows(tmp_path / "lobby-1.1-aaaaaa.mp4", 0, 23, group=0)


def test_the_end_of_the_run_ends_a_clip(tmp_path: Path):
    """What the encoder still held is in it."""
    record(tmp_path, {195: ["1.1-aaaaaa"]})

    assert_shows(tmp_path / "lobby-1.1-aaaaaa.mp4", 175, 199)


def test_events_that_follow_each_other_share_a_clip(tmp_path: Path):
    """It has the first one's id, and lasts two seconds beyond the last one."""
    record(tmp_path, {70: ["1.1-aaaaaa", "1.2-bbbbbb"], 85: ["2.1-cccccc"]})

    assert names(tmp_path) == ["lobby-1.1-aaaaaa.mp4"]
    assert_shows(tmp_path / "lobby-1.1-aaaaaa.mp4", 50, 105)


def test_a_later_event_has_a_clip_of_its_own(tmp_path: Path):
    """Both can be played, also where they show the same seconds."""
    record(tmp_path, {70: ["1.1-aaaaaa"], 115: ["2.1-bbbbbb"]})

    assert_shows(tmp_path / "lobby-1.1-aaaaaa.mp4", 50, 90)
    assert_shows(tmp_path / "lobby-2.1-bbbbbb.mp4", 95, 135)


def test_a_clip_has_a_longest_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Events without end make clip after clip, not one that fills the disk."""
    monkeypatch.setattr(event_clips, "LONGEST", 5.0)

    record(tmp_path, {number: [f"{number}.1-aaaaaa"] for number in range(0, 200, 5)})

    clips = [numbers(tmp_path / name) for name in names(tmp_path)]
    assert len(clips) > 2
    assert all(len(clip) <= 50 + 10 + 20 + GROUP + 20 for clip in clips)
    seen = {number for clip in clips for number in clip}
    assert all(any(abs(number - near) <= 2 for near in seen) for number in range(200))


def test_mpeg4_works_as_well(tmp_path: Path):
    """The cheaper codec is remembered and written alike."""
    record(tmp_path, {100: ["1.1-aaaaaa"]}, encoding=Format((48, 64), "mpeg4", 10))

    shown = numbers(tmp_path / "lobby-1.1-aaaaaa.mp4")
    assert shown[0] <= 80
    assert shown[-1] == pytest.approx(120, abs=8)
    assert shown == sorted(shown)


def test_nothing_is_overwritten(tmp_path: Path):
    """An event whose clip was cut short by a full disk begins another one."""
    for _ in range(2):
        record(tmp_path, {100: ["1.1-aaaaaa"]})

    assert names(tmp_path) == ["lobby-1.1-aaaaaa-2.mp4", "lobby-1.1-aaaaaa.mp4"]


def test_an_id_is_no_path(tmp_path: Path):
    """Whatever stands in it, the clip is where it belongs."""
    record(tmp_path, {100: ["../../evil id"]})

    assert names(tmp_path) == ["lobby-.._.._evil_id.mp4"]


def test_a_disk_that_gets_full_is_told(tmp_path: Path, disk_full_after: Callable[..., Any]):
    """As a lost output; closing then is no fault."""
    clips = EventClips(tmp_path / "lobby.mp4", LOOK, 2.0, 100)
    rng = np.random.default_rng(0)

    def run() -> None:
        for number in range(200):
            ids = ["1.1-aaaaaa"] if number == 100 else []
            noise = rng.integers(0, 255, (48, 64, 3), np.uint8)
            clips.write(noise, number * CLOCK // FPS, ids)

    with disk_full_after(20_000), pytest.raises(OutputLost, match="can't be written"):
        run()
    clips.close()
    clips.close()


def test_only_the_newest_clips_are_kept(tmp_path: Path):
    """So many, in all folders that the time in the name makes; other files are left alone."""
    pattern = tmp_path / "%Y" / "lobby.mp4"
    made = []
    for number in range(6):
        path = tmp_path / f"20{number:02}" / f"lobby-17{number:08}.5-abc123.mp4"
        path.parent.mkdir()
        path.touch()
        os.utime(path, (number, number))
        made.append(path)
    others = [tmp_path / "2000" / name for name in ("lobby.mp4", "lobby-2.mp4", "notes.txt")]
    for path in others:
        path.touch()

    prune(pattern, 2)

    assert [path.exists() for path in made] == [False] * 4 + [True] * 2
    assert all(path.exists() for path in others)


def test_clips_of_a_clock_that_was_ahead_go_first(tmp_path: Path):
    """They would keep the places of new ones until that date comes."""
    made = [tmp_path / f"lobby-{number}.5-abc123.mp4" for number in range(4)]
    for path, day in zip(made, (400, 300, -2, -1), strict=True):
        path.touch()
        os.utime(path, (time.time() + 86400 * day,) * 2)

    prune(tmp_path / "lobby.mp4", 3)
    assert [path.exists() for path in made] == [True, False, True, True]
    prune(tmp_path / "lobby.mp4", 1)
    assert [path.exists() for path in made] == [False, False, False, True]


def test_what_is_no_file_is_no_clip(tmp_path: Path):
    """Opening a pipe that nobody writes to would never end, a folder can't be removed."""
    os.mkfifo(tmp_path / "clip-1.5-abcdef.mp4")
    (tmp_path / "clip-2.5-abcdef.mp4").mkdir()
    assert event_clips.remove_unbegun(tmp_path / "clip.mp4") is None
    prune(tmp_path / "clip.mp4", 1)
    assert len(list(tmp_path.iterdir())) == 2


def test_clips_beyond_keep_go_when_a_new_one_begins(tmp_path: Path):
    """With the new one there are as many as were asked for."""
    events = {number: [f"{number}.1-aaaaaa"] for number in (30, 90, 150)}

    record(tmp_path, events, seconds=1.0, keep=2)

    assert names(tmp_path) == ["lobby-150.1-aaaaaa.mp4", "lobby-90.1-aaaaaa.mp4"]


def packet(number: int, size: int = 100) -> Encoded:
    """Return a packet; every tenth can be decoded by itself."""
    return Encoded(bytes(size), number, number % 10 == 0)


def test_a_ring_keeps_the_span_and_no_more_than_a_group_besides():
    """And always begins with what can be decoded by itself."""
    ring = PacketBuffer(span=25)
    for number in range(1000):
        ring.add(packet(number))
        ring.trim(number)
        kept = list(ring)
        assert kept[0].is_key
        assert kept[0].ticks <= max(number - 25, 0)
        assert len(kept) <= 25 + 10 + 1
        assert ring.size == sum(len(one.data) for one in kept)


def test_a_ring_keeps_to_its_memory():
    """Whatever the span: the oldest go, and what follows on them."""
    ring = PacketBuffer(span=10_000, limit=3500)
    for number in range(1000):
        ring.add(packet(number))
        assert ring.size <= 3500
    assert next(iter(ring)).is_key

    for number in range(1000, 1050):
        ring.add(packet(number, size=2000))

    assert ring.size <= 3500
    assert not list(ring) or next(iter(ring)).is_key


def test_the_video_output_records_around_events(
    tmp_path: Path, device: Device, scene: Callable[..., Scene]
):
    """`around` in the configuration: one clip, with people drawn, named by the event."""
    options = VideoOutputOptions(path=tmp_path / "%Y" / "seen.mp4", around=0.5, fps=15.0)
    output = VideoOutput(options, device)
    output.open()
    for seq in range(120):
        output.show(scene(seq, *((seq,) if seq == 61 else ())))
    output.close()

    (clip,) = tmp_path.rglob("*.mp4")
    assert clip.name == "seen-id-61.mp4"
    assert clip.parent.name.isdigit()
    assert 15 <= len(numbers(clip)) <= 60
    assert len(set(numbers(clip))) > 1, "people are drawn, each frame has other ones"


def test_an_event_that_is_given_again_has_another_clip(
    tmp_path: Path, device: Device, scene: Callable[..., Scene]
):
    """After an interruption the scene comes again; the part that was written stays."""
    output = VideoOutput(VideoOutputOptions(path=tmp_path / "seen.mp4", around=0.5), device)
    shown = scene(0, 7)
    for seq in (0, 1):
        output.open()
        output.show(replace(shown, frame=replace(shown.frame, seq=seq)))
        output.close()

    assert names(tmp_path) == ["seen-id-7-2.mp4", "seen-id-7.mp4"]


@needs_root
def test_an_event_waits_for_room_on_the_disk(tmp_path: Path, scene: Callable[..., Scene]):
    """Given again after the disk was full, it gets its clip, of what is seen then."""
    with small_disk(tmp_path / "disk") as disk:
        path = disk / "door.mp4"
        output = VideoOutput(VideoOutputOptions(path=path, around=0.5), Device("lobby"))
        output.open()
        output.show(scene(0))
        fill(disk)
        lost = scene(1, 7)
        with pytest.raises(OutputLost, match="No space left"):
            show_all(output, [replace(lost, frame=scene(seq).frame) for seq in range(1, 400)])
        output.close()
        empty(disk)

        output.open()
        show_all(output, [replace(scene(400), events=lost.events), *map(scene, range(401, 440))])
        output.close()

        assert [clip.name for clip in disk.glob("door-id-7*.mp4") if clip.stat().st_size > 1000]
