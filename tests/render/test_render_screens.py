"""What a screen shows beyond people: ghosts, invitations, degraded parts, and screens of text."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgepose.bench.parts import moving_person
from edgepose.core.matching import match
from edgepose.core.templates import teach
from edgepose.core.watches.movement import in_language
from edgepose.definitions import exercise_file, library
from edgepose.language import shipped_languages
from edgepose.outputs.base import Device
from edgepose.outputs.hdmi.painter import Painter
from edgepose.render import Invitation, Renderer, Style, draw_notice, draw_troubles
from edgepose.render.figure import Figure, ghost_lines
from edgepose.render.messages import TURN, chosen
from edgepose.render.text import Typesetter
from edgepose.skeleton import INDEX, LIMB_INDEX
from edgepose.types import Frame, Match, Pose, Scene, WatchState, blank_frame

SIZE = (480, 640)
ARMS = {
    "left_elbow": (0.15, 0.62), "left_wrist": (0.02, 0.62),
    "right_elbow": (0.15, 0.38), "right_wrist": (0.02, 0.38),
}  # fmt: skip


def person(**moved: tuple[float, float]) -> Pose:
    """Return somebody who stands, with keypoints moved to (y, x)."""
    pose = moving_person(1)[0]
    keypoints = pose.keypoints.copy()
    for name, place in moved.items():
        keypoints[INDEX[name], :2] = place
    return Pose(keypoints, 0.8, SIZE, 1)


def figure(pose: Pose, compared: Match | None, mirror: bool = False) -> Figure:
    """Return the figure of a pose on a canvas of the frame's size."""
    points = (pose.keypoints[:, 1::-1] * (SIZE[1], SIZE[0])).astype(np.float64)
    if mirror:
        points[:, 0] = SIZE[1] - points[:, 0]
    return Figure(points, pose.keypoints[:, 2] > 0, compared)


def standing_scene(**changes: Any) -> Scene:
    """Return a scene of somebody who should raise the arms."""
    pose = person()
    watch = WatchState("arms up", "holding", 0.8, person=1, compare=lambda: match(raised(), pose))
    frame = Frame(np.full((*SIZE, 3), 90, np.uint8), 1.0, 0)
    return replace(Scene(frame, (pose,), (pose,), (watch,)), **changes)


def raised() -> Any:
    """Return the template of raised arms."""
    return teach("arms up", [person(**ARMS)])


# Ghosts


@pytest.mark.parametrize("mirror", [False, True])
def test_a_ghost_s_limbs_have_the_template_s_angles(mirror: bool):
    """And the person's own lengths, joined where they meet, from the person's own shoulders."""
    pose, wanted = person(), raised()
    shown = figure(pose, match(wanted, pose), mirror)

    lines = ghost_lines(shown, mirror)

    assert len(lines) == 4
    arms = [LIMB_INDEX[f"{side}_{part}"] for side in ("left", "right")
            for part in ("upper_arm", "forearm")]  # fmt: skip
    ways = lines[:, 1] - lines[:, 0]
    angles = np.degrees(np.arctan2(-ways[:, 1], ways[:, 0] * (-1 if mirror else 1)))
    off = (angles - wanted.shape.angles[arms] + 180) % 360 - 180
    np.testing.assert_allclose(off, 0, atol=0.1)
    own = shown.lines[arms]
    np.testing.assert_allclose(np.hypot(*ways.T), np.hypot(*(own[:, 1] - own[:, 0]).T))
    np.testing.assert_allclose(lines[[1, 3], 0], lines[[0, 2], 1])
    np.testing.assert_allclose(lines[[0, 2], 0], own[[0, 2], 0])


def test_nothing_haunts_who_does_well():
    """Nor somebody who isn't compared."""
    pose = person(**ARMS)

    assert ghost_lines(figure(pose, match(raised(), pose)), False).shape == (0, 2, 2)
    assert ghost_lines(figure(pose, None), False).shape == (0, 2, 2)


def test_a_ghost_s_arm_ends_where_nothing_is_known():
    """Without a wrist the upper arm alone; without an elbow nothing."""
    pose = person()
    pose.keypoints[INDEX["left_wrist"], 2] = 0
    pose.keypoints[INDEX["right_elbow"], 2] = 0

    lines = ghost_lines(figure(pose, match(raised(), pose)), False)

    assert len(lines) == 1
    np.testing.assert_allclose(lines[0, 0], figure(pose, None).points[INDEX["left_shoulder"]])


def test_a_ghost_s_arm_ends_at_what_the_template_does_not_compare():
    """Without a forearm the upper arm alone, although the wrist is seen; without both nothing."""
    pose, whole = person(), raised()
    left, right = LIMB_INDEX["left_upper_arm"], LIMB_INDEX["right_upper_arm"]
    ignored = frozenset({"left_forearm", "right_upper_arm", "right_forearm"})

    shown = figure(pose, match(replace(whole, ignore=ignored), pose))
    lines = ghost_lines(shown, False)

    assert shown.limbs.all()
    assert len(lines) == 1
    np.testing.assert_allclose(lines[0], ghost_lines(figure(pose, match(whole, pose)), False)[0])
    np.testing.assert_allclose(lines[0, 0], shown.lines[left, 0])
    assert not np.isclose(lines[0, 0], shown.lines[right, 0]).all()


@pytest.mark.parametrize(
    "ignored", [{"left_upper_arm"}, {"left_upper_arm", "right_upper_arm", "right_forearm"}]
)
def test_a_forearm_haunts_nobody_without_its_upper_arm(ignored: set[str]):
    """It would hang in the air: the template does not say where the elbow should be."""
    pose, whole = person(), raised()

    lines = ghost_lines(figure(pose, match(replace(whole, ignore=frozenset(ignored)), pose)), False)

    alone = ghost_lines(figure(pose, match(whole, pose)), False)[2:]  # the right arm
    expected = alone if len(ignored) == 1 else np.empty((0, 2, 2))
    np.testing.assert_allclose(lines, expected)


def test_ghosts_are_drawn_when_asked_for():
    """Light where the arms should be, beside nothing else that differs."""
    plain, haunted = (
        Renderer(Style(ghost=ghost)).draw(standing_scene()).astype(int) for ghost in (False, True)
    )

    changed = (plain != haunted).any(axis=2)
    y, _ = np.nonzero(changed)
    shoulder = int(0.25 * SIZE[0])
    assert (y < shoulder).mean() > 0.8
    assert haunted[changed].mean() > plain[changed].mean() + 20


# Invitations


def invited(invitation: Invitation, time: float = 1.0, **style: Any) -> Any:
    """Return the picture of an invitation over grey."""
    frame = Frame(np.full((*SIZE, 3), 90, np.uint8), time, 0)
    renderer = Renderer(Style.model_validate(style))
    return renderer.invite(Scene(frame), (invitation,), (360, 640)).astype(int)


@given(st.integers(0, 3), st.floats(0.05, 40), st.floats(-500, 500))
def test_the_figure_fits_whatever_the_template_s_picture(turns: int, scale: float, shift: float):
    """Near or far, standing or lying, it stays clear of the edges and of the words."""
    points = np.array([person().pixels[:, :2]])[0].astype(np.float64)
    for _ in range(turns):
        points = points[:, ::-1] * (1, -1)

    image = invited(Invitation("arms up", points * scale + shift))
    empty = invited(Invitation("arms up"))

    dots = (image[:250] > 240).all(axis=2)
    assert dots.any()
    assert not dots[:10].any()
    assert not dots[:, :20].any()
    assert not dots[:, -20:].any()
    assert (image[300:] != empty[300:]).any()


def test_an_invitation_is_mirrored_with_the_picture():
    """Else the raised arm would be the other one of what people see of themselves."""
    pose = person(left_wrist=(0.1, 0.9)).pixels[:, :2].astype(np.float64)

    plain, mirrored = (invited(Invitation("", pose), mirror=mirror) for mirror in (False, True))

    same, other = np.abs(plain - mirrored[:, ::-1]), np.abs(plain - mirrored)
    assert same.mean() < 0.2 * other.mean()


def test_an_invitation_breathes():
    """Its light comes and goes: somebody who passes by sees that it is alive."""
    pose = person().pixels[:, :2].astype(np.float64)

    means = [invited(Invitation("", pose), time).mean() for time in (0.0, 0.5, 1.0, 2.0)]

    assert means[0] < means[1] < means[2]
    assert means[3] == pytest.approx(means[0])


@pytest.mark.parametrize("points", [None, np.full((17, 2), np.nan), np.zeros((17, 2))])
def test_an_invitation_without_pose_is_its_words(points: Any):
    """No template, nothing known of it, or nothing but one point."""
    image = invited(Invitation("arms up", points))

    assert (image[100:320] > 150).any()


def test_invitations_take_turns():
    """Each for the same time; of none there is none."""
    first, second = Invitation("one"), Invitation("two")

    shown = [chosen((first, second), k * TURN) for k in (0, 0.9, 1, 1.9, 2)]

    assert shown == [first, first, second, second, first]
    assert chosen((), 3.0) is None


# Degraded parts, and text


def test_without_troubles_nothing_is_drawn():
    """The corner stays empty."""
    canvas = np.full((*SIZE, 3), 90, np.uint8)

    draw_troubles(Renderer().page(canvas), ())

    assert (canvas == 90).all()


def test_troubles_don_t_cover_the_figures():
    """They stand beside frames a second, at the upper edge, however many they are."""
    renderer = Renderer()
    scene = Scene(blank_frame((720, 1280), 0.0, 0), stats={"fps": 30.0, "latency_ms": 40.0})
    before = renderer.draw(scene)
    after = before.copy()

    draw_troubles(renderer.page(after), [f"output-{i}" for i in range(40)])

    y, x = np.nonzero((before != after).any(axis=2))
    _, stats_x = np.nonzero(before.any(axis=2))
    assert x.max() < stats_x.min()
    assert y.max() < 60
    assert x.min() > 300


def test_troubles_leave_a_counter_readable():
    """The number and its ring are the same with and without them."""
    painter = Painter(Style(), Device("lobby"), None)
    watch = WatchState("squats", "going", 0.6, count=7, person=1, kind="exercise", goal=12)
    scene = Scene(blank_frame((720, 1280), 0.0, 0), watches=(watch,), stats={"fps": 30.0})

    without = painter.draw(scene, (720, 1280))
    shown = painter.draw(scene, (720, 1280), ("source", "model", "bus", "config line 12"))

    assert (without != shown).any()
    assert (without[:, 900:] == shown[:, 900:]).all()


@pytest.mark.parametrize(("place", "left"), [(0.5, False), (0.8, True)])
def test_a_hint_stands_beside_people(place: float, left: bool):
    """In the lower right corner, or in the other where somebody stands before this one."""
    pose = person()
    keypoints = pose.keypoints.copy()
    keypoints[:, 1] += place - keypoints[:, 1].mean()
    scene = Scene(blank_frame(SIZE, 0.0, 0), (replace(pose, keypoints=keypoints),))
    renderer = Renderer(Style(stats=False))

    without = renderer.draw(scene)
    hinted = renderer.draw(scene, invitations=(Invitation("Squats"),))

    _, x = np.nonzero((without != hinted).any(axis=2))
    assert (x.max() < SIZE[1] // 2) if left else (x.min() > SIZE[1] // 2)


@pytest.mark.parametrize("size", [(1080, 1920), (240, 320), (60, 80), (1920, 1080)])
def test_a_notice_fits_on_every_screen(size: tuple[int, int]):
    """The margin stays free; what is too long ends with an ellipsis."""
    canvas = np.zeros((*size, 3), np.uint8)

    draw_notice(Renderer().page(canvas), "Configuration", "kiosk.yaml line 7: unknown\n" * 80)

    assert (canvas.max(axis=2) > 200).any()
    margin = size[1] // 20
    assert (canvas[:, :margin] == canvas[0, 0]).all()
    assert (canvas[:, -margin:] == canvas[0, 0]).all()
    assert (canvas[-1] == canvas[0, 0]).all()


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=200), st.integers(30, 400))
def test_wrapped_text_loses_no_letter(text: str, width: int):
    """All words are there in their order, and no line is wider than it may be."""
    setter = Typesetter()

    lines = setter.wrapped(text, 20, width)

    assert "".join("".join(lines).split()) == "".join(text.split())
    for line in lines:
        assert setter._font(20).getlength(line) <= width or len(line) == 1


def test_lines_break_between_words_and_within_long_ones():
    """A path that is longer than the screen is cut; empty lines stay."""
    lines = Typesetter().wrapped("one two three\n\n" + "x" * 30, 20, 100)

    assert lines[:4] == ["one two", "three", "", lines[3]]
    assert "".join(lines[3:]) == "x" * 30
    assert len(lines) > 5


@pytest.mark.parametrize("words", ["Squats", "Trizepsdrücken über Kopf", "x" * 400])
@pytest.mark.parametrize("room", [1, 60, 300])
def test_fitting_text_is_made_smaller_before_it_is_cut(words: str, room: int):
    """It is never wider than its room, and whole where six tenths of the size suffice."""
    setter = Typesetter()
    wanted = setter.text(words, 40, (255, 255, 255)).size[1]

    width = setter.fitting(words, 40, (255, 255, 255), room).size[1]

    assert width <= max(room, 1)
    if wanted <= room:
        assert width == wanted
    elif 0.65 * wanted <= room:
        assert width > 0.9 * room


@pytest.mark.parametrize("language", ["en", *sorted(shipped_languages())])
def test_shipped_words_fit_an_upright_screen(language: str):
    """Titles whole where people are invited, what to change in two lines at most."""
    page = Renderer().page(np.zeros((1280, 720, 3), np.uint8))
    for path in library.known("exercise").values():
        exercise = exercise_file.load(path)
        title = in_language(exercise.title, language)
        assert 0.6 * page.type.text(title, 64, (0, 0, 0)).size[1] <= page.room(0.9), title
        for say in (exercise.short, *(fault.say for fault in exercise.faults)):
            words = in_language(say, language)
            assert len(page.lines(words, 46, 0.84)) <= 2, words


def test_long_advice_is_not_cut_on_an_upright_screen():
    """It takes a second line, within the screen."""
    scene = Scene(blank_frame((1280, 720), 0.0, 0))
    watch = WatchState("squats", "ready", 0.1, count=8, person=1, kind="exercise", goal=12)

    def height(advice: str) -> int:
        states = [replace(watch, advice=words) for words in ("", advice)]
        before, after = (Renderer().draw(replace(scene, watches=(state,))) for state in states)
        y, x = np.nonzero((before != after).any(axis=2))
        assert 0 < x.min() < x.max() < 719
        return int(np.ptp(y))

    assert height("bring your hands up over your head") > 1.5 * height("go deeper")
