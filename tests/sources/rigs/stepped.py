"""A clock that only moves when somebody waits."""

from __future__ import annotations

import threading


class SteppedClock:
    """Stand in for the monotonic clock; time passes only in `wait` and `advance`."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds


class SteppedEvent(threading.Event):
    """Be an event on which waiting takes no time, and moves the clock."""

    def __init__(self, clock: SteppedClock) -> None:
        super().__init__()
        self._clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait and let that time pass, unless the event is set."""
        if not self.is_set() and timeout:
            self._clock.waits.append(timeout)
            self._clock.advance(timeout)
        return self.is_set()
