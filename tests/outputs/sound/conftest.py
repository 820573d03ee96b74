"""Sound cards without a loudspeaker: ALSA's own plug-ins."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

# The plug-in's file may be a program: one appends clip after clip, the other reads nothing, as a
# card that never gets on.
CONFIG = """
pcm.null {{ type null }}
pcm.card {{ type file slave.pcm "null" file "|cat >> {file}" format raw }}
pcm.slow {{ type file slave.pcm "null" file "|sleep 30" format raw }}
"""


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file that holds what the card `card` was given, one clip after another."""
    file = tmp_path / "heard.raw"
    config = tmp_path / "asound.conf"
    config.write_text(CONFIG.format(file=file))
    monkeypatch.setenv("ALSA_CONFIG_PATH", f"{config}")
    return file


@pytest.fixture
def slow_card(card: Path) -> None:
    """Offer the card `slow`, which takes far longer than the clip lasts."""


@pytest.fixture
def heard(card: Path) -> Callable[[int], bytes]:
    """Return what the card was given, once it is so many bytes; fails after 5 s."""

    def wait(size: int) -> bytes:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = card.read_bytes() if card.exists() else b""
            if len(found) >= size:
                return found
        pytest.fail(f"only {len(found)} of {size} bytes arrived")

    return wait
