"""Clips: times, sizes, colours, and what is left when something goes wrong."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from full_disk import empty, fill, needs_root, small_disk
from hypothesis import given
from hypothesis import strategies as st

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.video import mp4
from edgepose.outputs.video import output as video_output
from edgepose.outputs.video.output import (
    LONGEST,
    NOMINAL,
    RESIZED,
    ClipTimeline,
    VideoOutput,
    VideoOutputOptions,
)
from edgepose.types import Frame, Scene

Write = Callable[..., Path]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the clip goes."""
    return tmp_path / "clip.mp4"


@pytest.fixture
def write(path: Path, device: Device) -> Write:
    """Return a writer of clips: scenes, and options besides the path."""

    def write(*scenes: Scene, **options: Any) -> Path:
        output = VideoOutput(VideoOutputOptions(path=path, **options), device)
        output.open()
        for scene in scenes:
            output.show(scene)
        output.close()
        return path

    return write


def coloured(seq: int, rgb: tuple[int, int, int], size: tuple[int, int] = (48, 64)) -> Scene:
    """Return an empty scene of one colour."""
    return Scene(Frame(np.full((*size, 3), rgb, np.uint8), seq / 25, seq))


def decode(path: Path) -> list[av.VideoFrame]:
    """Return all frames of a clip."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def playable(path: Path) -> int:
    """Return how many frames of a torn clip a player can show."""
    shown = 0
    with av.open(str(path)) as container, contextlib.suppress(av.error.InvalidDataError):
        for _ in container.decode(video=0):
            shown += 1
    return shown


def times(path: Path) -> list[float]:
    """Return the presentation times of a clip's frames, in seconds."""
    return [float(frame.pts * frame.time_base) for frame in decode(path)]


def boxes(path: Path) -> list[str]:
    """Return the kinds of the file's top-level boxes."""
    data, at, kinds = path.read_bytes(), 0, []
    while at < len(data):
        kinds.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at : at + 4], "big") or len(data)
    return kinds


def test_a_clip_plays_in_browsers(write: Write):
    """H.264 with 4:2:0 colour, its index before the pictures."""
    path = write(*(coloured(seq, (200, 40, 30)) for seq in range(5)))

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
    kinds = boxes(path)
    assert kinds.index("moov") < kinds.index("mdat")
    assert "moof" not in kinds
    assert [file.name for file in path.parent.iterdir()] == ["clip.mp4"]


def test_frames_have_the_source_s_times(write: Write, scene: Callable[..., Scene]):
    """Also where the camera's rate varies; the clip begins at 0."""
    moments = [10.0, 10.04, 10.05, 10.3, 10.34]

    path = write(*(scene(seq, time=moment) for seq, moment in enumerate(moments)))

    assert times(path) == pytest.approx([0, 0.04, 0.05, 0.3, 0.34], abs=1e-4)


def test_colours_are_kept(write: Write):
    """Red stays red: to the eye of a player that heeds what the file says of its colours."""
    path = write(*(coloured(seq, (200, 40, 30)) for seq in range(3)))

    frame = decode(path)[1]

    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - (200, 40, 30)).max() < 6
    assert (frame.colorspace, frame.color_range) == (6, 1)  # BT.601, 16..235


def test_people_are_drawn(write: Write, scene: Callable[..., Scene]):
    """The clip is annotated, in the style asked for."""
    people, empty = scene(0), replace(scene(1), poses=())

    drawn, plain = (
        frame.to_ndarray(format="rgb24").astype(int)
        for frame in decode(write(people, empty, background="black"))
    )

    assert drawn.max() > 150
    assert plain.max() < 20


@pytest.mark.parametrize("size", [(1, 1), (3, 50), (47, 65), (480, 640)])
def test_sizes_are_even(write: Write, size: tuple[int, int]):
    """Colours are stored for two by two pixels, so an odd last row or column goes."""
    path = write(coloured(0, (9, 9, 9), size), coloured(1, (9, 9, 9), size))

    frames = decode(path)

    assert [frame.height for frame in frames] == [max(size[0] // 2 * 2, 2)] * 2
    assert frames[0].width == max(size[1] // 2 * 2, 2)


def test_one_frame_is_a_clip(write: Write):
    """A picture becomes a clip of one frame."""
    assert times(write(coloured(0, (9, 9, 9)))) == [0]


def test_a_source_that_changes_its_size_is_fitted_in(write: Write):
    """A stream that comes back with another resolution goes on in the same clip."""
    path = write(coloured(0, (200, 40, 30)), coloured(1, (200, 40, 30), (96, 64)))

    first, second = (frame.to_ndarray(format="rgb24") for frame in decode(path))

    assert first.shape == second.shape == (48, 64, 3)
    assert second[24, 32, 0] > 150
    assert second[24, 4, 0] < 20


@pytest.mark.parametrize("first", [(480, 640), (2, 2)])
def test_one_picture_of_a_wrong_size_does_not_rule_a_film(write: Write, first: tuple[int, int]):
    """It may be damaged, or sent to do harm: what follows for long gets a film of its own."""
    later = [coloured(seq, (9, 9, 9)) for seq in range(1, RESIZED + 3)]

    path = write(coloured(0, (9, 9, 9), first), *later)

    assert len(decode(path)) == RESIZED
    own = decode(path.with_stem("clip-2"))
    assert [(frame.height, frame.width) for frame in own] == [(48, 64)] * 3


def test_a_film_has_no_more_pixels_than_a_camera(write: Write, monkeypatch: pytest.MonkeyPatch):
    """An encoder holds dozens of frames: 3 GB where each has 50 megapixels."""
    monkeypatch.setattr(video_output, "MAX_FRAME", 48 * 64)

    frame = decode(write(coloured(0, (9, 9, 9), (480, 640))))[0]

    assert (frame.height, frame.width) == (48, 64)


def test_the_scene_that_ends_a_run_adds_no_frame(write: Write, scene: Callable[..., Scene]):
    """It repeats the last frame and brings events only."""
    assert len(decode(write(scene(0), scene(1), scene(1, 5)))) == 2


def test_fewer_frames_a_second_keep_the_speed(write: Write, scene: Callable[..., Scene]):
    """Of 30 frames a second, 10 are written, at their own times."""
    path = write(*(scene(seq) for seq in range(31)), fps=10)

    assert times(path)[:3] == pytest.approx([0, 2 / 30, 5 / 30], abs=1e-3)
    assert len(times(path)) == 11


def test_an_event_of_a_frame_that_is_left_out_is_still_drawn(
    write: Write, scene: Callable[..., Scene]
):
    """The glow of an event comes with the next frame that is written."""
    scenes = [replace(scene(seq), poses=()) for seq in range(7)]
    scenes[1] = replace(scene(1, 5), poses=())

    frames = decode(write(*scenes, fps=10))

    edge = [frame.to_ndarray(format="rgb24")[24, 0].astype(int) for frame in frames]
    assert edge[0][0] - edge[0][2] < 20 < edge[1][0] - edge[1][2]


def test_mpeg4_is_written_where_x264_is_missing(
    write: Write, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A visible fallback: the clip is there, and a warning says what it is."""

    def codec(name: str, mode: str) -> None:
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr(av, "Codec", codec)

    path = write(coloured(0, (200, 40, 30)), coloured(1, (200, 40, 30)))

    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
    assert "has no x264" in caplog.text


def test_a_power_cut_costs_the_last_seconds_only(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """What is on disk while the clip is written can be played."""
    output = VideoOutput(VideoOutputOptions(path=path), device)
    output.open()
    for seq in range(200):
        output.show(scene(seq))
    copy = path.with_name("after-power-cut.mp4")
    shutil.copy(path, copy)
    output.close()

    assert playable(copy) >= 60
    assert len(decode(path)) == 200


def test_a_long_clip_is_finished_at_once(
    write: Write, scene: Callable[..., Scene], monkeypatch: pytest.MonkeyPatch
):
    """What would take long to rewrite keeps its index at the end, and plays as well."""
    monkeypatch.setattr(mp4, "_WEB_LIMIT", 100)

    path = write(*(scene(seq) for seq in range(5)))

    kinds = boxes(path)
    assert kinds.index("moov") > kinds.index("mdat")
    assert len(decode(path)) == 5


def test_a_run_goes_on_in_a_clip_of_its_own(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """After an interruption nothing is overwritten; a new run begins anew."""
    for _ in range(2):
        output = VideoOutput(VideoOutputOptions(path=path), device)
        for seq in range(3):
            output.open()
            output.show(scene(seq))
            output.close()

    assert sorted(file.name for file in path.parent.iterdir()) == [
        "clip-2.mp4", "clip-3.mp4", "clip.mp4",
    ]  # fmt: skip


def test_the_name_may_hold_the_time(tmp_path: Path, device: Device, scene: Callable[..., Scene]):
    """Each start has a clip of its own where the name says so."""
    output = VideoOutput(VideoOutputOptions(path=tmp_path / "%Y" / "lobby-%m.mp4"), device)
    output.open()
    output.show(scene(0))
    output.close()

    (clip,) = tmp_path.rglob("*.mp4")
    assert clip.parent.name.isdigit()
    assert clip.stem.removeprefix("lobby-").isdigit()


def test_no_clip_is_begun_before_the_first_frame(path: Path, device: Device):
    """A camera that never comes doesn't replace yesterday's clip by nothing."""
    path.write_bytes(b"yesterday")
    output = VideoOutput(VideoOutputOptions(path=path), device)

    output.open()
    output.close()

    assert path.read_bytes() == b"yesterday"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, device: Device):
    """The message names the clip."""
    (tmp_path / "file").write_text("")
    output = VideoOutput(VideoOutputOptions(path=tmp_path / "file" / "clip.mp4"), device)

    with pytest.raises(OutputLost, match=r"clip\.mp4: no folder can be created"):
        output.open()
    output.close()


def test_a_full_disk_is_told_and_survived(
    path: Path, device: Device, scene: Callable[..., Scene], disk_full_after: Callable[..., Any]
):
    """The output is lost; what is there can be played, and the run goes on in a second clip."""
    output = VideoOutput(VideoOutputOptions(path=path), device)
    output.open()
    frames = iter(range(1000))

    def fill() -> None:
        for seq in frames:
            output.show(scene(seq))

    with disk_full_after(8_000), pytest.raises(OutputLost, match=r"clip\.mp4: can't be written: "):
        fill()
    output.close()
    output.open()
    output.show(scene(next(frames)))
    output.close()

    assert playable(path) > 5
    assert len(decode(path.with_name("clip-2.mp4"))) == 1


@needs_root
def test_tries_on_a_full_disk_leave_no_empty_clips(
    tmp_path: Path, device: Device, scene: Callable[..., Scene]
):
    """Nor do they use up numbers: the clip begins under its own name once there is room."""
    with small_disk(tmp_path / "disk") as disk:
        output = VideoOutput(VideoOutputOptions(path=disk / "clip.mp4"), device)
        fill(disk)

        def show(output: VideoOutput, turn: int) -> None:
            for frame in range(turn * 100, turn * 100 + 100):
                output.show(scene(frame))

        for seq in range(5):
            output.open()
            with pytest.raises(OutputLost, match="No space left"):
                show(output, seq)
            output.close()
        assert [path.name for path in disk.iterdir()] == ["filler"]

        empty(disk)
        output.open()
        output.show(scene(1000))
        output.close()

        assert len(decode(disk / "clip.mp4")) == 1


def test_a_disk_that_is_full_from_the_start_is_told(device: Device, scene: Callable[..., Scene]):
    """Not even the first bytes fit."""
    output = VideoOutput(VideoOutputOptions(path=Path("/dev/full")), device)
    output.open()

    with pytest.raises(OutputLost, match="/dev/full: can't be written: No space left"):
        output.show(scene(0))
    output.close()


def test_a_pipe_is_no_clip(path: Path, device: Device, scene: Callable[..., Scene]):
    """FFmpeg would wait for its reader with every other thread: refused before it is opened."""
    os.mkfifo(path)
    output = VideoOutput(VideoOutputOptions(path=path), device)
    output.open()

    with pytest.raises(OutputLost, match=r"clip\.mp4 is a pipe"):
        output.show(scene(0))
    output.close()


def test_a_clip_that_cannot_be_begun_is_told(
    path: Path, device: Device, scene: Callable[..., Scene]
):
    """A folder of that name is in the way."""
    path.mkdir()
    output = VideoOutput(VideoOutputOptions(path=path), device)
    output.open()

    with pytest.raises(OutputLost, match=r"clip\.mp4 is a folder"):
        output.show(scene(0))
    output.close()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.sampled_from([None, 1, 30, 120]))
def test_ticks_always_grow(moments: list[float], fps: float | None):
    """Whatever the source's times do, the clip goes forward, and never stands for long."""
    timeline = ClipTimeline(fps)

    ticks = [tick for tick in map(timeline.ticks, moments) if tick is not None]

    assert ticks[0] == 0
    steps = np.diff(ticks)
    assert (steps > 0).all()
    assert fps is not None or (steps <= LONGEST * mp4.CLOCK + 1).all()


def test_time_that_stands_goes_back_or_jumps_is_smoothed():
    """A frame more is a frame's time more; an hour without camera is two seconds."""
    timeline = ClipTimeline()

    ticks = [timeline.ticks(moment) for moment in (5.0, 5.0, 4.0, 3604.0, 3604.5)]

    seconds = [0, NOMINAL, 2 * NOMINAL, 2 * NOMINAL + LONGEST, 2 * NOMINAL + LONGEST + 0.5]
    assert [tick / mp4.CLOCK for tick in ticks] == pytest.approx(seconds, abs=1e-4)


@pytest.mark.parametrize("codec", ["h264", "mpeg4"])
def test_a_clip_without_pictures_leaves_no_file(path: Path, codec: str):
    """Begun and closed at once, as when the first picture could not be drawn: no crash, no file."""
    clip = mp4.Mp4(path, mp4.Format((48, 64), codec, 23))
    assert path.exists()

    clip.close()
    clip.close()

    assert not path.exists()


def test_a_fault_of_the_encoder_is_told(path: Path, monkeypatch: pytest.MonkeyPatch):
    """Also before there is a picture in the file: a lost output, not a crash."""
    clip = mp4.Mp4(path, mp4.Format((48, 64), "h264", 23))

    def encode(frame: object = None) -> None:
        raise av.FFmpegError(12, "Cannot allocate memory")

    monkeypatch.setattr(clip, "_stream", type("Stream", (), {"encode": staticmethod(encode)})())

    with pytest.raises(OutputLost, match="Cannot allocate memory"):
        clip.write(np.zeros((48, 64, 3), np.uint8), 0)
    clip.close()
