"""Stand in for the modules picamera2 and libcamera: the parts used, with the physics behind them.

Written after picamera2 0.3.3x. Pixel formats lie in memory as DRM names them (right to left),
rows of the small stream are padded, the YUV matrix is that of the colour space, requests that
are not released run out, a job that waits for a dead camera blocks closing, and a constructor that
fails leaves its pipe open, with the object in the camera manager's list.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from coloured import quarters

MEMORY_ORDER = {"BGR888": (0, 1, 2), "RGB888": (2, 1, 0)}  # of R, G, B by rising address
KR_KB = {"Smpte170m": (0.299, 0.114), "Rec709": (0.2126, 0.0722)}
EXPOSURE_US = 9999
SENSOR_WH = (2592, 1944)
STRIDE = 64  # bytes that rows of the YUV stream are padded to


class Transform:
    """Hold the flips that the camera makes."""

    def __init__(self, hflip: Any = 0, vflip: Any = 0, transpose: Any = 0) -> None:
        assert not transpose, "the Pi's cameras can't transpose"
        self.hflip, self.vflip = bool(hflip), bool(vflip)


class ColorSpace:
    """Name a colour space."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def Smpte170m(cls) -> ColorSpace:  # noqa: N802 - libcamera's name
        """Return the colour space of standard definition: BT.601."""
        return cls("Smpte170m")

    @classmethod
    def Rec709(cls) -> ColorSpace:  # noqa: N802 - libcamera's name
        """Return the colour space of high definition: BT.709."""
        return cls("Rec709")


class Job:
    """Be a capture that was asked for."""

    def __init__(self) -> None:
        self.is_cancelled = False


class Request:
    """Be one captured frame with its buffers."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._is_released = False
        self._picture = camera.world.view(camera.config["transform"])
        self._stamp_ns = camera.world.stamp_ns()

    def make_array(self, name: str) -> np.ndarray:
        """Return a copy of a stream's buffer, shaped as picamera2 shapes it."""
        assert not self._is_released, "the buffer went back to the camera"
        stream = self._camera.config[name]
        if stream is None:
            raise RuntimeError(f"Stream {name!r} is not defined")
        picture = cv2.resize(self._picture, stream["size"], interpolation=cv2.INTER_NEAREST)
        if stream["format"] in MEMORY_ORDER:
            return np.ascontiguousarray(picture[..., MEMORY_ORDER[stream["format"]]])
        assert stream["format"] == "YUV420"
        return planes(picture, KR_KB[self._camera.config["colour_space"].name])

    def get_metadata(self) -> dict[str, Any]:
        """Return what libcamera knows of the frame."""
        stamp = {} if self._stamp_ns is None else {"SensorTimestamp": self._stamp_ns}
        return stamp | {"ExposureTime": EXPOSURE_US}

    def release(self) -> None:
        """Give the buffers back to the camera; once."""
        assert not self._is_released, "released twice"
        self._is_released = True
        self._camera.free += 1


def planes(picture: np.ndarray, kr_kb: tuple[float, float]) -> np.ndarray:
    """Return (height * 3 / 2, stride) of limited range YUV420, rows padded with rubbish."""
    red, green, blue = (picture[..., i].astype(float) / 255 for i in range(3))
    kr, kb = kr_kb
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    y = 16 + 219 * luma
    u = 128 + 112 * (blue - luma) / (1 - kb)
    v = 128 + 112 * (red - luma) / (1 - kr)
    height, width = luma.shape
    stride = -(-width // STRIDE) * STRIDE
    out = np.full((height * 3 // 2, stride), 77, np.uint8)
    out[:height, :width] = y.round()
    halves = out[height:].reshape(height, stride // 2)
    halves[: height // 2, : width // 2] = u[::2, ::2].round()
    halves[height // 2 :, : width // 2] = v[::2, ::2].round()
    return out


class World:
    """Be what the cameras see, and what goes wrong with them."""

    def __init__(self) -> None:
        self.cameras = 1
        self.is_frozen = False
        self.is_busy = False
        self.is_usb = False
        self.picture = quarters((96, 128))
        self.exposure_ns: int | None = 20_000_000
        self.model = "ov5647"
        self.modes: list[dict[str, Any]] = []
        self.has_autofocus = False
        self.has_hdr = False
        self.sensor_hdr: list[bool] = []
        self.managed: dict[int, Camera] = {}
        self.made: list[Camera] = []
        self.boot_offset_ns = 0
        self.opened: list[Camera] = []
        self.pause: Callable[[float], object] = time.sleep

    def tidy(self) -> None:
        """Close what a test left open."""
        for camera in self.made:
            if not camera.notifymeread.closed:
                camera.notifymeread.close()
                os.close(camera.notifyme_w)

    def view(self, transform: Transform) -> np.ndarray:
        """Return the picture, flipped as the sensor does it."""
        rows = slice(None, None, -1 if transform.vflip else 1)
        columns = slice(None, None, -1 if transform.hflip else 1)
        return np.ascontiguousarray(self.picture[rows, columns])

    def stamp_ns(self) -> int | None:
        """Return when the first row of a frame that comes now was read: its exposure's end."""
        if self.exposure_ns is None:
            return None
        return time.monotonic_ns() + self.boot_offset_ns - self.exposure_ns

    def modules(self) -> dict[str, ModuleType]:
        """Return the modules to put into sys.modules."""
        world = self

        class Picamera2(Camera):
            def __init__(self, camera_num: int = 0) -> None:
                super().__init__(world, camera_num)

            @staticmethod
            def global_camera_info() -> list[dict[str, Any]]:
                return [{"Num": n, "Model": world.model} for n in range(world.cameras)]

        class IMX708:
            def __init__(self, camera_num: int) -> None:
                assert not any(other.is_open for other in world.opened), "before it is opened"

            def set_sensor_hdr_mode(self, enable: bool) -> None:
                world.sensor_hdr.append(enable)

            def close(self) -> None:
                pass

        devices = ModuleType("picamera2.devices.imx708")
        vars(devices).update(IMX708=IMX708)
        picamera2, libcamera = ModuleType("picamera2"), ModuleType("libcamera")
        vars(picamera2).update(Picamera2=Picamera2)
        vars(libcamera).update(Transform=Transform, ColorSpace=ColorSpace)
        return {
            "picamera2": picamera2,
            "libcamera": libcamera,
            "picamera2.devices": ModuleType("picamera2.devices"),
            "picamera2.devices.imx708": devices,
        }


class Camera:
    """Be one opened camera."""

    def __init__(self, world: World, camera_num: int) -> None:
        self.notifyme_r, self.notifyme_w = os.pipe2(os.O_NONBLOCK)
        self.notifymeread = os.fdopen(self.notifyme_r, "rb")
        world.made.append(self)
        if camera_num >= world.cameras:
            raise IndexError("list index out of range")
        world.managed[camera_num] = self
        if world.is_busy or any(other.is_open for other in world.opened):
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.world = world
        self.config: dict[str, Any] = {}
        self.free = 0
        self.is_open = True
        self.is_started = False
        self.jobs: list[Job] = []
        self.camera_controls = {"FrameDurationLimits": (1, 2, 1), "Sharpness": (0, 16, 1)}
        if world.has_autofocus:
            self.camera_controls |= {"AfMode": (0, 2, 0), "LensPosition": (0, 32, 1)}
        if world.has_hdr:
            self.camera_controls |= {"HdrMode": (0, 4, 0)}
        world.opened.append(self)

    def create_video_configuration(self, **wanted: Any) -> dict[str, Any]:
        """Return a configuration as picamera2 fills it in."""
        main, lores = wanted["main"], wanted.get("lores")
        for stream in filter(None, (main, lores)):
            assert set(stream) <= {"format", "size", "stride", "preserve_ar"}, "bad key"
        return {
            "main": {"format": "XBGR8888", "size": (1280, 720)} | main,
            "lores": lores and {"format": "YUV420", "size": main["size"]} | lores,
            "transform": wanted.get("transform", Transform()),
            "colour_space": wanted.get("colour_space", ColorSpace.Rec709()),
            "buffer_count": wanted.get("buffer_count", 6),
            "controls": wanted.get("controls", {}),
            "sensor": wanted.get("sensor", {}),
        }

    @property
    def sensor_modes(self) -> list[dict[str, Any]]:
        """Return the modes; asking reconfigures the camera."""
        assert not self.is_started
        return self.world.modes

    def configure(self, config: dict[str, Any]) -> None:
        """Check and adjust a configuration, as libcamera does."""
        if self.is_started:
            raise RuntimeError("Camera must be stopped before configuring")
        main, lores = config["main"], config["lores"]
        for name, stream in (("main", main), ("lores", lores)):
            if stream is not None and (stream["size"][0] % 2 or stream["size"][1] % 2):
                raise RuntimeError("width and height should be even")
            assert stream is None or type(stream["size"]) is tuple, name
        if lores and (lores["size"][0] > main["size"][0] or lores["size"][1] > main["size"][1]):
            raise RuntimeError("lores stream dimensions may not exceed main stream")
        if lores and lores["format"] != "YUV420":
            raise RuntimeError("lores stream must be YUV")
        for control in config["controls"]:
            if control not in self.camera_controls:
                raise RuntimeError(f"Control {control} is not advertised by libcamera")
        main["size"] = tuple(map(min, main["size"], SENSOR_WH))
        if self.world.is_usb:
            main["format"] = "MJPEG"
        self.config = config
        self.free = config["buffer_count"]

    def camera_configuration(self) -> dict[str, Any]:
        """Return what was configured in the end."""
        return self.config

    def start(self) -> None:
        """Let frames come."""
        if not self.config:
            raise RuntimeError("Camera has not been configured")
        self.is_started = True

    def capture_request(self, wait: bool = True) -> Job:
        """Ask for the next frame."""
        assert self.is_started
        assert wait is False, "waiting without a limit hangs on a dead camera"
        self.jobs.append(Job())
        return self.jobs[-1]

    def wait(self, job: Job, timeout: float | None = None) -> Request:
        """Return the frame of a job, when there is one."""
        assert job in self.jobs
        if self.world.is_frozen or not self.free:
            assert timeout is not None
            self.world.pause(timeout)
            raise TimeoutError
        self.jobs.remove(job)
        self.free -= 1
        return Request(self)

    def cancel_all_and_flush(self) -> None:
        """Forget the jobs."""
        self.jobs.clear()

    def close(self) -> None:
        """Stop, and let the camera go."""
        assert not self.jobs, "closing waits for ever for a job of a dead camera"
        if self.is_open:
            self.notifymeread.close()
            os.close(self.notifyme_w)
        self.is_open = self.is_started = False
