"""The events that not every output has taken yet, in a file that survives a kill.

An event is written before any output sees it. So after SIGKILL all outputs that keep events get
the same ones, and every start that somebody may have seen gets its end. One line is one of

    {"of": "CONFIGURATION"}           whose events these are
    {"outputs": ["NAME", ...]}        those that take events from here on
    {"event": {...}}                  an event, as it leaves the device
    {"open": {...}}                   a start without its end, whose own line is no longer needed
    {"taken": "NAME", "id": "ID"}     the output has this event and all before it
    {"forgotten": {"NAME": NUMBER}}   events that were too many to keep for an output

The file is written by a thread of its own; whoever adds events waits for it for PATIENCE seconds
at most: a card that stalls must not stop perception.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from edgepose import jsonio
from edgepose.engine.event_ledger import EventLedger, end_of
from edgepose.engine.threads import OnCrash, new_thread
from edgepose.errors import error_text
from edgepose.system import atomic, plain_file, state_file
from edgepose.types import Event

log = logging.getLogger(__name__)

PATIENCE: Final = 1.0  # seconds that perception waits for the disk
END: Final = 8.0  # seconds to write all that is needed at the end
RETRY: Final = 5.0  # seconds between two tries to write to a disk that failed
MAX_BYTES: Final = 1 << 20  # of the file, until it is written again without what nobody needs


class EventJournal:
    """The file of one device's events. Methods may be called from any thread.

    owner: what tells the configuration from others that use the same folder, whatever its `name`.
    trouble: why events are not written at present, "" while they are. files: those whose content it
    has, once it is closed.
    """

    def __init__(self, path: Path, on_crash: OnCrash, owner: str = "") -> None:
        self.trouble = ""
        self.path = path
        self.files = frozenset((path,))
        self._ledger = EventLedger(owner=owner)
        self._adopted: dict[Path, int] = {}  # files whose content is not in this one yet: locks
        self._lines: list[bytes] = []  # to be written
        self._asked = self._written = 0  # how often lines were added, and are in the file
        self._is_prompt = True  # the disk keeps up, so that it is worth waiting for
        self._is_over = False
        self._changed = threading.Condition()
        self._lock: int | None = None
        self._file: int | None = None
        self._size, self._limit = 0, MAX_BYTES
        self._thread = new_thread("journal", self._run, on_crash)

    def open(self, others: Iterable[Path] = (), before: EventJournal | None = None) -> None:
        """Read the file of the process before, and end what that one left open.

        `register` says which outputs there are now. others: files of other names, oldest first;
        this one takes over those of its owner, unless a process uses them. before: the journal of
        this process so far, closed; a full disk may have kept it from its file.

        Where another process uses it nothing is read or written: outboxes refuse two of one name.
        """
        known = before.files if before is not None else frozenset()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self.path)
        except OSError as error:
            self._lose(error)
        else:
            for other in others:
                self._adopt(other, is_known=other in known)
            if self.path not in known:
                self._ledger.absorb(_read(self.path))
        if before is not None:
            self._ledger.absorb(before._ledger)
        if self._lock is None:
            return
        for start in list(self._ledger.open.values()):
            log.warning("The process before was killed while '%s' was on; its end is sent now.",
                        start.name)  # fmt: skip
            self._ledger.add(end_of(start, time.time()))
        self._ledger.open.clear()  # also of a damaged file, where two starts have one id
        self._thread.start()

    def register(self, outputs: Collection[str]) -> dict[str, int]:
        """Let exactly these outputs take events from now on; return how many others lacked."""
        with self._changed:
            gone = self._ledger.taken.keys() - outputs
            lacking = {name: len(self._ledger.lacking(name)) for name in gone}
            self._ledger.register(outputs)
            self._put({"outputs": list(self._ledger.taken)})
        return lacking

    def append(self, events: Sequence[Event]) -> None:
        """Write events before anybody sees them."""
        with self._changed:
            if not events or not self._ledger.taken:
                return
            for event in events:
                self._ledger.add(event)
            number = self._put(*({"event": event.to_dict()} for event in events))
            if not self._is_prompt or not self._thread.is_alive():
                return
            self._is_prompt = self._changed.wait_for(lambda: self._written >= number, PATIENCE)
            if not self._is_prompt:
                log.warning("%s: the disk is slow; a kill may now lose events.", self.path)

    def taken(self, output: str, events: Sequence[Event]) -> None:
        """Note that an output has these events, and all before them."""
        with self._changed:
            if events and self._ledger.take(output, events[-1].id):
                self._put({"taken": output, "id": events[-1].id})

    def lacking(self, output: str) -> tuple[Event, ...]:
        """Return the events that an output does not have yet, oldest first."""
        with self._changed:
            return tuple(self._ledger.lacking(output))

    def take_forgotten(self, output: str) -> int:
        """Return how many events were too many to keep for an output; each is returned once."""
        with self._changed:
            number = self._ledger.forgotten.pop(output, 0)
            if number:
                self._put({"forgotten": self._ledger.forgotten})
        return number

    def close(self) -> bool:
        """Write all that is still needed; return whether that is on the disk."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(END)
        self.files = frozenset((self.path, *self._adopted))
        if not self._thread.is_alive():
            while self._adopted:
                os.close(self._adopted.popitem()[1])
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        return not self.trouble and not self._thread.is_alive()

    def _put(self, *lines: dict[str, Any]) -> int:
        """Hand lines to the thread; return the number that `_written` then reaches."""
        self._asked += 1
        if self._thread.is_alive():
            self._lines += [_encoded(line) for line in lines]
            self._changed.notify_all()
        return self._asked

    def _adopt(self, path: Path, is_known: bool) -> None:
        """Take a file over, if it is the owner's. is_known: what it holds came another way."""
        if not is_known and _read(path).owner not in ("", self._ledger.owner):  # "": no owner yet
            return
        with contextlib.suppress(OSError):  # in use
            self._adopted[path] = _locked(path)
            if not is_known:
                self._ledger.absorb(_read(path))
                log.info("The events of %s are taken over.", path)

    def _run(self) -> None:
        self._try(self._rewrite)
        while not self._is_over:
            with self._changed:
                self._changed.wait_for(lambda: self._lines or self._is_over, RETRY)
            if self.trouble or self._size > self._limit:
                self._try(self._rewrite)
            elif self._lines:
                self._try(self._extend)
                if not self.trouble:
                    self._try(self._sync)
        self._try(self._rewrite)
        self._close_file()

    def _try(self, work: Callable[[], int]) -> None:
        """Work on the file and note how far it got, or why it can't be written."""
        try:
            written, trouble = work(), ""
        except OSError as error:
            written, trouble = self._written, f"{self.path}: {error_text(error)}"
        with self._changed:
            if trouble and not self.trouble:
                log.error("A kill may now lose events: %s", trouble)
            self.trouble, self._written = trouble, written
            self._is_prompt = not trouble
            self._changed.notify_all()

    def _rewrite(self) -> int:
        """Write the file again with what is still needed."""
        with self._changed:
            asked, self._lines = self._asked, []
            data = b"".join(map(_encoded, self._ledger.lines()))
        self._close_file()
        with atomic.replacing(self.path, 0o600) as file:
            file.write(data)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._remove_adopted()
        self._size, self._limit = len(data), max(MAX_BYTES, 2 * len(data))
        return asked

    def _remove_adopted(self) -> None:
        while self._adopted:
            path, lock = self._adopted.popitem()
            path.unlink(missing_ok=True)
            _lock_of(path).unlink(missing_ok=True)
            os.close(lock)

    def _extend(self) -> int:
        with self._changed:
            asked, lines, self._lines = self._asked, self._lines, []
        assert self._file is not None
        data = b"".join(lines)
        self._size += len(data)
        while data:
            data = data[os.write(self._file, data) :]
        return asked

    def _sync(self) -> int:
        """Let a power cut lose no more than a kill; nobody waits for this."""
        assert self._file is not None
        os.fdatasync(self._file)
        return self._written

    def _close_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def _lose(self, error: OSError) -> None:
        in_use = "in use by another edgepose on this machine; give each device its own `name`"
        reason = in_use if isinstance(error, BlockingIOError) else error_text(error)
        self.trouble = f"{self.path}: {reason}"
        log.warning("After a kill events may be missing: %s", self.trouble)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _locked(path: Path) -> int:
    """Return the descriptor that keeps others off a journal. Raises OSError where one has it."""
    lock = os.open(_lock_of(path), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _read(path: Path) -> EventLedger:
    """Return what a file holds; lines that a power cut has damaged are left out."""
    ledger = EventLedger()
    with contextlib.suppress(OSError):
        for line in plain_file.read(path, state_file.LARGEST).splitlines():
            with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                ledger.read(jsonio.loads(line))
    return ledger


def _encoded(line: dict[str, Any]) -> bytes:
    return jsonio.dumps(line) + b"\n"
