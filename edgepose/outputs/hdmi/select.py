"""Choice of the screen: the first kind that this machine has, in the order of KINDS."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

from edgepose.outputs.hdmi.framebuffer import Framebuffer
from edgepose.outputs.hdmi.kms import Kms
from edgepose.outputs.hdmi.screen import NoScreen, Null, Screen, ScreenRequest
from edgepose.outputs.hdmi.sdl import Sdl, has_desktop

log = logging.getLogger(__name__)

KINDS: Final[dict[str, Callable[[ScreenRequest], Screen]]] = {
    "sdl": Sdl,
    "kms": Kms,
    "framebuffer": Framebuffer,
    "null": Null,
}  # in the order of trying: while a desktop runs only its window can show anything


class ScreenChoice:
    """The configured kind of screen; logs each warning once, however often it opens."""

    def __init__(self, sink: str, request: ScreenRequest) -> None:
        """Take a kind of KINDS, or "auto" for the first that this machine has."""
        self._sink = sink
        self._request = request
        self._warned: set[str] = set()

    def open(self) -> Screen:
        """Return an open screen.

        Raises OutputLost where the screen can't be used at present. No other kind is tried then,
        so that a display that is connected late is still used.
        """
        if self._sink != "auto":
            return KINDS[self._sink](self._request)
        reasons: list[str] = []
        for kind, make in KINDS.items():
            try:
                screen = make(self._request)
            except NoScreen as reason:
                self._note(kind, reason)
                reasons.append(str(reason))
            else:
                if kind == "null":
                    self._warn(f"Nothing is shown, no screen: {'; '.join(reasons)}.")
                return screen
        raise NoScreen("; ".join(reasons))

    def _note(self, kind: str, reason: NoScreen) -> None:
        """Log why a kind is skipped; a warning where a desktop can't be used."""
        if kind == "sdl" and has_desktop(os.environ):
            self._warn(f"The desktop is not used: {reason}.")
        else:
            log.debug("Screen '%s' is skipped: %s", kind, reason)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            log.warning("%s", message)
