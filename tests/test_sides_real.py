"""Count how often MoveNet exchanges left and right from one frame to the next, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest
from exchanged_sides import count

from edgepose.appliance.model import LoadedModel, load_model
from edgepose.config.model_section import ModelSection

WALKING = ("neg_stand_up_and_walk.mp4", "neg_walk_away_forest.mp4")
EXERCISING = ("high_knees_side_gym.mp4", "situp_side_home.mp4", "lunge_front_home.mp4")


@pytest.fixture(scope="module")
def loaded(lightning: Path) -> LoadedModel:
    """Return MoveNet."""
    return load_model(ModelSection(path=lightning))


@pytest.mark.parametrize("name", WALKING)
def test_at_most_a_fifth_of_the_exchanges_is_left(
    loaded: LoadedModel, media: Path, name: str
) -> None:
    """Somebody who walks past the camera, and away from it."""
    before, after = count(loaded, media / "counted" / name)
    assert before >= 4
    assert 5 * len(after) <= before


@pytest.mark.slow
def test_a_fifth_is_left_of_all_clips_with_one_person(loaded: LoadedModel, media: Path) -> None:
    """The clips of the figures in docs/exercises.md in which there are any."""
    clips = (*WALKING, *EXERCISING, "neg_enter_room_topdown.gif")
    found = [count(loaded, media / "counted" / name) for name in clips]
    before, after = sum(n for n, _ in found), [one for _, left in found for one in left]
    assert before >= 20
    assert 5 * len(after) <= before
