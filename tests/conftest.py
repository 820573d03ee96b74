"""Find the real models and media that tests run on, and say clearly when they are absent.

`EDGEPOSE_MODEL_PATH` and `EDGEPOSE_TEST_MEDIA` name the folders; `scripts/test` sets both. In CI
(`CI` set) an absent folder is an error; in a user's clone such tests skip with one line.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def _folder(variable: str) -> Path:
    value = os.environ.get(variable, "")
    folder = Path(value.split(os.pathsep)[0]) if value else None
    if folder is not None and folder.is_dir():
        return folder
    message = f"{variable} names no folder ({value or 'not set'}): real-data tests can't run"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def models() -> Path:
    """Return the folder of real model files and their reference outputs."""
    return _folder("EDGEPOSE_MODEL_PATH")


@pytest.fixture(scope="session")
def media() -> Path:
    """Return the folder of real photos and clips: `stills/`, `clips/`."""
    return _folder("EDGEPOSE_TEST_MEDIA")


@pytest.fixture(scope="session")
def lightning(models: Path) -> Path:
    """Return MoveNet Lightning int8, the model most real-data tests use."""
    return models / "movenet_single_pose_lightning_ptq.tflite"
