"""Events of outputs that are gone: found on the disk, and reported with the way out."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edgepose.appliance.stranded_events import LOOK, StrandedEvents
from edgepose.outputs.outbox import Outbox
from edgepose.system.paths import outbox_path


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the test a state folder."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))


def fill(path: Path, count: int) -> Outbox:
    """Return an open outbox in which so many events wait."""
    box = Outbox(path, 100)
    box.open()
    box.put((f"id-{n}", b"{}") for n in range(count))
    return box


def test_events_that_no_output_sends_are_reported_once(caplog: pytest.LogCaptureFixture):
    """Neither those of outputs at work nor empty outboxes nor other devices' are."""
    caplog.set_level(logging.WARNING)
    paths = {own: outbox_path("dev", own) for own in ("webhook-hook", "webhook-hook2", "empty")}
    for number, path in zip((2, 3, 0), paths.values(), strict=True):
        fill(path, number).close()
    fill(outbox_path("other"), 5).close()
    stranded = StrandedEvents()
    for step in range(3):
        stranded.look("dev", {None, paths["webhook-hook2"]}, step * LOOK)
    assert stranded.trouble.startswith("no output sends the 2 events in dev@webhook-hook.sqlite ")
    assert caplog.text.count("no output sends") == 1

    stranded.look(None, {None, *paths.values()}, 4 * LOOK)
    assert "the 5 events in other.sqlite" in stranded.trouble


def test_an_outbox_in_use_is_not_stranded_and_one_that_is_sent_no_longer():
    """An output that was removed still sends for a moment; its name may be given back."""
    path = outbox_path("dev", "webhook-hook")
    box = fill(path, 1)
    stranded = StrandedEvents()
    stranded.look("dev", (), 0.0)
    assert stranded.trouble == ""
    box.close()
    stranded.look("dev", (), LOOK)
    assert "1 event" in stranded.trouble
    box.open()
    box.remove([1])
    box.close()
    stranded.look("dev", (), 2 * LOOK)
    assert stranded.trouble == ""
