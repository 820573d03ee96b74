"""A push button on the shipped fake chip, pressed by a wire, and what it does to a routine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gpio_chips import LABEL, LINE
from gpio_relay import Clock

from edgepose.config.loader import load
from edgepose.errors import ConfigError, OutputLost, UserError
from edgepose.outputs.base import Controls, Device
from edgepose.outputs.gpio.button import POLL, Button, ButtonOptions
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver, FakePin


class Asked(Controls):
    """Note commands; `refuses` makes each a mistake."""

    def __init__(self) -> None:
        self.commands: list[tuple[str, Any]] = []
        self.refuses = False

    def state(self) -> dict[str, Any]:
        return {}

    def command(self, name: str, value: Any = None) -> str:
        self.commands.append((name, value))
        if self.refuses:
            raise UserError("workout is running already")
        return "workout starts"


class Finger:
    """A button between a pin and ground, or 3.3 V, with an output that looks at it."""

    def __init__(self, button: Button, pin: FakePin, clock: Clock, active_low: bool) -> None:
        self.button, self.clock = button, clock
        self._wire, self._pressed = FakePin(clock), not active_low
        pin.wire(self._wire)

    def press(self, seconds: float = 0.1) -> None:
        """Press, and release."""
        self._wire.drive(self._pressed)
        self.wait(seconds)
        self._wire.drive(None)
        self.wait(0.1)

    def wait(self, seconds: float) -> None:
        """Let time pass; the output ticks whenever it asked for it."""
        end = self.clock.now + seconds
        while (at := self.button.wake_at) is not None and at <= end:
            self.clock.now = max(at, self.clock.now)
            self.button.tick()
        self.clock.now = end


@pytest.fixture
def asked() -> Asked:
    """Return the appliance."""
    return Asked()


@pytest.fixture
def make(
    fake: FakeChip, device: Device, asked: Asked, clock: Clock
) -> Iterator[Callable[..., Finger]]:
    """Return the maker of buttons on the fake chip."""
    made: list[Button] = []

    def button(**values: Any) -> Finger:
        options = {"line": LINE, "watch": "workout", "chip": f"fake:{LABEL}"} | values
        checked = ButtonOptions.model_validate(options)
        made.append(Button(checked, replace(device, controls=asked), clock))
        finger = Finger(made[-1], fake.pins[LINE], clock, checked.active_low)
        made[-1].open()
        return finger

    yield button
    for each in made:
        each.close()


@pytest.mark.parametrize("active_low", [True, False])
def test_a_press_is_one_command(make: Callable[..., Finger], asked: Asked, active_low: bool):
    """However long it is held, and whichever side it connects the pin to."""
    finger = make(active_low=active_low)
    finger.wait(0.2)
    assert asked.commands == []
    finger.press(3.0)
    assert asked.commands == [("routine", {"watch": "workout", "do": "start"})]
    finger.press()
    assert len(asked.commands) == 2


def test_a_press_has_a_pose_taught(make: Callable[..., Finger], asked: Asked):
    """After a countdown of its own, under a free name, watched for at once."""
    finger = make(watch=None, do="teach", countdown=8)
    finger.wait(0.2)
    finger.press()
    assert asked.commands == [("capture", {"countdown": 8.0, "watch": True})]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("do: teach, watch: workout", "leave `watch` out"),
        ("do: skip", "`do: skip` needs `watch`"),
        ("do: teach, countdown: 0", "outputs.b.countdown: expected"),
        ("do: teech", "did you mean 'teach'"),
    ],
)
def test_a_button_that_makes_no_sense_is_refused(tmp_path: Path, options: str, problem: str):
    """With what to write instead."""
    path = tmp_path / "gym.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\nwatch: {workout: {routine: morning}}\n"
        f"outputs:\n  b: {{type: button, line: 27, {options}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert problem in str(caught.value)
    assert "line 5" in str(caught.value)


def test_a_spike_is_no_press(make: Callable[..., Finger], asked: Asked):
    """Contacts bounce, and a motor nearby disturbs."""
    finger = make()
    finger.wait(0.2)
    finger.press(POLL * 0.9)
    assert asked.commands == []


def test_a_button_that_is_stuck_does_nothing(make: Callable[..., Finger], asked: Asked):
    """It must be released first: a restart with a jammed button starts no routine."""
    finger = make()
    finger.button.close()
    finger._wire.drive(False)
    finger.button.open()
    finger.wait(1.0)
    assert asked.commands == []
    finger._wire.drive(None)
    finger.wait(0.1)
    finger.press()
    assert len(asked.commands) == 1


def test_a_refused_press_is_logged(
    make: Callable[..., Finger], asked: Asked, caplog: pytest.LogCaptureFixture
):
    """Nothing fails: somebody pressed twice."""
    asked.refuses = True
    finger = make(do="skip")
    finger.wait(0.2)
    finger.press()
    assert asked.commands[0][1]["do"] == "skip"
    assert "The button did nothing: workout is running already." in caplog.text


def test_a_line_in_use_and_a_chip_that_goes_are_lost(make: Callable[..., Finger], fake: FakeChip):
    """With who uses it; later it is opened again."""
    finger = make()
    with pytest.raises(OutputLost, match="in use by edgepose"):
        make()
    FakeDriver.unplug(fake)
    with pytest.raises(OutputLost, match=f"line {LINE}"):
        finger.button.tick()
    finger.button.close()


def test_the_line_is_free_after_close(make: Callable[..., Finger], fake: FakeChip):
    """Twice is fine."""
    finger = make()
    assert fake.pins[LINE].holder == "edgepose"
    finger.button.close()
    finger.button.close()
    assert fake.pins[LINE].holder == ""


@pytest.mark.parametrize(
    ("watch", "problem"),
    [
        ("workout", ""),
        ("wrkout", "found 'wrkout'; did you mean 'workout'?"),
        ("squats", "expected the name of a watch with a routine, found 'squats'; known: workout"),
    ],
)
def test_the_watch_must_have_a_routine(tmp_path: Path, watch: str, problem: str):
    """Found by check-config, with line and way out."""
    path = tmp_path / "gym.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\n"
        "watch: {squats: {exercise: squat}, workout: {routine: morning}}\n"
        f"outputs:\n  start: {{type: button, line: 27, watch: {watch}}}\n"
    )
    if problem:
        with pytest.raises(ConfigError) as caught:
            load(path)
        assert problem in str(caught.value)
        assert "line 5: outputs.start.watch" in str(caught.value)
    else:
        assert load(path).outputs["start"].options.line == 27
