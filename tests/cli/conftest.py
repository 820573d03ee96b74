"""Call the command line as a person would: arguments in, exit code and what is read out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def edgepose(edgepose_command):
    """Return a function that runs `edgepose ARGS` in this process."""
    return edgepose_command


@pytest.fixture
def edgepose_process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `edgepose ARGS` in a process of its own."""

    def call(*args: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "edgepose", *map(str, args)]
        return subprocess.run(
            command,
            cwd=cwd,
            env=dict(os.environ),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


@pytest.fixture
def squats(media: Path) -> Path:
    """Return the clip of three squats, 65 frames at 5 fps."""
    return media / "clips" / "tfjs_pose_squats.mp4"


@pytest.fixture
def squat_config(tmp_path: Path, squats: Path, edgepose, lightning) -> Path:
    """Return a configuration that counts squats, its template taught from one frame."""
    template = tmp_path / "squat.yaml"
    said = edgepose(
        "template", "capture", "squat", "--video", squats, "--time", 2.0, "--out", template
    )
    assert said.code == 0, said.err
    config = tmp_path / "config.yaml"
    config.write_text(
        f"version: 1\nname: test\nsource: {{type: video, path: {squats}, pace: fast}}\n"
        "watch:\n  squat: {template: squat.yaml, hold: 0}\n"
        "outputs:\n  log: {type: jsonl, path: events.jsonl}\n"
    )
    return config
