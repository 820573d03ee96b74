"""Edits of a configuration file that somebody replaced meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgepose.config.edit import save_edits
from edgepose.errors import ConfigError


@pytest.mark.timeout(20)
def test_an_edit_does_not_wait_for_a_pipe(tmp_path: Path):
    """The command that saves holds up all others."""
    os.mkfifo(tmp_path / "kiosk.yaml")
    with pytest.raises(ConfigError, match="a pipe"):
        save_edits(tmp_path / "kiosk.yaml", {("name",): "lobby"})
