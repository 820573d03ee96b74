"""When the screen shows a pose that is being taught."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from edgepose.outputs.hdmi.teaching import SHOWN, TeachingView


def states(*documents: tuple[float, Mapping[str, Any]]) -> list[str]:
    """Return the state of what is shown at each time, "" for nothing."""
    view = TeachingView()
    return [lesson.state if (lesson := view.of(one, now)) else "" for now, one in documents]


def about(state: str, **more: Any) -> dict[str, Any]:
    """Return a "teaching" document."""
    return {"state": state, "name": "bow", "left": 0.0, "reason": "", "kind": "", **more}


def test_it_is_shown_from_the_countdown_to_its_result():
    """And the result for long enough to come closer and read it."""
    assert states(
        (0.0, about("idle")),
        (1.0, about("countdown", left=4.0)),
        (5.0, about("collecting")),
        (6.0, about("done")),
        (5.9 + SHOWN, about("done")),
        (6.1 + SHOWN, about("done")),
    ) == ["", "countdown", "collecting", "done", "done", ""]


def test_a_result_of_before_is_not_shown():
    """A screen that is opened again says nothing of yesterday's lesson; nor of a cancelled one."""
    assert states((0.0, about("refused", reason="x")), (1.0, {})) == ["", ""]
    assert states((0.0, about("countdown")), (1.0, about("idle"))) == ["countdown", ""]


def test_the_next_lesson_follows_at_once():
    """Also while the result of the last one is still shown."""
    told = [(0.0, about("countdown")), (1.0, about("refused")), (2.0, about("countdown"))]
    assert states(*told, (3.0, about("done"))) == ["countdown", "refused", "countdown", "done"]


def test_points_that_are_unknown_have_none():
    """A document has null for them."""
    view = TeachingView()
    view.of(about("countdown"), 0.0)
    lesson = view.of(about("done", points=[[1.0, 2.0], None]), 1.0)
    assert lesson is not None
    assert lesson.points is not None
    assert lesson.points.shape == (2, 2)
    assert np.isnan(lesson.points[1]).all()
