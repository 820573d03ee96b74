"""Scenes to give to outputs."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgepose.outputs.base import Device
from edgepose.types import Event, Frame, Pose, Scene, blank_frame

sys.path.append(str(Path(__file__).parent / "rigs"))

SIZE = (48, 64)

_NEW_KEY = ("req", "-newkey", "rsa:2048", "-nodes")


def make_pose(person: int = 1, size: tuple[int, int] = SIZE, seed: int = 0) -> Pose:
    """Return a pose of random keypoints, each found."""
    rng = np.random.default_rng(seed)
    return Pose(rng.random((17, 3), np.float32), 0.83, size, person)


def make_event(number: int, kind: str = "start", time: float = 0.0) -> Event:
    """Return an event with an id of its own."""
    return Event(f"id-{number}", kind, "arms_up", "lobby", 1.73e9 + time, time, 1, 0.9)


def make_scene(seq: int = 0, *events: int, time: float | None = None, **changes: Any) -> Scene:
    """Return a scene with one person, smoothed and raw, and events of these numbers."""
    moment = seq / 30 if time is None else time
    image = np.full((*SIZE, 3), 90, np.uint8)
    image.setflags(write=False)
    smooth, raw = make_pose(seed=seq), make_pose(seed=1000 + seq)
    found = tuple(make_event(number, time=moment) for number in events)
    values: dict[str, Any] = {
        "frame": Frame(image, moment, seq), "poses": (smooth,), "raw_poses": (raw,),
        "events": found,
    }  # fmt: skip
    return Scene(**(values | changes))


@pytest.fixture
def scene() -> Callable[..., Scene]:
    """Return the maker of scenes: `scene(seq, *event_numbers, time=..., poses=...)`."""
    return make_scene


@pytest.fixture
def nobody() -> Callable[..., Scene]:
    """Return the maker of scenes in which nobody is, without picture."""

    def make(seq: int = 0, *events: int) -> Scene:
        return make_scene(
            seq, *events, frame=blank_frame(SIZE, seq / 30, seq), poses=(), raw_poses=()
        )

    return make


@pytest.fixture
def device() -> Device:
    """Return where the outputs run."""
    return Device("lobby", ("arms_up",), "movenet-lightning-int8")


@contextlib.contextmanager
def _disk_full_after(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
def disk_full_after() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """Return a context in which no file can grow beyond a number of bytes."""
    return _disk_full_after


@pytest.fixture
def tiny_machine() -> None:
    """Skip what runs in a virtual machine where none can be built; in CI that is an error."""
    import tiny_vm

    if reason := tiny_vm.missing():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ca.crt, server.crt and server.key for 127.0.0.1, and stranger.crt."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("ca", "stranger"):
        _openssl(folder, *_NEW_KEY, "-x509", "-days", "2", "-subj", f"/CN={name}",
                 "-keyout", f"{name}.key", "-out", f"{name}.crt")  # fmt: skip
    (folder / "san").write_text("subjectAltName=IP:127.0.0.1")
    _openssl(folder, *_NEW_KEY, "-subj", "/CN=server",
             "-keyout", "server.key", "-out", "server.csr")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key",
             "-CAcreateserial", "-days", "2", "-extfile", "san", "-out", "server.crt")  # fmt: skip
    return folder


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
