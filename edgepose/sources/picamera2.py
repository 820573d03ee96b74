"""Raspberry Pi cameras through picamera2: the picture, a small one, the sensor's time stamps."""

from __future__ import annotations

import logging
import os
from time import monotonic
from typing import Any, ClassVar, Final, Literal, Self

import cv2
import numpy as np
from pydantic import Field, model_validator

from edgepose.errors import SourceLost, UserError, near_miss
from edgepose.imaging import turned
from edgepose.options import Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.sources.options import FrameSize, FrozenAfter, Rate, Turn
from edgepose.sources.sensor_modes import SensorMode, share, widest
from edgepose.sources.timestamps import device_moment
from edgepose.types import Frame, Image, Size

log = logging.getLogger(__name__)

RGB_IN_MEMORY: Final = "BGR888"
# Named after a little-endian word, as in DRM: "BGR888" has R in the first byte, and "RGB888" has
# B there.
LORES_FORMAT: Final = "YUV420"  # the only format of a Pi 4's second stream; a Pi 5 has it too
BUFFERS: Final = 4  # one being filled, one that waits, one that is copied, one in reserve
UPSIDE_DOWN: Final = 180
AF_CONTINUOUS: Final = 2  # libcamera's AfModeContinuous
HDR_SINGLE_EXPOSURE: Final = 3  # libcamera's HdrModeSingleExposure
SLICE: Final = 0.1  # seconds between a waiting read's checks for an interrupt

_INSTALL: Final = (
    "on Raspberry Pi OS, install it with: sudo apt install -y python3-picamera2; a virtual "
    "environment sees it only if made with: python3 -m venv --system-site-packages"
)


class Picamera2Options(Options):
    """Options of `picamera2`: which camera, size, frame rate and libcamera controls."""

    size: FrameSize = Field(default=(720, 1280), description="[height, width] in pixels")
    fps: Rate = Field(default=30.0, description="frames a second")
    camera: int = Field(
        default=0, ge=0, le=99, description="number as in: rpicam-hello --list-cameras"
    )
    lores: FrameSize | None = Field(
        default=None,
        description="[height, width] of a second, small picture that the camera makes for free",
    )
    rotate: Turn = Field(default=0, description="degrees clockwise that the picture is turned")
    field_of_view: Literal["full", "any"] = Field(
        default="full",
        description="full: read the whole sensor; any: what libcamera chooses, often a part of it",
    )
    autofocus: bool = Field(
        default=True, description="focus continuously, where the camera has a motor for it"
    )
    hdr: bool = Field(
        default=False,
        description="high dynamic range: Camera Module 3, and any camera on a Pi 5",
    )
    controls: dict[str, Any] = Field(
        default_factory=dict,
        description="libcamera controls, e.g. {LensPosition: 0.5, AfMode: 0, Sharpness: 1.5}",
    )
    timeout: PositiveSeconds = Field(
        default=3.0, description="seconds without a frame after which the camera counts as lost"
    )
    frozen_after: FrozenAfter = 20.0

    @model_validator(mode="after")
    def _lores_is_smaller(self) -> Self:
        if self.lores and (self.lores[0] > self.size[0] or self.lores[1] > self.size[1]):
            raise ValueError("lores must not be larger than size")
        return self


class Picamera2(Source):
    """The frames of a CSI camera, with the sensor's time stamps.

    `Frame.captured` is when the exposure of the first row began. A camera whose cable came loose
    gives no error and no frames: `timeout` detects it.
    """

    Options: ClassVar[type[Options]] = Picamera2Options

    def __init__(self, options: Picamera2Options) -> None:
        super().__init__()
        self.frozen_after = options.frozen_after
        self._options = options
        self._seq = 0
        self._time = 0.0
        self._camera: Any = None
        self._mode: SensorMode | None = None
        self._sensor_hdr: Any = None

    def open(self) -> None:
        """Configure and start the camera. Raises SourceLost when it is not there or in use.

        Raises UserError when picamera2 is not installed, or a control is unknown.
        """
        library, libcamera = _libraries()
        cameras = library.Picamera2.global_camera_info()
        self._check_presence(cameras)
        if self._options.hdr and "imx708" in cameras[self._options.camera].get("Model", ""):
            self._sensor_hdr = _sensor_hdr(cameras[self._options.camera]["Num"])
        try:
            self._camera = _opened(library.Picamera2, self._options.camera)
            self._check_controls()
            self._choose_mode()
            self._camera.configure(self._configuration(libcamera))
            self._check_format()
            self._camera.start()
        except IndexError as error:  # it went away after the list was made
            raise self._lost("not there any more") from error
        except RuntimeError as error:  # what picamera2 and libcamera raise for everything
            raise self._lost(f"{str(error).rstrip('.')}; is it in use elsewhere?") from error

    def read(self) -> Frame | None:
        """Return the newest frame. Raises SourceLost when none comes for `timeout` seconds."""
        request = self._request()
        if request is None:
            return None
        try:
            main = request.make_array("main")
            lores = request.make_array("lores") if self._options.lores else None
            stamp = _exposure_start(request.get_metadata())
        finally:
            request.release()
        return self._frame(main, lores, stamp)

    def close(self) -> None:
        """Stop and close the camera."""
        camera, self._camera = self._camera, None
        super().close()
        if camera is not None:
            camera.cancel_all_and_flush()  # a job that waits for a dead camera would block closing
            try:
                camera.close()
            except RuntimeError as error:
                log.warning("%s did not close properly: %s.", self._name, error)
        if self._sensor_hdr is not None:  # the sensor would keep it for the next program
            self._sensor_hdr.set_sensor_hdr_mode(False)
            self._sensor_hdr.close()
            self._sensor_hdr = None

    def _configuration(self, libcamera: Any) -> dict[str, Any]:
        """Return the configuration for picamera2; its sizes are (width, height)."""
        options = self._options
        frame_us = round(1e6 / options.fps)
        lores = options.lores and {"format": LORES_FORMAT, "size": _size_wh(options.lores)}
        flip = options.rotate == UPSIDE_DOWN
        mode = self._mode
        sensor = mode and {"output_size": mode.size[::-1], "bit_depth": mode.bits}
        return self._camera.create_video_configuration(
            main={"format": RGB_IN_MEMORY, "size": _size_wh(options.size)},
            lores=lores,
            transform=libcamera.Transform(hflip=flip, vflip=flip),
            # cv2 converts the YUV of the small picture by BT.601; picamera2 would take BT.709
            # for large ones. The RGB of the main picture is the same either way.
            colour_space=libcamera.ColorSpace.Smpte170m(),
            buffer_count=BUFFERS,
            sensor=sensor or {},
            controls={
                "FrameDurationLimits": (frame_us, frame_us),
                **self._own_controls(),
                **options.controls,
            },
        )

    def _own_controls(self) -> dict[str, int]:
        """Return the controls for focus and HDR that this camera has."""
        known, options = self._camera.camera_controls, self._options
        controls = {}
        if options.autofocus and "AfMode" in known and "LensPosition" not in options.controls:
            controls["AfMode"] = AF_CONTINUOUS
        if options.hdr and self._sensor_hdr is None:
            controls["HdrMode"] = HDR_SINGLE_EXPOSURE
        return controls

    def _choose_mode(self) -> None:
        """Choose the sensor mode with the full field of view, once: asking takes seconds."""
        if self._options.field_of_view == "any" or self._mode is not None:
            return
        modes = _sensor_modes(self._camera)
        if not modes:  # a USB camera, or a sensor that does not name them
            return
        size, fps = self._options.size, self._options.fps
        self._mode = widest(modes, size, fps)
        width, height = share(self._mode, modes, size)
        text = "%s reads its sensor at [%d, %d] and sees %d %% of its width, %d %% of its height."
        log.info(text, self._name, *self._mode.size, width, height)
        if self._mode.fps < fps - 1:
            text = "%s: the whole sensor can be read %g times a second; %s is faster."
            log.warning(text, self._name, self._mode.fps, "'field_of_view: any'")

    def _check_presence(self, cameras: list[Any]) -> None:
        if not cameras:
            raise SourceLost("no camera found; check its cable, then: rpicam-hello --list-cameras")
        if self._options.camera >= len(cameras):
            raise self._lost(f"not there; found {len(cameras)}, counted from 0")

    def _check_controls(self) -> None:
        known = self._camera.camera_controls
        for name in self._options.controls:
            if name not in known:
                raise UserError(f"controls.{name}: {self._name} has none{near_miss(name, known)}")
        if self._options.hdr and self._sensor_hdr is None and "HdrMode" not in known:
            raise UserError(
                f"hdr: {self._name} has none; Camera Module 3 has, and any camera on a Pi 5"
            )

    def _check_format(self) -> None:
        found = self._camera.camera_configuration()["main"]
        if found["format"] != RGB_IN_MEMORY:
            raise UserError(
                f"{self._name} gives {found['format']} and no RGB; for a USB camera use type: v4l2"
            )
        size = found["size"][::-1]
        if size != self._options.size:
            text = "%s gives [%d, %d] pixels instead of [%d, %d]."
            log.warning(text, self._name, *size, *self._options.size)

    def _request(self) -> Any:
        """Wait for the next completed request; None when interrupted."""
        if self._camera is None:
            raise self._lost("it is not open")
        deadline = monotonic() + self._options.timeout
        job = self._camera.capture_request(wait=False)
        while not self.interrupted.is_set():
            try:
                return self._camera.wait(job, timeout=SLICE)
            except TimeoutError as error:
                if monotonic() > deadline:
                    raise self._lost(f"no frame for {self._options.timeout:g} s") from error
        return None

    def _frame(self, main: Image, lores: Image | None, stamp: float | None) -> Frame:
        moment = device_moment(stamp, monotonic())
        self._time = max(moment, self._time)
        self._seq += 1
        small = None if lores is None else self._turned(self._rgb(lores))
        return Frame(self._turned(main), self._time, self._seq - 1, moment, small)

    def _rgb(self, planes: Image) -> Image:
        """Return the small picture's YUV planes, padded rows and all, as RGB without padding."""
        width = self._camera.camera_configuration()["lores"]["size"][0]
        return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)[:, :width]

    def _turned(self, image: Image) -> Image:
        # The camera itself can turn by 180 degrees, but not by 90.
        return image if self._options.rotate == UPSIDE_DOWN else turned(image, self._options.rotate)

    @property
    def _name(self) -> str:
        return f"camera {self._options.camera}"

    def _lost(self, reason: str) -> SourceLost:
        return SourceLost(f"{self._name}: {reason}")


def _size_wh(size: Size) -> tuple[int, int]:
    """Return (width, height) of a (height, width); libcamera takes even numbers only."""
    return size[1] // 2 * 2, size[0] // 2 * 2


def _opened(make: Any, number: int) -> Any:
    """Return an opened Picamera2. Raises what its constructor raises.

    A constructor that fails leaves the pipe open by which requests are announced: nobody has the
    object yet that could be closed, and its writing end is a bare number. Tried again every few
    seconds without a camera, that reaches the limit of open files within hours.
    """
    camera = make.__new__(make)
    try:
        camera.__init__(number)
    except BaseException:
        reader = getattr(camera, "notifymeread", None)
        if reader is not None:
            reader.close()
            os.close(camera.notifyme_w)
        raise
    return camera


def _sensor_modes(camera: Any) -> list[SensorMode]:
    """Return the modes whose field of view is known."""
    return [
        SensorMode(mode["size"][::-1], mode["crop_limits"][:1:-1], mode["fps"], mode["bit_depth"])
        for mode in camera.sensor_modes
        if "crop_limits" in mode
    ]


def _sensor_hdr(number: int) -> Any:
    """Switch a Camera Module 3's own HDR on and return the switch; before the camera is opened."""
    try:
        from picamera2.devices.imx708 import IMX708

        switch = IMX708(number)
    except (ImportError, OSError, RuntimeError) as error:
        raise UserError(
            f"hdr: Camera Module 3's can't be switched on ({error}); it needs a newer "
            "python3-picamera2 and the group video, or set 'hdr: false'"
        ) from error
    switch.set_sensor_hdr_mode(True)
    return switch


def _exposure_start(metadata: dict[str, Any]) -> float | None:
    """Return when the exposure of the first row began, in seconds; None without a stamp.

    The stamp is of the moment when that row arrives, which is the end of its exposure
    (picamera2's maintainer in its issue 821; `wait_for_timestamp_` there subtracts the same).
    """
    stamp_ns = metadata.get("SensorTimestamp")
    if stamp_ns is None:
        return None
    return float(stamp_ns / 1e9 - metadata.get("ExposureTime", 0) / 1e6)


def _libraries() -> tuple[Any, Any]:
    """Return the modules picamera2 and libcamera. Raises UserError when they are missing."""
    try:
        import libcamera
        import picamera2
    except (ImportError, ValueError) as error:  # ValueError: compiled for another numpy
        raise UserError(f"picamera2 can't be imported ({error}); {_INSTALL}") from error
    return picamera2, libcamera
