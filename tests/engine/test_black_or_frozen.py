"""A frozen camera, a black one, and those that only look like it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
from waiting import wait_until

from edgepose.engine import black_or_frozen
from edgepose.engine.black_or_frozen import DARK_FOR, EVERY, FreezeDetector
from edgepose.engine.pipeline import Pipeline
from edgepose.types import Frame, Image

SIZE = (480, 640, 3)


def noisy(seed: int, level: int = 90, noise: int = 2) -> Image:
    """Return a picture of a plain wall as a sensor gives it."""
    generator = np.random.default_rng(seed)
    return (level + generator.integers(-noise, noise + 1, SIZE)).astype(np.uint8)


def reasons(detector: FreezeDetector, pictures: list[Image], start: float = 0.0) -> list[str]:
    """Return what is said of pictures that come as often as they are looked at."""
    found = [detector.check(image, start + i * EVERY) for i, image in enumerate(pictures)]
    return [fault.reason if fault else "" for fault in found]


def test_a_camera_at_a_plain_wall_is_not_frozen():
    """Nothing moves for a minute: noise tells that the camera lives."""
    assert set(reasons(FreezeDetector(2.0), [noisy(i, noise=1) for i in range(120)])) == {""}


def test_the_very_same_picture_blocks_inference_when_the_time_is_over():
    """Not a moment before, and then it is time to open the camera again."""
    detector, picture = FreezeDetector(2.0), noisy(0)
    assert detector.check(picture, 0.0) is None
    assert detector.check(picture, 1.9) is None
    fault = detector.check(picture, 2.5)
    assert fault is not None
    assert fault.blocks_inference
    assert fault.should_reopen
    assert "very same picture" in fault.reason


def test_what_was_frozen_is_so_until_the_picture_changes():
    """Opening it again is no cure by itself, and is given time before it is done once more."""
    detector, picture = FreezeDetector(2.0), noisy(0)
    detector.check(picture, 0.0)
    assert detector.check(picture, 3.0).should_reopen
    detector.begin(10.0)
    still = detector.check(picture, 10.0)
    assert (still.blocks_inference, still.should_reopen) == (True, False)
    assert detector.check(picture, 12.5).should_reopen
    detector.begin(20.0)
    assert detector.check(noisy(1), 20.0) is None
    assert detector.check(noisy(1), 21.0) is None


def test_pictures_that_are_drawn_may_stay_the_same():
    """Without a time nothing is ever frozen."""
    assert set(reasons(FreezeDetector(None), [noisy(0)] * 200)) == {""}


def test_black_is_told_after_a_while_and_never_frozen():
    """Night, or a cover: the same black for ever is nothing that opening again would mend."""
    black = np.zeros(SIZE, np.uint8)
    detector = FreezeDetector(1.0)
    faults = [detector.check(black, i * EVERY) for i in range(60)]
    told = [i * EVERY >= DARK_FOR for i in range(60)]
    assert [fault is not None for fault in faults] == told
    assert not any(fault.blocks_inference or fault.should_reopen for fault in faults if fault)
    assert "black" in faults[-1].reason
    assert detector.check(noisy(0), 60 * EVERY) is None


def test_the_noise_of_a_covered_sensor_is_black_and_a_dim_room_is_not():
    """One bright lamp in the dark is something to see by."""
    covered = [noisy(i, level=10) for i in range(10)]
    assert reasons(FreezeDetector(1.0), covered)[-1].startswith("it shows nothing but black")
    assert set(reasons(FreezeDetector(1.0), [noisy(i, level=30) for i in range(10)])) == {""}


def test_the_time_of_a_frozen_picture_begins_after_the_dark():
    """Somebody who switches the light on has all the time there is."""
    detector = FreezeDetector(2.0)
    detector.check(np.zeros(SIZE, np.uint8), 0.0)
    detector.check(np.zeros(SIZE, np.uint8), 9.0)
    picture = noisy(0)
    assert detector.check(picture, 10.0) is None
    assert detector.check(picture, 11.9) is None
    assert detector.check(picture, 12.5).should_reopen


def test_looks_are_rare(monkeypatch):
    """Between two of them a picture costs nothing."""
    looked = []
    monkeypatch.setattr(
        black_or_frozen, "_sampled", lambda image: looked.append(1) or image[:1, :1]
    )
    detector = FreezeDetector(5.0)
    for i in range(300):
        detector.check(noisy(0, noise=0) if not i else np.full(SIZE, 90, np.uint8), i / 100)
    assert len(looked) == round(3.0 / EVERY)


@pytest.mark.parametrize("shape", [(1, 1, 3), (31, 33, 3), (8, 8, 3)])
def test_tiny_pictures_are_looked_at_whole(shape):
    """Fewer pixels than the grid has places."""
    detector = FreezeDetector(1.0)
    assert detector.check(np.full(shape, 90, np.uint8), 0.0) is None
    assert detector.check(np.full(shape, 90, np.uint8), 2.0).should_reopen
    assert detector.check(np.full(shape, 91, np.uint8), 3.0) is None


@pytest.fixture
def started() -> Iterator[Callable[..., Pipeline]]:
    """Return a starter of pipelines that are stopped in the end."""
    pipelines: list[Pipeline] = []

    def start(*args: Any, **kwargs: Any) -> Pipeline:
        pipelines.append(Pipeline(*args, **kwargs))
        pipelines[-1].start()
        return pipelines[-1]

    yield start
    for pipeline in pipelines:
        pipeline.stop()


@pytest.fixture
def stuck(parts) -> Any:
    """Return a live camera that gives the picture of `level` again and again."""

    class Stuck(parts["Source"]):
        frozen_after = 0.3
        level = 100
        opened_at: ClassVar[list[int]] = []  # number of pictures given before each opening

        def open(self) -> None:
            super().open()
            self.opened_at.append(self._seq)

        def read(self) -> Frame | None:
            if self.interrupted.wait(0.01):
                return None
            self._seq += 1
            return Frame(np.full((8, 8, 3), self.level, np.uint8), self._seq / 100, self._seq)

    Stuck.opened_at = []
    return Stuck([], live=True)


def test_a_frozen_camera_is_opened_again_with_back_off_and_its_pictures_are_not_perceived(
    parts, new_perception, started, stuck, monkeypatch
):
    """It is degraded until another picture comes; then it runs, and nothing was restarted."""
    monkeypatch.setattr(black_or_frozen, "EVERY", 0.05)
    output = parts["Output"]()
    pipeline = started(stuck, new_perception(parts["Runtime"]()), {"out": output})
    wait_until(lambda: stuck.opened >= 2 and pipeline.capture.health.state == "degraded")
    assert "very same picture" in pipeline.capture.health.reason
    wait_until(lambda: stuck.opened >= 3)
    latest = pipeline.capture.health.to_dict()["restarts"]["latest"]
    assert "very same picture" in latest[-1]["reason"]
    stuck.level = 101
    late = stuck.opened_at[1]  # what was on its way before is perceived as it comes
    wait_until(lambda: output.scenes and output.scenes[-1].frame.seq > late)
    wait_until(lambda: pipeline.capture.health.state == "running")
    counts = pipeline.stats.snapshot().counts
    assert counts["source_restarts:frozen"] >= 2
    assert "source_restarts:lost" not in counts
    assert {s.frame.image.max() for s in output.scenes if s.frame.seq > late} == {101}


def test_a_black_camera_is_degraded_and_never_opened_again(
    parts, new_perception, started, stuck, monkeypatch
):
    """Its pictures go on: whoever looks at the screen sees that they are black."""
    monkeypatch.setattr(black_or_frozen, "EVERY", 0.05)
    monkeypatch.setattr(black_or_frozen, "DARK_FOR", 0.1)
    stuck.level = 3
    output = parts["Output"]()
    pipeline = started(stuck, new_perception(parts["Runtime"]()), {"out": output})
    wait_until(lambda: pipeline.capture.health.state == "degraded")
    shown = len(output.scenes)
    wait_until(lambda: len(output.scenes) > shown + 40)  # longer than frozen_after
    assert stuck.opened == 1
    stuck.level = 100
    wait_until(lambda: pipeline.capture.health.state == "running")
