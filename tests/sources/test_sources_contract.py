"""What `sources/base.py` promises, checked on every registered source; hardware is faked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from edgepose import registry
from edgepose.errors import SourceLost, UserError
from edgepose.sources.base import Source
from edgepose.types import Frame


@dataclass(frozen=True)
class Rig:
    """Say how one source is made to work, to fail, and to wait.

    options: with which it gives frames. broken: with which opening fails, or what to do first.
    starve: makes the next reads wait for a frame that does not come; None if it never waits.
    """

    name: str
    options: dict[str, Any]
    broken: dict[str, Any]
    starve: Callable[[], object] | None = None

    def make(self, **changes: Any) -> Source:
        """Return the source, not yet opened."""
        source = registry.part("source", self.name)
        made: Source = source(source.Options.model_validate(self.options | changes))
        return made


def _video(request: pytest.FixtureRequest) -> Rig:
    make_clip = request.getfixturevalue("make_clip")
    folder = request.getfixturevalue("tmp_path")
    slow = make_clip("slow.mkv", stamps=(0, 40, 80, 120, 3_600_000))
    return Rig("video", {"path": slow, "pace": "realtime"}, {"path": folder}, lambda: None)


def _images(request: pytest.FixtureRequest) -> Rig:
    make_picture = request.getfixturevalue("make_picture")
    for n in range(4):
        folder: Path = make_picture(f"{n}.png").parent
    (folder / "empty").mkdir()
    return Rig("images", {"path": folder}, {"path": folder / "empty"})


def _synthetic(request: pytest.FixtureRequest) -> Rig:
    notes = request.getfixturevalue("tmp_path") / "notes.png"
    notes.write_text("no picture")
    options = {"size": (96, 128), "pace": "fast"}
    return Rig("synthetic", options, {"background": notes})


def _stream(request: pytest.FixtureRequest) -> Rig:
    camera = request.getfixturevalue("http_camera")
    options = {"url": camera.url(), "timeout": 0.8}
    return Rig("stream", options, {"url": camera.url("/nothing")}, camera.freezing.set)


def _v4l2(request: pytest.FixtureRequest) -> Rig:
    driver = request.getfixturevalue("driver")
    driver.is_running = True

    def starve() -> None:
        driver.is_running = False

    return Rig("v4l2", {"timeout": 3600}, {"device": "/dev/null", "format": "mjpeg"}, starve)


def _picamera2(request: pytest.FixtureRequest) -> Rig:
    world = request.getfixturevalue("pi")

    def starve() -> None:
        world.is_frozen = True

    return Rig("picamera2", {"timeout": 3600, "size": (96, 128)}, {"camera": 3}, starve)


RIGS = {
    "images": _images,
    "picamera2": _picamera2,
    "stream": _stream,
    "synthetic": _synthetic,
    "v4l2": _v4l2,
    "video": _video,
}


@pytest.fixture(params=sorted(registry.SOURCES))
def rig(request: pytest.FixtureRequest) -> Rig:
    """Return the rig of each registered source; one without a rig fails."""
    assert request.param in RIGS, f"no rig for {request.param}: add one to RIGS above"
    return RIGS[request.param](request)


@pytest.fixture
def source(rig: Rig) -> Any:
    """Return an opened source, and close it after the test."""
    source = rig.make()
    source.open()
    yield source
    source.close()


def take(source: Source, count: int) -> list[Frame]:
    """Read a number of frames that must all come."""
    found = [source.read() for _ in range(count)]
    assert None not in found
    return [frame for frame in found if frame is not None]


def ordered(frames: list[Frame]) -> bool:
    """Return whether numbers rise and time never goes back."""
    return all(
        after.seq > before.seq and after.time >= before.time for before, after in pairwise(frames)
    )


def test_frames_are_rgb_pictures_in_order(source: Source):
    """uint8 (height, width, 3), numbers from 0 rising, time not going back."""
    frames = take(source, 4)
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.ndim == 3
        assert frame.image.shape[2] == 3
        assert frame.size == frame.image.shape[:2]
    assert ordered(frames)


def test_a_frame_stays_as_it_was(source: Source):
    """Reading on does not write into pictures that were given out."""
    first = take(source, 1)[0]
    copy = first.image.copy()
    take(source, 3)
    np.testing.assert_array_equal(first.image, copy)


def test_capture_is_in_the_recent_past(source: Source):
    """`captured` is of the monotonic clock, or None where age has no meaning."""
    before = monotonic()
    for frame in take(source, 3):
        if frame.captured is None:
            assert source.lossless
        else:
            assert before - 1.0 <= frame.captured <= monotonic()


def test_numbers_and_times_go_on_when_it_is_opened_again(source: Source):
    """Closed and opened, a source goes on counting, and its time never goes back."""
    before = take(source, 2)
    source.close()
    source.open()
    assert ordered(before + take(source, 2))


def test_it_may_be_closed_twice_and_unopened(rig: Rig):
    """`close` is harmless at any time."""
    source = rig.make()
    source.close()
    source.open()
    source.close()
    source.close()


def test_opening_that_fails_leaves_nothing_behind(rig: Rig, driver_refuses: Callable[[], None]):
    """After a failed `open` it can be closed, and the error is one of ours."""
    if rig.name == "v4l2":
        driver_refuses()
    source = rig.make(**rig.broken)
    with pytest.raises((UserError, SourceLost)) as caught:
        source.open()
    source.close()
    assert len(str(caught.value).splitlines()) == 1


@pytest.fixture
def driver_refuses(request: pytest.FixtureRequest) -> Callable[[], None]:
    """Return what makes the fake USB camera refuse."""

    def refuse() -> None:
        request.getfixturevalue("driver").refuses = 13

    return refuse


def test_a_closed_source_gives_nothing(rig: Rig):
    """Reading after `close` is the end or a loss, never a crash or an old frame."""
    source = rig.make()
    source.open()
    take(source, 1)
    source.close()
    try:
        assert source.read() is None
    except SourceLost as error:
        assert "not open" in str(error)  # noqa: PT017 - either answer will do


def test_an_interrupted_source_gives_nothing(source: Source):
    """After `interrupt` the next read returns None, though frames could be had."""
    take(source, 1)
    source.interrupt()
    assert source.read() is None


def test_after_an_interrupt_it_can_be_opened_again(source: Source):
    """Closing ends the interruption."""
    source.interrupt()
    source.close()
    source.open()
    assert len(take(source, 1)) == 1


def test_interrupting_ends_a_read_that_waits(rig: Rig, source: Source):
    """A read that would wait an hour returns None soon after `interrupt` from another thread."""
    if rig.starve is None:
        assert source.lossless, "only a lossless source never waits"
        return
    take(source, 4)
    rig.starve()
    threading.Timer(0.05, source.interrupt).start()
    while (frame := source.read()) is not None:
        assert frame.image.size


def test_only_a_source_with_an_end_ends(rig: Rig):
    """A source that is not live gives None at last; a live one has no end of its own."""
    ends = {"images": {}, "video": {"pace": "fast"}, "synthetic": {"seconds": 0.2}}
    source = rig.make(**ends.get(rig.name, {}))
    source.open()
    assert source.live == (rig.name not in ends)
    count = 0
    while not source.live and source.read() is not None:
        count += 1
    source.close()
    assert source.live or 0 < count < 10


@pytest.mark.parametrize("name", sorted(registry.SOURCES))
def test_every_option_is_described(name: str):
    """The reference configuration is made from the options: each says in words what it is."""
    fields = registry.part("source", name).Options.model_fields
    assert "type" not in fields
    assert all(field.description for field in fields.values())
