"""The console's display: over a libdrm that keeps to the real one's headers and has a world."""

from __future__ import annotations

import ctypes as c
import gc
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import compiled

from edgepose.errors import OutputLost
from edgepose.outputs.hdmi import drm_card, kms, libdrm
from edgepose.outputs.hdmi.kms import Kms
from edgepose.outputs.hdmi.screen import NoScreen, ScreenRequest

CONSOLE = 7  # the picture that is shown before we come
HDMI_2 = 33
CRTCS = (61, 62)


class World(c.Structure):
    """Mirror `struct world` of the stand-in."""

    _fields_ = [
        ("plugged", c.c_int * 2), ("feeding", c.c_int * 2), ("is_taken", c.c_int),
        ("is_gone", c.c_int), ("is_stuck", c.c_int), ("failing_allocation", c.c_int),
        ("shown", c.c_int * 2), ("mode_width", c.c_int * 2), ("mode_height", c.c_int * 2),
        ("connector", c.c_int * 2), ("flips", c.c_int), ("buffers", c.c_int),
        ("framebuffers", c.c_int), ("lent", c.c_int), ("pitch", c.c_uint * 64),
        ("offset", c.c_uint * 64), ("size", c.c_uint * 64), ("handle_of", c.c_int * 64),
        ("pending", c.c_int), ("pending_crtc", c.c_int),
    ]  # fmt: skip


@dataclass
class Machine:
    """Hold the stand-in's world and the folder of its cards."""

    world: Any
    cards: Path

    def picture(self, crtc: int = 0) -> Any:
        """Return what a display shows, uint8 (height, width, 4) of blue, green, red, unused."""
        world = self.world
        handle = world.handle_of[world.shown[crtc]]
        data = (self.cards / "card1").read_bytes()[world.offset[handle] :][: world.size[handle]]
        rows = np.frombuffer(data, np.uint8).reshape(world.mode_height[crtc], -1)
        return rows[:, : world.mode_width[crtc] * 4].reshape(world.mode_height[crtc], -1, 4)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the stand-in."""
    headers = Path("/usr/include/libdrm")
    if shutil.which("cc") is None or not headers.exists():
        reason = "no C compiler or no libdrm-dev: the stand-in for libdrm can't be built"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    source = Path(__file__).parents[1] / "rigs" / "fake_libdrm.c"
    return compiled(tmp_path_factory.mktemp("drm"), source, f"-I{headers}")


@pytest.fixture
def machine(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """Return a machine with two cards; a display is plugged into the first plug.

    At the end everything that was borrowed or made must have been given back.
    """
    loaded = c.CDLL(str(library))
    loaded.start_world()
    world = World.in_dll(loaded, "world")
    world.plugged[0] = 1
    cards = tmp_path / "dri"
    cards.mkdir()
    for name in ("card0", "card1", "renderD128"):
        (cards / name).touch()
    monkeypatch.setattr(libdrm, "LIBRARY", str(library))
    monkeypatch.setattr(drm_card, "CARDS", cards)
    monkeypatch.setattr(kms, "PATIENCE", 0.05)
    gc.collect()  # what earlier tests left behind must not close meanwhile
    before = len(list(Path("/proc/self/fd").iterdir()))
    yield Machine(world, cards)
    assert (world.buffers, world.framebuffers, world.lent) == (0, 0, 0)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before


@pytest.fixture
def show(machine: Machine) -> Iterator[Callable[..., Kms]]:
    """Return an opener of screens, which are closed in the end."""
    opened: list[Kms] = []

    def show(**wanted: Any) -> Kms:
        opened.append(Kms(ScreenRequest(**wanted)))
        return opened[-1]

    yield show
    machine.world.is_gone = machine.world.is_taken = machine.world.is_stuck = 0
    for screen in opened:
        screen.close()


def gradient(size: tuple[int, int], shift: int = 0) -> Any:
    """Return a picture in which no two channels, rows or columns are alike."""
    y, x = np.indices(size)
    return np.stack([y + shift, x, (y + x) // 2], axis=2).astype(np.uint8)


def test_pictures_reach_the_display(machine: Machine, show: Callable[..., Kms]):
    """Each pixel, in the byte order of XRGB8888, in the mode that the display likes best."""
    screen = show()
    picture = gradient(screen.size)

    screen.put(picture)
    screen.put(gradient(screen.size, 9))  # the first one is on display when this one is taken

    assert screen.size == (720, 1280)
    np.testing.assert_array_equal(machine.picture()[..., 2::-1], picture)


def test_rows_of_a_buffer_may_be_longer_than_the_picture(
    machine: Machine, show: Callable[..., Kms]
):
    """1366 pixels don't fill the rows that the card gives."""
    screen = show(size=(768, 1366))
    picture = gradient(screen.size)

    screen.put(picture)
    screen.put(picture)

    assert machine.world.pitch[1] > 1366 * 4
    np.testing.assert_array_equal(machine.picture()[..., 2::-1], picture)


def test_it_is_black_before_the_first_picture(machine: Machine, show: Callable[..., Kms]):
    """Nothing that happened to be in the card's memory is shown."""
    (machine.cards / "card1").write_bytes(b"\xff" * 10_000_000)

    show()

    assert not machine.picture().any()


def test_what_is_shown_is_never_drawn_in(machine: Machine, show: Callable[..., Kms]):
    """While one buffer is shown, the other is written to; they change at the vertical blank."""
    screen = show()
    shown = []

    for shift in range(4):
        before = machine.world.shown[0]
        screen.put(gradient(screen.size, shift))
        shown.append(before)
        assert machine.world.pending != machine.world.shown[0]

    assert shown == [8, 8, 9, 8]
    assert machine.world.flips == 3


@pytest.mark.parametrize(("plugged", "name"), [(0, "HDMI-A-1"), (1, "HDMI-A-2")])
def test_the_card_and_plug_with_a_display_are_taken(
    machine: Machine, show: Callable[..., Kms], plugged: int, name: str
):
    """Neither card0, which shows nothing, nor the writeback, which is no display."""
    machine.world.plugged[:] = [plugged == 0, plugged == 1]

    screen = show()

    assert screen.label == f"card1 {name} 1280x720@60"
    assert machine.world.connector[plugged] == HDMI_2 - 1 + plugged


def test_a_plug_can_be_asked_for(machine: Machine, show: Callable[..., Kms]):
    """Of two displays, the one that is named; the other keeps what it shows."""
    machine.world.plugged[:] = [1, 1]

    show(connector="HDMI-A-2")

    assert machine.world.connector[1] == HDMI_2
    assert machine.world.shown[0] == CONSOLE


@pytest.mark.parametrize("wanted", ["", "HDMI-A-1", "HDMI-A-3"])
def test_an_empty_plug_is_told_by_name(machine: Machine, wanted: str):
    """So that it is waited for; the message says which plugs there are."""
    machine.world.plugged[0] = 0

    with pytest.raises(OutputLost, match=r"HDMI-A-1 \(card1\), HDMI-A-2 \(card1\)") as caught:
        Kms(ScreenRequest(connector=wanted))

    assert not isinstance(caught.value, NoScreen)


def test_the_size_chooses_the_mode(machine: Machine, show: Callable[..., Kms]):
    """Of two of a size the one at 60 Hz."""
    screen = show(size=(480, 640))

    assert screen.size == (480, 640)
    assert screen.label.endswith("640x480@60")
    assert (machine.world.mode_height[0], machine.world.mode_width[0]) == (480, 640)


def test_a_size_that_the_display_lacks_is_warned_of(
    show: Callable[..., Kms], caplog: pytest.LogCaptureFixture
):
    """With what it has; its favourite is used."""
    screen = show(size=(600, 800))

    assert screen.size == (720, 1280)
    assert "no mode of 800x600" in caplog.text
    assert "1366x768@60" in caplog.text


def test_a_display_that_is_unplugged_is_lost_and_comes_back(
    machine: Machine, show: Callable[..., Kms]
):
    """At the next look; opening works again as soon as it is plugged in."""
    screen = show()
    screen.check()
    machine.world.plugged[0] = 0

    with pytest.raises(OutputLost, match="HDMI-A-1 was disconnected"):
        screen.check()
    screen.close()
    with pytest.raises(OutputLost, match="no display connected"):
        show()
    machine.world.plugged[0] = 1

    again = show()
    again.put(gradient(again.size))
    again.put(gradient(again.size))
    assert machine.picture().any()


def test_a_card_that_is_unplugged_is_lost(machine: Machine, show: Callable[..., Kms]):
    """A USB display takes its card with it: every call fails, closing is no fault."""
    screen = show()
    machine.world.is_gone = 1

    with pytest.raises(OutputLost, match="No such device"):
        screen.put(gradient(screen.size))
    with pytest.raises(OutputLost, match="No such device"):
        screen.check()
    machine.world.buffers = machine.world.framebuffers = 0
    screen.close()


def test_another_program_on_the_display_is_told(machine: Machine):
    """A desktop is master of the card: the message says so, and nothing is left behind."""
    machine.world.is_taken = 1

    with pytest.raises(OutputLost, match=r"another program uses the display.*sink: sdl"):
        Kms(ScreenRequest())

    assert machine.world.shown[0] == CONSOLE


def test_losing_the_display_to_another_program_is_told(machine: Machine, show: Callable[..., Kms]):
    """At the next picture; it is taken again when the other program has gone."""
    screen = show()
    machine.world.is_taken = 1

    with pytest.raises(OutputLost, match="another program uses the display"):
        screen.put(gradient(screen.size))
    screen.close()
    machine.world.is_taken = 0

    again = show()
    again.put(gradient(again.size))


def test_a_display_that_stops_flipping_is_lost(machine: Machine, show: Callable[..., Kms]):
    """It isn't waited for for ever."""
    screen = show()
    machine.world.is_stuck = 1
    screen.put(gradient(screen.size))

    with pytest.raises(OutputLost, match="does not flip"):
        screen.put(gradient(screen.size))


def test_what_was_shown_before_comes_back(machine: Machine, show: Callable[..., Kms]):
    """The console's picture, in its own mode and at its own place; closing twice is no fault."""
    screen = show()
    screen.put(gradient(screen.size))
    assert machine.world.shown[0] != CONSOLE

    screen.close()
    screen.close()

    assert machine.world.shown[0] == CONSOLE
    assert (machine.world.mode_height[0], machine.world.mode_width[0]) == (480, 640)
    with pytest.raises(OutputLost, match="closed"):
        screen.put(gradient(screen.size))


@pytest.mark.parametrize("number", [1, 2])
def test_too_little_memory_leaves_nothing_behind(machine: Machine, number: int):
    """Neither the first nor the second buffer: what was made is given back."""
    machine.world.failing_allocation = number

    with pytest.raises(OutputLost, match="Cannot allocate memory"):
        Kms(ScreenRequest())

    assert machine.world.shown[0] == CONSOLE


def test_a_machine_without_cards_has_no_screen(machine: Machine):
    """Nothing to wait for: another kind of screen is tried."""
    for path in machine.cards.glob("card*"):
        path.unlink()

    with pytest.raises(NoScreen, match="no graphics card"):
        Kms(ScreenRequest())


def test_a_card_that_shows_nothing_is_no_screen(machine: Machine, caplog: pytest.LogCaptureFixture):
    """A render-only card alone; why is in the debug log."""
    (machine.cards / "card1").unlink()
    caplog.set_level(logging.DEBUG)

    with pytest.raises(NoScreen):
        Kms(ScreenRequest())


def test_cards_that_cant_be_opened_are_told(machine: Machine):
    """The group that is missing is named."""
    for path in machine.cards.glob("card*"):
        path.unlink()
        path.symlink_to(machine.cards)  # a folder can't be opened for writing, not even by root

    with pytest.raises(OutputLost, match="group video") as caught:
        Kms(ScreenRequest())

    assert not isinstance(caught.value, NoScreen)


def test_a_machine_without_libdrm_has_no_screen(monkeypatch: pytest.MonkeyPatch):
    """With the package that brings it."""
    monkeypatch.setattr(libdrm, "LIBRARY", "libnowhere.so.2")

    with pytest.raises(NoScreen, match="apt install libdrm2"):
        Kms(ScreenRequest())
