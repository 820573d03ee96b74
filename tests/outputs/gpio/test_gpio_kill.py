"""What becomes of a line whose process is killed by SIGKILL: the kernel's part, and ours.

The fake chip is both of what a Pi may do; gpio-sim shows what a mainline kernel does for real.
"""

from __future__ import annotations

from pathlib import Path

import gpio_holder
import gpiod
import pytest
from gpio_chips import LABEL, LINE, Chip, Simulated
from gpiod import InfoEvent

from edgepose.outputs.base import Device
from edgepose.outputs.gpio import safe_state
from edgepose.outputs.gpio.fake import FakeChip
from edgepose.outputs.gpio.output import Gpio, GpioOptions


@pytest.mark.parametrize("chip", ["fake", "fake-strict", "gpio-sim"], indirect=True)
@pytest.mark.parametrize(("active_low", "pull_up"), [(False, False), (True, True), (False, True)])
def test_sigkill_frees_the_line_and_rest_switches_it_off(
    chip: Chip, active_low: bool, pull_up: bool, notes: Path
):
    """The kernel lets it go at once; then it stays driven, as on a Pi, or its pull decides.

    A pull to the wrong side is beyond software: such a relay is on whenever nobody drives the pin.
    """
    off, floats_on = int(active_low), pull_up != active_low
    chip.pull(LINE, up=pull_up)

    chip.kill_holder(LINE, active_low)

    assert chip.holder(LINE) == ""
    assert (chip.level(LINE) != off) == (chip.keeps_outputs or floats_on)
    assert [note.suffix for note in notes.iterdir()] == [".json"]
    assert chip.release()
    assert (chip.level(LINE) != off) == (floats_on and not chip.keeps_outputs)
    assert chip.holder(LINE) == ""
    assert not list(notes.iterdir())


@pytest.mark.parametrize("chip", ["gpio-sim"], indirect=True)
def test_rest_holds_the_line_once_more(chip: Simulated, notes: Path):
    """The kernel itself tells: `release` takes the line as an output, and lets it go."""
    chip.kill_holder(LINE, active_low=True)
    with gpiod.Chip(chip.path) as watched:
        watched.watch_line_info(LINE)

        assert chip.release()

        taken, let_go = watched.read_info_event(), watched.read_info_event()

    kinds = InfoEvent.Type
    assert (taken.event_type, let_go.event_type) == (kinds.LINE_REQUESTED, kinds.LINE_RELEASED)
    assert taken.line_info.consumer == "edgepose"
    assert taken.line_info.direction == gpiod.line.Direction.OUTPUT
    assert taken.line_info.active_low
    assert not list(notes.iterdir())


def test_a_line_that_could_not_be_switched_off_keeps_its_note(
    chip: Chip, device: Device, notes: Path
):
    """`release` fails visibly while it can't, and does its work later."""
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=chip.option), device)
    output.open()
    chip.unplug()
    output.close()

    assert not safe_state.release_all()
    assert list(notes.iterdir())
    chip.plug()
    assert safe_state.release_all()
    assert not list(notes.iterdir())


def test_a_note_that_cannot_be_used_keeps_no_other_from_its_rest(fake: FakeChip, notes: Path):
    """Each line is looked after; that one was not is told by the exit code."""
    gpio_holder.hold(f"fake:{LABEL}", LINE, active_low=False)
    (notes / "a.json").mkdir()  # can be neither read nor removed
    (notes / "b.json").write_text("{")
    fake.kill()

    assert not safe_state.release_all()

    assert not fake.pins[LINE].level
    assert sorted(note.name for note in notes.iterdir()) == ["a.json", "b.json"]
