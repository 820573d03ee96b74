"""Wait for what a thread does, without guessing how long it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest


def wait_until(is_so: Callable[[], object]) -> None:
    """Return when it is so; fail after half a minute."""
    pause = threading.Event()
    for _ in range(3000):
        if is_so():
            return
        pause.wait(0.01)
    pytest.fail("it never came to that")
