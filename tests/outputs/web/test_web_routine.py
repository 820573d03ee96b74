"""A routine on the page: the step that runs, and buttons that start, skip and stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from web_appliance import Appliance, Camera
from web_phone import Phone

from edgepose.outputs.web import Web
from edgepose.types import Effort, Event, Frame, Scene, StepState

pytestmark = pytest.mark.timeout(120)

TEXT = "document.querySelector('.watch .step').textContent"
SEEN = "[...document.querySelectorAll('.watch .steps button')].filter((b) => !b.hidden).map((b) => b.dataset.do).join()"  # noqa: E501


END = Event(
    "end",
    "finished",
    "arms_up",
    "lobby",
    1.79e9,
    9.0,
    1,
    0.93,
    effort=Effort(seconds=61.7, steps=2),
)


class Trainer(Appliance):
    """An appliance whose watch has a routine of five steps."""

    number = 0
    is_over = False  # as of the next frame

    def state(self) -> dict[str, Any]:
        state = dict(super().state())
        state["watches"] = {"arms_up": {"template": [], "is_on": True}}
        return state

    def command(self, name: str, value: Any = None) -> str:
        if name != "routine":
            return super().command(name, value)
        self.asked.append((name, value))
        self.number = {"start": 1, "skip": self.number + 1, "stop": 0}[value["do"]]
        if self.number == 3:
            self.number, self.is_over = 0, True
        return f"{value['watch']}: {value['do']}"

    def look(self, frame: Frame) -> Scene:
        scene = super().look(frame)
        title = f"Squat {self.number}" if self.number else "Raise both arms"
        step = StepState(title, self.number, 5, left=41.2 if self.number else None)
        state = replace(scene.watches[0], step=replace(step, following="Rest"))
        events, self.is_over = (END,) if self.is_over else (), False
        return replace(scene, watches=(state,), events=events)


@pytest.fixture
def appliance() -> Trainer:
    """Return what stands behind the page."""
    return Trainer()


def test_a_routine_is_directed_from_the_page(
    phone_on: Callable[[int], Phone], page: Web, appliance: Trainer
):
    """Start, skip, stop; what runs and how long is left; no sliders, which would do nothing."""
    with Camera(appliance, page, "stand"):
        phone = phone_on(page.port)
        phone.open()
        phone.log_in()
        phone.see(f"{TEXT} === 'Raise both arms'")
        phone.see(f"{SEEN} === 'start'")
        phone.see("document.querySelector('.watch details').hidden")
        phone.tap(".watch [data-do=start]")
        phone.see(f"{TEXT} === 'Step 1 of 5: Squat 1'")
        phone.see("document.querySelector('.watch .left').textContent === '42 s left'")
        phone.see(f"{SEEN} === 'skip,stop'")
        phone.tap(".watch [data-do=skip]")
        phone.see(f"{TEXT}.startsWith('Step 2 of 5')")
        phone.tap(".watch [data-do=stop]")
        phone.see(f"{SEEN} === 'start'")
    orders = [value["do"] for name, value in appliance.asked if name == "routine"]
    assert orders == ["start", "skip", "stop"]


def test_a_routine_that_is_finished_shows_how_it_went(
    phone_on: Callable[[int], Phone], page: Web, appliance: Trainer
):
    """Until the next one begins; while a step runs, what comes next."""
    with Camera(appliance, page, "stand"):
        phone = phone_on(page.port)
        phone.open()
        phone.log_in()
        phone.see(f"{SEEN} === 'start'")
        phone.tap(".watch [data-do=start]")
        phone.see("document.querySelector('.step-more').textContent.includes('Next: Rest')")
        for _ in range(2):
            phone.tap(".watch [data-do=skip]")
        phone.see(f"{TEXT} === 'Finished: 93 % in 62 s'")
        phone.tap(".watch [data-do=start]")
        phone.see(f"{TEXT}.startsWith('Step 1')")
