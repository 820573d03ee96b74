"""The file of an outbox: its schema, its check, and the salvage of a damaged one.

Found by damaging files at random: SQLite's own check accepts another schema, text that is not
UTF-8, numbers stored as text, and a counter without a next number.
"""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS message (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, payload BLOB NOT NULL
    );
    CREATE TABLE IF NOT EXISTS taken (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS note (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
NOTES: Final[dict[str, type]] = {"install": str, "start": int, "dropped": int}
LARGEST: Final = 1 << 62  # number of a message: half of what SQLite can count to

_LOG_BYTES: Final = 1 << 20  # the write-ahead log's size after a peak
_SIDE_FILES: Final = ("", "-wal", "-shm", "-journal")
_DEVICE: Final = frozenset(
    {
        *(sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM),
        *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN),
        sqlite3.SQLITE_READONLY,
    }
)  # primary result codes that do not mean a damaged file

FAULTS: Final = (sqlite3.Error, UnicodeDecodeError, OverflowError)
"""What sqlite3 raises on a damaged file: even its error messages may not be UTF-8."""


class DamagedOutbox(Exception):
    """A file that is not an intact outbox."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """The readable part of a damaged file: payloads by id, oldest first, and its notes."""

    messages: dict[str, bytes] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)


def connect(path: Path) -> sqlite3.Connection:
    """Open an outbox for this process alone, a new one where there is none.

    Raises DamagedOutbox for a damaged file; sqlite3.Error where it is in use or the disk fails.
    """
    database = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
    try:
        _prepare(database)
        _check(database)
    except FAULTS as error:
        database.close()
        if is_of_device(error, path):
            raise
        raise DamagedOutbox(str(error)) from error
    except DamagedOutbox:
        database.close()
        raise
    return database


def waiting(path: Path) -> int | None:
    """Return how many messages wait in a file; None where it is in use or can't be read."""
    try:
        address = path.as_uri() + "?mode=rw"
        with contextlib.closing(sqlite3.connect(address, timeout=0.2, uri=True)) as file:
            return int(file.execute("SELECT count(*) FROM message").fetchone()[0])
    except FAULTS:
        return None


def in_memory() -> sqlite3.Connection:
    """Return a new outbox that is in no file."""
    database = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    database.executescript(SCHEMA)
    return database


def is_of_device(error: Exception, path: Path) -> bool:
    """Return whether an error is about disk, permissions or another process, not the content.

    SQLite also calls a file read-only whose header is of a later version, and newer ones report an
    I/O error where a file ends within a payload; then it is damaged.
    """
    extended = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)
    if extended == sqlite3.SQLITE_IOERR_SHORT_READ:
        return False
    code = extended & 0xFF
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
        return not _can_be_written(path)
    return code in _DEVICE


def is_in_use(error: Exception) -> bool:
    """Return whether another process has the database."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
    )


def _can_be_written(path: Path) -> bool:
    """Return whether a file can be written, and another beside it created."""
    probe = Path(f"{path}.probe")
    try:
        with path.open("r+b"), probe.open("wb"):
            return True
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)


def _prepare(database: sqlite3.Connection) -> None:
    # Exclusive: a second process is refused, and no shared memory file is needed.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
    found = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise DamagedOutbox(found)
    database.executescript(SCHEMA)
    database.execute("BEGIN IMMEDIATE")
    database.execute("INSERT OR REPLACE INTO note VALUES ('trial', 0)")  # is it writable?
    database.execute("ROLLBACK")


def _check(database: sqlite3.Connection) -> None:
    """Raise DamagedOutbox for content that the integrity check accepts but an outbox does not."""
    if _schema(database) != _expected_schema():
        raise DamagedOutbox("its tables are not those of an outbox")
    # The payloads are read, since the integrity check does not open their last pages.
    for number, id, payload in database.execute("SELECT number, id, payload FROM message"):
        if not _is_message(number, id, _kind(payload)):
            raise DamagedOutbox("a row is not a message")
    for number, id in database.execute("SELECT number, id FROM taken"):
        if not _is_message(number, id, "blob"):
            raise DamagedOutbox("a remembered id is none")
    for key, value in database.execute("SELECT key, value FROM note"):
        if not _is_note(key, value):
            raise DamagedOutbox(f"note {key!r} is {value!r}")
    newest = database.execute("SELECT coalesce(max(number), 0) FROM message").fetchone()[0]
    counts = database.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    for name, number in counts or [("message", newest)]:
        known = len(counts) <= 1 and name == "message" and isinstance(number, int)
        if not known or not newest <= number < LARGEST:
            raise DamagedOutbox("the message counter is wrong")


@functools.cache
def _expected_schema() -> set[tuple[Any, ...]]:
    with contextlib.closing(sqlite3.connect(":memory:")) as fresh:
        fresh.executescript(SCHEMA)
        return _schema(fresh)


def _schema(database: sqlite3.Connection) -> set[tuple[Any, ...]]:
    sql = "SELECT type, name, tbl_name, sql FROM sqlite_master"
    return set(database.execute(sql).fetchall())


def _is_message(number: object, id: object, kind: object) -> bool:
    return isinstance(number, int) and number < LARGEST and isinstance(id, str) and kind == "blob"


def _is_note(key: object, value: object) -> bool:
    fits = isinstance(key, str) and isinstance(value, NOTES.get(key, ()))
    return fits and (isinstance(value, str) or 0 <= value < LARGEST)  # type: ignore[operator]


def move_aside(path: Path) -> Path:
    """Rename a database and its side files; return the new name. Raises OSError."""
    aside = Path(f"{path}.damaged")
    for suffix in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            Path(f"{aside}{suffix}").unlink()
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").replace(f"{aside}{suffix}")
    return aside


def salvage(path: Path) -> Salvage:
    """Return what can be read of a damaged file, forwards and backwards."""
    forwards, backwards = _messages(path, "ASC"), _messages(path, "DESC")
    late = {id: payload for id, payload in reversed(backwards.items()) if id not in forwards}
    texts = ((_text(id), payload) for id, payload in (forwards | late).items())
    return Salvage(
        {id: payload for id, payload in texts if id is not None},
        {key: value for key, value in _notes(path) if _is_note(key, value)},
    )


def _messages(path: Path, order: str) -> dict[bytes, bytes]:
    """Return payloads by id, up to the first unreadable row.

    SQLite itself hands them over: a cursor reads ahead, and drops a row if the next is unreadable.
    """
    found: dict[bytes, bytes] = {}
    sql = (
        "SELECT keep(CAST(id AS BLOB), payload) FROM message "
        f"WHERE typeof(id) = 'text' AND typeof(payload) = 'blob' ORDER BY number {order}"
    )
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(*FAULTS):
        database.create_function("keep", 2, found.__setitem__)
        database.execute(sql).fetchall()
    return found


def _kind(value: object) -> str:
    return "blob" if isinstance(value, bytes) else ""


def _notes(path: Path) -> Iterator[tuple[Any, Any]]:
    """Yield notes up to the first unreadable one; text that is not UTF-8 comes as None."""
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.suppress(*FAULTS):
        database.text_factory = _text
        yield from database.execute("SELECT key, value FROM note")


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
