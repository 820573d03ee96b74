"""Where a line is: chips that are found, absent, in use, pulled out, and what is noted of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from gpio_chips import LABEL, LINE, Chip
from gpio_relay import Clock, MakeRelay, Relay

from edgepose.errors import OutputLost
from edgepose.outputs.base import Device
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver
from edgepose.outputs.gpio.output import Gpio, GpioOptions
from edgepose.types import Scene


def test_a_line_in_use_is_told(chip: Chip, device: Device):
    """Who holds it is named; once it is free, opening works."""
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=chip.option), device)
    let_go = chip.take(LINE)

    with pytest.raises(OutputLost, match=f"line {LINE} of {LABEL} .*: in use by doorbell"):
        output.open()
    output.close()
    let_go()

    output.open()
    output.close()


def test_a_chip_that_is_absent_is_told(chip: Chip, device: Device):
    """What is there instead is listed, with the way out."""
    wanted = "fake:pinctrl-rp1" if chip.option.startswith("fake") else "pinctrl-rp1"
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=wanted), device)

    with pytest.raises(OutputLost, match=f"'pinctrl-rp1' is not here; found .*{LABEL} .*set `chip"):
        output.open()
    output.close()


def test_a_line_that_the_chip_lacks_is_told(chip: Chip, device: Device):
    """With the lines that it has."""
    output = Gpio(GpioOptions(line=99, when="arms_up", chip=chip.option), device)

    with pytest.raises(OutputLost, match=r"line 99 of .*it has lines 0 to \d+ only"):
        output.open()


def test_a_chip_is_found_by_its_label_among_others(fake: FakeChip, device: Device):
    """Numbers change from kernel to kernel, and with what is plugged in."""
    other = FakeDriver.plug(FakeChip("raspberrypi-exp-gpio", lines=8))
    FakeDriver.unplug(fake)
    FakeDriver.plug(fake)
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device)

    output.open()

    assert fake.pins[LINE].holder == "edgepose"
    output.close()
    FakeDriver.unplug(other)


def test_a_chip_that_is_pulled_out_comes_back(make_relay: MakeRelay, chip: Chip):
    """A USB adapter: lost, opened again; the scene that is given again switches."""
    relay = make_relay()
    chip.unplug()
    start = relay.event("start")

    with pytest.raises(OutputLost, match=f"line {LINE} of {chip.option}: No such device"):
        relay.show(start)
    relay.output.close()
    with pytest.raises(OutputLost, match="not here"):
        relay.output.open()
    relay.output.close()
    chip.plug()
    relay.output.open()
    relay.show(start)

    assert chip.level(LINE) == 1
    relay.output.close()
    assert chip.level(LINE) == 0


def test_the_history_of_a_pin_tells_lengths(
    clock: Clock, device: Device, scene: Callable[..., Scene]
):
    """The fake keeps every change with its time: what a logic analyser would show."""
    chip = FakeDriver.plug(FakeChip(LABEL, clock=clock))
    output = Gpio(
        GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}", pulse=0.25), device, clock
    )
    output.open()
    relay = Relay(output, clock, scene)
    for _ in range(3):
        relay.show(relay.event("start"))
        relay.at(clock.now + 1.0)
    output.close()
    FakeDriver.unplug(chip)

    assert list(chip.pins[LINE].history) == [
        (100.0, True), (100.25, False), (101.0, True), (101.25, False),
        (102.0, True), (102.25, False),
    ]  # fmt: skip


def test_opening_makes_no_spike(fake: FakeChip, clock: Clock, device: Device):
    """A relay doesn't click when the service starts or stops."""
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device, clock)
    for _ in range(2):
        output.open()
        output.close()

    assert not fake.pins[LINE].history


def test_closing_in_order_leaves_no_note(chip: Chip, device: Device, notes: Path):
    """Only who did not close has left a line behind; a failed open holds none."""
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=chip.option), device)

    output.open()
    assert len(list(notes.iterdir())) == 1
    output.close()
    let_go = chip.take(LINE)
    with pytest.raises(OutputLost):
        output.open()
    output.close()
    let_go()

    assert not list(notes.iterdir())
