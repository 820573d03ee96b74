"""A pose that is being taught, on the screen: countdown, what was taken, or why not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.language import Language, title_of
from edgepose.render.panels import draw_arc, draw_banner, draw_pill
from edgepose.render.sprites import Sprite, blend, panel, ring
from edgepose.render.style import INK, PANEL
from edgepose.render.taught import draw_pose
from edgepose.render.text import MARGIN, PADDING, Page

_RING: Final = 380  # units
_DIGITS: Final = 230
_SIDE: Final = 440  # of the drawing
_DIMMED: Final = 0.3
_BODY: Final = 44
_ROOM: Final = 0.8  # of the width, for the reason


@dataclass(frozen=True, slots=True, eq=False)
class PoseLesson:
    """Where the teaching of a pose is: state "countdown", "collecting", "done" or "refused".

    left: seconds until the pose is taken. reason: why it was not, and the kind of that. points:
    float (17, 2) of (y, x) in pixels of what was taught, NaN where unknown.
    """

    state: str
    name: str
    left: float = 0.0
    reason: str = ""
    kind: str = ""
    points: NDArray[Any] | None = None


def draw_lesson(page: Page, language: Language, lesson: PoseLesson) -> None:
    """Draw what somebody who is teaching must know now, large enough for where they stand."""
    title = title_of(lesson.name)
    if lesson.state == "countdown":
        _draw_countdown(page, lesson.left)
        draw_banner(page, language.text("take_pose"))
    elif lesson.state == "collecting":
        draw_banner(page, language.text("keep_still"))
    elif lesson.state == "done":
        _draw_taught(page, lesson)
        draw_banner(page, f"✓ {language.text('learnt', title=title)}")
    elif lesson.state == "refused":
        _draw_reason(page, language.text("not_learnt", title=title), reason_of(language, lesson))


def reason_of(language: Language, lesson: PoseLesson) -> str:
    """Return why a pose was not taught: exactly in English, else the sentence of its kind."""
    if language.name == "en" or not lesson.kind:
        return lesson.reason[:1].upper() + lesson.reason[1:]
    sentence = language.page(f"refused_{lesson.kind}")
    return sentence[:1].upper() + sentence[1:]


def _draw_countdown(page: Page, left: float) -> None:
    """Draw the seconds in a ring that runs empty with each of them, beside the person."""
    diameter, y = page.px(_RING), page.px(MARGIN)
    x = page.size[1] - diameter - y
    middle = x + diameter // 2
    thickness = max(diameter // 16, 1)
    blend(page.canvas, panel((diameter, diameter), diameter // 2, PANEL, 0.8), y, x)
    blend(page.canvas, ring(diameter, thickness, INK, 0.2), y, x)
    share = left % 1.0 or 1.0
    centre = (middle, y + diameter // 2)
    draw_arc(page, centre, (diameter - thickness) // 2, thickness, share)
    number = page.type.text(str(math.ceil(left)), page.px(_DIGITS), INK)
    top = y + (diameter - number.size[0]) // 2
    blend(page.canvas, number, top, middle - number.size[1] // 2)


def _draw_taught(page: Page, lesson: PoseLesson) -> None:
    """Draw the pose that was taken, over the darkened picture."""
    cv2.convertScaleAbs(page.canvas, dst=page.canvas, alpha=_DIMMED)
    if lesson.points is None:
        return
    side = min(page.px(_SIDE), *page.size)
    drawing = cv2.resize(draw_pose(lesson.points), (side, side), interpolation=cv2.INTER_AREA)
    y, x = (page.size[0] - side) // 3, (page.size[1] - side) // 2
    page.canvas[y : y + side, x : x + side] = np.asarray(drawing, np.uint8)


def _draw_reason(page: Page, title: str, reason: str) -> None:
    """Write why nothing was taught, in the middle."""
    cv2.convertScaleAbs(page.canvas, dst=page.canvas, alpha=_DIMMED)
    lines = page.type.wrapped(reason, page.px(_BODY), round(_ROOM * page.size[1]))
    texts: list[Sprite] = [page.text(line, _BODY, INK, 0.9) for line in lines]
    step = texts[0].size[0] + page.px(PADDING) if texts else 0
    top = (page.size[0] - step * len(texts)) // 2
    draw_pill(page, page.fitting(title, 54, page.warning, 0.9), top - page.px(MARGIN), PANEL, 0.8)
    for i, text in enumerate(texts):
        blend(page.canvas, text, top + i * step, (page.size[1] - text.size[1]) // 2)
