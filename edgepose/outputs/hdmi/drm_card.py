"""Find the display: the graphics card by its connected plug, never by its number, and a mode.

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

from edgepose.errors import OutputLost
from edgepose.outputs.hdmi.libdrm import CONNECTED, INTERLACED, PREFERRED, Libdrm, ModeInfo
from edgepose.outputs.hdmi.screen import NoScreen, Wanted
from edgepose.types import Size

log = logging.getLogger(__name__)

CARDS = Path("/dev/dri")

_TYPES: Final = (
    "Unknown", "VGA", "DVI-I", "DVI-D", "DVI-A", "Composite", "SVIDEO", "LVDS", "Component", "DIN",
    "DP", "HDMI-A", "HDMI-B", "TV", "eDP", "Virtual", "DSI", "DPI", "Writeback", "SPI", "USB",
)  # fmt: skip  # as the kernel names them in /sys/class/drm
_WRITEBACK: Final = _TYPES.index("Writeback")
_PACE: Final = 60  # Hz; of several modes of one size


@dataclass(frozen=True, slots=True)
class Plug:
    """Hold what is known of one connector of a card."""

    id: int
    name: str
    is_connected: bool
    encoder: int
    encoders: tuple[int, ...]
    modes: tuple[ModeInfo, ...]


@dataclass(frozen=True, slots=True)
class Display:
    """Say where pictures go: an open card, a plug, the generator that feeds it, and the mode."""

    fd: int
    card: str
    plug: Plug
    crtc: int
    mode: ModeInfo

    @property
    def size(self) -> Size:
        """Return (height, width) in pixels."""
        return self.mode.vdisplay, self.mode.hdisplay

    @property
    def label(self) -> str:
        """Return card, plug and mode in words."""
        return f"{self.card} {self.plug.name} {describe(self.mode)}"


def find_display(drm: Libdrm, wanted: Wanted) -> Display:
    """Open the card that has the wanted plug, or any that is connected; its `fd` is the caller's.

    Raises NoScreen where no card can show a picture, OutputLost while no display is connected
    or the cards can't be opened.
    """
    seen: list[str] = []
    faults: list[str] = []
    for path in sorted(CARDS.glob("card*")):
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError as error:
            faults.append(f"{path}: {error.strerror}")
            continue
        display = _on_card(drm, fd, path.name, wanted, seen)
        if display is not None:
            return display
        os.close(fd)
    raise _nothing(wanted, seen, faults)


def is_connected(drm: Libdrm, fd: int, plug: int) -> bool:
    """Tell what the kernel knows of a plug, without asking the display itself. Raises OSError."""
    with drm.ask("Current", fd, plug) as connector:
        return bool(connector.connection == CONNECTED)


def _nothing(wanted: Wanted, seen: list[str], faults: list[str]) -> OutputLost:
    if seen:
        asked = f"'{wanted.connector}' has no display" if wanted.connector else "no display"
        return OutputLost(f"hdmi: {asked} connected; plugs: {', '.join(seen)}")
    if faults:
        return OutputLost(
            f"hdmi: {'; '.join(faults)}; the user must be in the group video, and other programs "
            "off the display"
        )
    return NoScreen(f"no graphics card in {CARDS} can show a picture")


def _on_card(drm: Libdrm, fd: int, card: str, wanted: Wanted, seen: list[str]) -> Display | None:
    """Return the first fitting display of an open card; note the plugs that were seen."""
    try:
        found = plugs(drm, fd) if drm.has_dumb_buffers(fd) else []
        seen += [f"{plug.name} ({card})" for plug in found]
        for plug in found:
            fits = wanted.connector in ("", plug.name)
            if fits and plug.is_connected and plug.modes:
                crtc = _crtc(drm, fd, plug)
                return Display(fd, card, plug, crtc, choose_mode(plug.modes, wanted.size))
    except OSError as error:  # a render-only card, as the Pi's v3d
        log.debug("%s: shows nothing: %s", card, error)
    return None


def plugs(drm: Libdrm, fd: int) -> list[Plug]:
    """Return every plug of a card that a display can be connected to. Raises OSError."""
    with drm.ask("Resources", fd) as resources:
        ids = resources.connectors[: resources.count_connectors]
    return [plug for plug in _each(drm, fd, ids) if plug is not None]


def _each(drm: Libdrm, fd: int, ids: list[int]) -> Iterator[Plug | None]:
    for number in ids:
        with drm.ask("Connector", fd, number) as found:
            yield None if found.connector_type == _WRITEBACK else _plug(found)


def _plug(found: Any) -> Plug:
    kind = found.connector_type
    name = _TYPES[kind] if kind < len(_TYPES) else _TYPES[0]
    return Plug(
        id=found.connector_id,
        name=f"{name}-{found.connector_type_id}",
        is_connected=found.connection == CONNECTED,
        encoder=found.encoder_id,
        encoders=tuple(found.encoders[: found.count_encoders]),
        # libdrm frees its list, so each mode is copied.
        modes=tuple(ModeInfo.from_buffer_copy(mode) for mode in found.modes[: found.count_modes]),
    )


def _crtc(drm: Libdrm, fd: int, plug: Plug) -> int:
    """Return the generator that feeds the plug already, or the first that is able and free."""
    with drm.ask("Resources", fd) as resources:
        crtcs = resources.crtcs[: resources.count_crtcs]
    if plug.encoder:
        with drm.ask("Encoder", fd, plug.encoder) as encoder:
            if encoder.crtc_id in crtcs:
                return int(encoder.crtc_id)
    able = [crtc for number in plug.encoders for crtc in _able(drm, fd, number, crtcs)]
    busy = _busy(drm, fd, plug)
    free = [crtc for crtc in able if crtc not in busy] or able
    if not free:
        raise OSError(errno.ENOSPC, f"nothing on this card can feed {plug.name}")
    return free[0]


def _able(drm: Libdrm, fd: int, number: int, crtcs: list[int]) -> list[int]:
    with drm.ask("Encoder", fd, number) as encoder:
        return [crtc for i, crtc in enumerate(crtcs) if encoder.possible_crtcs >> i & 1]


def _busy(drm: Libdrm, fd: int, plug: Plug) -> set[int]:
    """Return the generators that feed other plugs."""
    busy = set()
    for other in plugs(drm, fd):
        if other.encoder and other.id != plug.id:
            with drm.ask("Encoder", fd, other.encoder) as encoder:
                busy.add(int(encoder.crtc_id))
    return busy


def choose_mode(modes: tuple[ModeInfo, ...], size: Size | None) -> ModeInfo:
    """Return the mode of a size (height, width) nearest to 60 Hz, else the display's favourite.

    A size that the display can't show is warned of.
    """
    fitting = [mode for mode in modes if (mode.vdisplay, mode.hdisplay) == size]
    if fitting:
        return min(fitting, key=_awkwardness)
    if size is not None:
        log.warning(
            "hdmi.size: the display has no mode of %dx%d; its favourite is used. It has: %s",
            size[1], size[0], ", ".join(dict.fromkeys(map(describe, modes))),
        )  # fmt: skip
    return next((mode for mode in modes if mode.type & PREFERRED), modes[0])


def _awkwardness(mode: ModeInfo) -> tuple[bool, int]:
    return bool(mode.flags & INTERLACED), abs(mode.vrefresh - _PACE)


def describe(mode: ModeInfo) -> str:
    """Return a mode as `1280x720@60`."""
    return f"{mode.hdisplay}x{mode.vdisplay}@{mode.vrefresh}"
