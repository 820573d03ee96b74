"""Bars at a terminal: how many, how fast, how long; nothing elsewhere."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from edgepose.cli import progress


@pytest.fixture
def terminal(monkeypatch):
    """Return what a terminal of 80 columns was sent."""
    sent = io.StringIO()

    def console(**_: object) -> Console:
        return Console(file=sent, force_terminal=True, width=80)

    monkeypatch.setattr(progress, "Console", console)
    return sent


def test_a_bar_shows_count_rate_and_name(terminal):
    """A list knows its total."""
    assert list(progress.tracked([1, 2, 3], "clip.mp4", unit="frames")) == [1, 2, 3]
    assert "clip.mp4" in terminal.getvalue()
    assert "3/3 frames" in terminal.getvalue()


def test_a_long_name_leaves_room_for_the_bar(terminal):
    """It is cut in the middle of the bar's own line."""
    list(progress.tracked([1], "x" * 100))
    assert f"{'x' * 21}..." in terminal.getvalue()
    assert "x" * 22 not in terminal.getvalue()


def test_without_a_terminal_nothing_is_written(capsys):
    """A log is no place for a bar."""
    assert list(progress.tracked(iter("ab"), "clip.mp4")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")
