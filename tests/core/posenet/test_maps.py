"""Prove that maps read as real values, and the best cells as one person."""

import numpy as np
import pytest

from edgepose.core.families.posenet.maps import Grid, decode_single, logit, sigmoid
from tests.core.posenet.conftest import empty, person, plant

# --- one person


def test_single_takes_the_best_cell_times_the_stride_plus_its_offset() -> None:
    """Cells (2, 3) of stride 16 with offset (-5.25, 7.5) are 26.75, 55.5; sigmoid makes scores."""
    planted = empty((9, 11))
    planted.heatmaps[2, 3] = 2.0
    planted.offsets[2, 3, :17], planted.offsets[2, 3, 17:] = -5.25, 7.5
    found = decode_single(planted.maps)
    np.testing.assert_allclose(found[:, :2], [[26.75, 55.5]] * 17, atol=1e-3)
    np.testing.assert_allclose(found[:, 2], 1 / (1 + np.exp(-2)), rtol=1e-6)


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_single_finds_a_planted_person_at_any_stride(stride: int) -> None:
    """Every keypoint comes out where it was put."""
    somebody = person(90, 100, 140)
    found = decode_single(plant(somebody, into=empty((33, 29), stride)).maps)
    np.testing.assert_allclose(found[:, :2], somebody, atol=1e-3)


def test_single_takes_the_first_of_equal_cells() -> None:
    """A tie, or a map that is the same all over, is no error: reading order decides."""
    planted = empty((9, 11))
    planted.heatmaps[4, 2] = planted.heatmaps[2, 7] = planted.heatmaps[2, 9] = 1.0
    np.testing.assert_array_equal(decode_single(planted.maps)[:, :2], [[32, 112]] * 17)
    np.testing.assert_array_equal(decode_single(empty().maps)[:, :2], np.zeros((17, 2)))


@pytest.mark.parametrize("cell", [(0, 0), (0, 10), (8, 0), (8, 10)])
def test_single_reads_border_cells(cell: tuple[int, int]) -> None:
    """The corners are cells like any other, also when the offset leaves the picture."""
    planted = empty((9, 11))
    planted.heatmaps[cell] = 3.0
    planted.offsets[cell] = -20.0
    found = decode_single(planted.maps)
    np.testing.assert_allclose(found[:, :2], [np.array(cell) * 16.0 - 20.0] * 17, atol=1e-3)


def test_single_scores_an_empty_picture_near_zero() -> None:
    """Logits of -8 are scores of 0.0003."""
    assert decode_single(empty().maps)[:, 2].max() < 0.001


def test_single_ignores_cells_that_are_no_number() -> None:
    """NaN never wins the argmax, and a keypoint that is NaN everywhere scores 0."""
    planted = plant(person(200, 300))
    planted.heatmaps[0, 0] = planted.offsets[0, 1] = np.nan
    planted.heatmaps[..., 3] = np.nan
    found = decode_single(planted.maps)
    assert np.isfinite(found).all()
    assert found[3, 2] < 1e-6
    np.testing.assert_allclose(
        np.delete(found[:, :2], 3, 0), np.delete(person(200, 300), 3, 0), atol=1e-3
    )


# --- maps


def test_the_nearest_cell_rounds_halves_up_and_stays_inside() -> None:
    """As JavaScript rounds; places beyond the border belong to the border."""
    places = np.array([[0.5, 1.5, -0.5, -9.0, 99.0], [0.0] * 5], np.float32)
    assert Grid.of(4, 3).nearest(places).tolist() == [3, 6, 0, 0, 9]


def test_sigmoid_and_logit_undo_each_other() -> None:
    """Also at the ends, without overflow."""
    assert sigmoid(np.array([-1e5, 0.0, 1e5])).tolist() == [0.0, 0.5, 1.0]
    for score in (0.01, 0.5, 0.97):
        assert sigmoid(logit(score)) == pytest.approx(score, abs=1e-6)
    assert (logit(0.0), logit(1.0)) == (-1e5, 1e5)
