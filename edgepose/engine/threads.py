"""Threads with a name, an owner and a place where their crash is heard."""

from __future__ import annotations

import threading
from collections.abc import Callable

OnCrash = Callable[[BaseException], None]


def new_thread(name: str, target: Callable[[], None], on_crash: OnCrash) -> threading.Thread:
    """Return a thread, not yet started, that reports what it did not catch and then ends.

    It is a daemon: a part that hangs in native code must not keep the process from ending.
    """

    def run() -> None:
        try:
            target()
        except BaseException as error:  # noqa: BLE001 - the thread's last line
            on_crash(error)

    return threading.Thread(target=run, name=name, daemon=True)
