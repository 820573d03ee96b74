"""Views out of panoramas: the right part of the sphere, well exposed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.imaging import write_image
from edgepose.train.synth.panoramas import developed, read_panorama, view, views


def sphere() -> np.ndarray:
    """Return a panorama whose red is the heading and whose green is the height, 0..1."""
    rows, columns = np.mgrid[0:180, 0:360]
    light = np.stack([columns / 360, 1 - rows / 180, np.zeros((180, 360))], 2)
    return light.astype(np.float32)


@pytest.mark.parametrize(("heading", "red"), [(0, 0.5), (90, 0.75), (-90, 0.25)])
def test_the_middle_of_a_view_is_where_the_camera_points(heading: float, red: float) -> None:
    """Heading 0 is the panorama's middle column, the horizon its middle row."""
    middle = view(sphere(), heading, 0.0, 60.0, 65)[32, 32]
    assert middle[:2] == pytest.approx([red, 0.5], abs=0.01)


def test_the_field_and_the_pitch_are_angles() -> None:
    """The edges of a field of 60 degrees lie 30 degrees from its middle; up is up."""
    light = view(sphere(), 0.0, 0.0, 60.0, 301)
    assert light[150, -1, 0] - light[150, 0, 0] == pytest.approx(60 / 360, abs=0.003)
    assert light[0, 150, 1] - light[-1, 150, 1] == pytest.approx(60 / 180, abs=0.006)
    assert view(sphere(), 0.0, 20.0, 60.0, 65)[32, 32, 1] == pytest.approx(0.5 + 20 / 180, abs=0.01)


def test_a_view_across_the_seam_has_no_seam() -> None:
    """Looking backwards, the panorama's two ends meet in the middle."""
    light = view(np.ones((180, 360, 3), np.float32), 180.0, 0.0, 90.0, 64)
    assert light.min() == pytest.approx(1.0)


def test_the_median_gets_the_level_asked_for() -> None:
    """Dark and bright places alike are developed to it."""
    for power in (0.01, 1.0, 50.0):
        picture = developed(sphere() * power + power / 10, 0.4)
        assert np.median(picture) == pytest.approx(0.4 * 255, abs=2)


def test_views_depend_on_the_seed_alone() -> None:
    """The same seed looks the same ways, another one elsewhere."""
    first, second, other = (
        np.stack(list(views(np.random.default_rng(seed), sphere(), 3, 32))) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


def test_what_is_no_panorama_is_the_users_mistake(tmp_path: Path) -> None:
    """A square picture, and a file that is none."""
    write_image(tmp_path / "square.png", np.zeros((64, 64, 3), np.uint8))
    with pytest.raises(UserError, match="64 x 64 pixels are not a panorama"):
        read_panorama(tmp_path / "square.png")
    (tmp_path / "broken.exr").write_text("nothing")
    with pytest.raises(UserError, match=r"broken\.exr: can't be read as a picture"):
        read_panorama(tmp_path / "broken.exr")


def test_a_picture_is_brought_to_linear_light(tmp_path: Path) -> None:
    """Half of full brightness is about a fifth of the light."""
    write_image(tmp_path / "wide.png", np.full((32, 64, 3), 128, np.uint8))
    assert read_panorama(tmp_path / "wide.png").mean() == pytest.approx(0.22, abs=0.01)
