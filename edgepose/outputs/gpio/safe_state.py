"""Drive lines off that a dead process still holds: what `edgepose release-lines` does.

What the kernel guarantees when a process ends in whatever way, SIGKILL included: the line is let
go at once and may be held by others. Not what the pin does then: the GPIO interface calls that
undefined. A kernel of the mainline makes it an input, so its pull decides; Raspberry Pi's own
kernels leave it driven as it was, unless config.txt says `dtparam=strict_gpiod`; a PWM channel
goes on in any case (docs/gpio.md has the table). So each held line leaves a note in the service's
runtime directory, and the unit runs this afterwards:

    ExecStopPost=-/opt/edgepose/venv/bin/edgepose -v release-lines

It drives every noted line off and removes the note; systemd removes the directory only later. A
process that hangs keeps its lines until the watchdog of the unit kills it. Against all of that a
`max_on` in the relay's own hardware helps; and choose relays that are off when the pin floats.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgepose.errors import OutputLost
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver
from edgepose.outputs.gpio.libgpiod import GpiodDriver
from edgepose.outputs.gpio.lines import ChipDriver, Line, hold, told
from edgepose.outputs.gpio.pwm import PwmDriver
from edgepose.system.paths import service_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LineRef:
    """Say which line of which chip is meant; `frequency` above 0 makes it a PWM channel."""

    chip: str
    line: int
    active_low: bool = False
    frequency: float = 0.0

    def hold(self) -> Line:
        """Hold the line, off. Raises OutputLost."""
        chip = self.chip.removeprefix("fake:") if self._is_fake else self.chip
        return hold(self._bank(), "auto" if chip == "fake" else chip, self.line, self.active_low)

    @property
    def _is_fake(self) -> bool:
        return self.chip.partition(":")[0] == "fake"

    def _bank(self) -> ChipDriver:
        if self._is_fake:
            if not FakeDriver.plugged():
                FakeDriver.plug(FakeChip("fake"))
            return FakeDriver()
        return PwmDriver(self.frequency) if self.frequency else GpiodDriver()


def notes_folder() -> Path | None:
    """Return where notes are left: the runtime directory that systemd gives, else nowhere."""
    folder = service_folder()
    return folder / "lines" if folder else None


def record_held(place: LineRef) -> Path | None:
    """Note that a line is held; return where, None where nobody would look. Raises OutputLost."""
    folder = notes_folder()
    if folder is None:
        return None
    path = folder / (re.sub(r"[^\w.-]+", "_", f"{place.chip}-{place.line}") + ".json")
    with told(str(path)):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(place)))
    return path


def release(place: LineRef) -> None:
    """Drive a line off and let it go. Raises OutputLost."""
    with told(f"line {place.line} of {place.chip}"):
        line = place.hold()
        line.drive(0.0)
        line.release()


def release_all() -> bool:
    """Put every noted line to rest; False where one could not be."""
    folder = notes_folder()
    notes = sorted(folder.glob("*.json")) if folder else []
    done = [_rest_one(note) for note in notes]  # each, whatever became of those before
    return all(done)


def _rest_one(note: Path) -> bool:
    try:
        values: dict[str, Any] = json.loads(note.read_text())
        release(LineRef(**values))
        note.unlink(missing_ok=True)
    except (OutputLost, OSError, ValueError, TypeError) as error:
        log.error("%s: the line could not be put to rest: %s", note.name, error)
        return False
    log.info("%s: the line is off.", note.stem)
    return True
