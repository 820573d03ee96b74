"""Choose the screen: the first kind that this machine has, in a stated order."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Final

from edgepose.outputs.screens.base import NoScreen, Screen, Wanted
from edgepose.outputs.screens.framebuffer import Framebuffer
from edgepose.outputs.screens.kms import Kms
from edgepose.outputs.screens.null import Null
from edgepose.outputs.screens.sdl import Sdl, has_desktop

log = logging.getLogger(__name__)

KINDS: Final[dict[str, Callable[[Wanted], Screen]]] = {
    "sdl": Sdl,
    "kms": Kms,
    "framebuffer": Framebuffer,
    "null": Null,
}  # in the order in which they are tried: inside a desktop only the desktop can show anything


def open_screen(sink: str, wanted: Wanted) -> Screen:
    """Return the screen of a kind of KINDS, or with "auto" the first that this machine has.

    Raises OutputLost where the screen is there but can't be used at present: the next kind is
    not tried then, since a display that is plugged in late must not leave us in the dark.
    """
    if sink != "auto":
        return KINDS[sink](wanted)
    reasons: list[str] = []
    for kind in KINDS:
        try:
            screen = KINDS[kind](wanted)
        except NoScreen as reason:
            _note(kind, reason)
            reasons.append(str(reason))
        else:
            if isinstance(screen, Null):
                log.warning(
                    "Nothing is shown: this machine has no screen (%s).", "; ".join(reasons)
                )
            return screen
    raise AssertionError("null is always there")


def _note(kind: str, reason: NoScreen) -> None:
    """Warn of a desktop that is there but can't be used for want of pygame."""
    missing = kind == "sdl" and has_desktop(os.environ)
    log.log(
        logging.WARNING if missing else logging.DEBUG, "Screen '%s' is left out: %s", kind, reason
    )
