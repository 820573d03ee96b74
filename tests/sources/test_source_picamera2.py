"""The Raspberry Pi camera, against a fake of picamera2 that has its memory layout and its traps."""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coloured import corners
from fake_picamera2 import EXPOSURE_US, World
from pydantic import ValidationError
from stepped import SteppedClock

from edgepose.errors import SourceLost, UserError
from edgepose.sources import picamera2 as module
from edgepose.sources.picamera2 import Picamera2
from edgepose.types import Frame

COLOURS = ["red", "green", "blue", "white"]


def camera(**options: Any) -> Picamera2:
    """Return an opened camera, small unless told otherwise."""
    source = Picamera2(Picamera2.Options(**({"size": (96, 128)} | options)))
    source.open()
    return source


def frame_of(source: Picamera2) -> Frame:
    """Read one frame that must come."""
    frame = source.read()
    assert frame is not None
    return frame


def test_red_is_red(pi: World):
    """The format is asked for by the name that has R first in memory."""
    frame = frame_of(camera())
    assert corners(frame.image) == COLOURS
    assert (frame.image.dtype, frame.size) == (np.uint8, (96, 128))


@pytest.mark.parametrize("size", [(720, 1280), (480, 640), (90, 130)])
def test_the_small_picture_has_the_same_colours(pi: World, size: tuple[int, int]):
    """YUV is converted by the matrix that the camera used, and row padding is cut off."""
    frame = frame_of(camera(size=size, lores=(60, 100)))
    assert frame.lores is not None
    assert frame.lores.shape == (60, 100, 3)
    assert corners(frame.lores) == COLOURS
    np.testing.assert_allclose(frame.lores[10, 10], frame.image[10, 10], atol=6)


def test_no_small_picture_unless_asked_for(pi: World):
    """Without `lores` the frame has none."""
    assert frame_of(camera()).lores is None


@pytest.mark.parametrize(
    ("rotate", "expected"),
    [
        (90, ["blue", "red", "white", "green"]),
        (180, ["white", "blue", "green", "red"]),
        (270, ["green", "white", "red", "blue"]),
    ],
)
def test_a_turned_camera_is_turned_back(pi: World, rotate: int, expected: list[str]):
    """Both pictures are turned clockwise, and never mirrored."""
    frame = frame_of(camera(rotate=rotate, lores=(48, 64)))
    assert frame.lores is not None
    assert corners(frame.image) == corners(frame.lores) == expected


def test_upside_down_costs_nothing(pi: World):
    """The sensor itself turns by 180 degrees."""
    camera(rotate=180)
    assert (pi.opened[0].config["transform"].hflip, pi.opened[0].config["transform"].vflip) == (
        True,
        True,
    )


def test_a_frame_is_as_old_as_its_exposure(pi: World, monkeypatch: pytest.MonkeyPatch):
    """`captured` is when the exposure began; the sensor's stamp is of its end."""
    monkeypatch.setattr("time.monotonic_ns", lambda: 5_000_000_000_000)
    monkeypatch.setattr(module, "monotonic", lambda: 5000.01)
    frame = frame_of(camera())
    began = 4999.98 - EXPOSURE_US / 1e6
    assert (frame.captured, frame.time) == pytest.approx((began, began), abs=1e-9)


@pytest.mark.parametrize(("exposure_ns", "offset_ns"), [(None, 0), (20_000_000, 60_000_000_000)])
def test_a_stamp_of_another_clock_is_replaced(
    pi: World, monkeypatch: pytest.MonkeyPatch, exposure_ns: int | None, offset_ns: int
):
    """Without a stamp, or with one that runs ahead, the moment of reading counts."""
    pi.exposure_ns, pi.boot_offset_ns = exposure_ns, offset_ns
    monkeypatch.setattr(module, "monotonic", lambda: 4321.0)
    assert frame_of(camera()).captured == 4321.0


def test_time_never_goes_back(pi: World):
    """A frame whose stamp is missing does not let the next one come before it."""
    source = camera()
    times = []
    for pi.exposure_ns in (0, None, 9_000_000_000, 0):
        times.append(frame_of(source).time)
    assert times == sorted(times)


def test_every_request_is_given_back(pi: World):
    """Far more frames than buffers can be read."""
    source = camera()
    assert [frame_of(source).seq for _ in range(50)] == list(range(50))


def test_a_request_is_given_back_when_it_can_t_be_read(pi: World, monkeypatch: pytest.MonkeyPatch):
    """An error in between costs no buffer."""
    source = camera()
    monkeypatch.setattr("fake_picamera2.Request.get_metadata", lambda self: 1 / 0)
    for _ in range(10):
        with pytest.raises(ZeroDivisionError):
            source.read()
    assert pi.opened[0].free == module.BUFFERS


def test_rate_and_controls_are_set(pi: World):
    """`fps` becomes the frame duration in microseconds; `controls` are passed on."""
    pi.has_autofocus = True
    camera(fps=50, controls={"AfMode": 2})
    expected = {"FrameDurationLimits": (20000, 20000), "AfMode": 2}
    assert pi.opened[0].config["controls"] == expected


def test_a_control_may_take_the_place_of_the_rate(pi: World):
    """Who sets the frame duration himself gets it."""
    camera(controls={"FrameDurationLimits": (33333, 100000)})
    assert pi.opened[0].config["controls"]["FrameDurationLimits"] == (33333, 100000)


def test_an_unknown_control_is_named(pi: World):
    """The message says which control, and which was meant."""
    pi.has_autofocus = True
    with pytest.raises(UserError, match=r"controls\.AFMode: .*did you mean 'AfMode'\?"):
        camera(controls={"AFMode": 2})


MODULE_3 = (
    (864, 1536, 120.1, 1728, 3072),
    (1296, 2304, 56.0, 2592, 4608),
    (2592, 4608, 14.4, 2592, 4608),
)


def modes_of(*modes: tuple[int, int, float, int, int]) -> list[dict[str, Any]]:
    """Return modes as picamera2 describes them, from (height, width, fps, crop's height, width)."""
    return [
        {"size": (w, h), "bit_depth": 10, "fps": fps, "crop_limits": (0, 0, crop_w, crop_h)}
        for h, w, fps, crop_h, crop_w in modes
    ]


def test_the_whole_sensor_is_read(pi: World, caplog: pytest.LogCaptureFixture):
    """Not the cropped mode that libcamera picks for 720p, which sees 67 % of the width."""
    pi.modes = modes_of(*MODULE_3)
    caplog.set_level(logging.INFO)
    camera(size=(720, 1280))
    assert pi.opened[0].config["sensor"] == {"output_size": (2304, 1296), "bit_depth": 10}
    assert "sees 100 % of its width, 100 % of its height" in caplog.text


def test_the_modes_are_asked_for_once(pi: World):
    """The camera is reconfigured for each of them; a lost camera is opened again and again."""
    pi.modes = modes_of(*MODULE_3)
    source = camera()
    source.close()
    pi.modes = []
    source.open()
    assert pi.opened[1].config["sensor"] == pi.opened[0].config["sensor"]


def test_libcamera_may_choose_the_mode(pi: World):
    """`field_of_view: any`, and a camera that names no modes."""
    camera()
    assert pi.opened[0].config["sensor"] == {}
    pi.opened[0].close()
    pi.modes = modes_of(*MODULE_3)
    camera(field_of_view="any")
    assert pi.opened[1].config["sensor"] == {}


def test_a_rate_that_the_whole_sensor_lacks_is_said(pi: World, caplog: pytest.LogCaptureFixture):
    """The field of view goes first; how to get the rate is said."""
    pi.modes = modes_of(*MODULE_3)
    camera(fps=100)
    assert pi.opened[0].config["sensor"]["output_size"] == (2304, 1296)
    assert "the whole sensor can be read 56 times a second" in caplog.text


@pytest.mark.parametrize(
    ("options", "expected"),
    [({}, 2), ({"autofocus": False}, None), ({"controls": {"LensPosition": 0.5}}, None)],
)
def test_a_camera_with_a_motor_focuses(pi: World, options: dict[str, Any], expected: int | None):
    """Continuously, unless it is switched off or the lens has a fixed place."""
    pi.has_autofocus = True
    camera(**options)
    assert pi.opened[0].config["controls"].get("AfMode") == expected


def test_a_camera_without_a_motor_is_not_asked_to_focus(pi: World):
    """An unknown control would be refused."""
    camera()
    assert "AfMode" not in pi.opened[0].config["controls"]


def test_a_pi_5_makes_hdr_of_any_camera(pi: World):
    """By libcamera's control."""
    pi.has_hdr = True
    camera(hdr=True)
    assert pi.opened[0].config["controls"]["HdrMode"] == 3


def test_camera_module_3_has_its_own_hdr(pi: World):
    """Switched on before it is opened, and off again afterwards."""
    pi.model = "imx708_wide"
    source = camera(hdr=True)
    assert pi.sensor_hdr == [True]
    assert "HdrMode" not in pi.opened[0].config["controls"]
    source.close()
    assert pi.sensor_hdr == [True, False]


def test_hdr_that_a_camera_lacks_is_a_users_mistake(pi: World):
    """Instead of a picture without it."""
    with pytest.raises(UserError, match="hdr: camera 0 has none"):
        camera(hdr=True)


@pytest.mark.parametrize("fault", ["busy", "gone"])
def test_a_failed_open_leaves_no_descriptor_open(
    pi: World, fault: str, monkeypatch: pytest.MonkeyPatch
):
    """Tried again every few seconds for days, one each would reach the limit."""
    pi.is_busy = fault == "busy"
    if fault == "gone":  # between the list of cameras and the constructor
        monkeypatch.setattr(pi, "cameras", 0)
        monkeypatch.setattr(Picamera2, "_check_presence", lambda self, cameras: None)
    before = open_descriptors()
    for _ in range(20):
        source = Picamera2(Picamera2.Options())
        with pytest.raises(SourceLost):
            source.open()
        source.close()
    assert open_descriptors() == before


def open_descriptors() -> int:
    """Return how many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_frozen_camera_is_lost_after_the_timeout(
    pi: World, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
):
    """No frame for `timeout` seconds: SourceLost, and the camera can be closed and reopened."""
    monkeypatch.setattr(module, "monotonic", clock)
    pi.pause, pi.is_frozen = clock.advance, True
    source = camera(timeout=2.5)
    with pytest.raises(SourceLost, match=r"camera 0: no frame for 2\.5 s"):
        source.read()
    assert clock.now == pytest.approx(1002.6, abs=0.15)
    source.close()
    pi.is_frozen = False
    source.open()
    assert frame_of(source).seq == 0


def test_a_stutter_shorter_than_the_timeout_is_waited_out(
    pi: World, clock: SteppedClock, monkeypatch: pytest.MonkeyPatch
):
    """The job that waits is kept; the frame comes when the camera goes on."""
    monkeypatch.setattr(module, "monotonic", clock)

    def pause(seconds: float) -> None:
        clock.advance(seconds)
        pi.is_frozen = clock.now < 1002.0

    pi.pause, pi.is_frozen = pause, True
    source = camera(timeout=2.5)
    assert frame_of(source).seq == 0
    assert pi.opened[0].jobs == []


def test_interrupting_ends_a_wait(pi: World):
    """A frozen camera with a long time-out does not hold up the end."""
    pi.is_frozen = True
    source = camera(timeout=3600)
    threading.Timer(0.05, source.interrupt).start()
    assert source.read() is None
    source.close()
    assert not pi.opened[0].is_open


def test_no_camera_is_a_loss_that_may_pass(pi: World):
    """A cable that came loose: the message says what to check."""
    pi.cameras = 0
    with pytest.raises(SourceLost, match="check its cable"):
        camera()


def test_a_camera_number_that_is_too_high_says_how_many_there_are(pi: World):
    """Cameras count from 0."""
    with pytest.raises(SourceLost, match="camera 1: not there; found 1, counted from 0"):
        camera(camera=1)


def test_a_camera_in_use_is_a_loss_that_may_pass(pi: World):
    """Another program has it; closing after that is harmless."""
    pi.is_busy = True
    source = Picamera2(Picamera2.Options())
    with pytest.raises(SourceLost, match="in use elsewhere"):
        source.open()
    source.close()


def test_a_usb_camera_is_sent_to_v4l2(pi: World):
    """Libcamera lists USB cameras too, without RGB."""
    pi.is_usb = True
    with pytest.raises(UserError, match="type: v4l2"):
        camera()


def test_a_size_that_the_sensor_lacks_is_said(pi: World, caplog: pytest.LogCaptureFixture):
    """The frame has the size that came, and the log says which was asked for."""
    frame = frame_of(camera(size=(3000, 4000)))
    assert frame.size == (1944, 2592)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "[1944, 2592] pixels instead of [3000, 4000]" in caplog.text


def test_an_odd_size_is_made_even(pi: World):
    """Only even numbers suit libcamera; a row and a column less are no reason to fail."""
    frame = frame_of(camera(size=(97, 129), lores=(49, 65)))
    assert frame.lores is not None
    assert (frame.size, frame.lores.shape[:2]) == ((96, 128), (48, 64))


def test_reading_before_opening_is_a_loss(pi: World):
    """Nothing crashes in the wrong order."""
    with pytest.raises(SourceLost, match="not open"):
        Picamera2(Picamera2.Options()).read()


def test_a_camera_that_won_t_close_is_let_go(pi: World, caplog: pytest.LogCaptureFixture):
    """A camera torn out may fail to close; that is said and no reason to stop."""
    source = camera()

    def refuse() -> None:
        raise RuntimeError("Device or resource busy")

    pi.opened[0].close = refuse  # type: ignore[method-assign]
    source.close()
    assert "did not close properly" in caplog.text


def test_without_picamera2_the_way_to_get_it_is_told(monkeypatch: pytest.MonkeyPatch):
    """The message names the package and the switch of the virtual environment."""
    monkeypatch.setitem(sys.modules, "picamera2", None)
    monkeypatch.setitem(sys.modules, "libcamera", None)
    with pytest.raises(
        UserError, match=r"apt install -y python3-picamera2.*--system-site-packages"
    ):
        Picamera2(Picamera2.Options()).open()


@pytest.mark.parametrize(
    "wrong",
    [
        {"lores": (1080, 1920)},
        {"lores": (600, 400), "size": (480, 640)},
        {"camera": -1},
        {"rotate": 45},
        {"timeout": 0},
    ],
)
def test_wrong_options_are_refused(wrong: dict[str, Any]):
    """A small picture larger than the large one, and values out of range."""
    with pytest.raises(ValidationError):
        Picamera2.Options(**wrong)
