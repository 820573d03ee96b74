"""Checks of the pins, on made-up chips."""

from __future__ import annotations

import errno

import pytest

from edgepose.doctor import gpio
from edgepose.doctor.finding import Intent
from edgepose.errors import OutputLost
from edgepose.outputs.gpio.lines import HEADERS, Chip, ChipDriver

PLAN = Intent()
RELAY = "{relay: {type: gpio, line: 17, when: person}}"


def bank(*chips: Chip, holder: str = "", error: OSError | None = None):
    """Return what makes a bank of these chips, or one that fails."""

    class Made(ChipDriver):
        auto = HEADERS

        def __init__(self, devices) -> None:
            if isinstance(error, OutputLost):
                raise error

        def chips(self) -> tuple[Chip, ...]:
            if error:
                raise error
            return chips

        def hold(self, chip, line, active_low):
            raise AssertionError("doctor touches no line")

        def holder(self, chip, line) -> str:
            return holder

    return Made


RP1 = Chip("/dev/gpiochip0", "pinctrl-rp1", 54)
PMIC = Chip("/dev/gpiochip10", "gpio-brcmstb@107d508500", 32)


def test_chips_are_told_by_label(pi5):
    """Numbers moved on the Pi 5."""
    found = gpio.chips(pi5.system, PLAN, bank(RP1))
    assert found.sentence == "found pinctrl-rp1 (/dev/gpiochip0)"


def test_no_chip_matters_on_a_pi_or_when_configured(debian, pi4, planned):
    """Elsewhere it is told, and no trouble."""
    assert gpio.chips(debian.system, planned(), bank()) is None
    assert gpio.chips(debian.system, planned(outputs=RELAY), bank()).status == "fail"
    assert gpio.chips(pi4.system, PLAN, bank()).status == "warn"
    pi4.changes["root"] = pi4.root / "elsewhere"
    assert gpio.chips(pi4.system, PLAN, bank()).status == "ok"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "sudo usermod -aG gpio pi"),
        (OSError(errno.EIO, "Input/output error"), "sudo reboot"),
        (OutputLost("the Python package gpiod can't be loaded"), "pip install 'gpiod>=2.1'"),
    ],
)
def test_chips_that_cannot_be_looked_at_have_a_remedy(pi5, planned, error, remedy):
    """No permission, a sick chip, no bindings."""
    found = gpio.chips(pi5.system, planned(outputs=RELAY), bank(error=error))
    assert found.status == "fail"
    assert remedy in found.remedy


@pytest.mark.parametrize(
    ("made", "status", "words"),
    [
        (bank(RP1, PMIC), "ok", "line 17 of pinctrl-rp1"),
        (bank(RP1, holder="edgepose"), "ok", "held by edgepose"),
        (bank(RP1, holder="spi0 CS1"), "fail", "in use by spi0 CS1"),
        (bank(PMIC), "fail", "not here"),
        (bank(Chip("/dev/gpiochip0", "pinctrl-rp1", 8)), "fail", "lines 0 to 7"),
    ],
)
def test_a_configured_line_is_looked_at_and_not_touched(pi5, planned, made, status, words):
    """It exists, and nobody else holds it."""
    plan = planned(outputs=RELAY)
    output = plan.outputs("gpio")[0]
    found = gpio.line(pi5.system, plan, output, made)
    assert found.status == status
    assert words in found.sentence


@pytest.mark.parametrize("made", [bank(), bank(error=OutputLost("no gpiod"))])
def test_where_there_is_no_chip_one_line_says_so(pi5, planned, made):
    """Each pin would only repeat it."""
    plan = planned(outputs=RELAY)
    assert gpio.chips(pi5.system, plan, made).status == "fail"
    assert gpio.line(pi5.system, plan, plan.outputs("gpio")[0], made) is None


def test_fakes_and_pwm_are_no_lines_of_a_chip(planned):
    """There is nothing to look for under /dev."""
    fake = planned(outputs="{relay: {type: gpio, line: 17, when: person, chip: fake}}")
    pwm = planned(outputs="{lamp: {type: gpio, line: 0, when: person, mode: pwm}}")
    assert not gpio.is_real(fake.outputs("gpio")[0])
    assert not gpio.is_real(pwm.outputs("gpio")[0])
    assert gpio.is_real(planned(outputs=RELAY).outputs("gpio")[0])


def test_a_button_takes_a_line_as_a_relay_does(pi5, debian, planned):
    """Its chip is needed, its line is looked at, and the user must be in group gpio."""
    button = "{start: {type: button, line: 27, watch: w}}"
    plan = planned(outputs=button, watch="{w: {routine: morning}}")
    assert gpio.chips(debian.system, plan, bank()).status == "fail"
    (pin,) = gpio.pins(plan)
    assert gpio.is_real(pin)
    assert gpio.line(pi5.system, plan, pin, bank(RP1)).status == "ok"
