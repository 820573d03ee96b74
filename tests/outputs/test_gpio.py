"""A line that switches: on the shipped fake chip, and on a simulated one of the kernel.

The same tests run on both; gpio-sim is used where the kernel has it and the user may make chips.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgepose.config import load
from edgepose.engine.outlet import Outlet
from edgepose.engine.stats import Stats
from edgepose.errors import ConfigError, OutputLost
from edgepose.outputs import rest
from edgepose.outputs.base import Device
from edgepose.outputs.fake_lines import FakeBank, FakeChip
from edgepose.outputs.gpio import Gpio, GpioOptions
from edgepose.types import Event, Pose, Scene, WatchState

SIM = Path("/sys/kernel/config/gpio-sim")
LABEL = "pinctrl-bcm2711"
LINE = 17


class Clock:
    """Be the monotonic clock, set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Chip(ABC):
    """Look at a chip from outside, as a voltmeter and another program would."""

    option = LABEL
    label = LABEL

    @abstractmethod
    def level(self, line: int) -> int:
        """Return the physical level of a pin."""

    @abstractmethod
    def take(self, line: int) -> Callable[[], None]:
        """Let another program hold a line; return how it lets go."""

    @abstractmethod
    def unplug(self) -> None:
        """Take the chip away."""

    @abstractmethod
    def plug(self) -> None:
        """Bring the chip."""


class Fake(Chip):
    """The shipped fake."""

    option = f"fake:{LABEL}"

    def __init__(self) -> None:
        self.chip = FakeChip(LABEL, keeps_outputs=True)  # as on a Pi

    def level(self, line: int) -> int:
        return int(self.chip.pins[line].level)

    def take(self, line: int) -> Callable[[], None]:
        self.chip.pins[line].holder = "doorbell"
        return lambda: setattr(self.chip.pins[line], "holder", "")

    def unplug(self) -> None:
        FakeBank.unplug(self.chip)

    def plug(self) -> None:
        FakeBank.plug(self.chip)


class Simulated(Chip):
    """A chip of the kernel's gpio-sim, made in configfs."""

    def __init__(self) -> None:
        self._folder = SIM / f"edgepose-{time.monotonic_ns()}"
        self._pins: Path | None = None

    def level(self, line: int) -> int:
        assert self._pins is not None
        return int((self._pins / f"sim_gpio{line}" / "value").read_text())

    def take(self, line: int) -> Callable[[], None]:
        import gpiod

        assert self._pins is not None
        output = gpiod.LineSettings(direction=gpiod.line.Direction.OUTPUT)
        request = gpiod.request_lines(
            f"/dev/{self._pins.name}", {line: output}, consumer="doorbell"
        )
        return request.release

    def unplug(self) -> None:
        (self._folder / "live").write_text("0")
        for folder in (self._folder / "bank0", self._folder):
            folder.rmdir()

    def plug(self) -> None:
        bank = self._folder / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text("28")
        (bank / "label").write_text(LABEL)
        (self._folder / "live").write_text("1")
        device = (self._folder / "dev_name").read_text().strip()
        chip = (bank / "chip_name").read_text().strip()
        self._pins = Path("/sys/devices/platform", device, chip)


@pytest.fixture(params=["fake", "gpio-sim"])
def chip(request: pytest.FixtureRequest) -> Iterator[Chip]:
    """Return each kind of chip, plugged in."""
    if request.param == "gpio-sim" and not SIM.is_dir():
        pytest.skip("this kernel has no gpio-sim")
    made = Fake() if request.param == "fake" else Simulated()
    made.plug()
    yield made
    made.unplug()


@pytest.fixture
def fake() -> Iterator[FakeChip]:
    """Return a plugged fake chip: for what a simulated one can't show."""
    chip = FakeBank.plug(FakeChip(LABEL))
    yield chip
    if chip.is_plugged:
        FakeBank.unplug(chip)


@pytest.fixture
def clock() -> Clock:
    """Return the clock."""
    return Clock()


class Rig:
    """Hold an output and its pin; scenes come from a camera that is seen by the same clock."""

    def __init__(self, output: Gpio, clock: Clock, scene: Callable[..., Scene]) -> None:
        self.output = output
        self.clock = clock
        self._scene = scene
        self._seq = 0

    def show(self, *events: Event, people: tuple[int, ...] = (1,), age: float = 0.0) -> Scene:
        """Show a scene with these events and people, whose picture is `age` seconds old."""
        self._seq += 1
        made = self._scene(self._seq, time=self.clock.now - age)
        poses = tuple(replace(made.poses[0], person=person) for person in people)
        frame = replace(made.frame, captured=self.clock.now - age)
        made = replace(made, frame=frame, poses=poses, events=events)
        self.output.show(made)
        return made

    def event(self, kind: str, name: str = "arms_up", person: int = 1, ago: float = 0.0) -> Event:
        """Return an event of now, or some seconds ago, with an id of its own."""
        moment = self.clock.now - ago
        number = f"{kind}-{name}-{person}-{moment}"
        return Event(number, kind, name, "lobby", 1.7e9 + moment, moment, person, 0.9)

    def at(self, now: float) -> None:
        """Let time pass; the outlet ticks at every moment that the output asks for."""
        while self.output.wake_at is not None and self.output.wake_at <= now:
            self.clock.now = max(self.clock.now, self.output.wake_at)
            self.output.tick()
        self.clock.now = now


@pytest.fixture
def rig(
    chip: Chip, clock: Clock, device: Device, scene: Callable[..., Scene]
) -> Iterator[Callable[..., Rig]]:
    """Return a maker of opened outputs on the chip: options beyond chip and line."""
    made: list[Gpio] = []

    def make(**values: Any) -> Rig:
        options = {"line": LINE, "when": "arms_up", "chip": chip.option} | values
        made.append(Gpio(GpioOptions.model_validate(options), device, clock))
        made[-1].open()
        return Rig(made[-1], clock, scene)

    yield make
    for output in made:
        output.close()


MakeRig = Callable[..., Rig]


def test_a_level_follows_the_pose(rig: MakeRig, chip: Chip):
    """On from start to end, off before and after."""
    relay = rig()
    assert chip.level(LINE) == 0

    relay.show(relay.event("start"))
    assert chip.level(LINE) == 1
    relay.show()
    assert chip.level(LINE) == 1
    relay.show(relay.event("end"))

    assert chip.level(LINE) == 0


def test_active_low_is_turned_around(rig: MakeRig, chip: Chip):
    """Off is high from the first moment on, and when the output is closed."""
    relay = rig(active_low=True)
    assert chip.level(LINE) == 1

    relay.show(relay.event("start"))
    assert chip.level(LINE) == 0
    relay.show(relay.event("end"))
    assert chip.level(LINE) == 1


def test_other_poses_do_not_switch(rig: MakeRig, chip: Chip):
    """Only the watch that is named, or one of several."""
    relay = rig(when=["arms_up", "squat"])

    relay.show(relay.event("start", "wave"))
    assert chip.level(LINE) == 0
    relay.show(relay.event("start", "squat"))
    assert chip.level(LINE) == 1


def test_the_last_who_holds_the_pose_switches_off(rig: MakeRig, chip: Chip):
    """Two people, two poses: on while any of them is held."""
    relay = rig(when=["arms_up", "squat"])
    both = (1, 2)

    relay.show(relay.event("start"), relay.event("start", person=2), people=both)
    relay.show(relay.event("start", "squat"), people=both)
    relay.show(relay.event("end"), relay.event("end", person=2), people=both)
    assert chip.level(LINE) == 1
    relay.show(relay.event("end", "squat"), people=both)

    assert chip.level(LINE) == 0


def test_a_pulse_has_its_length(rig: MakeRig, chip: Chip):
    """As in the README: `pulse: 0.5`; no scene is needed to end it."""
    relay = rig(pulse=0.5)
    start = relay.clock.now

    relay.show(relay.event("start"))
    assert relay.output.wake_at == pytest.approx(start + 0.5)
    relay.at(start + 0.499)
    assert chip.level(LINE) == 1
    relay.at(start + 0.5)

    assert chip.level(LINE) == 0
    assert relay.output.wake_at is None


def test_a_repetition_is_a_pulse(rig: MakeRig, chip: Chip):
    """Each squat clicks."""
    relay = rig(when="squats", pulse=0.1)

    relay.show(relay.event("rep", "squats"))

    assert chip.level(LINE) == 1


def test_a_pulse_is_given_once(rig: MakeRig, chip: Chip):
    """An event that comes again - the scene was put back - does not pulse again."""
    relay = rig(pulse=0.5)
    event = relay.event("start")
    relay.show(event)
    relay.at(relay.clock.now + 0.6)

    relay.show(event)

    assert chip.level(LINE) == 0


@pytest.mark.parametrize(("age", "ago"), [(1.5, 0.0), (0.0, 1.5)])
def test_a_pulse_that_is_late_is_not_given(
    rig: MakeRig, chip: Chip, age: float, ago: float, caplog: pytest.LogCaptureFixture
):
    """After an outage nothing clicks for what is over; the log says so."""
    relay = rig(pulse=5.0, interlock=0)

    relay.show(relay.event("start", ago=age + ago), age=age)

    assert chip.level(LINE) == 0
    assert "No pulse for 'arms_up'" in caplog.text


def test_blinking(rig: MakeRig, chip: Chip):
    """On first, half a second each, off with the pose."""
    relay = rig(blink=1.0, interlock=10)
    start = relay.clock.now
    relay.show(relay.event("start"))

    seen = []
    for tenth in range(30):
        relay.at(start + tenth / 10 + 0.05)
        seen.append(chip.level(LINE))
    relay.show(relay.event("end"))

    assert seen == ([1] * 5 + [0] * 5) * 3
    assert chip.level(LINE) == 0
    assert relay.output.wake_at is None


def test_max_on(rig: MakeRig, chip: Chip):
    """Off after so long however long the pose is held, until it was left."""
    relay = rig(max_on=3.0)
    start = relay.clock.now
    relay.show(relay.event("start"))
    for second in range(1, 6):
        relay.at(start + second)
        relay.show()
        assert chip.level(LINE) == int(second < 3)

    relay.show(relay.event("end"))
    relay.show(relay.event("start"))

    assert chip.level(LINE) == 1


def test_the_interlock_switches_off_when_no_picture_comes(rig: MakeRig, chip: Chip):
    """A frozen camera can't keep a motor running; it runs again when the person is seen."""
    relay = rig(interlock=2.0)
    start = relay.clock.now
    relay.show(relay.event("start"))

    relay.at(start + 1.99)
    assert chip.level(LINE) == 1
    relay.at(start + 2.0)
    assert chip.level(LINE) == 0
    relay.show()

    assert chip.level(LINE) == 1


def test_the_interlock_needs_the_person_who_took_the_pose(rig: MakeRig, chip: Chip):
    """Pictures of somebody else, or of nobody, don't keep it on."""
    relay = rig(interlock=2.0)
    start = relay.clock.now
    relay.show(relay.event("start"))

    for tenth in range(1, 21):
        relay.at(start + tenth / 10)
        relay.show(people=(2,) if tenth % 2 else ())

    assert chip.level(LINE) == 0


def test_old_pictures_do_not_feed_the_interlock(rig: MakeRig, chip: Chip):
    """Pictures that arrive three seconds late are pictures of the past."""
    relay = rig(interlock=2.0)

    relay.show(relay.event("start"), age=3.0)

    assert chip.level(LINE) == 0


def test_the_scene_that_ends_a_run_feeds_no_interlock(rig: MakeRig, chip: Chip):
    """It repeats the last picture: nobody was seen anew."""
    relay = rig(interlock=2.0)
    start = relay.clock.now
    last = relay.show(relay.event("start"))
    last = replace(last, frame=replace(last.frame, captured=None), events=())

    relay.at(start + 1.5)
    relay.output.show(last)
    relay.at(start + 2.0)

    assert chip.level(LINE) == 0


def test_a_person_is_enough(rig: MakeRig, chip: Chip):
    """`when: person`: on while somebody is there, a flicker of the detector aside."""
    relay = rig(when="person", interlock=1.0)
    start = relay.clock.now

    relay.show(people=())
    assert chip.level(LINE) == 0
    relay.show(people=(3,))
    relay.at(start + 0.9)
    relay.show(people=())
    assert chip.level(LINE) == 1
    relay.at(start + 1.0)
    assert chip.level(LINE) == 0
    relay.show(people=(4,))

    assert chip.level(LINE) == 1


def test_a_person_who_comes_is_a_pulse(rig: MakeRig, chip: Chip):
    """The doorbell rings once for each coming, not while somebody stays."""
    relay = rig(when="person", pulse=0.2, interlock=1.0)
    start, seen = relay.clock.now, []
    for tenth in range(60):
        relay.at(start + tenth / 10)
        relay.show(people=(1,) if tenth < 20 or tenth >= 40 else ())
        seen.append(chip.level(LINE))

    assert seen == [1, 1] + [0] * 38 + [1, 1] + [0] * 18


def test_closing_switches_off(rig: MakeRig, chip: Chip):
    """In the middle of a pose; the line is free for others then, and can be opened again."""
    relay = rig()
    relay.show(relay.event("start"))

    relay.output.close()
    assert chip.level(LINE) == 0
    assert relay.output.wake_at is None
    chip.take(LINE)()
    relay.output.open()

    assert chip.level(LINE) == 1, "the pose is held and the person was just seen"


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
    other = FakeBank.plug(FakeChip("raspberrypi-exp-gpio", lines=8))
    FakeBank.unplug(fake)
    FakeBank.plug(fake)
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device)

    output.open()

    assert fake.pins[LINE].holder == "edgepose"
    output.close()
    FakeBank.unplug(other)


def test_a_chip_that_is_pulled_out_comes_back(
    fake: FakeChip, clock: Clock, device: Device, scene: Callable[..., Scene]
):
    """A USB adapter: lost, opened again; the scene that is given again switches."""
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device, clock)
    output.open()
    relay = Rig(output, clock, scene)
    FakeBank.unplug(fake)
    start = relay.event("start")

    with pytest.raises(OutputLost, match=f"line {LINE} of fake:{LABEL}: No such device"):
        relay.show(start)
    output.close()
    with pytest.raises(OutputLost, match="not here"):
        output.open()
    output.close()
    fake.kill()
    FakeBank.plug(fake)
    output.open()
    relay.show(start)

    assert fake.pins[LINE].level
    output.close()
    assert not fake.pins[LINE].level


def test_the_history_of_a_pin_tells_lengths(
    clock: Clock, device: Device, scene: Callable[..., Scene]
):
    """The fake keeps every change with its time: what a logic analyser would show."""
    chip = FakeBank.plug(FakeChip(LABEL, clock=clock))
    output = Gpio(
        GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}", pulse=0.25), device, clock
    )
    output.open()
    relay = Rig(output, clock, scene)
    for _ in range(3):
        relay.show(relay.event("start"))
        relay.at(clock.now + 1.0)
    output.close()
    FakeBank.unplug(chip)

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


@pytest.mark.parametrize("keeps_outputs", [True, False])
@pytest.mark.parametrize("active_low", [True, False])
def test_a_killed_process_leaves_the_line_to_who_comes_after(  # noqa: PLR0917
    keeps_outputs: bool,
    active_low: bool,
    clock: Clock,
    device: Device,
    scene: Callable[..., Scene],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """On Raspberry Pi's kernels the pin stays on; `rest`, run by the unit, switches it off."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    chip = FakeBank.plug(FakeChip(LABEL, keeps_outputs=keeps_outputs))
    chip.pins[LINE].pull("up" if active_low else "down")
    options = GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}", active_low=active_low)
    output = Gpio(options, device, clock)
    output.open()
    relay = Rig(output, clock, scene)
    relay.show(relay.event("start"))

    chip.kill()
    assert (chip.pins[LINE].level != active_low) == keeps_outputs
    assert rest.rest_all()

    assert chip.pins[LINE].level == active_low
    assert chip.pins[LINE].holder == ""
    assert not list((tmp_path / "lines").iterdir())
    FakeBank.unplug(chip)


def test_a_line_that_could_not_be_switched_off_keeps_its_note(
    fake: FakeChip, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`rest` fails visibly while it can't, and does its work later."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device)
    output.open()
    FakeBank.unplug(fake)
    output.close()

    assert not rest.rest_all()
    fake.kill()
    FakeBank.plug(fake)
    assert rest.rest_all()
    assert not list((tmp_path / "lines").iterdir())


def test_closing_in_order_leaves_no_note(
    fake: FakeChip, device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Only who did not close has left a line behind; a failed open holds none."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}"), device)

    output.open()
    assert len(list((tmp_path / "lines").iterdir())) == 1
    output.close()
    fake.pins[LINE].holder = "doorbell"
    with pytest.raises(OutputLost):
        output.open()
    output.close()

    assert not list((tmp_path / "lines").iterdir())


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
    monkeypatch.setattr(rest.PwmBank.__init__, "__defaults__", (folder,))
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
    bank = rest.PwmBank(500.0, folder)
    (chip,) = bank.chips()

    line = bank.hold(chip, 0, active_low=True)
    channel = folder / "pwmchip0" / "pwm0"
    assert (channel / "duty_cycle").read_text() == "2000000\n"
    line.drive(0.25)
    assert (channel / "duty_cycle").read_text() == "1500000\n"
    line.release()

    assert (channel / "enable").read_text() == "1\n"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mode": "level", "pulse": 0.5}, "`pulse` has no meaning in mode level"),
        ({"pulse": 0.5, "blink": 1.0}, "`blink` has no meaning in mode pulse"),
        ({"when": "person", "interlock": 0}, "`when: person` needs `interlock`"),
        ({"pulse": 0.0}, "greater than or equal to 0.01"),
        ({"line": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_contradict_each_other_are_errors(values: dict[str, Any], words: str):
    """Each with what to do about it."""
    with pytest.raises(ValidationError, match=words):
        GpioOptions.model_validate({"line": 17, "when": "arms_up"} | values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "level"),
        ({"pulse": 0.5}, "pulse"),
        ({"blink": 1}, "blink"),
        ({"mode": "pulse"}, "pulse"),
    ],
)
def test_a_length_implies_the_mode(values: dict[str, Any], kind: str):
    """`pulse: 0.5` is all that has to be written."""
    assert GpioOptions.model_validate({"line": 17, "when": "x"} | values).kind == kind


@pytest.mark.parametrize(
    ("when", "problem"),
    [("arms_up", ""), ("person", ""), ("persn", "expected the name of a watch, found 'persn'")],
)
def test_when_is_checked_with_the_watches(tmp_path: Path, when: str, problem: str):
    """A watch of the file, or `person`; the promised line of the README is taken."""
    template = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
    path = tmp_path / "lobby.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\n"
        f"watch: {{arms_up: {{template: {template}}}}}\n"
        f"outputs:\n  relay: {{type: gpio, line: 17, when: {when}, pulse: 0.5}}\n"
    )

    if problem:
        with pytest.raises(ConfigError, match=problem):
            load(path)
    else:
        assert load(path).outputs["relay"].options.pulse == 0.5


def test_untracked_people_count(rig: MakeRig, chip: Chip, scene: Callable[..., Scene]):
    """An event without a person is kept on by whoever is seen."""
    relay = rig()

    relay.show(replace(relay.event("start"), person=None), people=(5,))

    assert chip.level(LINE) == 1


def test_poses_alone_switch_nothing(rig: MakeRig, chip: Chip):
    """Somebody who stands there has not taken the pose."""
    relay = rig()

    relay.show()

    assert chip.level(LINE) == 0
    assert isinstance(relay.show().poses[0], Pose)


def test_a_pulse_ends_on_the_outlet_s_own_clock(device: Device, scene: Callable[..., Scene]):
    """On the thread that an output really has, with one scene and none after it."""
    chip = FakeBank.plug(FakeChip(LABEL))
    output = Gpio(GpioOptions(line=LINE, when="arms_up", chip=f"fake:{LABEL}", pulse=0.05), device)
    is_off = threading.Event()
    tick = output.tick

    def ticked() -> None:
        tick()
        if not chip.pins[LINE].level:
            is_off.set()

    output.tick = ticked  # type: ignore[method-assign]
    crashes: list[BaseException] = []
    outlet = Outlet("relay", output, Stats(), crashes.append)
    outlet.start()
    outlet.offer(scene(0, 1))

    assert is_off.wait(20.0)
    outlet.drain()
    assert outlet.join(time.monotonic() + 20.0)
    FakeBank.unplug(chip)
    (went_on, first), (went_off, second) = chip.pins[LINE].history
    assert (first, second) == (True, False)
    assert went_off - went_on >= 0.049
    assert not crashes


HOLDER = """
import sys, time
from edgepose.outputs.base import Device
from edgepose.outputs.gpio import Gpio, GpioOptions
from edgepose.types import Event, Pose, Scene, blank_frame, empty_keypoints

output = Gpio(GpioOptions(line=int(sys.argv[2]), when="arms_up", chip=sys.argv[1]), Device("lobby"))
output.open()
start = Event("1.1-aaaaaa", "start", "arms_up", "lobby", 0.0, 0.0, 1)
pose = Pose(empty_keypoints(), 1.0, (4, 4), 1)
output.show(Scene(blank_frame((4, 4), 0.0, 0), (pose,), events=(start,)))
print("on", flush=True)
time.sleep(600)
"""


def test_sigkill_lets_the_line_go_and_rest_switches_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The kernel's side of the promise: only a simulated chip outlives its process."""
    if not SIM.is_dir():
        pytest.skip("this kernel has no gpio-sim")
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path))
    chip = Simulated()
    chip.plug()
    command = [sys.executable, "-c", HOLDER, chip.option, str(LINE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "on\n"
        assert chip.level(LINE) == 1
        holder.kill()
    chip.take(LINE)()

    subprocess.run([sys.executable, "-m", "edgepose.outputs.rest"], check=True, timeout=60)

    assert chip.level(LINE) == 0
    assert not list((tmp_path / "lines").iterdir())
    chip.unplug()
