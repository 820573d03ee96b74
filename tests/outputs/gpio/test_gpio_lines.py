"""Real chips by label, through bindings that are played here; the fake's own physics."""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgepose.errors import OutputLost
from edgepose.outputs.gpio.fake import FakeChip
from edgepose.outputs.gpio.libgpiod import GpiodDriver
from edgepose.outputs.gpio.lines import find_chip, hold

LABELS = {
    "gpiochip0": "brcmvirt-gpio", "gpiochip2": "usb-expander", "gpiochip10": "pinctrl-rp1",
}  # fmt: skip


class Played(ModuleType):
    """Play the bindings of libgpiod 2: the calls that are made, with the kernel's errors.

    held: consumer by (chip, line). calls: what was asked of lines.
    """

    def __init__(self) -> None:
        super().__init__("gpiod")
        self.held: dict[tuple[str, int], str] = {}
        self.calls: list[Any] = []
        self.refused = False
        self.line = SimpleNamespace(
            Direction=SimpleNamespace(OUTPUT="output"),
            Value=SimpleNamespace(ACTIVE="active", INACTIVE="inactive"),
        )

    def is_gpiochip_device(self, path: str) -> bool:
        return Path(path).name in LABELS

    def LineSettings(self, **values: Any) -> dict[str, Any]:  # noqa: N802 - the binding's name
        return values

    def Chip(self, path: str) -> Any:  # noqa: N802
        if self.refused:
            raise PermissionError(errno.EACCES, "Permission denied")
        played, name = self, Path(path).name

        class Opened:
            def __enter__(self) -> Opened:
                return self

            def __exit__(self, *error: object) -> None:
                pass

            def get_info(self) -> Any:
                return SimpleNamespace(label=LABELS[name], num_lines=28)

            def get_line_info(self, line: int) -> Any:
                return SimpleNamespace(consumer=played.held.get((path, line), ""))

        return Opened()

    def request_lines(self, path: str, config: dict[int, Any], consumer: str) -> Any:
        ((line, settings),) = config.items()
        if (path, line) in self.held:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.calls.append((Path(path).name, line, settings, consumer))
        return SimpleNamespace(
            set_value=lambda line, value: self.calls.append((line, value)),
            release=lambda: self.calls.append("released"),
        )


@pytest.fixture
def gpiod(monkeypatch: pytest.MonkeyPatch) -> Played:
    """Return the bindings, put in the place of the real ones."""
    played = Played()
    monkeypatch.setitem(sys.modules, "gpiod", played)
    return played


@pytest.fixture
def bank(gpiod: Played, tmp_path: Path) -> GpiodDriver:
    """Return the chips of a Pi 5 with an expander."""
    for name in (*LABELS, "gpiochip-not-one"):
        (tmp_path / name).touch()
    return GpiodDriver(tmp_path)


def test_chips_come_in_the_kernel_s_order(bank: GpiodDriver):
    """Ten after two; what is no GPIO chip is left out."""
    assert [Path(chip.path).name for chip in bank.chips()] == list(LABELS)


@pytest.mark.parametrize("wanted", ["auto", "pinctrl-rp1", "gpiochip10"])
def test_the_header_is_found_by_label(bank: GpiodDriver, wanted: str):
    """Whatever number it has."""
    assert find_chip(bank, wanted).label == "pinctrl-rp1"


def test_a_device_file_is_taken(bank: GpiodDriver, tmp_path: Path):
    """Who wants a number gets it."""
    assert find_chip(bank, str(tmp_path / "gpiochip2")).label == "usb-expander"


def test_a_machine_without_header_is_told(
    bank: GpiodDriver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """`auto` never takes a line of just any chip."""
    monkeypatch.setitem(LABELS, "gpiochip10", "INTC1056:00")

    with pytest.raises(OutputLost, match=r"header is not here; found brcmvirt-gpio .*INTC1056:00"):
        find_chip(bank, "auto")


def test_a_line_is_requested_off(bank: GpiodDriver, gpiod: Played):
    """As an output that is inactive from its first moment; the kernel turns active-low around."""
    line = hold(bank, "auto", 17, active_low=True)
    line.drive(1.0)
    line.drive(0.0)
    line.release()

    settings = {"direction": "output", "active_low": True, "output_value": "inactive"}
    assert gpiod.calls == [
        ("gpiochip10", 17, settings, "edgepose"), (17, "active"), (17, "inactive"), "released",
    ]  # fmt: skip


def test_a_busy_line_names_its_holder(bank: GpiodDriver, gpiod: Played):
    """As `gpioinfo` would."""
    gpiod.held[find_chip(bank, "auto").path, 17] = "fan"

    with pytest.raises(OutputLost, match=r"line 17 of pinctrl-rp1 .*in use by fan"):
        hold(bank, "auto", 17, active_low=False)


def test_a_user_who_may_not_is_told_the_group(bank: GpiodDriver, gpiod: Played):
    """The commonest mistake of an installation."""
    gpiod.refused = True

    with pytest.raises(OutputLost, match="Permission denied; the user must be in group gpio"):
        hold(bank, "auto", 17, active_low=False)


def test_the_old_bindings_are_told(monkeypatch: pytest.MonkeyPatch):
    """Bookworm's apt package has the same name and another interface."""
    monkeypatch.setitem(sys.modules, "gpiod", ModuleType("gpiod"))

    with pytest.raises(OutputLost, match=r"version 1; edgepose needs gpiod 2\.1"):
        GpiodDriver()


def test_missing_bindings_are_told(monkeypatch: pytest.MonkeyPatch):
    """The package runs without them until a line is wanted."""
    monkeypatch.setitem(sys.modules, "gpiod", None)

    with pytest.raises(OutputLost, match="gpiod can't be loaded"):
        GpiodDriver()


def test_the_real_bindings_have_what_is_called():
    """What is played here is there in the package that is installed."""
    import gpiod

    assert {"request_lines", "LineSettings", "Chip", "is_gpiochip_device"} <= set(dir(gpiod))
    assert gpiod.LineSettings(
        direction=gpiod.line.Direction.OUTPUT,
        active_low=True,
        output_value=gpiod.line.Value.INACTIVE,
    ).active_low
    with pytest.raises(OutputLost, match="header is not here; found none"):
        find_chip(GpiodDriver(Path("/nowhere")), "auto")


def test_a_fake_pin_obeys_what_drives_it():
    """Driven, else by its wire, else by its pull; each change has its time."""
    times = iter(range(100))
    chip = FakeChip("bench", lines=3, clock=lambda: float(next(times)))
    relay, sense, button = chip.pins
    relay.wire(sense)

    button.pull("up")
    relay.drive(True)
    assert (relay.level, sense.level, button.level) == (True, True, True)
    relay.drive(False)
    assert not sense.level
    relay.drive(None)
    sense.pull("up")

    assert sense.level
    assert [level for _, level in relay.history] == [True, False]
    assert [level for _, level in sense.history] == [True, False, True]
    assert [level for _, level in button.history] == [True]
