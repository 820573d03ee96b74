"""Find the display: a card with a connected connector, never by its number, and a mode.

Card numbers change from boot to boot on a Raspberry Pi 5 (libsdl-org/SDL#13705).
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgepose.errors import OutputLost, error_text
from edgepose.outputs.hdmi.libdrm import CONNECTED, INTERLACED, PREFERRED, Libdrm, ModeInfo
from edgepose.outputs.hdmi.screen import NoScreen, ScreenRequest
from edgepose.types import Size

log = logging.getLogger(__name__)

CARDS = Path("/dev/dri")

_TYPES: Final = (
    "Unknown", "VGA", "DVI-I", "DVI-D", "DVI-A", "Composite", "SVIDEO", "LVDS", "Component", "DIN",
    "DP", "HDMI-A", "HDMI-B", "TV", "eDP", "Virtual", "DSI", "DPI", "Writeback", "SPI", "USB",
)  # fmt: skip  # as the kernel names them in /sys/class/drm
_WRITEBACK: Final = _TYPES.index("Writeback")
_REFRESH: Final = 60  # Hz; of several modes of one size


@dataclass(frozen=True, slots=True)
class DrmConnector:
    """One connector of a card."""

    id: int
    name: str
    is_connected: bool
    encoder: int
    encoders: tuple[int, ...]
    modes: tuple[ModeInfo, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """An open card, a connector, the CRTC that drives it, and the mode."""

    fd: int
    card: str
    connector: DrmConnector
    crtc: int
    mode: ModeInfo

    @property
    def size(self) -> Size:
        """Return (height, width) in pixels."""
        return self.mode.vdisplay, self.mode.hdisplay

    @property
    def label(self) -> str:
        """Return card, connector and mode as text."""
        return f"{self.card} {self.connector.name} {describe(self.mode)}"


def find_display(drm: Libdrm, request: ScreenRequest) -> Display:
    """Open the card with the configured connector, or any connected one; the caller closes `fd`.

    Raises NoScreen where no card can show a picture, OutputLost while no display is connected
    or the cards can't be opened.
    """
    seen: list[str] = []
    faults: list[str] = []
    for path in sorted(CARDS.glob("card*")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            faults.append(f"{path}: {error_text(error)}")
            continue
        display = _on_card(drm, fd, path.name, request, seen)
        if display is not None:
            return display
        os.close(fd)
    raise _no_display(request, seen, faults)


def is_connected(drm: Libdrm, fd: int, connector_id: int) -> bool:
    """Return the kernel's last state of a connector, without probing. Raises OSError."""
    with drm.read("Current", fd, connector_id) as found:
        return bool(found.connection == CONNECTED)


def _no_display(request: ScreenRequest, seen: list[str], faults: list[str]) -> OutputLost:
    if seen:
        subject = f"'{request.connector}' has no display" if request.connector else "no display"
        return OutputLost(f"hdmi: {subject} connected; connectors: {', '.join(seen)}")
    if faults:
        return OutputLost(
            f"hdmi: {'; '.join(faults)}; the user must be in the group video, and no other program "
            "may use the display"
        )
    return NoScreen(f"no graphics card in {CARDS} can show a picture")


def _on_card(
    drm: Libdrm, fd: int, card: str, request: ScreenRequest, seen: list[str]
) -> Display | None:
    """Return the first matching display of an open card; add its connectors to `seen`."""
    try:
        found = connectors(drm, fd) if drm.has_dumb_buffers(fd) else []
        seen += [f"{connector.name} ({card})" for connector in found]
        for connector in found:
            fits = request.connector in ("", connector.name)
            if fits and connector.is_connected and connector.modes:
                crtc = _crtc(drm, fd, connector)
                mode = choose_mode(connector.modes, request.size)
                return Display(fd, card, connector, crtc, mode)
    except OSError as error:  # a render-only card, as the Pi's v3d
        log.debug("%s can show nothing: %s", card, error)
    return None


def connectors(drm: Libdrm, fd: int) -> list[DrmConnector]:
    """Return every connector of a card that a display can be connected to. Raises OSError."""
    with drm.read("Resources", fd) as resources:
        ids = resources.connectors[: resources.count_connectors]
    return list(_displayable(drm, fd, ids))


def _displayable(drm: Libdrm, fd: int, ids: list[int]) -> Iterator[DrmConnector]:
    for number in ids:
        with drm.read("Connector", fd, number) as found:
            if found.connector_type != _WRITEBACK:
                yield _connector(found)


def _connector(found: Any) -> DrmConnector:
    kind = found.connector_type
    name = _TYPES[kind] if kind < len(_TYPES) else _TYPES[0]
    return DrmConnector(
        id=found.connector_id,
        name=f"{name}-{found.connector_type_id}",
        is_connected=found.connection == CONNECTED,
        encoder=found.encoder_id,
        encoders=tuple(found.encoders[: found.count_encoders]),
        # libdrm frees its list, so each mode is copied.
        modes=tuple(ModeInfo.from_buffer_copy(mode) for mode in found.modes[: found.count_modes]),
    )


def _crtc(drm: Libdrm, fd: int, connector: DrmConnector) -> int:
    """Return the CRTC that drives the connector already, or the first possible and free one."""
    with drm.read("Resources", fd) as resources:
        crtcs = resources.crtcs[: resources.count_crtcs]
    if connector.encoder:
        with drm.read("Encoder", fd, connector.encoder) as encoder:
            if encoder.crtc_id in crtcs:
                return int(encoder.crtc_id)
    possible = [c for number in connector.encoders for c in _possible(drm, fd, number, crtcs)]
    busy = _busy(drm, fd, connector)
    free = [crtc for crtc in possible if crtc not in busy] or possible
    if not free:
        raise OSError(errno.ENOSPC, f"no CRTC of this card can drive {connector.name}")
    return free[0]


def _possible(drm: Libdrm, fd: int, number: int, crtcs: list[int]) -> list[int]:
    with drm.read("Encoder", fd, number) as encoder:
        return [crtc for i, crtc in enumerate(crtcs) if encoder.possible_crtcs >> i & 1]


def _busy(drm: Libdrm, fd: int, connector: DrmConnector) -> set[int]:
    """Return the CRTCs that drive other connectors."""
    busy = set()
    for other in connectors(drm, fd):
        if other.encoder and other.id != connector.id:
            with drm.read("Encoder", fd, other.encoder) as encoder:
                busy.add(int(encoder.crtc_id))
    return busy


def choose_mode(modes: tuple[ModeInfo, ...], size: Size | None) -> ModeInfo:
    """Return the mode of a size (height, width) nearest to 60 Hz, else the preferred mode.

    Logs a warning for a size that the display can't show.
    """
    fitting = [mode for mode in modes if (mode.vdisplay, mode.hdisplay) == size]
    if fitting:
        return min(fitting, key=_mode_cost)
    if size is not None:
        log.warning(
            "hdmi.size: the display has no mode of %dx%d; its preferred mode is used. It has: %s",
            size[1], size[0], ", ".join(dict.fromkeys(map(describe, modes))),
        )  # fmt: skip
    return next((mode for mode in modes if mode.type & PREFERRED), modes[0])


def _mode_cost(mode: ModeInfo) -> tuple[bool, int]:
    return bool(mode.flags & INTERLACED), abs(mode.vrefresh - _REFRESH)


def describe(mode: ModeInfo) -> str:
    """Return a mode as `1280x720@60`."""
    return f"{mode.hdisplay}x{mode.vdisplay}@{mode.vrefresh}"
