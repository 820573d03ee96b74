"""Chips, clocks and relays."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpio_chips import LABEL, LINE, NOBODY, SIM, Chip, Fake, Simulated
from gpio_relay import Clock, MakeRelay, Relay

from edgepose.outputs.base import Device
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver
from edgepose.outputs.gpio.output import Gpio, GpioOptions
from edgepose.types import Scene

KINDS: dict[str, Callable[[], Chip]] = {
    "fake": Fake,  # as on a Raspberry Pi
    "fake-strict": lambda: Fake(keeps_outputs=False),
    "gpio-sim": Simulated,
}


@pytest.fixture(params=["fake", "gpio-sim"])
def chip(request: pytest.FixtureRequest) -> Iterator[Chip]:
    """Return each kind of chip, plugged in."""
    if request.param == "gpio-sim" and not SIM.is_dir():
        pytest.skip("this kernel has no gpio-sim")
    made = KINDS[request.param]()
    made.plug()
    yield made
    made.unplug()


@pytest.fixture
def fake() -> Iterator[FakeChip]:
    """Return a plugged fake chip: for what a simulated one can't show."""
    chip = FakeDriver.plug(FakeChip(LABEL))
    yield chip
    if chip.is_plugged:
        FakeDriver.unplug(chip)


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return where held lines are noted, in a runtime directory that an unprivileged user owns."""
    folder = Path(tempfile.mkdtemp())
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
    yield folder / "lines"
    shutil.rmtree(folder)


@pytest.fixture
def clock() -> Clock:
    """Return the clock."""
    return Clock()


@pytest.fixture
def make_relay(
    chip: Chip, clock: Clock, device: Device, scene: Callable[..., Scene]
) -> Iterator[MakeRelay]:
    """Return a maker of opened outputs on the chip: options beyond chip and line."""
    made: list[Gpio] = []

    def make(**values: Any) -> Relay:
        options = {"line": LINE, "when": "arms_up", "chip": chip.option} | values
        made.append(Gpio(GpioOptions.model_validate(options), device, clock))
        made[-1].open()
        return Relay(made[-1], clock, scene)

    yield make
    for output in made:
        output.close()
