"""Video files: times, colours, turns, loops, pace, and files that are broken or none at all."""

from __future__ import annotations

import itertools
import logging
import re
import struct
import threading
import wave
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import Colorspace
from coloured import corners, quarters
from pydantic import ValidationError
from stepped import SteppedClock, SteppedEvent

from edgepose.errors import UserError
from edgepose.sources.decode import Track
from edgepose.sources.video import VideoFile
from edgepose.types import Frame


def video(path: Path, **options: Any) -> VideoFile:
    """Return an opened video, fast unless told otherwise."""
    source = VideoFile(VideoFile.Options.model_validate({"path": path, "pace": "fast"} | options))
    source.open()
    return source


def frames(source: VideoFile, limit: int = 1000) -> list[Frame]:
    """Read up to `limit` frames, to the end."""
    found: list[Frame] = []
    while len(found) < limit and (frame := source.read()) is not None:
        found.append(frame)
    return found


def turn_on_its_side(path: Path) -> None:
    """Write into an MP4 file, as phones do, that its picture is to be turned clockwise."""
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2, version 0
    turn = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = turn
    path.write_bytes(data)


def test_time_is_the_position_in_the_clip(make_clip: Callable[..., Path]):
    """Uneven stamps come out as seconds from the first picture, in order, all of them."""
    source = video(make_clip(stamps=(0, 40, 200, 210, 1000)))
    found = frames(source)
    assert [frame.time for frame in found] == pytest.approx([0.0, 0.04, 0.2, 0.21, 1.0])
    assert [frame.seq for frame in found] == [0, 1, 2, 3, 4]


def test_a_clip_that_starts_late_starts_at_zero(make_clip: Callable[..., Path]):
    """A first stamp of 5 s is position 0."""
    assert [
        frame.time for frame in frames(video(make_clip(stamps=(5000, 5040, 5080, 5120, 5160))))
    ][:2] == pytest.approx([0.0, 0.04])


def test_the_colours_are_rgb(make_clip: Callable[..., Path]):
    """Red stays red: the array is RGB, uint8, (height, width, 3)."""
    frame = frames(video(make_clip()))[0]
    assert frame.image.dtype == np.uint8
    assert frame.size == (64, 96)
    assert corners(frame.image) == ["red", "green", "blue", "white"]


@pytest.mark.parametrize("matrix", [Colorspace.ITU601, Colorspace.ITU709])
def test_a_clip_keeps_its_colours_whatever_its_matrix(tmp_path: Path, matrix: Colorspace):
    """YUV goes back to RGB by the matrix the clip names: HD clips have another than SD ones."""
    picture = quarters((96, 128))
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "5"})
        stream.height, stream.width, stream.pix_fmt = 96, 128, "yuv420p"
        stream.codec_context.colorspace = 1 if matrix is Colorspace.ITU709 else 6
        rgb = av.VideoFrame.from_ndarray(picture, format="rgb24")
        container.mux(stream.encode(rgb.reformat(format="yuv420p", dst_colorspace=matrix)))
        container.mux(stream.encode())
    image = frames(video(path))[0].image
    np.testing.assert_allclose(
        image[::24, ::32][1::2, 1::2], picture[::24, ::32][1::2, 1::2], atol=8
    )


def test_a_phone_clip_stands_upright(make_clip: Callable[..., Path]):
    """The turn that the metadata asks for is made: the left column comes to the top."""
    path = make_clip("phone.mp4", codec="mpeg4", pixels="yuv420p")
    turn_on_its_side(path)
    frame = frames(video(path))[0]
    assert frame.size == (96, 64)
    assert corners(frame.image) == ["blue", "red", "white", "green"]


def test_an_odd_width_has_no_slanted_rows(make_clip: Callable[..., Path]):
    """Decoders pad their rows; the padding is not part of the picture."""
    picture = quarters((34, 50))[:, :45]
    frame = frames(video(make_clip(images=[picture] * 5)))[0]
    np.testing.assert_array_equal(frame.image, picture)


def test_a_loop_goes_on_in_time_and_number(make_clip: Callable[..., Path]):
    """The second round follows the first at the nominal rate; nothing starts over."""
    source = video(make_clip(stamps=(0, 40, 80)), loop=True)
    found = frames(source, limit=7)
    source.close()
    assert [frame.seq for frame in found] == list(range(7))
    assert [frame.time for frame in found] == pytest.approx([0.04 * n for n in range(7)])


def test_an_animated_gif_is_a_video(make_clip: Callable[..., Path]):
    """GIFs are decoded with their own times, and loop."""
    path = make_clip("moving.gif", codec="gif", pixels="rgb8", stamps=(0, 100, 200), rate=10)
    found = frames(video(path, loop=True), limit=5)
    assert [frame.time for frame in found] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4], abs=0.02)
    assert corners(found[4].image) == ["red", "green", "blue", "white"]


def test_fast_waits_for_nothing_and_loses_nothing(
    make_clip: Callable[..., Path], clock: SteppedClock
):
    """`fast` is lossless, has no capture moment, and no time passes."""
    source = video(make_clip(stamps=(0, 10_000, 20_000)))
    assert source.lossless
    assert [frame.captured for frame in frames(source)] == [None] * 3
    assert clock.now == 1000.0


def test_realtime_gives_every_picture_when_it_is_due(
    make_clip: Callable[..., Path], clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
):
    """`realtime` may drop frames; each says when it was handed out, at its distance in the clip."""
    monkeypatch.setattr(threading, "Event", lambda: SteppedEvent(clock))
    source = video(make_clip(stamps=(0, 40, 500)), pace="realtime")
    captured = [frame.captured for frame in frames(source)]
    assert not source.lossless
    assert captured == pytest.approx([1000.0, 1000.04, 1000.5])


def test_interrupting_ends_a_wait_for_a_far_picture(make_clip: Callable[..., Path]):
    """A picture due in an hour does not hold up the end."""
    source = video(make_clip(stamps=(0, 3_600_000, 3_600_040)), pace="realtime")
    assert source.read() is not None
    threading.Timer(0.05, source.interrupt).start()
    assert source.read() is None


def test_a_clip_that_breaks_off_gives_what_is_there(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
):
    """The frames before the damage come, then the end, with one warning that names the file."""
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 96, 3), np.uint8)
    path = make_clip("cut.avi", stamps=range(0, 800, 40), images=list(noise))
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert 5 < len(frames(video(path))) < 20
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "cut.avi" in caplog.text


def test_pictures_kept_for_reordering_come_before_the_break(
    make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    """The decoder holds pictures back for B-frames; where a file breaks off they come out."""
    path = make_clip(
        "b.mp4",
        codec="libx264",
        pixels="yuv420p",
        stamps=range(0, 800, 40),
        images=[quarters()] * 20,
    )
    whole = Track.packets

    def broken_off(track: Track) -> Any:
        yield from itertools.islice(whole(track), 10)
        raise av.error.InvalidDataError(1, "broken off")

    monkeypatch.setattr(Track, "packets", broken_off)
    assert len(frames(video(path))) == 10


def test_damage_in_the_middle_costs_the_damaged_pictures(
    make_clip: Callable[..., Path], caplog: pytest.LogCaptureFixture
):
    """What can't be decoded is left out, said once, and the rest comes."""
    path = make_clip(
        "scratched.mov",
        codec="png",
        pixels="rgb24",
        stamps=range(0, 800, 40),
        images=[quarters()] * 20,
    )
    data = bytearray(path.read_bytes())
    for start in [found.start() for found in re.finditer(b"IHDR", bytes(data))][5:8]:
        data[start : start + 20] = bytes(20)
    path.write_bytes(data)
    found = frames(video(path))
    assert len(found) == 17
    assert all(later.time > earlier.time for earlier, later in pairwise(found))
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("empty.mp4", b"", "an empty file"),
        ("noise.mp4", bytes(range(256)) * 50, "12800 bytes"),
        ("notes.txt", b"not a video\n" * 50, "no moving pictures"),
        ("config.yaml", b"source: {type: video}\n" * 50, "expected a video"),
    ],
)
def test_a_file_that_is_no_video_is_named(tmp_path: Path, name: str, data: bytes, expected: str):
    """The message says which file, what was expected and what it holds."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=expected) as caught:
        video(tmp_path / name)
    assert name in str(caught.value)


def test_a_sound_file_has_no_pictures(tmp_path: Path):
    """A file with a sound track alone is no video."""
    path = tmp_path / "song.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        sound.writeframes(bytes(16000))
    with pytest.raises(UserError, match=r"song\.wav: expected a video"):
        video(path)


def test_a_folder_is_sent_to_the_images_source(tmp_path: Path):
    """Who names a folder learns which source reads it."""
    with pytest.raises(UserError, match="type: images"):
        video(tmp_path)


def test_a_file_that_is_gone_is_missed_when_it_is_opened(make_clip: Callable[..., Path]):
    """A file deleted after the configuration was read is a clear error, not a crash."""
    path = make_clip()
    source = VideoFile(VideoFile.Options.model_validate({"path": path}))
    path.unlink()
    with pytest.raises(UserError, match="no such file"):
        source.open()
    source.close()


def test_a_loop_whose_file_vanished_says_so(make_clip: Callable[..., Path]):
    """A file deleted while it loops ends with an error that names it."""
    path = make_clip(stamps=(0, 40))
    source = video(path, loop=True)
    frames(source, limit=2)
    path.unlink()
    with pytest.raises(UserError, match=r"clip\.mkv"):
        source.read()


def test_a_file_that_is_missing_is_found_with_the_configuration():
    """The options refuse a path that does not exist."""
    with pytest.raises(ValidationError, match="no such file"):
        VideoFile.Options.model_validate({"path": "/nowhere/clip.mp4"})


@pytest.mark.parametrize(
    ("name", "count", "last", "size"),
    [
        ("tfjs_pose_squats.mp4", 65, 12.8, (1280, 720)),
        ("jumping_jacks_1_count11.mp4", 316, 13.138, (360, 640)),
        ("jumping_jacks_5_count18.mp4", 646, 21.521, (360, 202)),
        ("openpose_street.avi", 205, 4.08, (720, 1280)),
        ("smart_pushup2.gif", 30, 2.9, (168, 200)),
    ],
)
def test_real_clips_are_read_whole(
    media: Path, name: str, count: int, last: float, size: tuple[int, int]
):
    """Number of frames, last time and size of real clips, MP4, AVI and GIF."""
    found = frames(video(media / "clips" / name))
    assert (len(found), found[-1].size) == (count, size)
    assert found[-1].time == pytest.approx(last, abs=0.002)
