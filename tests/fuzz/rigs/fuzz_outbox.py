"""Outbox files after a card, a power cut or somebody with an editor was at them."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Final

import scribble
from campaign import Input, Target

from edgepose.outputs.outbox import Message, Outbox

LIMIT: Final = 1000  # messages; the base files hold 120 at most
_PAGE: Final = 4096
_SUFFIXES: Final = ("", "-wal", "-shm", "-journal")


class OutboxFiles(Target):
    """Open damaged outboxes: what a reader could still read must be there, and new things work."""

    name = "outbox"

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "state"
        self.path = self.folder / "lobby.sqlite"
        self.proof = folder / "proof"
        self._bases = list(_base_files(folder / "bases"))
        self._mains = [base[0] for base in self._bases]
        logging.getLogger("edgepose.outputs.outbox").setLevel(logging.CRITICAL)

    def make(self, random: Random) -> Input:
        """Return the bytes of the file, of its log, its shared memory and its journal."""
        main, wal = random.choice(self._bases)
        parts = [main, wal, b"", b""]
        for _ in range(random.randint(1, 3)):
            at = random.choices((0, 1, 2, 3), (12, 6 if wal else 1, 1, 1))[0]
            parts[at] = self._damaged(random, parts[at])
        return tuple(parts)

    def _damaged(self, random: Random, data: bytes) -> bytes:
        chance = random.random()
        if not data or chance < 0.03:
            return random.choice((b"", b"\0" * 5000, random.randbytes(3000), b"SQLite format 3\0"))
        if chance < 0.2:
            return scribble.scribbled(random, data, self._mains, 2)
        return random.choice(_DAMAGES)(random, data)

    def check(self, given: Input) -> str:
        """Open, read, begin, put, take, close and open again."""
        for place in (self.folder, self.proof):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            for suffix, data in zip(_SUFFIXES, given, strict=True):
                if data or not suffix:
                    (place / f"{self.path.name}{suffix}").write_bytes(data)
        could = _readable(self.proof / self.path.name)
        outbox = Outbox(self.path, LIMIT)
        try:
            outbox.open()
            return self._use(outbox, could)
        finally:
            outbox.close()

    def _use(self, outbox: Outbox, could: dict[str, bytes]) -> str:
        found = _sound(outbox)
        lost = could.keys() - found.keys()
        assert not lost, f"readable and lost: {len(lost)} of {len(could)}"
        session = outbox.begin()
        assert isinstance(session.install, str), "the token is no text"
        assert isinstance(session.start, int), "starts are not counted"
        before = outbox.last
        outbox.put([("new-1", b"one"), ("new-2", b"two")])
        taken = outbox.after(before, 10)
        assert [m.payload for m in taken] == [b"one", b"two"], "what was put can't be taken"
        outbox.remove([taken[0].number])
        outbox.close()
        outbox.open()
        again = _sound(outbox)
        assert again == found | {"new-2": b"two"}, "it differs after a restart"
        assert outbox.begin().start == session.start + 1, "a start is not counted"
        aside = self.path.with_name(f"{self.path.name}.damaged")
        return "put aside" if aside.exists() else "sound"


def _sound(outbox: Outbox) -> dict[str, bytes]:
    messages = outbox.after(0, 10 * LIMIT)
    assert outbox.waiting == len(messages), "miscounted"
    assert isinstance(outbox.dropped, int), "dropped is no number"
    assert all(map(_is_message, messages)), "a message of the wrong kind"
    assert len({m.id for m in messages}) == len(messages), "an id waits twice"
    return {message.id: message.payload for message in messages}


def _is_message(message: Message) -> bool:
    kinds = type(message.number), type(message.id), type(message.payload)
    return kinds == (int, str, bytes)


def _readable(path: Path) -> dict[str, bytes]:
    """Return what SQLite itself can read of a file, from the front or from the back."""
    found: dict[str, bytes] = {}
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.text_factory = _text
        for order in ("number", "number DESC"):
            sql = f"SELECT number, id, payload FROM message ORDER BY {order}"
            with contextlib.suppress(sqlite3.Error, OverflowError, UnicodeDecodeError):
                for row in database.execute(sql):
                    _note(found, *row)
    return found


def _note(found: dict[str, bytes], number: object, id: object, payload: object) -> None:
    """Keep a row that is a message."""
    if isinstance(number, int) and isinstance(id, str) and isinstance(payload, bytes):
        found.setdefault(id, payload)


def _text(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _base_files(folder: Path) -> Iterator[tuple[bytes, bytes]]:
    """Give sound outboxes: (file, log), closed and in the middle of work."""
    for index, count in enumerate((0, 3, 40, 120)):
        path = folder / f"{index}.sqlite"
        outbox = Outbox(path, LIMIT)
        outbox.open()
        outbox.begin()
        for start in range(0, count, 10):
            outbox.put(
                [(f"17.{n}-abc", b'{"n": %d}' % n * (n % 7)) for n in range(start, start + 10)]
            )
        outbox.remove(range(5, count, 3))
        if count == 40:
            outbox.put([("large", b"x" * 60_000)])
        yield path.read_bytes(), _log(path)
        outbox.close()
        yield path.read_bytes(), b""
        outbox.open()
        outbox.put([("last", b"one more")])
        yield path.read_bytes(), _log(path)
        outbox.close()


def _log(path: Path) -> bytes:
    log = Path(f"{path}-wal")
    return log.read_bytes() if log.exists() else b""


def _bits(random: Random, data: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 5, 50))):
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _head(random: Random, data: bytes) -> bytes:
    """Change the fields of the file's head, or of a page's."""
    damaged = bytearray(data)
    page = random.randrange(max(len(data) // _PAGE, 1)) * _PAGE if random.random() < 0.5 else 0
    for _ in range(random.randint(1, 3)):
        at = min(page + random.randrange(110), len(data) - 1)
        damaged[at] = random.choice((0, 1, 2, 3, 0x7F, 0xFF, random.randrange(256)))
    return bytes(damaged)


def _page(random: Random, data: bytes) -> bytes:
    """Lose, swap or tear pages, as a card does."""
    pages = [data[at : at + _PAGE] for at in range(0, len(data), _PAGE)]
    at, to = random.randrange(len(pages)), random.randrange(len(pages))
    match random.randrange(5):
        case 0:
            pages[at] = bytes(_PAGE)
        case 1:
            pages[at] = b"\xff" * _PAGE
        case 2:
            pages[at], pages[to] = pages[to], pages[at]
        case 3:
            pages[at] = pages[at][:512] + pages[to][512:]
        case _:
            pages[at] = random.randbytes(_PAGE)
    return b"".join(pages)


def _short(random: Random, data: bytes) -> bytes:
    end = random.randrange(len(data))
    return data[: end - end % _PAGE if random.random() < 0.5 else end]


def _values(random: Random, data: bytes) -> bytes:
    """Change what a record says of its values: kinds, lengths, texts of the schema."""
    marks = (b"17.", b"start", b"install", b"dropped", b"CREATE", b"message", b"UNIQUE", b"note")
    spots = [at for mark in marks if (at := data.rfind(mark)) > 0]
    if not spots:
        return _bits(random, data)
    damaged = bytearray(data)
    at = min(max(random.choice(spots) + random.randint(-6, 40), 0), len(data) - 1)
    damaged[at] = random.randrange(256)
    return bytes(damaged)


_DAMAGES: Final = (_bits, _bits, _head, _head, _page, _short, _values, _values, _values)
