"""A pose being taught, on the screen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edgepose.core.teaching import Trouble
from edgepose.language import Language, load_language, shipped_languages
from edgepose.render.lesson import PoseLesson, draw_lesson, reason_of
from edgepose.render.style import Palette, rgb
from edgepose.render.text import Page, Typesetter
from edgepose.sources.synthetic.motion import pose_at
from edgepose.types import Size

ACCENT = rgb(Palette().matching)
WHITE = (255, 255, 255)


def drawn(lesson: PoseLesson, size: Size = (720, 1280), grey: int = 0) -> Any:
    """Return the picture of a lesson on a grey canvas."""
    canvas = np.full((*size, 3), grey, np.uint8)
    draw_lesson(Page(canvas, Typesetter(), ACCENT, (255, 45, 85)), Language(), lesson)
    return canvas


def lit(image: Any, colour: tuple[int, int, int]) -> Any:
    """Return where a picture has a colour, nearly."""
    return (np.abs(image.astype(int) - colour) < 30).all(axis=2)


@pytest.mark.parametrize("size", [(480, 854), (1080, 1920), (1280, 720)])
def test_the_countdown_can_be_read_from_where_the_person_stands(size: Size):
    """Digits of a sixth of the shorter side at least, beside whoever stands in the middle."""
    image = drawn(PoseLesson("countdown", "bow", 3.0), size)
    rows, columns = np.nonzero(lit(image, WHITE)[: size[0] // 2])
    assert np.ptp(rows) >= min(size) / 6
    if size[1] > size[0]:
        assert columns.min() > 0.6 * size[1]


def test_the_ring_runs_empty_with_each_second():
    """So that the moment can be foreseen."""
    full, half = (
        lit(drawn(PoseLesson("countdown", "bow", s)), ACCENT)[:400].sum() for s in (3, 2.5)
    )
    assert half == pytest.approx(full / 2, rel=0.15)


def test_what_was_taught_is_drawn():
    """As a figure, with its name; a pose of which nothing is known leaves the name."""
    points = pose_at("arms_up", 2.0, (480, 640)).pixels[:, :2].astype(float)
    with_figure = drawn(PoseLesson("done", "bow", points=points))
    without = drawn(PoseLesson("done", "bow"))
    assert (with_figure[:560] != without[:560]).any(2).sum() > 5000
    assert lit(with_figure, ACCENT)[600:].sum() > 5000


@pytest.mark.parametrize("size", [(480, 854), (720, 1280), (1280, 720)])
def test_a_reason_stays_inside_the_picture(size: Size):
    """Wrapped, over the darkened picture."""
    reason = "the model is not sure of both ankles and the left wrist; more light helps " * 2
    image = drawn(PoseLesson("refused", "bow", reason=reason), size, grey=200)
    bright = lit(image, WHITE)
    assert bright.sum() > 1000
    assert not bright[:, :3].any()
    assert not bright[:, -3:].any()
    assert image[5, 5].max() < 80


@pytest.mark.parametrize("name", sorted({"en", *shipped_languages()}))
@pytest.mark.parametrize("trouble", list(Trouble))
def test_every_refusal_has_its_sentence(name: str, trouble: Trouble):
    """English with the details, others with the sentence of its kind."""
    language = load_language(name)
    said = reason_of(
        language, PoseLesson("refused", "bow", reason="both ankles", kind=trouble.value)
    )
    assert (said == "Both ankles") == (name == "en")
    assert said


def test_a_reason_without_kind_is_passed_on():
    """Such as a disk that is full."""
    lesson = PoseLesson("refused", "bow", reason="the disk is full")
    assert reason_of(load_language("de"), lesson) == "The disk is full"
