"""An outbox that goes on in memory while its disk fails, and returns to the disk when it can.

A full disk must not keep events from a peer that is there: they are sent from memory meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edgepose.errors import OutputLost
from edgepose.outputs.outbox import Contents, Message, Outbox, OutboxInUse, Session

log = logging.getLogger(__name__)

SLOW: Final = 120.0  # seconds in which messages wait all the time, though they are taken
RETRY: Final = 5.0  # seconds between two tries to return to the disk


class FallbackOutbox:
    """An outbox on disk, or in memory where the disk fails; messages keep their numbers.

    Its attributes and methods are those of `Outbox`. Only `open` raises OutputLost for a file that
    another process uses, and `step` for messages on a disk that could not be read before.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.trouble = ""
        self._disk = Outbox(path, limit)
        self._limit = limit
        self._memory: Outbox | None = None
        self._empty_at = 0.0  # monotonic: when a message last came and no other one waited
        self._is_copy = True  # the memory has all that the disk has
        self._on_disk = 0  # number of the newest message that the disk has as well
        self._retry_at = 0.0  # monotonic
        self._lock = threading.RLock()

    @property
    def path(self) -> Path | None:
        """Return the file."""
        return self._disk.path

    @property
    def last(self) -> int:
        """Return the number of the newest message so far."""
        return self._used.last

    @property
    def waiting(self) -> int:
        """Return how many messages wait."""
        return self._used.waiting

    @property
    def dropped(self) -> int:
        """Return how many messages the limit has cost so far."""
        return self._used.dropped

    @property
    def unsaved(self) -> int:
        """Return how many messages only the memory has."""
        memory = self._memory
        return 0 if memory is None else len(memory.after(self._on_disk, memory.waiting))

    def backlog(self, since: float) -> str:
        """Return that messages are taken more slowly than they come, "" where they are not.

        since: monotonic, when the receiver began to take them.
        """
        seconds = time.monotonic() - max(self._empty_at, since)
        if not self.waiting or seconds < SLOW:
            return ""
        return (
            f"events are taken too slowly: {self.waiting} wait, and some always have for "
            f"{seconds / 60:.0f} min"
        )

    def inherit(self, before: FallbackOutbox) -> None:
        """Take over what another one, which is closed, could not put on its disk: before `open`."""
        with before._lock, self._lock:
            memory, before._memory = before._memory, None
            if memory is None:
                return
            contents = memory.contents()
            memory.close()
            if before.path == self.path:
                self._is_copy, self._on_disk = before._is_copy, before._on_disk
            else:
                self._is_copy = False
                unsaved = [one for one in contents.messages if one.number > before._on_disk]
                contents = replace(contents, messages=unsaved)
            self._memory = Outbox(None, self._limit)
            self._memory.open()
            self._memory.adopt(contents)
            self.trouble, self._empty_at = before.trouble, before._empty_at

    def open(self) -> None:
        """Open the file, or go on in memory. Raises OutboxInUse."""
        with self._lock:
            if self._memory is not None:  # still open since its disk failed
                with contextlib.suppress(OutputLost):  # nobody has numbers of before
                    self._return_to_disk()
                return
            try:
                self._disk.open()
            except OutboxInUse:
                raise
            except OutputLost as error:
                self._leave_disk(str(error))

    def close(self) -> None:
        """Close the file. What is in memory goes there first, or stays for the next `open`.

        That of another outbox may `inherit` it; otherwise it is lost.
        """
        with self._lock:
            with contextlib.suppress(OutputLost):
                self._return_to_disk()
            self._disk.close()

    def put(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Add (id, payload) pairs, all or none; one of the newest ids is ignored."""
        pairs = list(messages)
        with self._lock:
            if not self.waiting:
                self._empty_at = time.monotonic()
            try:
                self._used.put(pairs)
            except OutputLost as error:
                self._leave_disk(str(error))
                self._used.put(pairs)

    def after(self, number: int, count: int) -> list[Message]:
        """Return up to `count` messages that follow a number, oldest first."""
        with self._lock:
            try:
                return self._used.after(number, count)
            except OutputLost as error:
                self._leave_disk(str(error))
                return self._used.after(number, count)

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove messages; missing ones are ignored."""
        with self._lock:
            try:
                self._used.remove(numbers)
            except OutputLost as error:
                self._leave_disk(str(error))
                self._used.remove(numbers)

    def begin(self) -> Session:
        """Count one more start; return the outbox's token and the count."""
        with self._lock:
            try:
                return self._used.begin()
            except OutputLost as error:
                self._leave_disk(str(error))
                return self._used.begin()

    def step(self) -> None:
        """Return to the disk if that is due and can be done: called every second or so."""
        with self._lock:
            if self._memory is not None and time.monotonic() >= self._retry_at:
                self._return_to_disk()

    @property
    def _used(self) -> Outbox:
        return self._memory or self._disk

    def _leave_disk(self, reason: str) -> None:
        """Go on in memory with all that can be read from the disk."""
        if self._memory is not None:
            raise OutputLost(reason)
        memory = Outbox(None, self._limit)
        memory.open()
        try:
            memory.adopt(self._disk.contents())
            self._is_copy = True
        except OutputLost:
            self._is_copy = False
        self._on_disk = self._disk.last if self._is_copy else 0
        self._disk.close()
        self._memory, self.trouble = memory, _in_memory(reason)
        self._retry_at = time.monotonic() + RETRY
        log.error("Events are sent from memory, and are lost with the process: %s", reason)

    def _return_to_disk(self) -> None:
        """Put what is in memory on the disk, if it works again.

        Raises OutputLost where the disk turns out to have messages of its own: whoever sends has
        to begin with those.
        """
        memory = self._memory
        if memory is None:
            return
        self._retry_at = time.monotonic() + RETRY
        try:
            self._disk.open()
            has_own = not self._is_copy and self._disk.last > 0
            self._disk.adopt(self._merged(memory.contents()) if has_own else memory.contents())
        except OutputLost as error:
            self.trouble = _in_memory(str(error))
            self._disk.close()
            return
        memory.close()
        self._memory, self.trouble, self._is_copy = None, "", True
        log.warning("%s: events are on the disk again.", self._disk.path)
        if has_own:
            raise OutputLost(f"{self._disk.path}: can be read again, with earlier events")

    def _merged(self, newer: Contents) -> Contents:
        """Return what the disk holds, followed by what only the memory holds, renumbered."""
        older = self._disk.contents()
        known = {id for _, id in older.taken} | {message.id for message in older.messages}
        messages = [message for message in newer.messages if message.id not in known]
        taken = [(number, id) for number, id in newer.taken if id not in known]
        shift = older.last
        return Contents(
            [*older.messages, *(replace(m, number=m.number + shift) for m in messages)],
            [*older.taken, *((number + shift, id) for number, id in taken)],
            {**newer.notes, **older.notes},
            newer.last + shift,
        )


def _in_memory(reason: str) -> str:
    return f"events are kept in memory: {reason}"
