"""An outbox whose disk gets full, disappears and comes back: nothing is lost, numbers stay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from full_disk import empty, fill, needs_root, small_disk

from edgepose.errors import OutputLost
from edgepose.outputs import fallback_outbox
from edgepose.outputs.fallback_outbox import FallbackOutbox
from edgepose.outputs.outbox import Outbox

pytestmark = needs_root


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a small disk; the outbox tries to return to it at every step."""
    monkeypatch.setattr(fallback_outbox, "RETRY", 0.0)
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
def outbox(disk: Path) -> Iterator[FallbackOutbox]:
    """Return an outbox on the small disk, not yet open."""
    made = FallbackOutbox(disk / "outbox" / "lobby.sqlite", 1000)
    yield made
    made.close()
    if made._memory is not None:  # it keeps what a full disk does not take
        made._memory.close()


def put(outbox: FallbackOutbox, *numbers: int) -> None:
    """Put messages of these numbers, each of 3 kB."""
    outbox.put([(f"id-{number}", b"%d" % number * 3000) for number in numbers])


def ids(outbox: FallbackOutbox | Outbox) -> list[str]:
    """Return what waits."""
    return [message.id for message in outbox.after(0, 1000)]


def on_disk(disk: Path) -> list[str]:
    """Return what another process finds."""
    found = Outbox(disk / "outbox" / "lobby.sqlite", 1000)
    found.open()
    waiting = ids(found)
    found.close()
    return waiting


def test_a_disk_that_gets_full_keeps_nothing_back(outbox: FallbackOutbox, disk: Path):
    """What waited and what comes are both there, with their numbers, and the trouble is named."""
    outbox.open()
    put(outbox, 1, 2)
    before = outbox.after(0, 10)
    fill(disk)

    put(outbox, *range(3, 60))
    outbox.remove([before[0].number])

    assert ids(outbox) == [f"id-{number}" for number in range(2, 60)]
    assert outbox.after(0, 1) == before[1:]
    assert outbox.last == before[-1].number + 57
    assert "kept in memory" in outbox.trouble
    assert "disk is full" in outbox.trouble


def test_what_was_in_memory_is_on_the_disk_once_there_is_room(outbox: FallbackOutbox, disk: Path):
    """Without what was acknowledged meanwhile; numbers go on; the trouble is over."""
    outbox.open()
    put(outbox, 1, 2)
    fill(disk)
    put(outbox, *range(3, 60))
    outbox.remove([message.number for message in outbox.after(0, 50)])
    last = outbox.last
    empty(disk)

    outbox.step()

    assert outbox.trouble == ""
    assert outbox.last == last
    put(outbox, 60)
    outbox.close()
    assert on_disk(disk) == [f"id-{number}" for number in range(51, 61)]


def test_a_disk_that_is_full_at_the_start_is_no_obstacle(outbox: FallbackOutbox, disk: Path):
    """A start is counted in memory, messages wait, and all of it reaches the disk by `close`."""
    fill(disk)
    outbox.open()
    assert outbox.begin().start == 1
    put(outbox, 1, 2)
    empty(disk)

    outbox.close()

    assert on_disk(disk) == ["id-1", "id-2"]


def test_a_disk_that_stays_full_loses_nothing_between_two_opens(outbox: FallbackOutbox, disk: Path):
    """Closing and opening again in one process keeps what is in memory."""
    fill(disk)
    outbox.open()
    put(outbox, 1)
    outbox.close()
    outbox.open()
    put(outbox, 2)

    assert ids(outbox) == ["id-1", "id-2"]


def test_earlier_messages_of_a_disk_that_was_away_go_first(outbox: FallbackOutbox, disk: Path):
    """Whoever sends is asked to begin again, since the numbers before mean nothing any more."""
    outbox.open()
    put(outbox, 1, 2)
    outbox.close()
    folder = disk / "outbox"
    folder.rename(disk / "elsewhere")
    folder.write_text("a file where the folder was")
    outbox.open()
    put(outbox, 3)
    folder.unlink()
    (disk / "elsewhere").rename(folder)

    with pytest.raises(OutputLost, match="can be read again"):
        outbox.step()

    outbox.close()
    outbox.open()
    assert ids(outbox) == ["id-1", "id-2", "id-3"]


def test_a_file_that_was_moved_is_made_again_with_all_that_waits(
    outbox: FallbackOutbox, disk: Path
):
    """Somebody took it away to look into it: the events go on from memory into a new one."""
    outbox.open()
    put(outbox, 1)
    path = disk / "outbox" / "lobby.sqlite"
    path.rename(path.with_name("moved.sqlite"))

    put(outbox, 2)
    outbox.step()

    outbox.close()
    assert on_disk(disk) == ["id-1", "id-2"]


def test_a_file_in_use_is_still_an_error(outbox: FallbackOutbox, disk: Path):
    """Two devices of one name would send each other's events."""
    outbox.open()

    with pytest.raises(OutputLost, match="in use by another edgepose"):
        FallbackOutbox(disk / "outbox" / "lobby.sqlite", 10).open()


@pytest.mark.parametrize(("name", "inherited"), [("lobby", [1, 2, 3]), ("door", [2, 3])])
def test_a_successor_takes_over_what_a_full_disk_refused(
    outbox: FallbackOutbox, disk: Path, name: str, inherited: list[int]
):
    """Of another file without what waits in this one's; once there is room it is on the disk."""
    outbox.open()
    put(outbox, 1)
    fill(disk)
    put(outbox, *range(2, 60))
    outbox.remove([message.number for message in outbox.after(3, 100)])
    outbox.close()
    assert outbox.unsaved == 2

    after = FallbackOutbox(disk / "outbox" / f"{name}.sqlite", 1000)
    after.inherit(outbox)
    after.open()

    assert ids(after) == [f"id-{number}" for number in inherited]
    assert (after.unsaved, outbox.unsaved) == (2, 0)
    assert "disk is full" in after.trouble
    empty(disk)
    after.close()
    assert after.unsaved == 0
    assert on_disk(disk) == [f"id-{number}" for number in (inherited if name == "lobby" else [1])]


def test_a_name_that_comes_back_while_the_disk_is_full_returns_to_its_file(
    outbox: FallbackOutbox, disk: Path
):
    """The file knows ids that the memory has brought back to it."""
    outbox.open()
    put(outbox, 1)
    fill(disk)
    put(outbox, *range(2, 60))
    outbox.close()
    door = FallbackOutbox(disk / "outbox" / "door.sqlite", 1000)
    door.inherit(outbox)
    door.open()
    door.close()
    back = FallbackOutbox(disk / "outbox" / "lobby.sqlite", 1000)
    back.inherit(door)
    back.open()
    empty(disk)

    back.close()

    assert (back.trouble, back.unsaved) == ("", 0)
    assert on_disk(disk) == [f"id-{number}" for number in range(1, 60)]
