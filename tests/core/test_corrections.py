"""Corrections: what people are asked to do about limbs that are off."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edgepose.core import matching
from edgepose.core.matching import match
from edgepose.core.templates import Template, known_points, mirrored_points, teach
from edgepose.correction import ENGLISH, Correction
from edgepose.definitions import template_file
from edgepose.skeleton import INDEX, LIMBS
from edgepose.sources.synthetic.motion import pose_at
from edgepose.types import Pose
from tests.core.conftest import STANDING

SHIPPED = Path(__file__).parents[2] / "configs" / "templates"
NARROW = {"shoulders": 0.15}


def said(taught: Pose, shown: Pose, **tolerances) -> list[str]:
    """Return what somebody who shows one pose is asked to do by the template of another."""
    return [one.text() for one in match(teach("t", [taught], **tolerances), shown).explain()]


def test_a_pose_that_is_seen_half_turned_leans_forward():
    """A squat from the corner of the room: nobody who faces it should lean to their side."""
    squat = template_file.load(SHIPPED / "squat.yaml")
    stands = pose_at("stand", 0.0, (480, 640))
    for points in squat.points:
        half_turned = Template("squat", points[None], mirror=True)
        asked = [one.action for one in match(half_turned, stands).explain()]
        assert not {"lean_left", "lean_right"} & set(asked), asked


def from_behind(limbs: dict[str, float]) -> dict[str, float]:
    """Return the angles of limbs as they look from the person's other side."""
    turned = {limb: 180.0 - angle for limb, angle in {**STANDING, **limbs}.items()}
    return {limb: (angle + 180.0) % 360.0 - 180.0 for limb, angle in turned.items()}


def both(**angles: float) -> dict[str, float]:
    """Return limbs of the left side, and the same of the right."""
    mirrored = {f"right_{limb}": 180.0 - angle for limb, angle in angles.items()}
    return {f"left_{limb}": angle for limb, angle in angles.items()} | mirrored


OUT = {"left_upper_arm": 0.0, "left_forearm": 0.0}
UP = {"left_upper_arm": 85.0, "left_forearm": 85.0}
RIGHT_OUT = {"right_upper_arm": 180.0, "right_forearm": 180.0}
HAND_UP = {"left_upper_arm": 0.0, "left_forearm": 90.0}
BENT = {"left_thigh": -20.0, "left_shin": -110.0}
LEANING = {"left_side": -117.0, "right_side": -113.0}  # to the person's left
SLOPING = {"shoulders": 205.0}  # the left one higher

ALL_LIMBS = [
    ("left arm up", {}, UP, ["raise your left arm"]),
    ("left arm down", UP, {}, ["lower your left arm"]),
    ("left arm out", {}, OUT, ["raise your left arm"]),
    ("left arm a little out", {}, {"left_upper_arm": -55.0, "left_forearm": -57.0},
     ["move your left arm out to the side"]),
    ("left arm in", {"left_upper_arm": -55.0, "left_forearm": -57.0}, {},
     ["bring your left arm in"]),
    ("right arm out", {}, RIGHT_OUT, ["raise your right arm"]),
    ("right arm down", RIGHT_OUT, {}, ["lower your right arm"]),
    ("arms out, wanted in an arc above the head", both(upper_arm=0.0, forearm=0.0),
     both(upper_arm=40.0, forearm=118.0), ["raise your arms"]),
    ("both arms", {}, both(upper_arm=80.0, forearm=85.0), ["raise your arms"]),
    ("left upper arm up", {}, {"left_upper_arm": -25.0}, ["raise your left elbow"]),
    ("left upper arm down", {**OUT, "left_upper_arm": -25.0, "left_forearm": -85.0},
     {"left_upper_arm": -80.0}, ["lower your left elbow"]),
    ("right upper arm up", {}, {"right_upper_arm": 205.0}, ["raise your right elbow"]),
    ("left elbow straight", HAND_UP, OUT, ["straighten your left elbow"]),
    ("left elbow bent", OUT, HAND_UP, ["bend your left elbow"]),
    ("right elbow bent", RIGHT_OUT, {"right_upper_arm": 180.0, "right_forearm": 90.0},
     ["bend your right elbow"]),
    ("left hand up", {"left_upper_arm": 0.0, "left_forearm": -90.0}, HAND_UP,
     ["raise your left hand"]),
    ("right hand down", {"right_upper_arm": 180.0, "right_forearm": 90.0},
     {"right_upper_arm": 180.0, "right_forearm": -90.0}, ["lower your right hand"]),
    ("hands on hips", {}, both(upper_arm=-45.0, forearm=-150.0), ["bend your elbows"]),
    ("feet apart", {}, both(thigh=-62.0, shin=-62.0), ["stand wider"]),
    ("feet together", both(thigh=-62.0, shin=-62.0), {}, ["bring your feet together"]),
    ("left leg out", {}, {"left_thigh": -62.0, "left_shin": -62.0},
     ["move your left foot out to the side"]),
    ("right leg out", {}, {"right_thigh": -118.0, "right_shin": -118.0},
     ["move your right foot out to the side"]),
    ("left leg up", {}, {"left_thigh": -40.0, "left_shin": -40.0}, ["raise your left leg"]),
    ("right leg down", {"right_thigh": -140.0, "right_shin": -140.0}, {},
     ["lower your right leg"]),
    ("left thigh", {}, {"left_thigh": -55.0}, ["bend your left knee"]),
    ("right thigh", {"right_thigh": -125.0}, {}, ["straighten your right knee"]),
    ("left knee up", {}, BENT, ["raise your left knee"]),
    ("left knee down", BENT, {}, ["lower your left leg"]),
    ("squat", {}, both(thigh=-30.0, shin=-95.0), ["bend your knees"]),
    ("stand from squat", both(thigh=-30.0, shin=-95.0), {}, ["straighten your knees"]),
    ("left shin", {}, {"left_shin": -130.0}, ["bend your left knee"]),
    ("right shin", {"right_shin": -50.0}, {}, ["straighten your right knee"]),
    ("left side", {}, LEANING, ["lean to your left"]),
    ("right side", {}, {"left_side": -67.0, "right_side": -63.0}, ["lean to your right"]),
    ("stand up straight", LEANING, {}, ["straighten your back"]),
    ("shoulders level", SLOPING, {}, ["level your shoulders"]),
    ("shoulders slope", {}, SLOPING, ["raise your left shoulder"]),
]  # fmt: skip


@pytest.mark.parametrize("is_behind", [False, True], ids=["front", "behind"])
@pytest.mark.parametrize(
    ("shown", "taught", "words"), [row[1:] for row in ALL_LIMBS], ids=[row[0] for row in ALL_LIMBS]
)
def test_every_limb_is_sent_the_right_way(figure, shown, taught, words, is_behind):
    """In the person's own terms, so the words are the same from the front and from behind."""
    if is_behind:
        shown, taught = from_behind(shown), from_behind(taught)
    assert said(figure(**taught), figure(**shown)) == words


IN_PROFILE = [
    ("arms forward", {}, {"upper_arm": 0.0, "forearm": 0.0}, ["raise your arms"]),
    ("arms a little forward", {}, {"upper_arm": -60.0, "forearm": -60.0},
     ["move your arms forward"]),
    ("arms a little back", {"upper_arm": -60.0, "forearm": -60.0}, {}, ["move your arms back"]),
    ("forward bend", {}, {"side": -160.0}, ["lean forward"]),
    ("stand up straight", {"side": -160.0}, {}, ["straighten your back"]),
    ("squat", {}, {"thigh": -5.0, "shin": -105.0}, ["bend your knees"]),
    ("lie down", {}, {"side": -175.0, "thigh": -175.0, "shin": -175.0}, ["lie down"]),
    ("get up", {"side": -175.0, "thigh": -175.0, "shin": -175.0}, {}, ["get up"]),
]  # fmt: skip


def profile(figure, looks_left: bool = False, **limbs: float) -> Pose:
    """Return somebody seen from the side, who looks to the picture's right, or left."""
    base = {"side": -90.0, "upper_arm": -90.0, "forearm": -90.0, "thigh": -90.0, "shin": -90.0}
    angles = {f"{side}_{limb}": angle for limb, angle in {**base, **limbs}.items()
              for side in ("left", "right")}  # fmt: skip
    if looks_left:
        angles = {limb: 180.0 - angle for limb, angle in angles.items()}
    pose = figure(longer=NARROW, **angles)
    shoulder, hip = (pose.keypoints[INDEX[f"left_{part}"], :2] for part in ("shoulder", "hip"))
    up = shoulder - hip
    ahead = np.array([-up[1], up[0]]) if looks_left else np.array([up[1], -up[0]])
    pose.keypoints[0, :2] = shoulder + 0.4 * up + 0.3 * ahead
    return pose


@pytest.mark.parametrize("looks_left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize(
    ("shown", "taught", "words"), [row[1:] for row in IN_PROFILE], ids=[r[0] for r in IN_PROFILE]
)
def test_a_profile_has_a_front_and_a_back_instead_of_sides(
    figure, shown, taught, words, looks_left
):
    """Whichever way the person looks; nothing is "out" or "in" there."""
    wanted, person = (profile(figure, looks_left, **limbs) for limbs in (taught, shown))
    assert said(wanted, person) == words


class TestFacing:
    """Somebody who stands the wrong way round."""

    def test_who_is_turned_around_turns_first(self, figure):
        """Nothing else makes sense before."""
        assert said(figure(**OUT), figure(**from_behind({}))) == ["turn to face me"]
        assert said(figure(**from_behind(OUT)), figure()) == ["turn your back to me"]

    def test_a_profile_turns_to_face(self, figure):
        """Arms that go sideways can't be seen from the side."""
        taught = teach("t", [figure(**OUT)])
        assert [one.text() for one in match(taught, profile(figure)).explain()] == [
            "turn to face me"
        ]

    @pytest.mark.parametrize(
        ("looks_left", "words"), [(True, "turn to your right"), (False, "turn to your left")]
    )
    def test_who_faces_the_camera_turns_into_a_profile(self, figure, looks_left, words):
        """To the picture's left is to the own right."""
        taught = profile(figure, looks_left, upper_arm=0.0, forearm=0.0)
        assert said(taught, figure()) == [words]

    def test_a_profile_that_looks_the_other_way_turns_around(self, figure):
        """Both are seen from the side, so the shoulders say nothing."""
        taught = profile(figure, looks_left=True, upper_arm=0.0, forearm=0.0)
        assert said(taught, profile(figure)) == ["turn around"]

    def test_ignored_shoulders_may_be_turned(self, figure):
        """A template without them does not mind."""
        ignored = frozenset({"shoulders", "hips", "left_side", "right_side"})
        found = said(figure(**OUT), figure(**from_behind({})), ignore=ignored)
        assert "turn to face me" not in found


def test_who_has_raised_the_trunk_alone_lies_already(figure):
    """A cobra that is too high: nobody is asked to lie down who does."""
    flat = {"thigh": -175.0, "shin": -175.0}
    found = said(
        profile(figure, side=-150.0, **flat), profile(figure, side=-100.0, upper_arm=-80.0, **flat)
    )
    assert found == ["lean forward"]


class TestCutOff:
    """Somebody of whom the picture shows a part."""

    def test_who_stands_too_near_steps_back(self, figure):
        """Their legs go on below the picture."""
        near = figure(at=(600.0, 560.0), height=1200.0,
                      missing=("left_knee", "right_knee", "left_ankle", "right_ankle"))  # fmt: skip
        assert said(figure(**OUT), near) == ["step back until I see your feet"]

    def test_a_table_before_the_legs_is_no_reason_to_step_back(self, figure):
        """The body ends in the middle of the picture."""
        seated = figure(missing=("left_knee", "right_knee", "left_ankle", "right_ankle"))
        assert said(figure(**OUT), seated) == ["raise your left arm"]

    def test_an_arm_without_a_hand_is_an_arm(self, figure):
        """The wrist is not seen: what there is of the arm says where it must go."""
        assert said(figure(**OUT), figure(missing=("left_wrist",))) == ["raise your left arm"]


class TestLength:
    """A limb that points right and looks too long or too short."""

    def test_a_forearm_that_looks_long_is_bent(self, figure):
        """Three times as long as taught."""
        assert said(figure(), figure(longer={"left_forearm": 8.0})) == ["bend your left elbow"]

    def test_thighs_that_look_short_are_straightened(self, figure):
        """Of both legs, in one sentence."""
        short = {"left_thigh": 0.05, "right_thigh": 0.05}
        found = said(figure(), figure(longer=short), size_deviation=0.6)
        assert found == ["straighten your knees"]


@pytest.fixture(scope="module")
def chances(figure) -> list[tuple[Template, Pose]]:
    """Return pairs of poses made at random, tolerances as in a file."""
    random = np.random.default_rng(4)
    names = [limb.name for limb in LIMBS]
    poses = [
        figure(**dict(zip(names, random.uniform(-180, 180, len(names)), strict=True)))
        for _ in range(120)
    ]
    return [(teach("t", [one]), other) for one, other in zip(poses[::2], poses[1::2], strict=True)]


def test_nothing_is_said_twice_and_nothing_contradicts(chances):
    """Each limb is in one sentence at most, and each body part too, for any two poses."""
    for template, pose in chances:
        found = match(template, pose).explain()
        assert max(Counter(limb for one in found for limb in one.limbs).values(), default=0) <= 1
        assert len({one.part or one.action for one in found}) == len(found)
        assert len({one.text() for one in found}) == len(found)


def test_mirrored_poses_have_mirrored_words(figure, chances):
    """What is left becomes right, and nothing else changes."""
    swap = {"left": "right", "right": "left"}
    for template, pose in chances:
        mirrored = dataclasses.replace(template, points=mirrored_points(template.points))
        keypoints = pose.keypoints.copy()
        keypoints[:, :2] = mirrored_points(known_points(pose)) / pose.size
        keypoints[:, 1] += 1  # back into the picture
        other = dataclasses.replace(pose, keypoints=keypoints)
        there = {one.text() for one in match(template, pose).explain()}
        back = {" ".join(swap.get(word, word) for word in one.text().split())
                for one in match(mirrored, other).explain()}  # fmt: skip
        assert there == back


def test_words_are_made_only_when_they_are_read(figure, monkeypatch):
    """A frame that nobody comments on costs nothing."""
    monkeypatch.setattr(matching, "corrections", lambda _: pytest.fail("nobody asked"))
    found = match(teach("t", [figure(**OUT)]), figure())
    assert found.states.any()


def test_every_key_has_words():
    """An action that needs a part has a place for it, and no text has degrees."""
    assert not [text for text in ENGLISH.values() if "°" in text]
    assert Correction("raise", "left_arm").text() == "raise your left arm"
    assert Correction("raise", "arms").text({"raise": "hebe {part}", "arms": "die Arme"}) == (
        "hebe die Arme"
    )
