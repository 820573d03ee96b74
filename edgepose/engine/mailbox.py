"""One-place mailboxes between threads, instead of a queue that could grow.

Putting never waits unless the caller asks for it by name (`put_wait`). A late item is
merged with the one that it finds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """At most one item between two threads.

    merge: makes one item of the one that waits and the late one.
    """

    def __init__(self, merge: Callable[[T, T], T]) -> None:
        self._since = 0.0  # when what waits began to wait, monotonic
        self._taken_since = 0.0  # the same of what was taken last
        self._merge = merge
        self._item: T | None = None
        self._is_closed = False
        self._changed = threading.Condition()

    def put(self, item: T) -> None:
        """Put an item, merged with one that was not taken yet; dropped once closed."""
        with self._changed:
            if self._is_closed:
                return
            if self._item is not None:
                item = self._merge(self._item, item)
            else:
                self._since = time.monotonic()
            self._item = item
            self._changed.notify_all()

    def put_wait(self, item: T, timeout: float) -> bool:
        """Wait up to `timeout` seconds for the place to be free, then put; False if it was not."""
        with self._changed:
            is_free = self._changed.wait_for(lambda: self._item is None or self._is_closed, timeout)
            self.put(item)
            return is_free

    def put_back(self, item: T) -> None:
        """Return an item that could not be used: it is older than any that waits by now.

        Works on a closed mailbox too, so that what failed at the end is tried once more.
        """
        with self._changed:
            self._since = self._taken_since
            self._item = item if self._item is None else self._merge(item, self._item)
            self._changed.notify_all()

    def take(self, timeout: float | None = None) -> T | None:
        """Return the item, waiting for it; None after `timeout` seconds, or closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._is_closed, timeout)
            item, self._item = self._item, None
            self._taken_since = self._since
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Accept no further item; a waiting one can still be taken, then `take` returns None."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def peek(self) -> tuple[T | None, float]:
        """Return what waits, and for how many seconds; leave it there."""
        with self._changed:
            item, since = self._item, self._since
        return item, 0.0 if item is None else time.monotonic() - since

    @property
    def is_closed(self) -> bool:
        """Return whether no further item is accepted."""
        return self._is_closed

    @property
    def is_drained(self) -> bool:
        """Return whether the mailbox is closed and empty: the reader may end."""
        with self._changed:
            return self._is_closed and self._item is None


def remaining(deadline: float) -> float:
    """Return the seconds left until a deadline of the monotonic clock, at least 0."""
    return max(0.0, deadline - time.monotonic())
