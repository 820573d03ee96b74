"""Check that few views, scored in plain numbers, and many, in arrays, come to the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.scoring import FEW, FewViews, ManyViews, SeenLimbs, Wanted, WantedLimb, scorer
from edgepose.skeleton import NUM_LIMBS

DEGREES = st.floats(-180.0, 180.0, width=32)
ANGLES = st.lists(st.none() | DEGREES, min_size=NUM_LIMBS, max_size=NUM_LIMBS)
SIDES = st.integers(-1, 1)


@st.composite
def wanted(draw: st.DrawFn) -> Wanted:
    """Return any view of a template: some limbs count, with weights and tolerances of their own."""
    chosen = draw(st.sets(st.integers(0, NUM_LIMBS - 1), min_size=1))
    limbs = tuple(
        WantedLimb(limb, draw(DEGREES), draw(st.floats(1.0, 90.0)), draw(st.floats(0.1, 1.0)), True)
        for limb in sorted(chosen)
    )
    return Wanted(limbs, draw(st.integers(1, len(limbs))), draw(st.booleans()), draw(SIDES))


@st.composite
def seen(draw: st.DrawFn) -> SeenLimbs:
    """Return the limbs of any pose."""
    angles = draw(ANGLES)
    return SeenLimbs(angles, [angle and round(angle) for angle in angles], draw(SIDES))


@given(st.lists(wanted(), min_size=1, max_size=4), seen())
def test_both_ways_give_the_same_scores(views: list[Wanted], pose: SeenLimbs):
    """Whatever is known, whatever counts, and whichever way people face."""
    few, many = FewViews(views, 1.0), ManyViews(views, 1.0)

    assert list(many.scores(pose).values) == pytest.approx(few.scores(pose).values, abs=1e-4)


@pytest.mark.parametrize("side", [-1, 0, 1])
@pytest.mark.parametrize("off", [0.0, 19.0, 21.0, 179.0, -21.0])
def test_both_ways_find_the_same_limbs_too_far_off(off: float, side: int):
    """Beyond the limit on either side, shoulders and hips only where the side is clear."""
    limbs = tuple(WantedLimb(limb, 10.0 * limb, 20.0, 1.0, limb != 1) for limb in range(4))
    views = [Wanted(limbs, 1, False, 1)]
    angles = [10.0 * limb + off for limb in range(4)] + [None] * 8
    pose = SeenLimbs(angles, angles, side)

    expected = NUM_LIMBS + 1 if side < 0 else 0 if abs(off) < 20.0 else 3 if side else 2
    for way in (FewViews, ManyViews):
        scores = way(views, 1.0).scores(pose)
        assert scores.capped(expected, 0.0).values[0] == scores.values[0]
        assert scores.capped(expected - 1, 0.0).values[0] == 0.0


def test_arrays_begin_where_they_pay():
    """A watch has one template or a few, a classifier of poses may have a thousand."""
    view = Wanted((WantedLimb(0, 0.0, 20.0, 1.0, True),), 1, False, 0)

    assert isinstance(scorer([view] * FEW, 1.0), FewViews)
    assert isinstance(scorer([view] * (FEW + 1), 1.0), ManyViews)
