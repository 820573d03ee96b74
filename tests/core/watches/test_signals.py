"""Signals: numbers of one pose that are free of place, size, mirror and the picture's aspect."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from edgepose.core.matching import Templates
from edgepose.core.templates import teach
from edgepose.core.watches.signals import (
    Angle,
    BestSide,
    Body,
    Combination,
    Distance,
    Ground,
    Height,
    Likeness,
    Measure,
    Rise,
    Tilt,
    place,
)
from edgepose.skeleton import EXTRA_INDEX, INDEX, MIRRORED
from edgepose.types import Pose

UP = {"left_upper_arm": 60.0, "left_forearm": 100.0}


def at(*names, side="left"):
    """Return the places of names."""
    return tuple(place(name, side) for name in names)


ELBOW = Angle(*at("shoulder", "elbow", "wrist"))
KNEE = Angle(*at("hip", "knee", "ankle"))
SIGNALS = {
    "angle": ELBOW,
    "tilt": Tilt(*at("shoulder", "elbow")),
    "height": Height(*at("wrist", "shoulder")),
    "distance": Distance(*at("left_wrist", "right_ankle")),
    "difference": Combination("minus", (ELBOW, KNEE)),
}


class TestValues:
    """What is measured."""

    def test_angles_tilts_and_lengths_of_a_known_figure(self, figure):
        """Upper arm 60 degrees up, forearm 100: the elbow is 140, the arm's tilt 150."""
        body = Body(figure(**UP))
        assert ELBOW(body) == pytest.approx(140.0, abs=0.01)
        assert SIGNALS["tilt"](body) == pytest.approx(150.0, abs=0.01)
        rise = (0.19 * math.sin(math.radians(60)) + 0.15 * math.sin(math.radians(100))) / 0.29
        assert SIGNALS["height"](body) == pytest.approx(rise, abs=0.01)

    def test_somebody_who_stands_has_no_tilt_and_straight_knees(self, figure):
        """The trunk hangs from the shoulders: 0 degrees, not 180."""
        body = Body(figure())
        assert Tilt(*at("shoulders", "hips"))(body) == pytest.approx(0.0, abs=0.01)
        assert KNEE(body) == pytest.approx(178.0, abs=0.01)

    @pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
    def test_place_size_aspect_and_mirror_change_nothing(self, figure, signal):
        """Elsewhere, half as large, in a wide picture, and in a mirror with sides swapped."""
        expected = signal(Body(figure(**UP)))
        elsewhere = figure(**UP, height=200.0, at=(420.0, 300.0), size=(600, 1600))
        assert signal(Body(elsewhere)) == pytest.approx(expected, abs=0.02)
        mirrored = elsewhere.keypoints[MIRRORED].copy()
        mirrored[:, 1] = 1.0 - mirrored[:, 1]
        swapped = _on_the_other_side(signal)
        value = swapped(Body(replace(elsewhere, keypoints=mirrored)))
        assert value == pytest.approx(expected, abs=0.02)

    @pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS)
    def test_what_is_not_seen_makes_the_value_unknown(self, figure, signal):
        """No arm, no number; not even 0."""
        body = Body(figure(missing=("left_elbow", "left_wrist")))
        assert math.isnan(signal(body))

    def test_no_torso_no_lengths(self, figure):
        """Heights and distances are told in torso lengths."""
        body = Body(figure(missing=("left_hip", "right_hip")))
        assert math.isnan(SIGNALS["height"](body))
        assert not math.isnan(ELBOW(body))

    def test_keypoints_on_one_spot_have_no_angle(self, figure):
        """A model may put a hand where the elbow is."""
        pose = figure()
        keypoints = pose.keypoints.copy()
        keypoints[INDEX["left_wrist"], :2] = keypoints[INDEX["left_elbow"], :2]
        assert math.isnan(ELBOW(Body(replace(pose, keypoints=keypoints))))

    def test_likeness_is_the_score_of_a_template_or_a_difference(self, figure):
        """Arms up against arms down."""
        up, down = (Templates([teach("t", [figure(**limbs)])]) for limbs in (UP, {}))
        body = Body(figure(**UP))
        assert Likeness(up)(body) == pytest.approx(1.0, abs=0.01)
        assert Likeness(up, down)(body) == pytest.approx(Likeness(up)(body) - Likeness(down)(body))

    def test_unknown_names_are_refused(self):
        """`knees` is the middle of both, `kneee` is nothing."""
        assert place("knees", "left") == (INDEX["left_knee"], INDEX["right_knee"])
        with pytest.raises(KeyError):
            place("kneee", "left")

    def test_what_is_only_guessed_is_not_sure(self, figure):
        """The same pose without keypoints of a low score."""
        pose = figure()
        keypoints = pose.keypoints.copy()
        keypoints[INDEX["left_ankle"], 2] = 0.3
        body = Body(replace(pose, keypoints=keypoints))
        assert not math.isnan(KNEE(body))
        assert math.isnan(KNEE(body.sure))


def _on_the_other_side(signal):
    """Return a signal with left and right swapped."""
    if isinstance(signal, Combination):
        return replace(signal, parts=tuple(map(_on_the_other_side, signal.parts)))
    swap = {
        name: tuple(int(MIRRORED[index]) for index in getattr(signal, name))
        for name in type(signal).__dataclass_fields__
    }
    return replace(signal, **swap)


class TestSides:
    """Left, right, or both."""

    @pytest.mark.parametrize(
        ("side", "expected"),
        [("left", 140), ("right", 175), ("mean", 157.5), ("min", 140), ("max", 175),
         ("left - right", -35)],
    )  # fmt: skip
    def test_one_value_of_two_sides(self, figure, side, expected):
        """The left elbow is bent to 140 degrees, the right one straight to 175."""
        right = Angle(*at("shoulder", "elbow", "wrist", side="right"))
        measure = Measure(ELBOW, right, side)
        assert measure(Body(figure(**UP))) == pytest.approx(expected, abs=0.01)

    def test_the_mean_of_one_known_side_is_that_side(self, figure):
        """Seen from the side an arm is hidden."""
        right = Angle(*at("shoulder", "elbow", "wrist", side="right"))
        body = Body(figure(**UP, missing=("right_wrist",)))
        assert Measure(ELBOW, right, "mean")(body) == pytest.approx(140, abs=0.01)

    def test_best_changes_sides_late_and_never_while_moving(self, figure):
        """The side that is seen better, with hysteresis, and not within a repetition."""
        right = Angle(*at("shoulder", "elbow", "wrist", side="right"))
        best = BestSide(Measure(ELBOW, right))
        clear, hidden = figure(), figure()
        hidden.keypoints[INDEX["left_wrist"], 2] = 0.5
        best.update(Body(clear), may_switch=True)
        assert best.side == "left"
        best.update(Body(hidden), may_switch=True)
        assert best.side == "left"  # one frame is nothing
        for _ in range(60):
            best.update(Body(hidden), may_switch=False)
        assert best.side == "left"
        best.update(Body(hidden), may_switch=True)
        assert best.side == "right"


class TestRise:
    """Feet above the ground they stood on."""

    def test_rise_is_measured_from_where_the_feet_were_lowest(self, figure):
        """Up by a tenth of the torso, and back."""
        ground, rises = Ground(), []
        for step, up in enumerate((0.0, 0.0, 11.6, 11.6, 0.0)):
            body = Body(figure(at=(250.0 - up, 560.0)))
            ground.note(body, step / 10)
            rises.append(Rise()(body))
        assert rises == pytest.approx([0.0, 0.0, 0.1, 0.1, 0.0], abs=0.01)

    def test_one_foot_in_the_air_is_no_rise(self, figure):
        """Somebody who walks has always a foot on the ground."""
        ground = Ground()
        ground.note(Body(figure()), 0.0)
        body = Body(figure(left_shin=-20.0))
        ground.note(body, 0.1)
        assert Rise()(body) == pytest.approx(0.0, abs=0.02)

    def test_without_feet_it_is_unknown(self, figure):
        """An ankle outside the picture."""
        body = Body(figure(missing=("left_ankle",)))
        Ground().note(body, 0.0)
        assert math.isnan(Rise()(body))


def test_one_pose_is_read_in_microseconds(figure):
    """Nothing of a signal is a numpy array: a watch reads several in every frame."""
    body = Body(figure())
    assert not any(isinstance(value, np.generic) for value in (ELBOW(body), body.torso))


def test_extra_keypoints_are_places_like_the_others() -> None:
    """Heels and fingers by side or by name; unknown to a model that does not find them."""
    keypoints = np.full((17, 3), 0.5, np.float32)
    keypoints[[11, 12], 0] = 0.7  # hips below the shoulders
    extra = np.zeros((16, 3), np.float32)
    extra[EXTRA_INDEX["left_heel"] - 17] = 0.9, 0.4, 0.8
    known = Body(Pose(keypoints, 0.9, (100, 100), extra=extra))
    without = Body(Pose(keypoints, 0.9, (100, 100)))
    heel = Height(place("heel", "left"), place("left_hip", "left"))
    assert heel(known) == pytest.approx(-1.0)
    assert math.isnan(heel(without))
    assert without.visibility([place("left_heel", "right")]) == 0.0
    assert math.isnan(Height(place("heel", "right"), place("hips", "right"))(known))
    assert known.at(place("heels", "left")) == pytest.approx((90.0, 40.0))
