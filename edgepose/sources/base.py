"""The contract of a source of frames. Sources start no threads: the engine reads them on one."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import ClassVar

from edgepose.options import Options
from edgepose.types import Frame


class Source(ABC):
    """A source of frames: a camera, a file or a generator.

    live: the source has no end; when it fails or ends, the engine closes it and opens it again
        with back-off. A source that is not live ends the run when `read` returns None.
    lossless: every frame must be processed; the engine then reads no faster than it perceives.
        Otherwise the newest frame replaces one that waits.
    frozen_after: seconds of identical pictures after which a camera counts as frozen and is
        opened again; None for other sources, which may show the same picture for ever.
    """

    Options: ClassVar[type[Options]] = Options
    live: bool = True
    lossless: bool = False
    frozen_after: float | None = None

    def __init__(self) -> None:
        """Touch no hardware: libraries and devices wait for `open`."""
        self.interrupted = threading.Event()

    @abstractmethod
    def open(self) -> None:
        """Get ready to read. Raises SourceLost when that is not possible at present.

        Raises UserError where trying again can't help (a file that is not a video).
        """

    @abstractmethod
    def read(self) -> Frame | None:
        """Wait for the next frame and return it; None at the end of a file.

        Raises SourceLost when no frame came within the source's time-out, or the device is gone.
        Returns soon, with None, after `interrupt`.
        """

    def interrupt(self) -> None:
        """Make a waiting `read` return soon; called from another thread, before `close`."""
        self.interrupted.set()

    def close(self) -> None:
        """Release everything; may be called twice, and after a failed `open`."""
        self.interrupted.clear()
