"""Keep messages on disk until somebody has taken them, through kills and power cuts.

One SQLite file, opened by one process at a time. A message is on the disk when `put` returns; its
removal may be forgotten by a power cut, so that it is sent twice, never not at all.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgepose.errors import OutputLost
from edgepose.outputs.mqtt import outbox_db

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """Hold one message that waits; numbers grow in the order in which messages were put."""

    number: int
    id: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """Say whose outbox this is: a random token of the file, and how often it was begun so far."""

    install: str
    start: int


class Outbox:
    """Hold messages in order, each id once, at most `limit`; past that the oldest is dropped.

    last: number of the newest message ever put. waiting: how many are there. dropped: how many
    were lost to the limit, ever. Methods may be called from any thread between open and close;
    they raise OutputLost where the disk fails.
    """

    def __init__(self, path: Path, limit: int) -> None:
        """Name the file; it is made by `open`, with its folder."""
        self.path = path
        self.last = 0
        self.waiting = 0
        self.dropped = 0
        self._limit = limit
        self._db: sqlite3.Connection | None = None
        self._file: os.stat_result | None = None
        self._lock = threading.Lock()

    def open(self) -> None:
        """Open the file; a damaged one is put aside. Raises OutputLost, also when it is in use."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connected()
            self._file = self.path.stat()
        except (OSError, *outbox_db.FAULTS) as error:
            self.close()
            raise OutputLost(self._words("opened", error)) from error
        self.last = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence")
        self.waiting = self._number("SELECT count(*) FROM message")
        self.dropped = self._number("SELECT coalesce(max(value), 0) FROM note WHERE key='dropped'")

    def close(self) -> None:
        """Let the file go; may be called twice."""
        with self._lock:
            database, self._db = self._db, None
            if database is not None:
                with contextlib.suppress(sqlite3.Error):
                    # Closing does it too, but not for a file that was moved: it would stay empty.
                    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                with contextlib.suppress(sqlite3.Error):
                    database.close()

    def put(self, messages: Iterable[tuple[str, bytes]]) -> None:
        """Add (id, payload) pairs, all or none; an id that waits already is passed over."""
        if self._is_gone():
            raise OutputLost(f"{self.path}: the file was moved or deleted; it is begun anew")
        with self._transaction(durable=True) as database:
            added = [self._insert(database, id, payload) for id, payload in messages]
            excess = max(0, self.waiting + sum(added) - self._limit)
            if excess:
                self._trim(database, excess)
            last = self._number("SELECT coalesce(max(seq), 0) FROM sqlite_sequence", database)
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
        """Forget messages; those that are gone already are no fault."""
        with self._transaction() as database:
            cursor = database.executemany(
                "DELETE FROM message WHERE number = ?", [(number,) for number in numbers]
            )
        self.waiting -= cursor.rowcount

    def begin(self) -> Session:
        """Count one more start, and return which outbox this is."""
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

    def _insert(self, database: sqlite3.Connection, id: str, payload: bytes) -> int:
        """Return 1 for a message that is new, else 0."""
        sql = "INSERT OR IGNORE INTO message (id, payload) VALUES (?, ?)"
        return database.execute(sql, (id, payload)).rowcount

    def _trim(self, database: sqlite3.Connection, excess: int) -> None:
        if not self.dropped:
            log.error("%s: more than %d messages wait; the oldest go.", self.path, self._limit)
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
        """Hold the database for one change; a durable one is on the disk at the end."""
        with self._lock:
            if self._db is None:
                raise OutputLost(f"{self.path}: not open")
            try:
                self._db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except outbox_db.FAULTS as error:
                raise OutputLost(self._words("written", error)) from error
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
        """Return the open database; where the file is damaged, a new one with what was readable."""
        try:
            return outbox_db.connect(self.path)
        except outbox_db.DamagedOutbox as error:
            aside = outbox_db.put_aside(self.path)
            found = outbox_db.remains(aside)
            log.error(
                "%s: damaged (%s); put aside as %s, and begun anew with the %d messages that could "
                "be read.", self.path, error, aside.name, len(found.messages),
            )  # fmt: skip
            return self._begun_anew(found)

    def _begun_anew(self, found: outbox_db.Remains) -> sqlite3.Connection:
        database = outbox_db.connect(self.path)
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

    def _is_gone(self) -> bool:
        """Return whether the path leads to another file by now, or to none."""
        try:
            return self._file is None or not os.path.samestat(self.path.stat(), self._file)
        except OSError:
            return True

    def _words(self, action: str, error: Exception) -> str:
        if "locked" in str(error):
            return (
                f"{self.path}: in use by another edgepose on this machine; give each device its "
                "own `name`, and each mqtt output its own `client_id`"
            )
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return f"{self.path}: can't be {action}: {reason}"
