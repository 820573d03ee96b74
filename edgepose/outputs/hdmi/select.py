"""Choose the screen: the first kind that this machine has, in a stated order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

from edgepose.outputs.hdmi.framebuffer import Framebuffer
from edgepose.outputs.hdmi.kms import Kms
from edgepose.outputs.hdmi.screen import NoScreen, Null, Screen, Wanted
from edgepose.outputs.hdmi.sdl import Sdl, has_desktop

log = logging.getLogger(__name__)

KINDS: Final[dict[str, Callable[[Wanted], Screen]]] = {
    "sdl": Sdl,
    "kms": Kms,
    "framebuffer": Framebuffer,
    "null": Null,
}  # in the order in which they are tried: inside a desktop only the desktop can show anything


class ScreenChoice:
    """Open the screen that was asked for; warns of what is amiss once, however often it opens."""

    def __init__(self, sink: str, wanted: Wanted) -> None:
        """Take a kind of KINDS, or "auto" for the first that this machine has."""
        self._sink = sink
        self._wanted = wanted
        self._warned: set[str] = set()

    def open(self) -> Screen:
        """Return an open screen.

        Raises OutputLost where the screen is there but can't be used at present: the next kind
        is not tried then, since a display that is plugged in late must not leave us in the dark.
        """
        if self._sink != "auto":
            return KINDS[self._sink](self._wanted)
        reasons: list[str] = []
        for kind, make in KINDS.items():
            try:
                screen = make(self._wanted)
            except NoScreen as reason:
                self._note(kind, reason)
                reasons.append(str(reason))
            else:
                if kind == "null":
                    self._warn(f"Nothing is shown, for want of a screen: {'; '.join(reasons)}.")
                return screen
        raise NoScreen("; ".join(reasons))

    def _note(self, kind: str, reason: NoScreen) -> None:
        """Warn of a desktop that is there but can't be used for want of pygame."""
        if kind == "sdl" and has_desktop(os.environ):
            self._warn(f"The desktop is not used: {reason}.")
        else:
            log.debug("Screen '%s' is left out: %s", kind, reason)

    def _warn(self, words: str) -> None:
        if words not in self._warned:
            self._warned.add(words)
            log.warning("%s", words)
