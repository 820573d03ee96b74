"""USB cameras: the newest frame wins, stamps are the driver's, and every refusal has a way out."""

from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from coloured import corners, quarters
from fake_v4l2 import Driver
from pydantic import ValidationError
from stepped import SteppedClock, SteppedEvent

from edgepose.errors import SourceLost
from edgepose.sources import v4l2 as module
from edgepose.sources.v4l2 import V4l2
from edgepose.types import Frame


@pytest.fixture
def stepped(clock: SteppedClock, monkeypatch: pytest.MonkeyPatch) -> SteppedClock:
    """Let time pass only where the source waits."""
    monkeypatch.setattr(module, "monotonic", clock)
    monkeypatch.setattr(threading, "Event", lambda: SteppedEvent(clock))
    return clock


def camera(**options: Any) -> V4l2:
    """Return an opened camera."""
    source = V4l2(V4l2.Options(**({"size": (96, 128)} | options)))
    source.open()
    return source


def frame_of(source: V4l2) -> Frame:
    """Read one frame that must come."""
    frame = source.read()
    assert frame is not None
    return frame


def test_a_frame_is_rgb_with_the_driver_s_stamp(driver: Driver, stepped: SteppedClock):
    """Red is red, and the frame is as old as the driver says."""
    source = camera()
    driver.put(999.98)
    frame = frame_of(source)
    assert corners(frame.image) == ["red", "green", "blue", "white"]
    assert frame.captured == frame.time == pytest.approx(999.98)


def test_the_newest_frame_wins(driver: Driver, stepped: SteppedClock):
    """What piled up in the driver's queue is skipped, undecoded, and counted."""
    source = camera()
    for n in range(5):
        driver.put(999.80 + 0.04 * n, np.full((96, 128, 3), 40 * n, np.uint8))
    frame = frame_of(source)
    assert (frame.seq, frame.time) == (4, pytest.approx(999.96))
    assert frame.image.mean() == pytest.approx(160, abs=3)
    driver.put(999.99)
    assert frame_of(source).seq == 5


@pytest.mark.parametrize("stamp", [1.7e9, 5.0, 1000.5])
def test_stamps_of_another_clock_are_replaced(driver: Driver, stepped: SteppedClock, stamp: float):
    """A driver may stamp by the wall clock: then the moment of reading counts."""
    source = camera()
    driver.put(stamp)
    frame = frame_of(source)
    assert frame.captured == stepped.now


def test_time_never_goes_back(driver: Driver, stepped: SteppedClock):
    """A foreign stamp between two good ones does not turn time around."""
    source = camera()
    times = []
    for stamp in (999.9, 1.7e9, 999.95):
        driver.put(stamp)
        times.append(frame_of(source).time)
    assert times == sorted(times)


def test_no_frame_is_a_loss_after_the_timeout(driver: Driver, stepped: SteppedClock):
    """A camera that stands still is lost, with its name, and may be opened again."""
    source = camera(timeout=1.5)
    with pytest.raises(SourceLost, match=r"/dev/video0: no frame for 1\.5 s"):
        source.read()
    assert stepped.now == pytest.approx(1001.5, abs=0.03)
    source.close()
    source.open()
    driver.put(1001.4)
    assert frame_of(source).seq == 0


def test_an_unplugged_camera_is_lost_at_once(driver: Driver, stepped: SteppedClock):
    """The driver's error ends the read; no time passes."""
    source = camera()
    driver.breaks = errno.ENODEV
    with pytest.raises(SourceLost, match="No such device"):
        source.read()
    assert stepped.now < 1000.1


def test_the_last_frame_before_the_plug_is_pulled_is_given(driver: Driver, stepped: SteppedClock):
    """An error behind a good frame comes up with the next read."""
    source = camera()
    driver.put(999.9)
    driver.breaks = errno.EINVAL
    assert frame_of(source).seq == 0
    with pytest.raises(SourceLost):
        source.read()


def test_damaged_frames_are_left_out(
    driver: Driver, stepped: SteppedClock, caplog: pytest.LogCaptureFixture
):
    """Empty and undecodable frames count, and the next good one comes; said once."""
    source = camera()
    for n in range(3):
        driver.put_rubbish(999.8 + 0.01 * n)
        assert source._newest(source._open_track()) is None
    driver.put_damaged(999.85)
    assert source._newest(source._open_track()) is None
    driver.put(999.9)
    assert frame_of(source).seq == 4
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_waiting_looks_seldom_until_a_frame_is_due(driver: Driver, stepped: SteppedClock):
    """Between frames the driver is asked about every 20 ms, around the due time every 1 ms."""
    source = camera()
    for _ in range(2):
        driver.put(stepped.now)
        frame_of(source)
        stepped.advance(0.1)
    driver.put(stepped.now - 0.001)
    frame_of(source)
    stepped.waits.clear()
    with pytest.raises(SourceLost):
        source.read()
    assert stepped.waits[:4] == pytest.approx([0.02] * 4)
    assert min(stepped.waits) == module.NAP


def test_interrupting_ends_a_wait(driver: Driver):
    """A camera that stands still does not hold up the end, whatever its time-out."""
    source = camera(timeout=3600)
    threading.Timer(0.05, source.interrupt).start()
    assert source.read() is None
    source.close()
    assert not driver.containers[0].is_open


def test_a_camera_on_its_side_is_turned(driver: Driver, stepped: SteppedClock):
    """`rotate` turns every picture clockwise."""
    source = camera(rotate=270)
    driver.put(999.9)
    assert corners(frame_of(source).image) == ["green", "white", "red", "blue"]


def test_the_device_is_asked_for_what_the_user_said(driver: Driver):
    """Size as width x height, rate, a format, and never to block."""
    camera(device="/dev/v4l/by-id/usb-cam-index0", size=(720, 1280), fps=25)
    how = driver.opened[0]
    assert how["file"] == "/dev/v4l/by-id/usb-cam-index0"
    assert how["format"] == "v4l2"
    wanted = {"video_size": "1280x720", "framerate": "25", "input_format": "mjpeg", "fflags": "+4"}
    assert how["options"] == wanted


@pytest.mark.parametrize(
    ("options", "formats", "tried"),
    [
        ({"size": (480, 640)}, {"yuyv422"}, ["yuyv422"]),
        ({"size": (720, 1280)}, {"mjpeg"}, ["mjpeg"]),
        ({"size": (720, 1280)}, {"yuyv422"}, ["mjpeg", "yuyv422"]),
        ({"format": "mjpeg"}, {"mjpeg"}, ["mjpeg"]),
        ({"format": "yuyv", "size": (720, 1280)}, {"yuyv422"}, ["yuyv422"]),
    ],
)
def test_formats_are_tried_in_order(
    driver: Driver, options: dict[str, Any], formats: set[str], tried: list[str]
):
    """Large pictures come compressed where the camera can, small ones raw, or as asked for."""
    driver.formats = formats
    camera(**options)
    assert [how["options"]["input_format"] for how in driver.opened] == tried


def test_a_format_that_was_asked_for_and_is_missing_is_a_loss(driver: Driver):
    """The message says how to see what the camera can."""
    driver.formats = {"yuyv422"}
    with pytest.raises(SourceLost, match="v4l2-ctl --list-formats-ext"):
        camera(format="mjpeg")


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.EACCES, "sudo usermod -aG video"),
        (errno.EBUSY, "fuser -v /dev/video"),
        (errno.ENODEV, "several nodes"),
        (errno.ENOTTY, "several nodes"),
        (errno.ENOSPC, "USB bus"),
        (errno.EIO, "unplug it"),
        (errno.ENOMEM, f"error {errno.ENOMEM}"),
    ],
)
def test_every_refusal_says_what_to_do(driver: Driver, number: int, expected: str):
    """No permission, in use, not a camera, no room on the bus: a way out for each."""
    driver.refuses = number
    with pytest.raises(SourceLost, match=expected) as caught:
        camera()
    assert str(caught.value).startswith("/dev/video0: ")


def test_a_missing_device_names_those_that_are_there(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The lasting names of other cameras are in the message."""
    monkeypatch.setattr(module, "BY_ID", tmp_path)
    (tmp_path / "usb-Logitech-video-index0").touch()
    (tmp_path / "usb-Logitech-video-index1").touch()
    driver.refuses = errno.ENOENT
    with pytest.raises(SourceLost, match=r"there are: .*usb-Logitech-video-index0$"):
        camera()


def test_without_any_camera_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The real PyAV, and a device that does not exist."""
    monkeypatch.setattr(module, "BY_ID", tmp_path / "none")
    source = V4l2(V4l2.Options(device=tmp_path / "video9"))
    with pytest.raises(SourceLost, match=r"video9: no such device; no USB camera is listed in /"):
        source.open()
    source.close()


def test_a_file_that_is_no_camera_is_named():
    """The real PyAV, and a device of another kind."""
    with pytest.raises(SourceLost, match=r"/dev/null: it does not capture video"):
        V4l2(V4l2.Options(device=Path("/dev/null"))).open()


def test_another_size_than_asked_for_is_said(driver: Driver, caplog: pytest.LogCaptureFixture):
    """Drivers choose the nearest size they have."""
    camera(size=(480, 640))
    assert "gives [96, 128] pixels instead of [480, 640]" in caplog.text


def test_reading_before_opening_is_a_loss():
    """Nothing crashes in the wrong order."""
    with pytest.raises(SourceLost, match="not open"):
        V4l2(V4l2.Options()).read()


def test_nothing_of_the_driver_outlives_the_device(
    driver: Driver, stepped: SteppedClock, make_clip: Callable[..., Path]
):
    """A frame's pixels are its own: the driver's memory is gone when the device is closed."""
    picture = quarters((96, 128))
    raw = av.VideoFrame.from_ndarray(picture, format="rgb24")  # a format that needs no conversion
    source = camera()
    image = source._open_track().image(raw)
    for plane in raw.planes:
        plane.update(bytes(plane.buffer_size))
    np.testing.assert_array_equal(image, picture)


@pytest.mark.parametrize(
    "wrong", [{"format": "h264"}, {"size": (0, 0)}, {"fps": 0}, {"timeout": 0}]
)
def test_wrong_options_are_refused(wrong: dict[str, Any]):
    """Each option has its limits."""
    with pytest.raises(ValidationError):
        V4l2.Options(**wrong)
