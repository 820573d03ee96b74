"""The functions of libdrm that show a picture on a display, with their C structures.

Layouts and numbers are those of the Linux headers drm.h, drm_mode.h and xf86drmMode.h.
"""

from __future__ import annotations

import ctypes as c
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from edgepose.outputs.hdmi.screen import NoScreen

LIBRARY = "libdrm.so.2"

CONNECTED: Final = 1  # drmModeConnection
PREFERRED: Final = 1 << 3  # DRM_MODE_TYPE_PREFERRED
INTERLACED: Final = 1 << 4  # DRM_MODE_FLAG_INTERLACE
FLIP_EVENT: Final = 1  # DRM_MODE_PAGE_FLIP_EVENT

_CAP_DUMB_BUFFER: Final = 1
_CREATE_DUMB: Final = 0xC02064B2  # _IOWR('d', 0xb2, 32 bytes)
_MAP_DUMB: Final = 0xC01064B3
_DESTROY_DUMB: Final = 0xC00464B4
_EVENT_VERSION: Final = 2

_U32, _INT = c.c_uint32, c.c_int
_U32S: Final = c.POINTER(c.c_uint32)


def _fields(names: str, kind: Any = _U32) -> list[tuple[str, Any]]:
    return [(name, kind) for name in names.split()]


def _list(count: str, items: str, kind: Any = _U32) -> list[tuple[str, Any]]:
    return [(count, _INT), (items, c.POINTER(kind))]


class Resources(c.Structure):
    """The parts of a card (drmModeRes)."""

    _fields_ = [
        *_list("count_fbs", "fbs"),
        *_list("count_crtcs", "crtcs"),
        *_list("count_connectors", "connectors"),
        *_list("count_encoders", "encoders"),
        *_fields("min_width max_width min_height max_height"),
    ]


class ModeInfo(c.Structure):
    """The timing of one display mode (drmModeModeInfo)."""

    _fields_ = [
        ("clock", _U32),
        *_fields("hdisplay hsync_start hsync_end htotal hskew", c.c_uint16),
        *_fields("vdisplay vsync_start vsync_end vtotal vscan", c.c_uint16),
        *_fields("vrefresh flags type"),
        ("name", c.c_char * 32),
    ]


class Connector(c.Structure):
    """One connector (drmModeConnector)."""

    _fields_ = [
        *_fields("connector_id encoder_id connector_type connector_type_id"),
        ("connection", _INT),
        *_fields("mm_width mm_height"),
        ("subpixel", _INT),
        *_list("count_modes", "modes", ModeInfo),
        ("count_props", _INT),
        ("props", _U32S),
        ("prop_values", c.POINTER(c.c_uint64)),
        *_list("count_encoders", "encoders"),
    ]


class Encoder(c.Structure):
    """What joins a connector to a CRTC (drmModeEncoder)."""

    _fields_ = _fields("encoder_id encoder_type crtc_id possible_crtcs possible_clones")


class Crtc(c.Structure):
    """A CRTC and what it shows (drmModeCrtc)."""

    _fields_ = [
        *_fields("crtc_id buffer_id x y width height"),
        ("mode_valid", _INT),
        ("mode", ModeInfo),
        ("gamma_size", _INT),
    ]


@dataclass(frozen=True, slots=True)
class View:
    """The buffer that a CRTC shows, its mode, and the first pixel."""

    framebuffer: int
    mode: ModeInfo
    at_xy: tuple[int, int] = (0, 0)


class CreateDumb(c.Structure):
    """A dumb buffer: request and answer (drm_mode_create_dumb)."""

    _fields_ = [*_fields("height width bpp flags handle pitch"), ("size", c.c_uint64)]


class _MapDumb(c.Structure):
    _fields_ = [*_fields("handle pad"), ("offset", c.c_uint64)]


_Flipped: Final = c.CFUNCTYPE(None, _INT, c.c_uint, c.c_uint, c.c_uint, c.c_void_p)


class _EventContext(c.Structure):
    _fields_ = [
        ("version", _INT),
        ("vblank_handler", c.c_void_p),
        ("page_flip_handler", _Flipped),
        ("page_flip_handler2", c.c_void_p),
        ("sequence_handler", c.c_void_p),
    ]


_STRUCTURES: Final[dict[str, tuple[str, str, Any, list[Any]]]] = {
    "Resources": ("drmModeGetResources", "drmModeFreeResources", Resources, [_INT]),
    "Connector": ("drmModeGetConnector", "drmModeFreeConnector", Connector, [_INT, _U32]),
    "Current": ("drmModeGetConnectorCurrent", "drmModeFreeConnector", Connector, [_INT, _U32]),
    "Encoder": ("drmModeGetEncoder", "drmModeFreeEncoder", Encoder, [_INT, _U32]),
    "Crtc": ("drmModeGetCrtc", "drmModeFreeCrtc", Crtc, [_INT, _U32]),
}
_CALLS: Final[dict[str, list[Any]]] = {
    "drmGetCap": [_INT, c.c_uint64, c.POINTER(c.c_uint64)],
    "drmIoctl": [_INT, c.c_ulong, c.c_void_p],
    "drmModeAddFB": [_INT, _U32, _U32, c.c_uint8, c.c_uint8, _U32, _U32, _U32S],
    "drmModeRmFB": [_INT, _U32],
    "drmModeSetCrtc": [_INT, *[_U32] * 4, _U32S, _INT, c.POINTER(ModeInfo)],
    "drmModePageFlip": [_INT, _U32, _U32, _U32, c.c_void_p],
    "drmHandleEvent": [_INT, c.POINTER(_EventContext)],
}


class Libdrm:
    """The library; a call that fails raises OSError with the kernel's reason."""

    def __init__(self, path: str | None = None) -> None:
        """Load the library. Raises NoScreen where there is none."""
        try:
            self._library = c.CDLL(path or LIBRARY, use_errno=True)
        except OSError as error:
            raise NoScreen(f"{LIBRARY} can't be loaded: apt install libdrm2 ({error})") from error
        for get, free, kind, arguments in _STRUCTURES.values():
            self._declare(get, c.POINTER(kind), arguments)
            self._declare(free, None, [c.POINTER(kind)])
        for name, arguments in _CALLS.items():
            self._declare(name, _INT, arguments)
        self._flips = 0
        self._events = _EventContext(_EVENT_VERSION, None, _Flipped(self._count_flip))

    @contextmanager
    def read(self, what: str, *arguments: int) -> Iterator[Any]:
        """Yield the structure of a card's part by its id, freed afterwards. Raises OSError."""
        get, free, _, _ = _STRUCTURES[what]
        pointer = getattr(self._library, get)(*arguments)
        if not pointer:
            number = c.get_errno()
            raise OSError(number, os.strerror(number))
        try:
            yield pointer.contents
        finally:
            getattr(self._library, free)(pointer)

    def has_dumb_buffers(self, fd: int) -> bool:
        """Return whether the card offers dumb buffers."""
        value = c.c_uint64()
        done = self._library.drmGetCap(fd, _CAP_DUMB_BUFFER, c.byref(value))
        return done == 0 and value.value != 0

    def create_dumb(self, fd: int, height: int, width: int) -> CreateDumb:
        """Return a new buffer of 32 bits a pixel: its handle, pitch and size in bytes."""
        request = CreateDumb(height, width, 32)
        self._call("drmIoctl", fd, _CREATE_DUMB, c.byref(request))
        return request

    def map_offset(self, fd: int, handle: int) -> int:
        """Return where in the card's file a buffer can be mapped."""
        request = _MapDumb(handle)
        self._call("drmIoctl", fd, _MAP_DUMB, c.byref(request))
        return int(request.offset)

    def destroy_dumb(self, fd: int, handle: int) -> None:
        """Free a buffer."""
        self._call("drmIoctl", fd, _DESTROY_DUMB, c.byref(_U32(handle)))

    def add_framebuffer(self, fd: int, buffer: CreateDumb) -> int:
        """Return the id under which a buffer, XRGB8888, can be shown."""
        made = _U32()
        size_wh = (buffer.width, buffer.height)
        self._call("drmModeAddFB", fd, *size_wh, 24, 32, buffer.pitch, buffer.handle, c.byref(made))
        return int(made.value)

    def remove_framebuffer(self, fd: int, framebuffer: int) -> None:
        """Release the id of a buffer."""
        self._call("drmModeRmFB", fd, framebuffer)

    def set_crtc(self, fd: int, crtc: int, connector: int, view: View) -> None:
        """Show a buffer on a connector in a mode."""
        shown = (view.framebuffer, *view.at_xy, _U32(connector), 1, view.mode)
        self._call("drmModeSetCrtc", fd, crtc, *shown)

    def page_flip(self, fd: int, crtc: int, framebuffer: int) -> None:
        """Request a flip to a buffer at the next vertical blank; an event reports it."""
        self._call("drmModePageFlip", fd, crtc, framebuffer, FLIP_EVENT, None)

    def handle_flips(self, fd: int) -> int:
        """Read waiting events; return how many flips they report."""
        self._flips = 0
        self._call("drmHandleEvent", fd, c.byref(self._events))
        return self._flips

    def _count_flip(self, *_: Any) -> None:
        self._flips += 1

    def _declare(self, name: str, result: Any, arguments: list[Any]) -> None:
        function = getattr(self._library, name)
        function.restype, function.argtypes = result, arguments

    def _call(self, name: str, *arguments: Any) -> None:
        done = getattr(self._library, name)(*arguments)
        if done != 0:
            number = -done if done < -1 else c.get_errno()
            raise OSError(number, os.strerror(number))
