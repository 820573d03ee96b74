"""Wait for what a thread does, without guessing how long it takes."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest


def wait_until(is_so: Callable[[], object], seconds: float = 30.0) -> None:
    """Return when it is so; fail after so many seconds."""
    pause = threading.Event()
    for _ in range(round(seconds / 0.01)):
        if is_so():
            return
        pause.wait(0.01)
    pytest.fail("it never came to that")
