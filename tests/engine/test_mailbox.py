"""Mailboxes: one place, nothing waits, nothing that is merged is lost."""

from __future__ import annotations

import threading

from edgepose.engine.mailbox import Mailbox


def newest(older: int, newer: int) -> int:
    """Let the newer item replace the older."""
    return newer


def test_a_merge_may_replace():
    """An item that nobody took is replaced by the newer one."""
    box: Mailbox[int] = Mailbox(newest)
    for item in (1, 2, 3):
        box.put(item)
    assert box.take() == 3


def test_merge_keeps_both_in_order():
    """A merging mailbox makes one item of the older and the newer."""
    box: Mailbox[tuple[int, ...]] = Mailbox(merge=lambda older, newer: older + newer)
    box.put((1,))
    box.put((2,))
    assert box.take() == (1, 2)


def test_put_back_counts_as_older():
    """What comes back is merged in front of what arrived meanwhile."""
    box: Mailbox[tuple[int, ...]] = Mailbox(merge=lambda older, newer: older + newer)
    box.put((2,))
    box.put_back((1,))
    assert box.take() == (1, 2)


def test_take_gives_none_after_the_timeout():
    """Nobody waits for ever on an empty mailbox."""
    assert Mailbox(newest).take(timeout=0.0) is None


def test_closing_wakes_the_reader_and_keeps_the_last_item():
    """After closing, the waiting item can still be had, then None; later puts are dropped."""
    box: Mailbox[int] = Mailbox(newest)
    box.put(1)
    box.close()
    box.put(2)
    assert not box.is_drained
    assert box.take() == 1
    assert box.take() is None
    assert box.is_drained


def test_close_wakes_a_waiting_take():
    """A reader that waits without a timeout goes home when the mailbox closes."""
    box: Mailbox[int] = Mailbox(newest)
    reader = threading.Thread(target=box.take)
    reader.start()
    box.close()
    reader.join(10)
    assert not reader.is_alive()


def test_put_wait_waits_for_the_place_and_tells_when_it_never_came():
    """A patient writer gets the place once it is free, and False when it stayed taken."""
    box: Mailbox[int] = Mailbox(newest)
    assert box.put_wait(1, timeout=0.0)
    assert not box.put_wait(2, timeout=0.0)
    taken: list[int | None] = []
    reader = threading.Thread(target=lambda: taken.append(box.take()))
    reader.start()
    assert box.put_wait(3, timeout=10.0)
    reader.join(10)
    assert taken == [2]
    assert box.take() == 3
