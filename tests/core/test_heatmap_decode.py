"""Prove on maps of known peaks where a keypoint is found, and how sure."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.core.families.heatmap_decode import (
    ACTIVATIONS,
    activation_of,
    find_keypoints,
    map_features,
    read_maps,
)


def decoded(maps: np.ndarray, activation: str) -> np.ndarray:
    """Return the keypoints (k, 3) of maps (h, w, k)."""
    return find_keypoints(read_maps(maps, activation))


def gaussian(
    y: float, x: float, size: tuple[int, int] = (24, 30), sigma: float = 1.0
) -> np.ndarray:
    """Return one heatmap (h, w, 1) with peak 1 at cell coordinates (y, x)."""
    rows, columns = np.indices(size)
    distance = (rows - y) ** 2 + (columns - x) ** 2
    return np.exp(-distance / (2 * sigma**2))[..., None].astype(np.float32)


def test_a_peak_on_a_cell_is_found_there() -> None:
    """Cell (5, 7) of 24 x 30 has its middle at 5.5 / 24, 7.5 / 30."""
    (found,) = decoded(gaussian(5, 7), "none")
    np.testing.assert_allclose(found, [5.5 / 24, 7.5 / 30, 1.0], atol=1e-6)


@given(st.floats(3, 20), st.floats(3, 26))
def test_a_peak_between_cells_is_found_between_them(y: float, x: float) -> None:
    """To a twentieth of a cell, for a peak one cell wide."""
    (found,) = decoded(gaussian(y, x, sigma=0.8), "none")
    np.testing.assert_allclose(found[:2] * [24, 30] - 0.5, [y, x], atol=0.05)


@pytest.mark.parametrize(("y", "x"), [(0, 0), (0, 29), (23, 0), (23, 29)])
def test_a_peak_in_a_corner_stays_in_the_map(y: int, x: int) -> None:
    """Cells beyond the border have no say."""
    (found,) = decoded(gaussian(y, x), "none")
    assert np.abs(found[:2] * [24, 30] - 0.5 - [y, x]).max() < 0.8
    assert ((found[:2] > 0) & (found[:2] < 1)).all()
    assert found[2] == 1.0


def test_cells_on_the_other_side_of_the_map_have_no_say() -> None:
    """A peak at the left border is not drawn towards the end of the row above."""
    maps = np.zeros((9, 9, 1), np.float32)
    maps[4, 0], maps[3, 8], maps[4, 8] = 1.0, 0.9, 0.9
    (found,) = decoded(maps, "none")
    np.testing.assert_allclose(found[:2] * 9 - 0.5, [4, 0], atol=1e-6)


def test_far_peaks_do_not_move_the_best() -> None:
    """A second person's lower peak is outside the window."""
    (found,) = decoded(np.maximum(gaussian(5, 7), 0.9 * gaussian(18, 20)), "none")
    np.testing.assert_allclose(found[:2] * [24, 30] - 0.5, [5, 7], atol=1e-3)


def test_of_equal_cells_the_first_is_the_best() -> None:
    """A tie, or a map that is the same all over, is no error."""
    maps = np.zeros((9, 9, 2), np.float32)
    maps[2, 6, 0] = maps[6, 2, 0] = 0.5
    found = decoded(maps, "none")
    np.testing.assert_allclose(found[0], [2.5 / 9, 6.5 / 9, 0.5], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.5 / 9, 0.5 / 9, 0.0], atol=1e-6)


def test_every_map_is_read_by_itself() -> None:
    """Three maps, three peaks, in order."""
    peaks = [(3, 4), (10, 20), (22, 5)]
    found = decoded(np.concatenate([gaussian(y, x) for y, x in peaks], 2), "none")
    assert (found[:, :2] * [24, 30]).astype(int).tolist() == [list(peak) for peak in peaks]


def test_plain_beliefs_are_scores() -> None:
    """The best cell's value, limited to 0..1; noise below 0 weighs nothing."""
    maps = np.full((9, 9, 3), -0.3, np.float32)
    maps[4, 4] = 0.4, 1.3, -0.1
    found = decoded(maps, "none")
    np.testing.assert_allclose(found[:, 2], [0.4, 1.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(found[:, :2], 0.5, atol=1e-6)


def test_noise_below_zero_does_not_push_the_keypoint_away() -> None:
    """Negative values on one side weigh nothing, instead of less than nothing."""
    maps = np.zeros((9, 9, 1), np.float32)
    maps[:, :4], maps[4, 4] = -0.03, 0.9
    (found,) = decoded(maps, "none")
    np.testing.assert_allclose(found[:2], 0.5, atol=1e-6)


def test_sigmoid_turns_logits_into_scores() -> None:
    """A logit of 2 is 0.88; cells of -8 hardly draw."""
    maps = np.full((9, 9, 1), -8.0, np.float32)
    maps[4, 4], maps[4, 5] = 2.0, 2.0
    (found,) = decoded(maps, "sigmoid")
    assert found[2] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    np.testing.assert_allclose(found[:2] * 9 - 0.5, [4, 4.5], atol=0.01)


def test_softmax_scores_are_shares_with_a_bin_for_not_there() -> None:
    """Two neighbours of logit ln 3 and 80 of logit -inf against the bin's 1: 6 of 7."""
    maps = np.full((9, 9, 1), -np.inf, np.float32)
    maps[4, 4], maps[4, 5] = np.log(3), np.log(3)
    (found,) = decoded(maps, "softmax")
    assert found[2] == pytest.approx(6 / 7, abs=1e-6)
    np.testing.assert_allclose(found[:2] * 9 - 0.5, [4, 4.5], atol=1e-5)


def test_softmax_counts_what_lies_elsewhere_against_the_score() -> None:
    """Equal peaks in two places leave each a third, the bin the rest."""
    maps = np.full((20, 20, 1), -np.inf, np.float32)
    maps[4, 4], maps[15, 15] = 0.0, 0.0
    (found,) = decoded(maps, "softmax")
    assert found[2] == pytest.approx(1 / 3, abs=1e-6)


def test_softmax_of_a_keypoint_that_is_not_there_is_near_zero() -> None:
    """When all cells are far below the bin, it takes everything."""
    assert decoded(np.full((48, 48, 17), -20.0, np.float32), "softmax")[:, 2].max() < 1e-5


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_maps_of_nonsense_give_finite_keypoints(activation: str, value: float) -> None:
    """Nothing raises or warns, scores stay 0..1."""
    found = decoded(np.full((9, 9, 3), value, np.float32), activation)
    assert np.isfinite(found).all()
    assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_nan_is_no_belief(activation: str) -> None:
    """A NaN neither wins nor weighs; a map of nothing else scores 0."""
    maps = np.full((9, 9, 2), -9.0, np.float32)
    maps[4, 4, 0], maps[4, 5, 0], maps[..., 1] = 3.0, np.nan, np.nan
    found = decoded(maps, activation)
    np.testing.assert_allclose(found[0, :2] * 9 - 0.5, [4, 4], atol=0.01)
    assert found[1, 2] == pytest.approx(0, abs=1e-6)


def test_maps_of_one_cell_decode() -> None:
    """The smallest maps there can be."""
    np.testing.assert_allclose(decoded(np.ones((1, 1, 1)), "none"), [[0.5, 0.5, 1.0]])


@pytest.mark.parametrize(
    ("lowest", "expected"),
    [(0.0, "none"), (-0.3, "none"), (-1.5, "softmax"), (np.nan, "none")],
)
def test_values_far_below_zero_are_logits(lowest: float, expected: str) -> None:
    """Beliefs have noise round 0; logits of a map are mostly well below -1; NaN says nothing."""
    maps = np.zeros((9, 9, 17), np.float32)
    maps[2, 2, 5] = lowest
    assert activation_of(maps) == expected


def test_evidence_of_one_cell_is_that_cell() -> None:
    """All belief in one place: nothing is spread, and no other place comes near."""
    maps = np.full((12, 16, 1), -30.0, np.float32)
    maps[3, 4] = 2.0
    ((mass, spread, highest, second),) = map_features(read_maps(maps, "softmax"))
    assert mass == pytest.approx(np.e**2 / (1 + np.e**2), abs=1e-6)
    assert (spread, highest, second) == pytest.approx((0.0, 2.0, -30.0), abs=1e-5)


def test_evidence_of_two_places_tells_how_far_apart_they_are() -> None:
    """Half the belief each, 6 columns apart of 16: a spread of 3 / 16, and a second place."""
    maps = np.full((12, 16, 1), -30.0, np.float32)
    maps[3, 2], maps[3, 8] = 20.0, 20.0
    ((mass, spread, highest, second),) = map_features(read_maps(maps, "softmax"))
    assert (mass, spread) == pytest.approx((1.0, 3 / 16), abs=1e-6)
    assert (highest, second) == (20.0, 20.0)


@pytest.mark.parametrize(("distance", "second"), [(4, -30.0), (5, 1.0)])
def test_a_second_place_is_more_than_four_cells_away(distance: int, second: float) -> None:
    """What is nearer belongs to the first."""
    maps = np.full((16, 16, 1), -30.0, np.float32)
    maps[8, 8], maps[8, 8 - distance] = 2.0, 1.0
    assert map_features(read_maps(maps, "softmax"))[0, 3] == second


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_evidence_of_nonsense_is_finite(activation: str, value: float) -> None:
    """As the keypoints are."""
    maps = np.full((9, 9, 3), value, np.float32)
    assert np.isfinite(map_features(read_maps(maps, activation))).all()
