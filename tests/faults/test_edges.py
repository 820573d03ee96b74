"""The fault matrix, display and pin: away or held by somebody else, and there again."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edgepose.appliance.appliance import Appliance
from edgepose.config.loader import load
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Screen:
    """Be an X server that comes and goes under the same name."""

    def __init__(self) -> None:
        self.number = next(n for n in range(90, 200) if not Path(f"/tmp/.X11-unix/X{n}").exists())
        self._server: subprocess.Popen[bytes] | None = None

    def come(self) -> None:
        """Start."""
        command = ["Xvfb", f":{self.number}", "-screen", "0", "640x480x24", "-nolisten", "tcp"]
        self._server = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def go(self) -> None:
        """End, as a log-out or a crash does; may be called twice."""
        server, self._server = self._server, None
        if server is not None:
            server.kill()
            server.wait()
        Path(f"/tmp/.X{self.number}-lock").unlink(missing_ok=True)
        Path(f"/tmp/.X11-unix/X{self.number}").unlink(missing_ok=True)


@pytest.fixture
def screen(device) -> Iterator[Screen]:
    """Return a screen that is off, and that the device would show itself on."""
    assert shutil.which("Xvfb"), "Xvfb is not installed"
    screen = Screen()
    device.env["DISPLAY"] = f":{screen.number}"
    outputs = "{log: {type: jsonl, path: events.jsonl}, screen: {type: hdmi, sink: sdl}}"
    device.write(f"outputs: {outputs}\n")
    yield screen
    screen.go()


def test_no_display_at_the_start(device, screen, saw):
    """Everything else runs; the screen is used when it comes."""
    device.start()
    part = device.wait_part("screen", "backing off")
    device.wait_events()
    saw("display gone", "at start", f"screen backing off: {part['reason']}")
    screen.come()
    device.wait_part("screen", "running")
    assert device.stop() == 0
    device.no_event_is_lost()


def test_the_display_goes_while_it_runs(device, screen, saw):
    """The process survives what kills other X clients, and shows itself again."""
    screen.come()
    device.start()
    device.wait_part("screen", "running")
    device.wait_events()
    screen.go()
    part = device.wait_part("screen", "backing off")
    device.wait_events()
    saw("display gone", "while running", f"screen backing off: {part['reason']}")
    screen.come()
    device.wait_part("screen", "running")
    assert device.stop() == 0
    device.no_event_is_lost()


@pytest.fixture
def chip() -> Iterator[FakeChip]:
    """Return a chip of this process."""
    chip = FakeDriver.plug(FakeChip("matrix"))
    yield chip
    if chip.is_plugged:
        FakeDriver.unplug(chip)


@pytest.fixture
def run(device) -> Iterator[Callable[[], Appliance]]:
    """Return a starter of an appliance in this process with a relay at pin 17."""
    relay = "{type: gpio, chip: 'fake:matrix', line: 17, when: arms}"
    device.write(f"outputs: {{log: {{type: jsonl, path: events.jsonl}}, relay: {relay}}}\n")
    appliance = Appliance(load(device.config))
    thread = threading.Thread(target=appliance.run)

    def start() -> Appliance:
        thread.start()
        return appliance

    yield start
    appliance.stop()
    thread.join(30)
    assert not thread.is_alive()


def relay_is(appliance: Appliance, state: str) -> str:
    """Return the reason once the relay is in a state."""
    end = time.monotonic() + 60
    while (part := appliance.state()["outputs"]["relay"])["state"] != state:
        assert time.monotonic() < end, part
        threading.Event().wait(0.05)
    return str(part["reason"])


def switched(chip: FakeChip) -> int:
    """Return how often the pin changed."""
    return len(chip.pins[17].history)


def wait_for(is_so: Callable[[], bool]) -> None:
    """Wait until it is so."""
    end = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < end
        threading.Event().wait(0.05)


def test_the_pin_is_busy_at_the_start(chip, run, saw):
    """Who holds it is named; when it is let go the relay works."""
    chip.pins[17].holder = "blinky"
    running = run()
    reason = relay_is(running, "backing off")
    assert "blinky" in reason
    saw("GPIO busy", "at start", f"relay backing off: {reason}")
    chip.free(chip.pins[17])
    relay_is(running, "running")
    wait_for(lambda: switched(chip) > 0)


def test_the_chip_goes_and_its_pin_is_taken_meanwhile(chip, run, saw):
    """Events are logged all the same; the pin is switched again once it is free."""
    running = run()
    relay_is(running, "running")
    wait_for(lambda: switched(chip) > 0)
    FakeDriver.unplug(chip)
    relay_is(running, "backing off")
    chip.pins[17].holder = "blinky"
    FakeDriver.plug(chip)
    wait_for(lambda: "blinky" in running.state()["outputs"]["relay"]["reason"])
    reason = running.state()["outputs"]["relay"]["reason"]
    saw("GPIO busy", "while running", f"relay backing off: {reason}")
    chip.free(chip.pins[17])
    relay_is(running, "running")
    before = switched(chip)
    wait_for(lambda: switched(chip) > before)
