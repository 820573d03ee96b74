"""Drive lines off that a dead process still holds: what `edgepose release-lines` does.

The kernel releases a line however its process ends, SIGKILL included. What the pin does then is
undefined: a mainline kernel makes it an input, so that its pull decides; Raspberry Pi's own kernels
leave it driven, unless config.txt has `dtparam=strict_gpiod`; a PWM channel goes on in any case
(docs/gpio.md has the table). So each held line is recorded in the service's runtime directory, and
the unit runs this afterwards:

    ExecStopPost=-/opt/edgepose/venv/bin/edgepose -v release-lines

It drives every recorded line off and removes the record; systemd removes the directory only later.
A process that hangs keeps its lines until the unit's watchdog kills it. To be safe even then, use
a relay with a time limit in hardware, and one that is off when the pin floats.
"""

from __future__ import annotations

import json
import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from edgepose.errors import OutputLost
from edgepose.outputs.gpio.fake import FakeChip, FakeDriver
from edgepose.outputs.gpio.libgpiod import GpiodDriver
from edgepose.outputs.gpio.lines import ChipDriver, InputLine, Line, as_output_lost, hold, sense
from edgepose.outputs.gpio.pwm import PwmDriver
from edgepose.system import state_file
from edgepose.system.paths import service_folder

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LineRef:
    """A line of a chip; with `frequency` above 0 a PWM channel."""

    chip: str
    line: int
    active_low: bool = False
    frequency: float = 0.0

    def hold(self) -> Line:
        """Return the line, held and off. Raises OutputLost."""
        return hold(self._driver(), self._label, self.line, self.active_low)

    def sense(self) -> InputLine:
        """Return the line as an input. Raises OutputLost."""
        return sense(self._driver(), self._label, self.line, self.active_low)

    @property
    def _label(self) -> str:
        chip = self.chip.removeprefix("fake:") if self._is_fake else self.chip
        return "auto" if chip == "fake" else chip

    @property
    def _is_fake(self) -> bool:
        return self.chip.partition(":")[0] == "fake"

    def _driver(self) -> ChipDriver:
        if self._is_fake:
            if not FakeDriver.plugged():
                FakeDriver.plug(FakeChip("fake"))
            return FakeDriver()
        return PwmDriver(self.frequency) if self.frequency else GpiodDriver()


def records_folder() -> Path | None:
    """Return where held lines are recorded: in systemd's runtime directory, else nowhere."""
    folder = service_folder()
    return folder / "lines" if folder else None


def record_held(ref: LineRef) -> Path | None:
    """Record that a line is held; return the file, None outside a service. Raises OutputLost."""
    folder = records_folder()
    if folder is None:
        return None
    path = folder / (re.sub(r"[^\w.-]+", "_", f"{ref.chip}-{ref.line}") + ".json")
    with as_output_lost(str(path)):
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(ref)))
    return path


def release(ref: LineRef) -> None:
    """Drive a line off and release it. Raises OutputLost."""
    with as_output_lost(f"line {ref.line} of {ref.chip}"):
        line = ref.hold()
        line.drive(0.0)
        line.release()


def release_all() -> bool:
    """Release every recorded line; return False where one can't be released."""
    folder = records_folder()
    records = sorted(folder.glob("*.json")) if folder else []
    done = [_release_recorded(record) for record in records]  # all, also after a failure
    return all(done)


def _release_recorded(record: Path) -> bool:
    try:
        release(LineRef(**state_file.read_object(record)))
        record.unlink(missing_ok=True)
    except (OutputLost, OSError, ValueError, TypeError) as error:
        log.error("%s: the line can't be released: %s", record.name, error)
        return False
    log.info("%s: the line is off.", record.stem)
    return True
