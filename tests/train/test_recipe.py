"""Recipes: phases, learning rates, and messages for wrong ones."""

from __future__ import annotations

from itertools import pairwise

import pytest

from edgepose.errors import UserError
from edgepose.train.recipe import Phase, Recipe, parse_phases, scheme_of


def test_phases_are_read_as_size_and_steps() -> None:
    """`128:10,160:5` is ten batches at 128 pixels, then five at 160."""
    assert parse_phases("128:10, 160:5") == (Phase(128, 10), Phase(160, 5))


@pytest.mark.parametrize("text", ["", "128", "128:x", "100:10", "0:10", "128:10,,"])
def test_wrong_phases_name_the_part_and_the_form(text: str) -> None:
    """A size that the net can't halve five times, or no size at all, is the user's mistake."""
    with pytest.raises(UserError, match=r"--phases: .*SIZE:STEPS"):
        parse_phases(text)


def test_the_size_grows_with_the_phases() -> None:
    """Step 9 belongs to the first phase, step 10 to the second, later ones too."""
    recipe = Recipe(phases=parse_phases("128:10,160:5"))
    assert recipe.steps == 15
    assert [recipe.size_at(step) for step in (0, 9, 10, 14, 99)] == [128, 128, 160, 160, 160]


def test_the_rate_warms_up_and_falls_to_almost_nothing() -> None:
    """Linear up, half a cosine down."""
    recipe = Recipe(phases=parse_phases("128:1000"), rate=1.0, warm_up=100)
    rates = [recipe.rate_at(step) for step in range(1001)]
    assert rates[0] < 0.02
    assert max(rates) == pytest.approx(1.0, abs=0.05)
    assert rates[1000] == pytest.approx(0.004)
    assert all(later <= earlier for earlier, later in pairwise(rates[100:]))


def test_the_scheme_follows_from_the_number_of_keypoints() -> None:
    """17 are COCO's, 16 MPII's; nothing else can be trained."""
    assert [scheme_of(count) for count in (17, 16)] == ["coco", "mpii"]
    with pytest.raises(UserError, match=r"expected 17 \(coco\) or 16 \(mpii\) keypoints.*found 21"):
        scheme_of(21)
