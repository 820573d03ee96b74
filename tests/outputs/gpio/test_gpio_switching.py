"""When a line is on: on the shipped fake chip, and on a simulated one of the kernel.

The same tests run on both; gpio-sim is used where the kernel has it and the user may make chips.
`test_gpio_sim.py` runs them where both are so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from gpio_chips import LINE, Chip
from gpio_relay import MakeRelay

from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.outputs.base import Device
from edgepose.outputs.gpio.output import Gpio, GpioOptions
from edgepose.types import Pose, Scene


def test_a_level_follows_the_pose(make_relay: MakeRelay, chip: Chip):
    """On from start to end, off before and after."""
    relay = make_relay()
    assert chip.level(LINE) == 0

    relay.show(relay.event("start"))
    assert chip.level(LINE) == 1
    relay.show()
    assert chip.level(LINE) == 1
    relay.show(relay.event("end"))

    assert chip.level(LINE) == 0


def test_the_fake_chip_says_when_it_switches(
    make_relay: MakeRelay, chip: Chip, caplog: pytest.LogCaptureFixture
):
    """Whoever tries a configuration without pins sees the click, and not each frame of it."""
    caplog.set_level("INFO", "edgepose.outputs.gpio.fake")
    relay = make_relay()
    relay.show(relay.event("start"))
    relay.show()
    relay.show(relay.event("end"))

    said = [f"Line {LINE} of the fake chip is {word}." for word in ("on", "off")]
    assert caplog.messages == (said if chip.option.startswith("fake") else [])


def test_active_low_is_turned_around(make_relay: MakeRelay, chip: Chip):
    """Off is high from the first moment on, and when the output is closed."""
    relay = make_relay(active_low=True)
    assert chip.level(LINE) == 1

    relay.show(relay.event("start"))
    assert chip.level(LINE) == 0
    relay.show(relay.event("end"))
    assert chip.level(LINE) == 1


def test_other_poses_do_not_switch(make_relay: MakeRelay, chip: Chip):
    """Only the watch that is named, or one of several."""
    relay = make_relay(when=["arms_up", "squat"])

    relay.show(relay.event("start", "wave"))
    assert chip.level(LINE) == 0
    relay.show(relay.event("start", "squat"))
    assert chip.level(LINE) == 1


def test_the_last_who_holds_the_pose_switches_off(make_relay: MakeRelay, chip: Chip):
    """Two people, two poses: on while any of them is held."""
    relay = make_relay(when=["arms_up", "squat"])
    both = (1, 2)

    relay.show(relay.event("start"), relay.event("start", person=2), people=both)
    relay.show(relay.event("start", "squat"), people=both)
    relay.show(relay.event("end"), relay.event("end", person=2), people=both)
    assert chip.level(LINE) == 1
    relay.show(relay.event("end", "squat"), people=both)

    assert chip.level(LINE) == 0


def test_a_pulse_has_its_length(make_relay: MakeRelay, chip: Chip):
    """As in the README: `pulse: 0.5`; no scene is needed to end it."""
    relay = make_relay(pulse=0.5)
    start = relay.clock.now

    relay.show(relay.event("start"))
    assert relay.output.wake_at == pytest.approx(start + 0.5)
    relay.at(start + 0.499)
    assert chip.level(LINE) == 1
    relay.at(start + 0.5)

    assert chip.level(LINE) == 0
    assert relay.output.wake_at is None


def test_a_repetition_is_a_pulse(make_relay: MakeRelay, chip: Chip):
    """Each squat clicks."""
    relay = make_relay(when="squats", pulse=0.1)

    relay.show(relay.event("rep", "squats"))

    assert chip.level(LINE) == 1


@pytest.mark.parametrize(
    ("events", "kind", "level"),
    [
        ("finished", "finished", 1),
        ("finished", "start", 0),
        ("finished", "rep", 0),
        (["rep", "finished"], "rep", 1),
        (["rep"], "start", 0),
    ],
)
def test_only_the_events_that_are_named_pulse(
    make_relay: MakeRelay, chip: Chip, events: str | list[str], kind: str, level: int
):
    """Of a routine its end alone, say; the mode needs no second word."""
    relay = make_relay(when="workout", events=events)

    relay.show(relay.event(kind, "workout"))

    assert chip.level(LINE) == level


def test_a_pulse_is_given_once(make_relay: MakeRelay, chip: Chip):
    """An event that comes again - the scene was put back - does not pulse again."""
    relay = make_relay(pulse=0.5)
    event = relay.event("start")
    relay.show(event)
    relay.at(relay.clock.now + 0.6)

    relay.show(event)

    assert chip.level(LINE) == 0


@pytest.mark.parametrize(("age", "ago"), [(1.5, 0.0), (0.0, 1.5)])
def test_a_pulse_that_is_late_is_not_given(
    make_relay: MakeRelay, chip: Chip, age: float, ago: float, caplog: pytest.LogCaptureFixture
):
    """After an outage nothing clicks for what is over; the log says so."""
    relay = make_relay(pulse=5.0, interlock=0)

    relay.show(relay.event("start", ago=age + ago), age=age)

    assert chip.level(LINE) == 0
    assert "No pulse for 'arms_up'" in caplog.text


def test_blinking(make_relay: MakeRelay, chip: Chip):
    """On first, half a second each, off with the pose."""
    relay = make_relay(blink=1.0, interlock=10)
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


def test_max_on(make_relay: MakeRelay, chip: Chip):
    """Off after so long however long the pose is held, until it was left."""
    relay = make_relay(max_on=3.0)
    start = relay.clock.now
    relay.show(relay.event("start"))
    for second in range(1, 6):
        relay.at(start + second)
        relay.show()
        assert chip.level(LINE) == int(second < 3)

    relay.show(relay.event("end"))
    relay.show(relay.event("start"))

    assert chip.level(LINE) == 1


def test_the_interlock_switches_off_when_no_picture_comes(make_relay: MakeRelay, chip: Chip):
    """A frozen camera can't keep a motor running; it runs again when the person is seen."""
    relay = make_relay(interlock=2.0)
    start = relay.clock.now
    relay.show(relay.event("start"))

    relay.at(start + 1.99)
    assert chip.level(LINE) == 1
    relay.at(start + 2.0)
    assert chip.level(LINE) == 0
    relay.show()

    assert chip.level(LINE) == 1


def test_the_interlock_needs_the_person_who_took_the_pose(make_relay: MakeRelay, chip: Chip):
    """Pictures of somebody else, or of nobody, don't keep it on."""
    relay = make_relay(interlock=2.0)
    start = relay.clock.now
    relay.show(relay.event("start"))

    for tenth in range(1, 21):
        relay.at(start + tenth / 10)
        relay.show(people=(2,) if tenth % 2 else ())

    assert chip.level(LINE) == 0


def test_old_pictures_do_not_feed_the_interlock(make_relay: MakeRelay, chip: Chip):
    """Pictures that arrive three seconds late are pictures of the past."""
    relay = make_relay(interlock=2.0)

    relay.show(relay.event("start"), age=3.0)

    assert chip.level(LINE) == 0


def test_the_scene_that_ends_a_run_feeds_no_interlock(make_relay: MakeRelay, chip: Chip):
    """It repeats the last picture: nobody was seen anew."""
    relay = make_relay(interlock=2.0)
    start = relay.clock.now
    last = relay.show(relay.event("start"))
    last = replace(last, frame=replace(last.frame, captured=None), events=())

    relay.at(start + 1.5)
    relay.output.show(last)
    relay.at(start + 2.0)

    assert chip.level(LINE) == 0


def test_a_person_is_enough(make_relay: MakeRelay, chip: Chip):
    """`when: person`: on while somebody is there, a flicker of the detector aside."""
    relay = make_relay(when="person", interlock=1.0)
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


def test_a_person_who_comes_is_a_pulse(make_relay: MakeRelay, chip: Chip):
    """The doorbell rings once for each coming, not while somebody stays."""
    relay = make_relay(when="person", pulse=0.2, interlock=1.0)
    start, seen = relay.clock.now, []
    for tenth in range(60):
        relay.at(start + tenth / 10)
        relay.show(people=(1,) if tenth < 20 or tenth >= 40 else ())
        seen.append(chip.level(LINE))

    assert seen == [1, 1] + [0] * 38 + [1, 1] + [0] * 18


def test_closing_switches_off(make_relay: MakeRelay, chip: Chip):
    """In the middle of a pose; the line is free for others then, and can be opened again."""
    relay = make_relay()
    relay.show(relay.event("start"))

    relay.output.close()
    assert chip.level(LINE) == 0
    assert relay.output.wake_at is None
    chip.take(LINE)()
    relay.output.open()

    assert chip.level(LINE) == 1, "the pose is held and the person was just seen"


def test_untracked_people_count(make_relay: MakeRelay, chip: Chip, scene: Callable[..., Scene]):
    """An event without a person is kept on by whoever is seen."""
    relay = make_relay()

    relay.show(replace(relay.event("start"), person=None), people=(5,))

    assert chip.level(LINE) == 1


def test_poses_alone_switch_nothing(make_relay: MakeRelay, chip: Chip):
    """Somebody who stands there has not taken the pose."""
    relay = make_relay()

    relay.show()

    assert chip.level(LINE) == 0
    assert isinstance(relay.show().poses[0], Pose)


@pytest.mark.parametrize("length", [{"pulse": 0.3}, {"max_on": 0.3}, {"interlock": 0.3}])
def test_a_length_is_kept_on_the_outlet_s_own_clock(
    chip: Chip, device: Device, scene: Callable[..., Scene], length: dict[str, float]
):
    """On the thread that an output really has, with one scene and none after it."""
    options = {"line": LINE, "when": "arms_up", "chip": chip.option, "interlock": 10.0} | length
    output = Gpio(GpioOptions.model_validate(options), device)
    is_off = threading.Event()
    tick = output.tick

    def ticked() -> None:
        tick()
        if not chip.level(LINE):
            is_off.set()

    output.tick = ticked  # type: ignore[method-assign]
    crashes: list[BaseException] = []
    outlet = OutputWorker("relay", output, Stats(), crashes.append)
    with chip.watch(LINE) as changes:
        outlet.start()
        outlet.offer(scene(0, 1))

        assert is_off.wait(20.0)
        outlet.drain()
        assert outlet.join(time.monotonic() + 20.0)

    on, off = changes
    assert (on.level, off.level) == (1, 0)
    assert off.latest - on.earliest >= 0.299
    assert not crashes
