"""Video files: times, colours, turns, loops, pace, and files that are broken or none at all."""

from __future__ import annotations

import gc
import itertools
import logging
import re
import resource
import struct
import threading
import wave
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from av.stream import Disposition
from av.video.reformatter import Colorspace
from coloured import corners, quarters
from pydantic import ValidationError
from stepped import SteppedClock, SteppedEvent

from edgepose.errors import UserError
from edgepose.sources.decode import Track
from edgepose.sources.video import VideoFile, clip_frames
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


Matrix = tuple[int, int, int, int]
SIDEWAYS: Matrix = (0, 1, -1, 0)


def show_as(path: Path, matrix: Matrix) -> None:
    """Write into an MP4 file how its picture is to be turned and mirrored, as phones do."""
    data = bytearray(path.read_bytes())
    place = data.index(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2, version 0
    a, b, c, d = (number << 16 for number in matrix)
    data[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
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
    show_as(path, SIDEWAYS)
    frame = frames(video(path))[0]
    assert frame.size == (96, 64)
    assert corners(frame.image) == ["blue", "red", "white", "green"]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), "red green blue white"),
        ((-1, 0, 0, 1), "green red white blue"),
        ((-1, 0, 0, -1), "white blue green red"),
        ((1, 0, 0, -1), "blue white red green"),
        ((0, 1, 1, 0), "red blue green white"),
        ((0, 1, -1, 0), "blue red white green"),
        ((0, -1, -1, 0), "white green blue red"),
        ((0, -1, 1, 0), "green white red blue"),
    ],
)
def test_a_clip_is_turned_and_mirrored_as_a_player_shows_it(
    make_clip: Callable[..., Path], matrix: Matrix, expected: str
):
    """All eight display matrices, by rows from the top left corner."""
    path = make_clip("phone.mp4", codec="mpeg4", pixels="yuv420p")
    show_as(path, matrix)
    assert corners(frames(video(path))[0].image) == expected.split()


def boxes(data: bytes) -> dict[bytes, bytes]:
    """Return the boxes of an MP4 file, or of one of its boxes, whole and by kind."""
    found, at = {}, 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found[data[at + 4 : at + 8]] = data[at : at + size]
        at += size
    return found


def clip_with_cover(path: Path) -> Path:
    """Write a clip of five frames whose cover comes first, as taggers write it."""
    with av.open(str(path), "w") as container:
        moving = container.add_stream("mpeg4", rate=25)
        moving.height, moving.width, moving.pix_fmt = 64, 96, "yuv420p"
        cover = container.add_stream("png", rate=1)
        cover.height, cover.width, cover.pix_fmt = 32, 32, "rgb24"
        cover.disposition = Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame.from_ndarray(quarters((32, 32)), format="rgb24")))
        for _ in range(5):
            container.mux(moving.encode(av.VideoFrame.from_ndarray(quarters(), format="rgb24")))
        container.mux(moving.encode())
    data = path.read_bytes()
    head, movie = data[: data.index(b"moov") - 4], boxes(data)[b"moov"]
    inner = boxes(movie[8:])
    inner = {b"mvhd": inner.pop(b"mvhd"), b"udta": inner.pop(b"udta")} | inner
    path.write_bytes(head + movie[:8] + b"".join(inner.values()))
    return path


def two_tracks(path: Path, default: int) -> Path:
    """Write a clip of two tracks, 32 rows and 64 rows high, one of which is the default."""
    with av.open(str(path), "w") as container:
        tracks = [container.add_stream("ffv1", rate=25) for _ in range(2)]
        for number, stream in enumerate(tracks):
            stream.height, stream.width, stream.pix_fmt = 32 * (number + 1), 64, "bgr0"
            is_default = number == default
            stream.disposition = Disposition.default if is_default else Disposition.dub
        for stream in tracks:
            picture = quarters((stream.height, stream.width))
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return path


def test_the_cover_of_a_clip_is_not_the_clip(tmp_path: Path):
    """A picture that a tagger put in as the first track is passed over."""
    path = clip_with_cover(tmp_path / "tagged.mp4")
    with av.open(str(path)) as container:
        assert container.streams.video[0].disposition & Disposition.attached_pic
    found = frames(video(path))
    assert [frame.size for frame in found] == [(64, 96)] * 5


@pytest.mark.parametrize(("default", "height"), [(0, 32), (1, 64)])
def test_the_default_track_is_read(tmp_path: Path, default: int, height: int):
    """Of several tracks the one that a player would show."""
    found = frames(video(two_tracks(tmp_path / "two.mkv", default)))
    assert {frame.size for frame in found} == {(height, 64)}


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (Fraction(4, 3), (64, 128)),
        (Fraction(1, 2), (128, 96)),
        (Fraction(1), (64, 96)),
        (Fraction(40), (64, 96)),
    ],
)
def test_pixels_that_are_not_square_are_made_square(
    tmp_path: Path, shape: Fraction, size: tuple[int, int]
):
    """The squeezed axis is stretched; a shape that can't be is taken for damage."""
    path = tmp_path / "squeezed.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        stream.codec_context.sample_aspect_ratio = shape
        container.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(), format="rgb24")))
        container.mux(stream.encode())
    image = frames(video(path))[0].image
    assert image.shape[:2] == size
    assert corners(image) == ["red", "green", "blue", "white"]


def raw(path: Path, codec: str, count: int = 30) -> Path:
    """Write a raw stream of 15 frames a second, without a container."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=15)
        stream.height, stream.width, stream.pix_fmt = 64, 96, "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        for _ in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(quarters(), format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("name", "codec"), [("pi.h264", "libx264"), ("pi.h265", "libx265"), ("pi.hevc", "libx265")]
)
def test_a_raw_stream_plays_at_its_own_rate(tmp_path: Path, name: str, codec: str):
    """FFmpeg counts at 25 a second; the stream itself says 15."""
    found = frames(video(raw(tmp_path / name, codec)))
    assert len(found) == 30
    assert found[-1].time == pytest.approx(29 / 15, abs=0.001)


def test_a_raw_stream_without_a_rate_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """MJPEG says none: 25 is a guess, and the option that ends it is named."""
    path = raw(tmp_path / "pi.mjpeg", "mjpeg")
    assert frames(video(path))[-1].time == pytest.approx(29 / 25, abs=0.001)
    assert "fps:" in caplog.text
    caplog.clear()
    assert frames(video(path, fps=15))[-1].time == pytest.approx(29 / 15, abs=0.001)
    assert caplog.text == ""


def test_the_rate_given_is_instead_of_the_files_own_times(make_clip: Callable[..., Path]):
    """`fps` counts for every file, loops included."""
    source = video(make_clip(stamps=(0, 40, 80)), fps=10, loop=True)
    assert [frame.time for frame in frames(source, limit=5)] == pytest.approx(
        [0.0, 0.1, 0.2, 0.3, 0.4]
    )


def test_a_clip_of_huge_pictures_is_refused_before_it_takes_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A header of 16,000 x 16,000 pixels is one sentence; nothing is decoded."""
    jpeg = bytearray(cv2.imencode(".jpg", quarters())[1].tobytes())
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = struct.pack(">HH", 16_000, 16_000)
    path = tmp_path / "bomb.mjpeg"
    path.write_bytes(bytes(jpeg) * 3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match="no picture in it can be decoded"):
        video(path)
    assert "16000 rows of 16000 pixels" in caplog.text
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


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


def test_decoded_pictures_are_freed_without_garbage_collection(make_clip: Callable[..., Path]):
    """Memory stays flat: a picture that waits for the collector holds a megabyte at 480p."""
    path = make_clip()
    gc.collect()
    gc.disable()
    try:
        before = len(_pictures())
        with closing(video(path)) as source:
            for _ in range(20):
                source.read()
            alive = len(_pictures()) - before
    finally:
        gc.enable()
    assert alive <= 3


def _pictures() -> list[Any]:
    return [found for found in gc.get_objects() if isinstance(found, av.VideoFrame)]


def test_a_title_that_is_no_utf8_is_no_matter(tmp_path: Path):
    """Clips of old cameras have titles in Latin-1; each ended the process at every start."""
    path = tmp_path / "latin.mkv"
    with av.open(str(path), "w", metadata_encoding="latin-1") as container:
        container.metadata["title"] = "K\xfcche"
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 48
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8))
        container.mux([*stream.encode(picture), *stream.encode(None)])
    with closing(video(path)) as source:
        source.open()
        assert source.read() is not None


def test_a_device_is_no_clip():
    """For commands that read a whole clip; a configuration says so with the line."""
    with pytest.raises(UserError, match="found a device or a pipe"):
        next(clip_frames(Path("/dev/zero")))


def flv_with_late_sound(path: Path) -> Path:
    """Write 12 s of pictures, with sound from the ninth on: after FFmpeg's first look of 5 s."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flv", rate=5)
        stream.width, stream.height = 64, 48
        for number in range(60):
            shown = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8))
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    tags, at = [data[:4] + b"\1" + data[5:13]], 13  # pictures alone, says the header
    while at < len(data):
        end = at + 11 + int.from_bytes(data[at + 1 : at + 4]) + 4
        tags.append(data[at:end])
        if int.from_bytes(data[at + 4 : at + 7]) >= 9000:
            sound = b"\x3e" + bytes(200)  # 16 bits as they are, 44 kHz
            head = b"\x08" + len(sound).to_bytes(3) + data[at + 4 : at + 7] + bytes(4)
            tags.append(head + sound + (len(sound) + 11).to_bytes(4))
        at = end
    path.write_bytes(b"".join(tags))
    return path


def test_a_track_that_begins_later_takes_no_picture(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A microphone that is switched on; PyAV has no place for it."""
    source = video(flv_with_late_sound(tmp_path / "late.flv"))
    assert len(frames(source)) == 60
    source.close()
    assert caplog.text == ""
