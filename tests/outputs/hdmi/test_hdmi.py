"""The screen output: which screen, what is on it when, and how it comes back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import ValidationError

from edgepose.bench.parts import moving_person
from edgepose.core.templates import teach
from edgepose.errors import OutputLost
from edgepose.imaging import turned
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.hdmi import output as hdmi_output
from edgepose.outputs.hdmi import select
from edgepose.outputs.hdmi.output import BEAT, Hdmi, HdmiOptions
from edgepose.outputs.hdmi.painter import invitations, page_of, troubles
from edgepose.outputs.hdmi.pixel_format import turned_size
from edgepose.outputs.hdmi.screen import NoScreen, Screen, ScreenRequest
from edgepose.outputs.hdmi.select import ScreenChoice
from edgepose.render import Renderer, Style
from edgepose.types import Frame, Image, Scene, WatchState, blank_frame

SIZE = (180, 320)
GREY = 90


class Wall(Screen):
    """Be a screen that keeps what it shows, and can be unplugged."""

    shown: ClassVar[list[Image]] = []
    is_plugged: ClassVar[bool] = True
    opened: ClassVar[int] = 0
    looks: ClassVar[int] = 0
    label = "wall"

    def __init__(self, wanted: ScreenRequest) -> None:
        """Open if there is a plug."""
        self._ensure()
        self.size = wanted.size or SIZE
        Wall.opened += 1

    def put(self, image: Image) -> None:
        """Keep the picture."""
        self._ensure()
        assert image.shape == (*self.size, 3)
        Wall.shown.append(image)

    def check(self) -> None:
        """Be there or not."""
        Wall.looks += 1
        self._ensure()

    def close(self) -> None:
        """Close."""
        Wall.opened -= 1

    def _ensure(self) -> None:
        if not Wall.is_plugged:
            raise OutputLost("hdmi: the display at WALL-1 was disconnected")


class Health(Controls):
    """Answer with a health document that a test can change."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self.asked = 0
        self.lesson: dict[str, Any] = {}

    def teaching(self) -> Mapping[str, Any]:
        """Return what is being taught."""
        return self.lesson

    def state(self) -> Mapping[str, Any]:
        """Return the document."""
        self.asked += 1
        return self.document

    def command(self, name: str, value: Any = None) -> str:
        """Never be asked."""
        raise AssertionError(name, value)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Wall]]:
    """Return the only kind of screen, cleared; it must be closed in the end."""
    monkeypatch.setattr(select, "KINDS", {"sdl": Wall})
    Wall.shown, Wall.is_plugged, Wall.opened, Wall.looks = [], True, 0, 0
    yield Wall
    assert Wall.opened == 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time that the output sees, to be changed."""
    now = [100.0]
    monkeypatch.setattr(hdmi_output.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def show(wall: type[Wall], device: Device) -> Iterator[Callable[..., Hdmi]]:
    """Return an opener of outputs by their options, on the wall."""
    opened: list[Hdmi] = []

    def show(about: Device = device, **options: Any) -> Hdmi:
        output = Hdmi(HdmiOptions.model_validate({"sink": "sdl", **options}), about)
        opened.append(output)
        output.open()
        return output

    yield show
    for output in opened:
        output.close()


def deserted(scene: Scene, moment: float) -> Scene:
    """Return a scene at a moment in which nobody is."""
    image = np.full((48, 64, 3), GREY, np.uint8)
    return replace(scene, frame=Frame(image, moment, 0), poses=(), raw_poses=(), watches=())


def is_invitation(image: Image) -> bool:
    """Tell whether the picture is dimmed, as it is behind an invitation."""
    return bool(image[2, image.shape[1] // 2].max() < GREY / 2)


# What is on it


def test_a_scene_is_shown_as_it_is_rendered(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall]
):
    """In the size of the screen and the style of the options."""
    show(mirror=True).show(scene(3))

    expected = Renderer(Style(mirror=True, ghost=True)).draw(scene(3), SIZE)
    np.testing.assert_array_equal(wall.shown[-1], expected)


@pytest.mark.parametrize(("degrees", "turns"), [(0, 0), (90, 3), (180, 2), (270, 1)])
def test_a_screen_can_hang_on_its_side(
    show: Callable[..., Hdmi],
    scene: Callable[..., Scene],
    wall: type[Wall],
    degrees: int,
    turns: int,
):
    """The picture is laid out for how it is seen, then turned clockwise."""
    show(rotate=degrees).show(scene(3))

    seen = SIZE[::-1] if degrees % 180 else SIZE
    expected = Renderer(Style(ghost=True)).draw(scene(3), seen)
    np.testing.assert_array_equal(wall.shown[-1], np.rot90(expected, turns))


@pytest.mark.parametrize("attract", [None, 1.0])
def test_skeleton_only_shows_no_pixel_of_the_camera(
    show: Callable[..., Hdmi],
    scene: Callable[..., Scene],
    wall: type[Wall],
    clock: list[float],
    attract: float | None,
):
    """Whatever the camera sees, each picture is the same: with people, without, and repeated."""
    pictures: list[list[Image]] = []
    for brightness in (0, 250):
        wall.shown = []
        output = show(skeleton_only=True, attract=attract)
        image = np.full((48, 64, 3), brightness, np.uint8)
        for seq, people in enumerate((True, False, False)):
            moment = 2.0 * seq
            made = scene(seq, seq, frame=Frame(image, moment, seq))
            output.show(made if people else replace(made, poses=(), raw_poses=()))
            clock[0] += 2 * BEAT
            output.tick()
        pictures.append(wall.shown)
        output.close()

    assert len(pictures[0]) == 6
    for dark, bright in zip(*pictures, strict=True):
        np.testing.assert_array_equal(dark, bright)
    assert any(picture.any() for picture in pictures[0])


def test_people_are_invited_when_nobody_was_there_for_a_while(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall]
):
    """Not at once, until somebody comes, and anew from when they leave."""
    output = show(attract=5.0)
    moments = (10.0, 14.9, 15.0, 30.0)

    for moment in moments:
        output.show(deserted(scene(0), moment))
    output.show(scene(1, time=31.0))
    for moment in (32.0, 36.0, 37.0):
        output.show(deserted(scene(0), moment))

    seen = [is_invitation(image) for image in wall.shown]
    assert seen == [False, False, True, True, False, False, False, True]


def test_a_source_whose_time_goes_back_invites_nobody_early(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall]
):
    """A camera that was plugged in again begins anew."""
    output = show(attract=5.0)
    for moment in (100.0, 3.0, 7.9, 8.0):
        output.show(deserted(scene(0), moment))

    assert [is_invitation(image) for image in wall.shown] == [False, False, False, True]


def test_inviting_can_be_left_out(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall]
):
    """With attract: null the picture stays."""
    output = show(attract=None)
    for moment in (0.0, 1e6):
        output.show(deserted(scene(0), moment))

    assert not is_invitation(wall.shown[-1])


def test_the_invitation_shows_the_poses_that_are_watched_for():
    """By the titles of the watches that count; a watch without template by its name alone."""
    template = teach("raised", moving_person(1))
    device = Device("lobby", ("arms_up", "out", "squats"), templates={"arms_up": (template,)})
    shown = Scene(
        blank_frame((9, 9), 0.0, 0), watches=(WatchState("arms_up"), WatchState("squats"))
    )

    first, second = invitations(device, shown)

    assert (first.words, second.words) == ("Arms up", "Squats")
    np.testing.assert_array_equal(first.points, template.points[0])
    assert second.points is None
    assert [one.words for one in invitations(device, replace(shown, watches=()))] == ["lobby"]


def test_something_is_shown_before_the_first_scene(
    show: Callable[..., Hdmi], wall: type[Wall], clock: list[float]
):
    """At once: a screen that stays black says that the device is dead."""
    output = show()
    assert output.wake_at == clock[0]

    output.tick()

    assert wall.shown[-1].max() > 100


def test_text_can_be_shown_instead(show: Callable[..., Hdmi], wall: type[Wall]):
    """A configuration that can't be used, with its line."""
    output = show(size=(360, 640))

    output.notice("Configuration", "kiosk.yaml line 7: source.widht: unknown option")
    output.notice("Configuration", "kiosk.yaml line 8: source.widht: unknown option")

    one, other = wall.shown
    assert (one.max(axis=2) > 200).mean() > 0.005
    assert (one != other).any()


# What ails


def test_a_degraded_part_is_named_at_the_upper_edge(
    scene: Callable[..., Scene],
    show: Callable[..., Hdmi],
    device: Device,
    wall: type[Wall],
    clock: list[float],
):
    """It appears and goes within a beat, asked for once a beat."""
    health = Health()
    output = show(replace(device, controls=health), size=(720, 1280))
    output.show(scene(0))
    health.document = {"troubles": [{"name": "bus", "state": "degraded", "reason": "refused"}]}
    for _ in range(5):
        output.show(scene(0))
    assert health.asked == 1
    clock[0] += BEAT
    output.show(scene(0))
    health.document = {}
    clock[0] += BEAT
    output.show(scene(0))

    well, *_, still, degraded, repaired = wall.shown
    np.testing.assert_array_equal(still, well)
    np.testing.assert_array_equal(repaired, well)
    y, x = np.nonzero((degraded != well).any(axis=2))
    assert y.max() < 60
    assert 500 < x.min() < x.max() < 780


def test_a_pose_that_is_taught_is_on_the_screen(
    show: Callable[..., Hdmi], wall: type[Wall], device: Device, scene: Callable[..., Scene]
):
    """Asked for with every picture, without the health document."""
    health = Health()
    output = show(replace(device, controls=health), size=(720, 1280), health=False)
    output.show(scene(0))
    health.lesson = {"state": "countdown", "name": "bow", "left": 2.5}
    output.show(scene(1))
    ring = np.s_[20:400, 880:1260]
    assert (wall.shown[-1][ring] != wall.shown[-2][ring]).any(2).mean() > 0.5
    assert health.asked == 0


def test_the_corner_can_be_left_empty(
    show: Callable[..., Hdmi], device: Device, scene: Callable[..., Scene]
):
    """With health: false nobody is asked."""
    health = Health()

    show(replace(device, controls=health), health=False).show(scene(0))

    assert health.asked == 0


def test_troubles_are_named():
    """The corner names what the health document calls troubles, and judges nothing itself."""
    health = {
        "troubles": [
            {"name": "source", "state": "backing off", "reason": "unplugged"},
            {"name": "heat", "state": "degraded", "reason": "84 degrees"},
        ]
    }

    assert troubles(health) == ("source", "heat")
    refused = {"name": "config", "state": "refused", "reason": "source.fsp: unknown option"}
    assert troubles({"troubles": [refused], "config": {"line": 7}}) == ("config line 7",)
    assert troubles({"troubles": [refused], "config": {"line": None}}) == ("config",)
    assert troubles({}) == ()


# How it goes and comes back


def test_unplugging_is_noticed_while_nothing_is_shown(
    show: Callable[..., Hdmi], wall: type[Wall], clock: list[float]
):
    """A tick looks after the screen; opening fails until it is back, then works."""
    output = show()
    output.tick()
    clock[0] += BEAT
    wall.is_plugged = False

    with pytest.raises(OutputLost, match="WALL-1 was disconnected"):
        output.tick()
    output.close()
    assert output.wake_at is None
    with pytest.raises(OutputLost):
        output.open()
    output.close()
    wall.is_plugged = True
    output.open()

    output.tick()
    assert len(wall.shown) == 2


def test_the_last_picture_stays_while_none_comes(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall], clock: list[float]
):
    """It is drawn again each beat, without cheering for old events."""
    output = show()
    output.show(scene(4))
    assert output.wake_at == clock[0] + BEAT
    clock[0] += BEAT

    output.tick()

    np.testing.assert_array_equal(wall.shown[-1], wall.shown[-2])
    assert output.wake_at == clock[0] + BEAT


def test_the_screen_is_looked_after_once_a_beat(
    show: Callable[..., Hdmi], scene: Callable[..., Scene], wall: type[Wall], clock: list[float]
):
    """Not with each of thirty scenes a second."""
    output = show()
    for seq in range(60):
        output.show(scene(seq))
        clock[0] += 1 / 30

    assert wall.looks == 2


def test_a_closed_output_says_so(show: Callable[..., Hdmi], scene: Callable[..., Scene]):
    """It shows nothing."""
    output = show()
    output.close()

    with pytest.raises(OutputLost, match="closed"):
        output.show(scene(0))


# Which screen


def absent(wanted: ScreenRequest) -> Screen:
    """Be a kind of screen that this machine hasn't."""
    raise NoScreen(f"no such thing as {wanted}")


def unplugged(wanted: ScreenRequest) -> Screen:
    """Be a screen that is there, but not at present."""
    raise OutputLost(f"not now: {wanted}")


ABSENT = dict.fromkeys(("sdl", "kms", "framebuffer"), absent)


def test_screens_are_tried_in_the_stated_order():
    """Inside a desktop only the desktop can show anything."""
    assert list(select.KINDS) == ["sdl", "kms", "framebuffer", "null"]


@pytest.mark.usefixtures("wall")
def test_the_first_screen_that_there_is_is_taken(monkeypatch: pytest.MonkeyPatch):
    """Kinds that the machine hasn't are passed over."""
    monkeypatch.setattr(select, "KINDS", {"sdl": absent, "kms": Wall, "null": absent})

    screen = ScreenChoice("auto", ScreenRequest()).open()

    assert isinstance(screen, Wall)
    screen.close()


@pytest.mark.usefixtures("wall")
def test_a_screen_that_is_unplugged_is_waited_for(monkeypatch: pytest.MonkeyPatch):
    """The next kind is not tried: a display that is plugged in late must be found."""
    monkeypatch.setattr(select, "KINDS", {"sdl": absent, "kms": unplugged, "framebuffer": Wall})

    with pytest.raises(OutputLost, match="not now"):
        ScreenChoice("auto", ScreenRequest()).open()


def test_a_machine_without_screen_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """Null takes the pictures, and why nothing else does is said."""
    monkeypatch.setattr(select, "KINDS", {**select.KINDS, **ABSENT})

    screen = ScreenChoice("auto", ScreenRequest()).open()
    screen.put(np.zeros((*screen.size, 3), np.uint8))
    screen.check()
    screen.close()

    (warning,) = [one for one in caplog.records if one.levelno == logging.WARNING]
    assert "no screen: no such thing" in warning.getMessage()


def test_a_desktop_that_cant_be_used_is_warned_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """A missing pygame is a thing to mend, but not with each attempt at the next screen."""
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(select, "KINDS", {**ABSENT, "kms": unplugged})
    chosen = ScreenChoice("auto", ScreenRequest())

    for _ in range(3):
        with pytest.raises(OutputLost, match="not now"):
            chosen.open()

    assert caplog.text.count("The desktop is not used: no such thing") == 1


@pytest.mark.usefixtures("wall")
def test_a_forced_screen_has_no_substitute(monkeypatch: pytest.MonkeyPatch):
    """What the installer named is waited for."""
    monkeypatch.setattr(select, "KINDS", {"kms": absent, "framebuffer": Wall})

    with pytest.raises(OutputLost, match="no such thing"):
        ScreenChoice("kms", ScreenRequest()).open()


@pytest.mark.parametrize(
    "options",
    [
        {"sink": "hdmi"},
        {"rotate": 45},
        {"attract": 0},
        {"size": [0]},
        {"size": [720, 0]},
        {"size": [9000, 720]},
        {"skeletononly": True},
    ],
)
def test_options_are_checked(options: dict[str, Any]):
    """Before anything is opened."""
    with pytest.raises(ValidationError):
        HdmiOptions.model_validate(options)


def test_null_needs_no_quotes():
    """YAML reads a bare `null` as nothing; what is meant is the screen of that name."""
    assert HdmiOptions.model_validate({"sink": None}).sink == "null"


def test_turning_is_clockwise():
    """What was on the left is at the top after a quarter turn."""
    image = np.zeros((2, 3, 3), np.uint8)
    image[:, 0] = 9

    assert turned(image, 90)[0].all()
    assert turned(image, 0) is image
    assert turned_size((2, 3), 90) == (3, 2)
    assert turned_size((2, 3), 180) == (2, 3)


@pytest.mark.parametrize(
    ("outputs", "address"),
    [
        ({"page": {"url": "http://lobby:8080/"}}, "http://lobby:8080/"),
        ({"page": {"url": "http://127.0.0.1:8080/"}}, ""),
        ({"page": {"url": ""}, "screen": {}}, ""),
        ({}, ""),
    ],
)
def test_the_code_is_of_a_page_that_others_reach(outputs: dict[str, Any], address: str):
    """A page of this device only is no use to a phone."""
    assert page_of({"outputs": outputs}) == address


def test_a_logo_that_is_no_picture_is_refused(tmp_path: Path):
    """When the configuration is read."""
    (tmp_path / "logo.png").write_text("no picture")
    with pytest.raises(ValidationError, match=r"expected a picture file, found .*logo\.png"):
        HdmiOptions.model_validate({"logo": tmp_path / "logo.png"})
