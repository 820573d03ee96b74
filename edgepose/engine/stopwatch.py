"""Know since when a thread is inside a call that may never return."""

from __future__ import annotations

import time


class Stopwatch:
    """Run while its block does: `with inside: device.read()`. Read from any thread."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._since = None

    @property
    def seconds(self) -> float:
        """Return how long the block has been running, 0 outside of it."""
        since = self._since
        return 0.0 if since is None else time.monotonic() - since
