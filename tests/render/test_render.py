"""What the overlay puts on the picture, pixel by pixel."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from edgepose.correction import Correction
from edgepose.render import Palette, Renderer, Style
from edgepose.render.figure import Figure, head_radius, swing
from edgepose.render.renderer import Placement
from edgepose.render.sprites import blend, tinted
from edgepose.render.strokes import stroke
from edgepose.render.style import rgb
from edgepose.render.text import Typesetter
from edgepose.skeleton import INDEX, KEYPOINTS, LIMB_INDEX, NUM_LIMBS
from edgepose.types import (
    DEVIATED,
    OK,
    UNKNOWN,
    Event,
    Frame,
    Match,
    Pose,
    Scene,
    Size,
    WatchState,
    blank_frame,
)

MATCHING, DEVIATING, MUTED, PLAIN = (
    rgb(colour) for colour in (Palette().matching, Palette().deviating, Palette().unknown,
                               Palette().plain)
)  # fmt: skip
SIZE = (480, 640)

STANDING = {
    "nose": (0.20, 0.50), "left_eye": (0.18, 0.52), "right_eye": (0.18, 0.48),
    "left_ear": (0.19, 0.54), "right_ear": (0.19, 0.46),
    "left_shoulder": (0.32, 0.58), "right_shoulder": (0.32, 0.42),
    "left_elbow": (0.46, 0.62), "right_elbow": (0.46, 0.38),
    "left_wrist": (0.60, 0.64), "right_wrist": (0.60, 0.36),
    "left_hip": (0.60, 0.55), "right_hip": (0.60, 0.45),
    "left_knee": (0.75, 0.56), "right_knee": (0.75, 0.44),
    "left_ankle": (0.90, 0.56), "right_ankle": (0.90, 0.44),
}  # fmt: skip


def standing(size: Size = SIZE, score: float = 0.9, person: int = 1) -> Pose:
    """Return somebody who stands in the middle, the person's left on the picture's right."""
    keypoints = np.array([(*STANDING[name], score) for name in KEYPOINTS], np.float32)
    return Pose(keypoints, score, size, person)


def compared(degrees: float = 25.0, **states: int) -> Match:
    """Return a match in which limbs are OK but for those named."""
    limbs = np.full(NUM_LIMBS, OK, np.int8)
    for name, state in states.items():
        limbs[LIMB_INDEX[name]] = state
    turns = np.where(limbs == DEVIATED, degrees, 0.0).astype(np.float32)
    off = [name for name, state in states.items() if state == DEVIATED]
    asked = tuple(Correction("raise", "left_arm", (name,), degrees) for name in off)
    return Match("arms_up", 0.7, limbs, turns, np.zeros(NUM_LIMBS, np.float32), lambda: asked)


def watching(match: Match | None, **changes: Any) -> WatchState:
    """Return a watch of person 1."""
    return replace(WatchState("arms up", "holding", 0.7, 0.5, 1.0, 2, 1, lambda: match), **changes)


def scene(*poses: Pose, watches: tuple[WatchState, ...] = (), **changes: Any) -> Scene:
    """Return a scene on a grey picture."""
    frame = Frame(np.full((*SIZE, 3), 90, np.uint8), 1.0, 0)
    return replace(Scene(frame, poses, poses, watches), **changes)


def middle(limb: str, pose: Pose, mirror: bool = False) -> tuple[int, int]:
    """Return the (y, x) pixel in the middle of a limb."""
    from edgepose.skeleton import LIMBS

    ends = LIMBS[LIMB_INDEX[limb]]
    y, x = pose.keypoints[[ends.start, ends.end], :2].mean(0)
    return int(y * SIZE[0]), int((1 - x if mirror else x) * SIZE[1])


def near(pixel: Any, colour: tuple[int, int, int], within: int = 6) -> bool:
    """Return whether a pixel has a colour."""
    return bool(np.abs(pixel.astype(int) - colour).max() <= within)


def count_of(image: Any, colour: tuple[int, int, int]) -> int:
    """Return how many pixels have a colour, nearly."""
    return int((np.abs(image.astype(int) - colour).max(2) <= 6).sum())


# People


def test_a_limb_has_the_colour_of_its_match():
    """In the middle, a matching limb, one that is off and an unknown one show their colours."""
    pose = standing()
    match = compared(left_forearm=DEVIATED, right_thigh=UNKNOWN)

    image = Renderer().draw(scene(pose, watches=(watching(match),)))

    assert near(image[middle("right_upper_arm", pose)], MATCHING)
    assert near(image[middle("left_forearm", pose)], DEVIATING)
    assert near(image[middle("right_thigh", pose)], MUTED)


def test_colours_can_be_chosen():
    """The palette of the configuration is what is drawn."""
    palette = Palette.model_validate({"matching": "#00ff00", "deviating": "#0000ff"})
    pose = standing()

    image = Renderer(Style.model_validate({"palette": palette.model_dump()})).draw(
        scene(pose, watches=(watching(compared(left_shin=DEVIATED)),))
    )

    assert near(image[middle("right_shin", pose)], (0, 255, 0))
    assert near(image[middle("left_shin", pose)], (0, 0, 255))


def test_people_can_be_drawn_without_words():
    """For a page that writes scores and advice itself: limbs only, in the colours of the match."""
    person, match = standing(), compared(left_forearm=DEVIATED)
    watches = (watching(match),)
    bare = Renderer().draw_people(scene(person, watches=watches, stats={"fps": 30.0}))

    assert (bare[:60, :200] == scene(person).frame.image[:60, :200]).all()
    assert (bare != Renderer().draw(scene(person, watches=watches))).any()
    assert near(bare[middle("left_forearm", person)], rgb(Palette().deviating))


def test_an_unknown_limb_is_thinner():
    """Unknown is told from the others by its width too, not by its colour alone."""
    pose = standing()

    image = Renderer().draw(scene(pose, watches=(watching(compared(left_thigh=UNKNOWN)),)))

    y, x = middle("left_thigh", pose)
    unknown = count_of(image[y : y + 1, x - 30 : x + 30], MUTED)
    y, x = middle("right_thigh", pose)
    matching = count_of(image[y : y + 1, x - 30 : x + 30], MATCHING)
    assert 0 < unknown < matching


def test_people_without_a_watch_are_plain():
    """Nobody compares them, so they are neither right nor wrong."""
    pose = standing()

    image = Renderer().draw(scene(pose))

    assert near(image[middle("left_thigh", pose)], PLAIN)


def test_each_person_has_the_colours_of_their_own_watch():
    """A watch of person 1 doesn't colour person 2."""
    first, second = standing(person=1), standing(person=2)
    second.keypoints[:, 1] -= 0.3

    image = Renderer().draw(scene(first, second, watches=(watching(compared()),)))

    assert near(image[middle("left_shin", first)], MATCHING)
    assert near(image[middle("left_shin", second)], PLAIN)


def test_two_people_at_a_pose_have_their_own_limbs_coloured():
    """Each by their own comparison; a bystander, who has no part in it, stays plain."""
    people = [standing(person=number) for number in (1, 2, 3)]
    for pose, shift in zip(people, (0.0, -0.3, 0.3), strict=True):
        pose.keypoints[:, 1] += shift
    off = watching(compared(left_shin=DEVIATED), person=2)
    idle = watching(compared(left_shin=DEVIATED), person=3, phase="idle", score=0.4)
    watch = watching(compared(), others=(off, idle))

    image = Renderer().draw(scene(*people, watches=(watch,)))

    colours = [image[middle("left_shin", pose)] for pose in people]
    assert near(colours[0], MATCHING)
    assert near(colours[1], DEVIATING)
    assert near(colours[2], PLAIN)


@pytest.mark.parametrize("score", [0.0, 0.1, math.nan])
def test_keypoints_that_were_not_found_are_not_drawn(score: float):
    """Score 0, a score below min_score and NaN leave no mark, and no limb to them either."""
    pose = standing()
    pose.keypoints[INDEX["left_wrist"], 2] = score

    image = Renderer().draw(scene(pose))

    plain = Renderer().draw(scene())
    y, x = (int(v) for v in pose.pixels[INDEX["left_wrist"], :2])
    patch = np.s_[y - 6 : y + 6, x - 6 : x + 6]
    np.testing.assert_array_equal(image[patch], plain[patch])
    assert not near(image[middle("left_forearm", pose)], PLAIN, 60)
    assert near(image[middle("left_upper_arm", pose)], PLAIN)


def test_nobody_leaves_the_picture_as_it_is():
    """Without people, watches and figures there is nothing to draw."""
    source = scene()
    absent = scene(standing(score=0.0))

    np.testing.assert_array_equal(Renderer().draw(source), source.frame.image)
    np.testing.assert_array_equal(Renderer().draw(absent), source.frame.image)


def test_the_frame_is_never_written_to():
    """The picture is new; a frame that can't be written can be drawn."""
    source = scene(standing(), watches=(watching(compared(left_shin=DEVIATED)),))
    before = source.frame.image.copy()
    source.frame.image.setflags(write=False)

    image = Renderer().draw(source)

    assert not np.shares_memory(image, source.frame.image)
    np.testing.assert_array_equal(source.frame.image, before)


def test_a_limb_that_leaves_the_picture_is_drawn_up_to_its_edge():
    """A keypoint outside the frame still gives its limb a direction."""
    pose = standing()
    pose.keypoints[INDEX["left_wrist"], :2] = (0.46, 1.4)

    image = Renderer().draw(scene(pose))

    assert near(image[int(0.46 * SIZE[0]), SIZE[1] - 1], PLAIN)


def test_lines_move_by_fractions_of_a_pixel():
    """A quarter of a pixel makes a difference, so slow motion has no steps."""
    images = [np.zeros((40, 40, 3), np.uint8) for _ in range(3)]

    for image, x in zip(images, (20.0, 20.25, 20.5), strict=True):
        stroke(image, [np.array([[x, 5.0], [x, 35.0]])], (255, 255, 255), 5)

    centres = [(image[20, :, 0] @ np.arange(40)) / image[20, :, 0].sum() for image in images]
    assert centres == sorted(set(centres))


def test_a_pose_that_is_held_glows():
    """While the watch is active, the picture around limbs that match is brighter."""
    pose = standing()
    watch = watching(compared())

    dark, bright = (
        Renderer().draw(scene(pose, watches=(replace(watch, phase=phase),)))
        for phase in ("holding", "active")
    )

    y, x = middle("left_thigh", pose)
    assert int(dark[y, x + 9, 0]) < 90 < int(bright[y, x + 9, 0])


def test_points_far_outside_are_drawn_towards():
    """A keypoint a million pictures away still gives a limb, and no overflow."""
    pose = standing()
    pose.keypoints[INDEX["left_wrist"], :2] = (0.46, 1e30)

    image = Renderer().draw(scene(pose))

    assert near(image[int(0.46 * SIZE[0]), SIZE[1] - 1], PLAIN)


@given(
    arrays.arrays(
        np.float32,
        (17, 3),
        elements=st.one_of(
            st.floats(-(2.0**100), 2.0**100, width=32), st.floats(0, 1, width=32),
            st.just(math.nan), st.just(math.inf), st.just(0.0),
        ),
    ),
    st.sampled_from([(1, 1), (1, 50), (2, 2), (37, 3), (97, 131)]),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_any_keypoints_can_be_drawn_on_any_size(keypoints: Any, size: Size, mirror: bool):
    """Points far outside, NaN, infinity, and pictures of one pixel: never an error."""
    pose = Pose(keypoints, 0.5, size, 1)
    match = compared(left_forearm=DEVIATED, hips=UNKNOWN)
    watches = (watching(match), watching(None), watching(match, phase="active"))
    events = (Event("1", "start", "x", "d", 0.0, 0.0),)
    source = Scene(blank_frame(size, 0.0, 0), (pose,), (), watches, events, stats={"fps": 30.0})

    image = Renderer(Style.model_validate({"mirror": mirror})).draw(source)

    assert image.shape == (*size, 3)
    assert image.dtype == np.uint8


# What is off


def test_an_arrow_shows_where_a_limb_should_go():
    """The arm that must turn counter-clockwise as seen has white where it should swing to."""
    pose = standing()
    watches = (watching(compared(40.0, left_upper_arm=DEVIATED)),)

    image = Renderer().draw(scene(pose, watches=watches))

    shoulder, elbow = pose.pixels[[INDEX["left_shoulder"], INDEX["left_elbow"]], 1::-1]
    x, y = swing(shoulder, elbow, 40.0)[3]
    assert near(image[int(y), int(x)], (255, 255, 255), 40)


def test_a_turn_is_counter_clockwise_as_seen():
    """A limb that points right and turns by 90 degrees points up, where rows are small."""
    arc = swing(np.array([10.0, 10.0]), np.array([14.0, 10.0]), 90.0)

    np.testing.assert_allclose(arc[0], (14, 10), atol=1e-9)
    np.testing.assert_allclose(arc[-1], (10, 6), atol=1e-9)


@pytest.mark.parametrize("pose", ["profile", "bent", "front"])
def test_the_head_ring_takes_in_every_keypoint_of_the_face(pose: str):
    """From the front, in profile and bent over, no keypoint of the face is outside the ring."""
    points = standing().pixels[:, 1::-1].astype(float)
    if pose == "profile":
        points[:, 0] = 320 + (points[:, 0] - 320) * 0.1
    if pose == "bent":
        points[11:13, 1] = points[5:7, 1] + 3
        points[5:13, 0] = 320
    figure = Figure(points, np.ones(17, bool))

    away = np.hypot(*(points[:5] - points[:5].mean(0)).T).max()
    assert head_radius(figure) > away
    assert head_radius(figure) > 10


def test_advice_is_shown_until_the_pose_is_reached():
    """Words for limbs that are off stand low in the middle; an active watch shows its name."""
    low = np.s_[SIZE[0] - 90 :, 200:440]
    off = watching(compared(left_forearm=DEVIATED))
    quiet = Renderer().draw(scene(watches=(watching(compared()),)))

    advised = Renderer().draw(scene(watches=(off,)))
    active = Renderer().draw(scene(watches=(replace(off, phase="active"),)))

    assert (quiet[low] == 90).all()
    assert count_of(advised[low], (255, 255, 255)) > 20
    assert count_of(active[low], MATCHING) > 1000


# Cards, figures, flash


def ring_pixels(progress: float) -> int:
    """Return how many pixels of the hold ring are lit."""
    watch = watching(compared(), held=progress, hold=1.0, count=0)
    return count_of(Renderer().draw(scene(watches=(watch,)))[:110, :110], MATCHING)


def test_the_ring_grows_with_the_hold():
    """Half of the hold lights half of the ring."""
    lit = [ring_pixels(progress) for progress in (0.0, 0.25, 0.5, 0.75, 1.0)]

    assert lit[0] == 0
    assert lit == sorted(set(lit))
    assert lit[2] / lit[4] == pytest.approx(0.5, abs=0.08)
    assert lit[4] == pytest.approx(math.pi * 50 * 6, rel=0.15)  # a ring of 56 pixels, 6 wide


def test_the_ring_runs_clockwise_from_the_top():
    """At a quarter, the upper right of the ring is lit and the lower left is not."""
    watch = watching(compared(), held=0.25, hold=1.0, count=0)

    image = Renderer().draw(scene(watches=(watch,)))

    card = image[13 : 13 + 75, 13 : 13 + 75]
    assert count_of(card[:37, 37:], MATCHING) > 30
    assert count_of(card[37:, :37], MATCHING) == 0


def test_an_active_watch_has_a_full_disc():
    """What has fired and is still held can be seen from across the street."""
    active = Renderer().draw(scene(watches=(watching(compared(), phase="active", count=0),)))

    assert count_of(active[:110, :110], MATCHING) > 1.5 * ring_pixels(1.0)


def test_more_watches_than_fit_show_the_best():
    """The active watch is on screen even if it is the last of many."""
    idle = tuple(watching(None, name=f"w{i}", phase="idle", count=0) for i in range(40))
    active = watching(compared(), phase="active", count=0)

    image = Renderer().draw(scene(watches=(*idle, active)))

    assert count_of(image[: SIZE[0] // 2 + 40, :110], MATCHING) > 100
    assert (image[SIZE[0] * 2 // 3 : SIZE[0] - 90, :100] == 90).all()


def test_a_long_name_leaves_room():
    """A name never runs over the picture's right edge, whatever somebody typed."""
    watch = watching(compared(), name="somebody typed a whole story here " * 20)

    image = Renderer().draw(scene(watches=(watch,)))

    assert (image[:, SIZE[1] * 2 // 3 :] == 90).all()


def test_figures_are_small_and_can_be_left_out():
    """Frames a second and latency stand in the upper right corner, unless turned off."""
    stats = {"fps": 29.7, "latency_ms": 41.0, "other": 7.0}

    shown = Renderer().draw(scene(stats=stats))
    hidden = Renderer(Style.model_validate({"stats": False})).draw(scene(stats=stats))
    unknown = Renderer().draw(scene(stats={"fps": math.nan, "latency_ms": 0.0}))

    assert (shown[:60, -200:] != 90).any()
    assert (shown[60:] == 90).all()
    assert (hidden == 90).all()
    assert (unknown == 90).all()


def at(time: float, *events: Event) -> Scene:
    """Return an empty scene at a time."""
    frame = Frame(np.full((*SIZE, 3), 90, np.uint8), time, 0)
    return Scene(frame, events=events)


def start(time: float, kind: str = "start") -> Event:
    """Return an event."""
    return Event("1", kind, "arms up", "lobby", 0.0, time)


def test_an_event_lights_the_edges_and_fades():
    """The glow is strongest at the event, fades with the frames' time and is gone after it."""
    renderer = Renderer()

    images = [renderer.draw(s) for s in (at(5.0, start(5.0)), at(5.3), at(5.7), at(9.0))]

    reds = [int(image[SIZE[0] // 2, 0, 0]) for image in images]
    assert reds[0] > reds[1] > 90
    assert reds[2:] == [90, 90]
    assert (images[2] == 90).all()  # no tick on a picture of somebody who has left the pose
    assert (images[3] == 90).all()


def test_the_end_of_a_pose_is_not_cheered():
    """Only what was achieved is announced: `end` and `update` are not."""
    image = Renderer().draw(at(5.0, start(5.0, "end"), start(5.0, "update")))

    assert (image == 90).all()


def test_time_that_goes_back_ends_the_flash():
    """A source that starts again doesn't show an event of the future."""
    renderer = Renderer()
    renderer.draw(at(50.0, start(50.0)))

    assert (renderer.draw(at(0.1)) == 90).all()


# Placement, mirror, privacy


def test_mirror_flips_the_picture_and_people_but_not_text():
    """What was left is right, and every letter stays where and as it was."""
    mirrored = Renderer(Style.model_validate({"mirror": True}))
    picture = np.zeros((*SIZE, 3), np.uint8)
    picture[:, :200] = 120
    pose, frame = standing(), Frame(picture, 1.0, 0)
    match = compared(left_forearm=DEVIATED)

    image = mirrored.draw(scene(pose, frame=frame, watches=(watching(match),)))

    assert near(image[middle("left_forearm", pose, mirror=True)], DEVIATING)
    assert (image[300, 460:] == 120).all()
    np.testing.assert_array_equal(
        mirrored.draw(scene(watches=(watching(match),), stats={"fps": 30.0})),
        Renderer().draw(scene(watches=(watching(match),), stats={"fps": 30.0})),
    )


def test_mirror_turns_arrows_the_other_way():
    """The figure with its arrows is the exact mirror image, up to how lines round."""
    pose = standing()
    watches = (watching(compared(40.0, left_upper_arm=DEVIATED), count=0),)
    style = Style.model_validate({"mirror": True})

    plain = Renderer().draw(scene(pose, watches=watches))
    mirrored = Renderer(style).draw(scene(pose, watches=watches))

    body = np.s_[150:330, 120:520]
    difference = np.abs(plain[:, ::-1][body].astype(int) - mirrored[body])
    assert np.percentile(difference, 99) < 60
    assert difference.mean() < 2


def test_black_background_shows_nothing_of_the_camera():
    """Two different pictures give the same image when only people are to be seen."""
    private = Renderer(Style.model_validate({"background": "black"}))
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 255, (*SIZE, 3), np.uint8) for _ in range(2)]

    first, second = (
        private.draw(scene(standing(), frame=Frame(picture, 1.0, 0))) for picture in pictures
    )

    np.testing.assert_array_equal(first, second)
    assert count_of(first, PLAIN) > 500


def test_a_size_fits_the_picture_in_and_people_on_it():
    """A screen of other proportions gets black bars, and limbs lie where the picture is."""
    white = Frame(np.full((*SIZE, 3), 200, np.uint8), 1.0, 0)

    image = Renderer().draw(scene(standing(), frame=white), (480, 1000))

    assert image.shape == (480, 1000, 3)
    assert (image[:, :180] == 0).all()
    assert (image[:, -180:] == 0).all()
    assert (image[5, 180:820] == 200).all()
    y, x = middle("left_thigh", standing())
    assert near(image[y, x + 180], PLAIN)


@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
)
def test_the_picture_always_lies_inside_the_canvas(picture: Size, canvas: Size):
    """Whatever the proportions, the placement is at least a pixel and never hangs over."""
    placed = Placement.fit(picture, canvas)

    assert placed.y >= 0 < placed.height <= canvas[0] - placed.y
    assert placed.x >= 0 < placed.width <= canvas[1] - placed.x
    assert placed.height == canvas[0] or placed.width == canvas[1]


def test_a_recording_without_pictures_can_be_drawn_at_any_size():
    """A blank frame takes no memory, and scaling and mirroring it works."""
    source = Scene(blank_frame((720, 1280), 0.0, 0), (standing((720, 1280)),))

    image = Renderer(Style.model_validate({"mirror": True})).draw(source, (240, 320))

    assert image.shape == (240, 320, 3)
    assert count_of(image, PLAIN) > 50


@pytest.mark.parametrize("size", [(480, 640), (720, 1280), (1080, 1920), (1920, 1080)])
def test_everything_grows_with_the_shorter_side(size: Size):
    """A card covers the same share of a small and of a large picture."""
    frame = Frame(np.zeros((*size, 3), np.uint8), 0.0, 0)
    watch = watching(compared(), phase="active", count=0)

    image = Renderer().draw(Scene(frame, watches=(watch,)))

    disc = count_of(image[: size[0] // 4, : size[1] // 2], MATCHING)
    assert disc / min(size) ** 2 == pytest.approx(0.0096, rel=0.15)


# Text and colours


def test_text_is_smooth_and_letters_of_many_scripts_differ():
    """Letters have soft edges, and umlauts, Greek and Cyrillic are not the same empty box."""
    setter = Typesetter()

    images = [setter.text(letter, 40, (255, 255, 255)).ink for letter in "AäñδЖ°✓"]

    levels = np.unique(images[0])
    assert len(levels) > 20
    assert len({image.tobytes() for image in images}) == len(images)


def test_numbers_keep_their_width():
    """Digits are as wide as each other, so that a score which changes doesn't jitter."""
    widths = {Typesetter().text(digit * 6, 40, (255, 255, 255)).size for digit in "0123456789"}

    assert max(w for _, w in widths) - min(w for _, w in widths) <= 1


def test_text_that_is_too_long_is_cut():
    """It ends with an ellipsis within the width; where nothing fits, nothing is drawn."""
    setter = Typesetter()

    assert setter.text("a" * 500, 30, (255, 255, 255), 200).size[1] <= 200
    assert setter.text("abc", 30, (255, 255, 255), 2).size[1] == 1


def test_odd_text_is_one_line():
    """Line breaks, tabs and control characters can't break the layout."""
    setter = Typesetter()
    plain = setter.text("a b", 30, (255, 255, 255))

    for words in ("a\nb", "a\tb", " a \x07 b\r\n"):
        np.testing.assert_array_equal(setter.text(words, 30, (255, 255, 255)).ink, plain.ink)
    assert setter.text("", 30, (255, 255, 255)).size[1] == 1


def test_text_is_rendered_once():
    """The same words in the same size come from memory."""
    setter = Typesetter()

    assert setter.text("fps", 20, (9, 9, 9)) is setter.text("fps", 20, (9, 9, 9))


def test_a_file_that_is_no_font_is_a_clear_error(tmp_path):
    """The message names the file and what it should be."""
    path = tmp_path / "font.ttf"
    path.write_text("no font")

    with pytest.raises(ValidationError, match=r"expected a TrueType or OpenType file.*font\.ttf"):
        Style.model_validate({"font": str(path)})


@pytest.mark.parametrize("colour", ["red", "#12345", "#gg0000", "", "#ff 000"])
def test_a_colour_is_checked(colour: str):
    """A colour that is none says how one is written."""
    with pytest.raises(ValidationError, match="expected a colour as '#rrggbb'"):
        Palette.model_validate({"matching": colour})


def test_pasting_blends_by_opacity_and_cuts_what_hangs_over():
    """Half opaque white over black is grey; outside the canvas nothing happens."""
    canvas = np.zeros((4, 4, 3), np.uint8)
    sprite = tinted(np.full((2, 2), 128, np.uint8), (255, 255, 255))

    blend(canvas, sprite, 3, 3)
    blend(canvas, sprite, -5, 0)
    blend(canvas, sprite.faded(0.5), -1, -1)

    assert canvas[3, 3].tolist() == [128] * 3
    assert canvas[0, 0].tolist() == [64] * 3
    assert canvas.sum() == 3 * (128 + 64)


# Machado, Oliveira and Fernandes: A Physiologically-based Model for Simulation of Color Vision
# Deficiency, 2009, severity 1.0, applied to linear RGB.
SEEN_BY = {
    "everybody": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopes": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopes": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopes": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def seen(colour: tuple[int, int, int], who: str) -> Any:
    """Return CIE L*a*b* of a colour as somebody sees it."""
    share = np.array(colour) / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(SEEN_BY[who]) @ linear, 0, 1)
    share = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(share.astype(np.float32)[None, None], cv2.COLOR_RGB2Lab)[0, 0]


@pytest.mark.parametrize("who", SEEN_BY)
def test_limb_states_stay_apart_for_colour_blind_eyes(who: str):
    """Matching, deviating and unknown differ by 30 and more (1 is the least one can tell)."""
    matching, deviating, unknown = (seen(c, who) for c in (MATCHING, DEVIATING, MUTED))

    assert np.linalg.norm(matching - deviating) > 50
    assert np.linalg.norm(matching - unknown) > 30
    assert np.linalg.norm(deviating - unknown) > 30


def test_the_card_of_an_exercise_has_its_repetitions():
    """A number beside its name reads as a count; how far one is, the ring shows."""
    card, number = (slice(10, 70), slice(10, 70)), (slice(28, 50), slice(28, 50))
    squats = WatchState("squats", kind="exercise", score=0.2)
    before, after = (
        Renderer().draw(scene(watches=(state,))) for state in (squats, replace(squats, score=0.7))
    )
    assert (before[card] != after[card]).any()
    assert (before[number] == after[number]).all()
    assert len(np.unique(before[number])) > 2  # there is one
