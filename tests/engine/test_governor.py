"""How often pictures are looked at: limits, idleness, heat with hysteresis, and back at once."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from edgepose.engine.governor import HYSTERESIS, LEAST_FPS, SETTLE, STEPS, Governor, Rates
from edgepose.engine.pipeline import Pipeline
from edgepose.types import Frame

FPS = 24.0


def now() -> float:
    """Return the clock that the governor goes by."""
    return time.monotonic()


def test_without_rules_there_is_no_limit():
    """Benchmarks and replay look at everything."""
    governor = Governor()
    governor.update(99.0, FPS, now())
    assert governor.interval(now() + 1e6) == 0.0


def test_a_limit_holds_always():
    """Somebody who wants ten a second gets them also when somebody is there."""
    governor = Governor(Rates(max_fps=10.0))
    governor.scene(is_anybody=True, now=now())
    assert governor.interval(now()) == pytest.approx(0.1)


def test_idle_begins_after_a_while_without_anybody_and_ends_with_the_first_scene():
    """Bystanders who don't count keep it awake as well: they may step forward."""
    governor, start = Governor(Rates(idle_after=30.0, idle_fps=4.0)), now()
    governor.scene(is_anybody=True, now=start)
    assert governor.interval(start + 29.9) == 0.0
    assert governor.interval(start + 30.0) == pytest.approx(0.25)
    assert governor.to_dict(start + 30.0) == {"mode": "idle", "limit_fps": 4.0, "steps": 0}
    governor.scene(is_anybody=False, now=start + 31.0)
    assert governor.interval(start + 31.0) == pytest.approx(0.25)
    governor.scene(is_anybody=True, now=start + 32.0)
    assert governor.interval(start + 32.0) == 0.0
    assert governor.to_dict(start + 32.0)["mode"] == "full"


def limits(governor: Governor, heat: list[float], every: float = SETTLE) -> list[float | None]:
    """Return the limit after each temperature."""
    start, found = now(), []
    for i, degrees in enumerate(heat):
        governor.update(degrees, FPS, start + i * every)
        found.append(governor.to_dict(start + i * every)["limit_fps"])
    return found


def test_heat_halves_the_rate_step_by_step_and_cooling_takes_it_back():
    """Before the firmware does it, and all the way back."""
    governor = Governor(Rates(cool_at=75.0))
    cool = 75.0 - HYSTERESIS - 1
    assert limits(governor, [60, 75, 76, 77, 78, cool, cool, cool, cool]) == [
        None, FPS / 2, FPS / 4, FPS / 8, FPS / 8, FPS / 4, FPS / 2, None, None,
    ]  # fmt: skip
    assert STEPS == 3


def test_between_warm_and_cool_the_step_stays():
    """Hysteresis: a board at the threshold does not flap."""
    governor = Governor(Rates(cool_at=75.0))
    assert limits(governor, [75, 74.9, 75 - HYSTERESIS, 74]) == [FPS / 2] * 4


def test_a_step_gets_time_to_show():
    """A heat sink is slow: one step a time, however often the temperature is read."""
    governor = Governor(Rates(cool_at=75.0))
    assert limits(governor, [80] * 5, every=SETTLE / 2) == [
        FPS / 2, FPS / 2, FPS / 4, FPS / 4, FPS / 8
    ]  # fmt: skip


def test_heat_never_goes_below_what_a_hold_needs():
    """A slow board that is hot still sees."""
    governor, start = Governor(Rates(cool_at=75.0)), now()
    for i in range(4):
        governor.update(85.0, 4.0, start + i * SETTLE)
    assert governor.to_dict(start)["limit_fps"] == LEAST_FPS


def test_a_board_without_a_sensor_or_a_rule_taken_back_is_not_slowed_down():
    """Also when it was hot before."""
    governor = Governor(Rates(cool_at=75.0))
    governor.update(90.0, FPS, now())
    governor.update(None, FPS, now())
    assert governor.steps == 0


def test_the_rate_that_heat_halves_is_not_that_of_idling():
    """Who comes along on a hot evening gets half of the full rate, not half of an idle one."""
    governor, start = Governor(Rates(idle_after=10.0, idle_fps=5.0, cool_at=75.0)), now()
    governor.scene(is_anybody=True, now=start)
    governor.update(60.0, FPS, start + 1)
    governor.update(80.0, 5.0, start + 60)
    governor.scene(is_anybody=True, now=start + 61)
    assert governor.to_dict(start + 61)["limit_fps"] == FPS / 2


@pytest.fixture
def camera(parts) -> Iterator[object]:
    """Return a camera of 100 pictures a second: brightness 0 is nobody, 255 somebody."""

    class Camera(parts["Source"]):
        level = 0

        def read(self) -> Frame | None:
            if self.interrupted.wait(0.01):
                return None
            self._seq += 1
            image = np.full((8, 8, 3), self.level, np.uint8)
            return Frame(image, self._seq / 100, self._seq, time.monotonic())

    return Camera([], live=True)


def test_an_idle_pipeline_looks_rarely_and_is_back_within_one_frame(
    parts, new_perception, camera, monkeypatch
):
    """Once somebody is seen the very next picture is looked at."""
    echo = parts["Family"].decode
    monkeypatch.setattr(
        parts["Family"], "decode",
        lambda self, tensors, look, size: echo(self, tensors, look, size) if tensors[0] else (),
    )  # fmt: skip
    output = parts["Output"]()
    governor = Governor(Rates(idle_after=0.2, idle_fps=2.0))
    pipeline = Pipeline(
        camera, new_perception(parts["Runtime"]()), {"o": output}, governor=governor
    )
    pipeline.start()
    deadline = time.monotonic() + 30
    while governor.interval(time.monotonic()) == 0.0 and time.monotonic() < deadline:
        camera.interrupted.wait(0.01)
    idle_from = len(output.scenes)
    while len(output.scenes) < idle_from + 4 and time.monotonic() < deadline:
        camera.interrupted.wait(0.01)
    camera.level = 255
    while len(output.scenes) < idle_from + 10 and time.monotonic() < deadline:
        camera.interrupted.wait(0.01)
    pipeline.stop()
    scenes = output.scenes
    idle = [
        b.frame.captured - a.frame.captured
        for a, b in zip(scenes[idle_from:], scenes[idle_from + 1 :], strict=False)
        if not b.poses and b.frame.seq != a.frame.seq
    ]
    assert min(idle) > 0.4
    first = next(i for i, scene in enumerate(scenes) if scene.poses)
    woken = scenes[first + 1].frame.captured - scenes[first].frame.captured
    assert woken < 0.4
