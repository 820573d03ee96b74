"""A PWM channel follows the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from gpio_relay import Clock

from edgepose.outputs.base import Device
from edgepose.outputs.gpio import safe_state
from edgepose.outputs.gpio.output import Gpio, GpioOptions
from edgepose.types import Scene, WatchState


def pwm_folder(folder: Path) -> Path:
    """Return a folder like /sys/class/pwm, with a chip of two channels."""
    device = folder / "devices" / "1f00098000.pwm"
    for channel in ("pwm0", "pwm1"):
        (device / channel).mkdir(parents=True)
    (device / "npwm").write_text("2\n")
    classes = folder / "class"
    classes.mkdir()
    (device / "device").symlink_to(device)
    (classes / "pwmchip0").symlink_to(device)
    return classes


def test_pwm_follows_the_score(
    tmp_path: Path,
    clock: Clock,
    device: Device,
    scene: Callable[..., Scene],
    monkeypatch: pytest.MonkeyPatch,
):
    """The share of the time is the score of who is closest; off without a fresh person."""
    folder = pwm_folder(tmp_path)
    monkeypatch.setattr(safe_state.PwmDriver.__init__, "__defaults__", (folder,))
    channel = folder / "pwmchip0" / "pwm1"
    options = GpioOptions(line=1, when="arms_up", mode="pwm", chip="1f00098000.pwm")
    output = Gpio(options, device, clock)
    output.open()

    def duty() -> int:
        return int((channel / "duty_cycle").read_text())

    assert (channel / "period").read_text() == "1000000\n"
    assert (channel / "enable").read_text() == "1\n"
    assert duty() == 0
    state = WatchState("arms_up", score=0.75, person=1)
    shown = scene(1, watches=(state,))
    output.show(shown)
    assert duty() == 750_000
    clock.now += 2.0
    output.tick()
    assert duty() == 0
    output.show(replace(shown, frame=replace(shown.frame, seq=2)))
    assert duty() == 750_000
    nobody = replace(shown, frame=replace(shown.frame, seq=3), poses=(), watches=())
    output.show(nobody)
    assert duty() == 0
    output.close()
    assert (channel / "enable").read_text() == "0\n"


def test_pwm_can_be_active_low(tmp_path: Path):
    """Off is the full share, also after the channel is let go."""
    folder = pwm_folder(tmp_path)
    bank = safe_state.PwmDriver(500.0, folder)
    (chip,) = bank.chips()

    line = bank.hold(chip, 0, active_low=True)
    channel = folder / "pwmchip0" / "pwm0"
    assert (channel / "duty_cycle").read_text() == "2000000\n"
    line.drive(0.25)
    assert (channel / "duty_cycle").read_text() == "1500000\n"
    line.release()

    assert (channel / "enable").read_text() == "1\n"
