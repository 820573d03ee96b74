"""What a source of frames promises. Sources never start threads: the engine reads them on one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from edgepose.options import Options
from edgepose.types import Frame


class Source(ABC):
    """Give frames, one after another, from a camera, a file or thin air.

    live: the source has no end; when it fails or ends, the engine closes it and opens it again
        with back-off. A source that is not live ends the run when `read` returns None.
    lossless: every frame must be processed; the engine then reads no faster than it perceives.
        Otherwise the newest frame replaces one that waits.
    frozen_after: seconds of the very same picture after which a camera counts as frozen, and is
        opened again; None for what is no camera: it may show the same for ever.
    """

    Options: ClassVar[type[Options]] = Options
    live: bool = True
    lossless: bool = False
    frozen_after: float | None = None

    def __init__(self) -> None:
        """Prepare nothing: hardware libraries and devices wait for `open`."""
        self.interrupted = threading.Event()

    @abstractmethod
    def open(self) -> None:
        """Get ready to read. Raises SourceLost when that can't be done at present.

        Raises UserError where trying again can't help (a file that is no video).
        """

    @abstractmethod
    def read(self) -> Frame | None:
        """Return the next frame, waiting for it if need be; None at the end of a file.

        Raises SourceLost when nothing came for the source's time-out, or the device is gone.
        Returns soon, with None, after `interrupt`.
        """

    def interrupt(self) -> None:
        """Make a waiting `read` return soon; called from another thread, before `close`."""
        self.interrupted.set()

    @abstractmethod
    def close(self) -> None:
        """Let everything go; may be called twice, and after a failed `open`."""
