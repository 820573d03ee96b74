"""Pictures to look at: sheets and confidence maps in their colours."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.skeleton import INDEX, MPII_PARTS
from edgepose.train.contact_sheets import confidence_of, contact_sheet, draw_sample, overlay_maps
from edgepose.train.synth.people import OUTSIDE, VISIBLE, Sample

GREY = np.full((64, 64, 3), 90, np.uint8)


def peak(name: str) -> np.ndarray:
    """Return maps (16, 16, 17) with a sure block for one keypoint in the upper left."""
    maps = np.zeros((16, 16, 17), np.float32)
    maps[2:6, 2:6, INDEX[name]] = 1.0
    return maps


def test_head_is_yellow_left_knee_red_right_foot_blue() -> None:
    """Each part's peak takes its colour; other keypoints leave the picture alone."""
    yellow, red, blue = (
        overlay_maps(GREY, peak(name))[16, 16].astype(int)
        for name in ("nose", "left_knee", "right_ankle")
    )
    assert yellow[0] > 150
    assert yellow[1] > 150
    assert yellow[2] < 60
    assert red[0] > 150 > red[1]
    assert blue[2] > 150 > blue[0]
    np.testing.assert_array_equal(overlay_maps(GREY, peak("left_eye")), GREY)


def test_overlay_survives_values_that_are_no_confidence_of() -> None:
    """NaN counts as nothing, too large as sure."""
    maps = np.full((16, 16, 17), np.nan, np.float32)
    np.testing.assert_array_equal(overlay_maps(GREY, maps), GREY)
    assert overlay_maps(GREY, np.full((16, 16, 17), 9.0)).dtype == np.uint8


def test_confidence_of_of_logits_are_sure_where_they_peak_and_nothing_elsewhere() -> None:
    """One high logit is a belief of 1; logits far below the none bin are 0."""
    logits = np.full((16, 16, 2), -20.0)
    logits[4, 5, 0] = 20.0
    maps = confidence_of(logits)
    assert maps[4, 5, 0] == 1.0
    assert maps[..., 1].max() < 1e-3


def test_a_sheet_fills_its_last_row_with_black() -> None:
    """Three pictures in two columns leave one place black."""
    sheet = contact_sheet([GREY] * 3, 2)
    assert sheet.shape == (128, 128, 3)
    assert sheet[64:, 64:].max() == 0


def test_left_is_green_and_right_is_red() -> None:
    """The left thigh is drawn green, the right one red; what is outside is not drawn."""
    keypoints, visible = np.zeros((17, 2), np.float32), np.full(17, OUTSIDE, np.int8)
    for name, x in (("left", 40), ("right", 20)):
        for part, y in (("hip", 10), ("knee", 50)):
            keypoints[INDEX[f"{name}_{part}"]] = (y, x)
            visible[INDEX[f"{name}_{part}"]] = VISIBLE
    drawn = draw_sample(Sample(GREY, keypoints, visible)).astype(int)
    assert drawn[30, 40, 1] > 150 > drawn[30, 40, 0]
    assert drawn[30, 20, 0] > 150 > drawn[30, 20, 1]


def test_sixteen_maps_are_laid_over_in_the_order_of_mpii() -> None:
    """The head is its top there, yellow like COCO's nose; other counts of maps have no names."""
    maps = np.zeros((16, 16, 16), np.float32)
    maps[2:6, 2:6, MPII_PARTS.index("head_top")] = 1
    yellow = overlay_maps(GREY, maps)[16, 16].astype(int)
    assert yellow[0] > 120 > yellow[2]
    with pytest.raises(KeyError):
        overlay_maps(GREY, np.zeros((16, 16, 3)))


def test_confidence_maps_are_not_turned_into_shares() -> None:
    """Those of a pose machine are confidences already."""
    maps = np.zeros((4, 4, 16), np.float32)
    maps[1, 1] = 0.5
    np.testing.assert_array_equal(confidence_of(maps), maps)
