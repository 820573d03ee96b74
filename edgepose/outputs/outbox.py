"""Messages on disk until the other side has acknowledged them, despite kills and power cuts.

One SQLite file, opened by one process at a time. A message is on the disk when `put` returns; a
power cut may undo its removal, so that it is sent twice, but never lost.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edgepose.errors import OutputLost, error_text
from edgepose.outputs import outbox_db
from edgepose.system.paths import is_still_at

log = logging.getLogger(__name__)

AGAIN: Final = 3600.0  # seconds until it is logged again that the limit costs messages
REMEMBERED: Final = 1000  # ids of the newest messages, sent or not: one put again is ignored


class OutboxInUse(OutputLost):
    """An outbox that another process has open."""


@dataclass(frozen=True, slots=True)
class Message:
    """One waiting message; numbers grow in the order of `put`."""

    number: int
    id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """The random token of an outbox file, and how often it was started so far."""

    install: str
    start: int


@dataclass(frozen=True, slots=True)
class Contents:
    """All that an outbox holds: what waits, the newest ids with their numbers, and its notes."""

    messages: Sequence[Message]
    taken: Sequence[tuple[int, str]]
    notes: Mapping[str, Any]
    last: int


class Outbox:
    """A queue of messages, each id once, at most `limit`; beyond that the oldest is dropped.

    path: the file, None to keep the messages in memory.

    last: number of the newest message so far. waiting: how many are stored. dropped: how many the
    limit has cost so far. Methods may be called from any thread between `open` and `close`; they
    raise OutputLost where the disk fails.
    """

    def __init__(self, path: Path | None, limit: int) -> None:
        self.path = path
        self.last = 0
        self.waiting = 0
        self.dropped = 0
        self._limit = limit
        self._logged_at = float("-inf")  # monotonic: when the limit cost some
        self._db: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the file; a damaged one is moved aside. Raises OutputLost, also while in use."""
        try:
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connected()
            self._file = None if self.path is None else self.path.stat()
        except (OSError, *outbox_db.FAULTS) as error:
            self.close()
            if outbox_db.is_in_use(error):
                raise OutboxInUse(self._describe("opened", error)) from error
            raise OutputLost(self._describe("opened", error)) from error
        self._count()

    def _count(self) -> None:
        self.last = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
        self.waiting = self._number("SELECT count(*) FROM message")
        self.dropped = self._number("SELECT coalesce(max(value), 0) FROM note WHERE key='dropped'")

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            database, self._db = self._db, None
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    # Closing does it too, but not for a file that was moved: it would stay empty.
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                with contextlib.suppress(sqlite3.Error):
                    database.close()

    def put(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Add (id, payload) pairs, all or none; one of the REMEMBERED newest ids is ignored."""
        if self._is_gone:
            raise OutputLost(f"{self.path}: the file was moved or deleted; a new one is begun")
        with self._transaction(durable=True) as database:
            added = [self._insert(database, id, payload) for id, payload in messages]
            excess = max(0, self.waiting + sum(added) - self._limit)
            if excess:
                self._trim(database, excess)
            last = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence", database)
            database.execute("DELETE FROM taken WHERE number <= ?", (last - REMEMBERED,))
        self.last = last
        self.waiting += sum(added) - excess
        self.dropped += excess

    def after(self, number: int, count: int) -> list[Message]:
        """Return up to `count` messages that follow a number, oldest first."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT number, id, payload FROM message WHERE number > ? ORDER BY number LIMIT ?",
                (number, count),
            ).fetchall()
        return [Message(*row) for row in rows]

    def remove(self, numbers: Sequence[int]) -> None:
        """Remove messages; missing ones are ignored."""
        with self._transaction() as database:
            cursor = database.executemany(
                "DELETE FROM message WHERE number = ?", [(number,) for number in numbers]
            )
        self.waiting -= cursor.rowcount

    def begin(self) -> Session:
        """Count one more start; return the outbox's token and the count."""
        with self._transaction(durable=True) as database:
            database.execute(
                "INSERT OR IGNORE INTO note VALUES ('install', ?)", (secrets.token_hex(8),)
            )
            database.execute(
                "INSERT INTO note VALUES ('start', 1) "
                "ON CONFLICT (key) DO UPDATE SET value = value + 1"
            )
            notes = dict(database.execute("SELECT key, value FROM note").fetchall())
        return Session(notes["install"], notes["start"])

    def contents(self) -> Contents:
        """Return all that the outbox holds."""
        with self._transaction() as database:
            messages = database.execute("SELECT * FROM message ORDER BY number").fetchall()
            taken = database.execute("SELECT * FROM taken ORDER BY number").fetchall()
            notes = dict(database.execute("SELECT key, value FROM note").fetchall())
        return Contents([Message(*row) for row in messages], taken, notes, self.last)

    def adopt(self, contents: Contents) -> None:
        """Hold exactly this, with the same numbers, all or nothing."""
        with self._transaction(durable=True) as database:
            database.execute("DELETE FROM message")
            database.execute("DELETE FROM taken")
            # The counter goes on behind the last number, even if no message waits.
            database.execute("INSERT INTO message VALUES (?, '', x'')", (contents.last,))
            database.execute("DELETE FROM message")
            rows = [(message.number, message.id, message.payload) for message in contents.messages]
            database.executemany("INSERT INTO message VALUES (?, ?, ?)", rows)
            database.executemany("INSERT INTO taken VALUES (?, ?)", contents.taken)
            database.executemany("REPLACE INTO note VALUES (?, ?)", contents.notes.items())
        self._count()

    def _insert(self, database: sqlite3.Connection, id: str, payload: bytes) -> int:
        """Return 1 for a message that is new, else 0."""
        sql = (
            "INSERT OR IGNORE INTO message (id, payload) "
            "SELECT ?1, ?2 WHERE NOT EXISTS (SELECT 1 FROM taken WHERE id = ?1)"
        )
        added = database.execute(sql, (id, payload))
        if added.rowcount:
            database.execute("INSERT INTO taken VALUES (?, ?)", (added.lastrowid, id))
        return added.rowcount

    def _trim(self, database: sqlite3.Connection, excess: int) -> None:
        if time.monotonic() - self._logged_at >= AGAIN:
            self._logged_at = time.monotonic()
            log.error(
                "%s: more than %d messages wait; the oldest are dropped.", self.path, self._limit
            )
        database.execute(
            "DELETE FROM message WHERE number IN "
            "(SELECT number FROM message ORDER BY number LIMIT ?)",
            (excess,),
        )
        database.execute(
            "INSERT INTO note VALUES ('dropped', ?1) "
            "ON CONFLICT (key) DO UPDATE SET value = value + ?1",
            (excess,),
        )

    @contextlib.contextmanager
    def _transaction(self, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Yield the database for one transaction; a durable one is on the disk at the end."""
        with self._lock:
            if self._db is None:
                raise OutputLost(f"{self.path}: not open")
            try:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except outbox_db.FAULTS as error:
                raise OutputLost(self._describe("written", error)) from error
            finally:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")

    def _number(self, sql: str, database: sqlite3.Connection | None = None) -> int:
        """Return the one number that a query gives."""
        if database is not None:
            return int(database.execute(sql).fetchone()[0])
        with self._transaction() as own:
            return int(own.execute(sql).fetchone()[0])

    def _connected(self) -> sqlite3.Connection:
        """Return the open database; a damaged file is replaced, its readable messages kept."""
        if self.path is None:
            return outbox_db.in_memory()
        try:
            return outbox_db.connect(self.path)
        except outbox_db.DamagedOutbox as error:
            aside = outbox_db.move_aside(self.path)
            found = outbox_db.salvage(aside)
            log.error(
                "%s: damaged (%s); moved to %s and replaced by a new file with the %d readable "
                "messages.", self.path, error, aside.name, len(found.messages),
            )  # fmt: skip
            return self._recreated(self.path, found)

    def _recreated(self, path: Path, found: outbox_db.Salvage) -> sqlite3.Connection:
        database = outbox_db.connect(path)
        try:
            database.execute("BEGIN IMMEDIATE")
            rows = list(found.messages.items())[-self._limit :]
            database.executemany("INSERT INTO message (id, payload) VALUES (?, ?)", rows)
            database.executemany("INSERT INTO note VALUES (?, ?)", found.notes.items())
            database.execute("COMMIT")
        except sqlite3.Error:
            database.close()
            raise
        return database

    @property
    def _is_gone(self) -> bool:
        """Return whether the path now names another file or none."""
        if self.path is None:
            return False
        return self._file is None or not is_still_at(self.path, self._file)

    def _describe(self, action: str, error: Exception) -> str:
        if outbox_db.is_in_use(error):
            return (
                f"{self.path}: in use by another edgepose on this machine; give each device its "
                "own `name`, and each mqtt output its own `client_id`"
            )
        return f"{self.path}: can't be {action}: {error_text(error)}"
