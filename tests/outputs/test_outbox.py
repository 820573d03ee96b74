"""The outbox: in order, once each, bounded, and still there after a kill."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.outbox import Outbox
from edgepose.system.paths import outbox_path


def pairs(*numbers: int) -> list[tuple[str, bytes]]:
    """Return messages of these numbers."""
    return [(f"id-{number}", b"payload %d" % number) for number in numbers]


def ids(outbox: Outbox) -> list[str]:
    """Return what waits."""
    return [message.id for message in outbox.after(0, 1000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the outbox is; the folder is not there yet."""
    return tmp_path / "state" / "lobby.sqlite"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    """Return an open outbox for a thousand messages."""
    made = Outbox(path, 1000)
    made.open()
    yield made
    made.close()


def test_messages_wait_in_order(outbox: Outbox):
    """Numbers grow, payloads come back to the byte, and a part can be asked for."""
    outbox.put(pairs(1, 2))
    outbox.put(pairs(3))

    first, second, third = outbox.after(0, 10)

    assert [first.id, second.id, third.id] == ["id-1", "id-2", "id-3"]
    assert third.payload == b"payload 3"
    assert first.number < second.number < third.number == outbox.last
    assert outbox.after(first.number, 1) == [second]
    assert outbox.after(outbox.last, 10) == []


def test_an_id_waits_once(outbox: Outbox):
    """The same message put again changes nothing."""
    outbox.put(pairs(1, 2))
    outbox.put(pairs(2, 1, 3))

    assert ids(outbox) == ["id-1", "id-2", "id-3"]
    assert outbox.waiting == 3


def test_what_was_taken_is_gone(outbox: Outbox):
    """Removing is by number, in any order; twice is no fault."""
    outbox.put(pairs(1, 2, 3))
    _, second, third = outbox.after(0, 3)

    outbox.remove([third.number, second.number])
    outbox.remove([second.number])

    assert ids(outbox) == ["id-1"]
    assert outbox.waiting == 1


def test_everything_is_there_after_closing(outbox: Outbox, path: Path):
    """Another run finds what waits, the counts and the last number, also of removed messages."""
    outbox.put(pairs(1, 2, 3))
    last = outbox.last
    outbox.remove([last])
    outbox.close()

    again = Outbox(path, 1000)
    again.open()

    assert ids(again) == ["id-1", "id-2"]
    assert (again.waiting, again.last) == (2, last)
    again.put(pairs(4))
    assert again.last == last + 1
    again.close()


def test_past_the_limit_the_oldest_goes(path: Path, caplog: pytest.LogCaptureFixture):
    """What is lost is counted, over restarts, and logged once an hour."""
    outbox = Outbox(path, 3)
    outbox.open()
    outbox.put(pairs(1, 2, 3))
    assert outbox.dropped == 0
    outbox.put(pairs(4, 5))
    outbox.put(pairs(6))

    assert ids(outbox) == ["id-4", "id-5", "id-6"]
    assert (outbox.waiting, outbox.dropped) == (3, 3)
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 1
    outbox.close()
    again = Outbox(path, 3)
    again.open()
    assert (again.waiting, again.dropped) == (3, 3)
    again.put(pairs(7))
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 2
    again.close()


def test_a_flood_larger_than_the_limit_keeps_the_newest(path: Path):
    """Even within one put the bound holds."""
    outbox = Outbox(path, 2)
    outbox.open()

    outbox.put(pairs(*range(10)))

    assert ids(outbox) == ["id-8", "id-9"]
    assert outbox.dropped == 8
    outbox.close()


def test_a_start_is_counted_and_the_file_known(outbox: Outbox, path: Path):
    """The token stays with the file; another file has another one."""
    first, second = outbox.begin(), outbox.begin()
    other = Outbox(path.with_name("other.sqlite"), 10)
    other.open()

    assert first.install == second.install != other.begin().install
    assert (first.start, second.start) == (1, 2)
    other.close()


def test_a_second_user_is_turned_away(outbox: Outbox, path: Path):
    """Two devices of one name on a machine are told so."""
    outbox.put(pairs(1))

    with pytest.raises(OutputLost, match=r"in use by another edgepose.*`name`"):
        Outbox(path, 10).open()
    assert ids(outbox) == ["id-1"]


def test_a_damaged_file_is_move_aside(path: Path, caplog: pytest.LogCaptureFixture):
    """An appliance goes on after its card lost something."""
    path.parent.mkdir()
    path.write_bytes(b"this is no database " * 100)
    outbox = Outbox(path, 10)

    outbox.open()
    outbox.put(pairs(1))

    assert ids(outbox) == ["id-1"]
    assert path.with_name("lobby.sqlite.damaged").read_bytes().startswith(b"this is no")
    assert "damaged" in caplog.text
    outbox.close()


def test_damage_in_the_middle_is_found(outbox: Outbox, path: Path):
    """A file with a sound head and torn pages is put aside as well."""
    outbox.put(pairs(*range(500)))
    outbox.close()
    data = bytearray(path.read_bytes())
    data[4096:-100] = b"\xa5" * len(data[4096:-100])
    path.write_bytes(data)

    outbox.open()

    assert ids(outbox) == []
    assert path.with_name("lobby.sqlite.damaged").exists()


def _spoil(path: Path, sql: str) -> None:
    """Change a closed outbox behind its back."""
    database = sqlite3.connect(path)
    with database:
        database.execute("PRAGMA writable_schema = ON")
        database.execute(sql)
    database.close()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE note SET value = 'many' WHERE key = 'start'",
        "UPDATE note SET value = cast(x'ff' AS text) WHERE key = 'install'",
        "UPDATE sqlite_sequence SET seq = 9223372036854775807",
        "UPDATE sqlite_sequence SET seq = 'x'",
        "UPDATE sqlite_sequence SET seq = 1",
        "UPDATE sqlite_sequence SET name = 'massage', seq = 90",
        "UPDATE message SET payload = 'text' WHERE id = 'id-1'",
        "UPDATE message SET id = cast(x'c3' AS text) WHERE id = 'id-1'",
        "CREATE TRIGGER t AFTER INSERT ON message BEGIN DELETE FROM message; END",
    ],
)
def test_what_work_would_stumble_over_is_mended_at_once(outbox: Outbox, path: Path, sql: str):
    """SQLite's own check passes these; what was readable waits in the new file, in order."""
    outbox.put(pairs(1, 2, 3))
    outbox.begin()
    outbox.close()
    _spoil(path, sql)

    outbox.open()

    assert {"id-2", "id-3"} <= set(ids(outbox)) <= {"id-1", "id-2", "id-3"}
    assert ids(outbox) == sorted(ids(outbox))
    assert path.with_name("lobby.sqlite.damaged").exists()
    outbox.begin()
    outbox.put(pairs(4))
    assert ids(outbox)[-1] == "id-4"
    outbox.remove([message.number for message in outbox.after(0, 10)])
    assert outbox.waiting == 0


def test_what_is_readable_of_a_torn_file_is_carried_over(outbox: Outbox, path: Path):
    """One page lost costs its own messages; those before and behind it wait on, and are sent."""
    outbox.put((f"id-{number:03}", b"x" * 200) for number in range(200))
    outbox.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // 4096 // 2 * 4096
    data[middle : middle + 4096] = bytes(4096)
    path.write_bytes(data)

    outbox.open()

    assert 150 < outbox.waiting < 200
    assert ids(outbox) == sorted(ids(outbox))
    assert {"id-000", "id-199"} <= set(ids(outbox))


def test_a_file_that_ends_within_a_payload_still_works(outbox: Outbox, path: Path):
    """SQLite's own check passes it; since 3.45 reading that payload is an I/O error, for ever."""
    outbox.put([*pairs(1), ("id-2", b"x" * 20_000)])
    outbox.close()
    os.truncate(path, path.stat().st_size - 1000)

    outbox.open()
    outbox.put(pairs(3))

    assert set(ids(outbox)) >= {"id-1", "id-3"}


def test_a_head_of_a_later_sqlite_is_no_read_only_card(outbox: Outbox, path: Path):
    """A flipped byte that makes SQLite say "read-only" is damage where the file can be written."""
    outbox.put(pairs(1))
    outbox.close()
    data = bytearray(path.read_bytes())
    data[18] = 7
    path.write_bytes(data)

    outbox.open()
    outbox.put(pairs(2))

    assert "id-2" in ids(outbox)


def test_a_folder_in_its_place_is_told(path: Path):
    """What can't be opened is a fault of the device, with the path."""
    path.mkdir(parents=True)

    with pytest.raises(OutputLost, match=r"lobby\.sqlite: can't be opened"):
        Outbox(path, 10).open()


def test_a_file_taken_away_is_noticed(outbox: Outbox, path: Path):
    """Nothing is put where nobody would find it."""
    path.rename(path.with_name("elsewhere"))

    with pytest.raises(OutputLost, match="moved or deleted"):
        outbox.put(pairs(1))


def test_a_closed_outbox_says_so(outbox: Outbox):
    """No method touches a closed file."""
    outbox.close()
    outbox.close()

    with pytest.raises(OutputLost, match="not open"):
        outbox.after(0, 1)


def test_a_full_disk_is_told_and_takes_nothing_half(outbox: Outbox):
    """Either all messages of a put are there or none; the next put works again."""
    outbox.put(pairs(1))
    assert outbox._db is not None
    pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
    outbox._db.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(OutputLost, match=r"can't be written: .*full"):
        outbox.put([("id-2", b""), ("id-3", b"x" * 100_000)])

    assert ids(outbox) == ["id-1"]
    assert outbox.waiting == 1
    outbox._db.execute(f"PRAGMA max_page_count = {pages + 100}")
    outbox.put(pairs(4))
    assert ids(outbox) == ["id-1", "id-4"]


_FILL = """
import sys
from pathlib import Path
from edgepose.outputs.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]), 10**6)
outbox.open()
for number in range(outbox.last, 10**6):
    outbox.put([(f"id-{number}", b"payload")])
    print(number, flush=True)
"""


def test_a_kill_loses_nothing_that_was_put(path: Path):
    """SIGKILL in the midst of writing, five times: all that was reported is there, in order."""
    reported = 0
    for _ in range(5):
        child = subprocess.Popen(
            [sys.executable, "-c", _FILL, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(40):
            reported = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        reported = int((child.stdout.read().splitlines() or [str(reported)])[-1])
        child.wait()
        child.stdout.close()
    outbox = Outbox(path, 10**6)
    outbox.open()
    found = [message.id for message in outbox.after(0, 10**6)]
    outbox.close()

    assert found == [f"id-{number}" for number in range(len(found))]
    assert len(found) > reported >= 40


def test_the_file_is_plain_sqlite(outbox: Outbox, path: Path):
    """A closed outbox can be looked into with any tool."""
    outbox.put(pairs(1))
    outbox.close()

    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT id, payload FROM message").fetchall()
    database.close()

    assert rows == [("id-1", b"payload 1")]


def test_a_file_taken_away_holds_what_was_put(outbox: Outbox, path: Path):
    """Who moved it to look into it finds everything, once the outbox let go of it."""
    outbox.put(pairs(1))
    moved = path.rename(path.with_name("moved.sqlite"))
    outbox.close()

    with sqlite3.connect(moved) as database:
        rows = database.execute("SELECT id FROM message").fetchall()
    database.close()

    assert rows == [("id-1",)]


def test_outboxes_of_different_names_are_different_files():
    """Also of names that hold what a file name can't."""
    names = ["lobby", "Lobby 2", "a:b", "a;b", "東京", ".."]
    paths = {outbox_path(name) for name in names} | {outbox_path("lobby", "two")}

    assert len(paths) == 7
    assert {path.parent.name for path in paths} == {"outbox"}


def test_an_id_that_was_sent_is_known_after_a_restart(outbox: Outbox):
    """An event that a kill let come twice is not sent twice."""
    outbox.put(pairs(1, 2))
    outbox.remove([message.number for message in outbox.after(0, 9)])
    outbox.close()
    outbox.open()

    outbox.put(pairs(1, 2, 3))

    assert ids(outbox) == ["id-3"]
    assert outbox.waiting == 1


def test_only_the_newest_ids_are_remembered(outbox: Outbox, monkeypatch: pytest.MonkeyPatch):
    """The file does not grow for ever."""
    monkeypatch.setattr("edgepose.outputs.outbox.REMEMBERED", 5)
    for number in range(20):
        outbox.put(pairs(number))

    assert [id for _, id in outbox.contents().taken] == [f"id-{n}" for n in range(15, 20)]


def test_an_outbox_of_before_ids_were_remembered_is_not_damaged(outbox: Outbox, path: Path):
    """It gets the new table, and what waited is sent."""
    outbox.put(pairs(1))
    outbox.close()
    _spoil(path, "DROP TABLE taken")

    outbox.open()

    assert ids(outbox) == ["id-1"]
    assert not path.with_name("lobby.sqlite.damaged").exists()
