"""What a service shows and reports while it has nothing to run."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edgepose import __version__
from edgepose.config.files import ConfigFiles
from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.engine.watchdog import Supervisor
from edgepose.errors import EdgeposeError, RuntimeLost, UserError
from edgepose.outputs.base import Device, Output
from edgepose.registry import part
from edgepose.system.systemd import notify
from edgepose.types import Scene
from edgepose.yamldoc.document import read_yaml

log = logging.getLogger(__name__)

REFUSED: Final = "The configuration can't be used"
AWAY: Final = "Nothing can run yet"
SHOWN_EVERY: Final = 1.0  # seconds; a screen may go and come back


class ErrorScreen(Output):
    """The reason why nothing runs, on the screen of the configuration, else on any."""

    def __init__(self, config: Path) -> None:
        self.title = self.text = ""
        self._screen = _screen(config)

    def open(self) -> None:
        """Open the screen. Raises OutputLost while there is none."""
        self._screen.open()
        self.wake_at = time.monotonic()

    def show(self, scene: Scene) -> None:
        """Ignore scenes: none comes."""

    def tick(self) -> None:
        """Show the text. Raises OutputLost when the screen was unplugged."""
        self._screen.notice(self.title, self.text)
        self.wake_at = time.monotonic() + SHOWN_EVERY

    def close(self) -> None:
        """Close the screen."""
        self._screen.close()


def _screen(config: Path) -> Any:
    """Return an HDMI output with the options in the file, as far as they are right."""
    hdmi = part("output", "hdmi")
    about = Device("edgepose")
    for options in _hdmi_sections(config):
        try:
            return hdmi(hdmi.Options.model_validate(options), about)
        except ValueError as error:  # pydantic's, or that of a font
            log.debug("%s: options of the screen are ignored: %s", config, error)
    return hdmi(hdmi.Options(), about)


def _hdmi_sections(config: Path) -> list[dict[str, Any]]:
    try:
        outputs = read_yaml(config).data.get("outputs")
    except UserError:
        return []
    sections = outputs.values() if isinstance(outputs, dict) else ()
    return [
        {key: value for key, value in section.items() if key != "type"}
        for section in sections
        if isinstance(section, dict) and section.get("type") == "hdmi"
    ]


class Standby:
    """A service with nothing to run, as seen on the screen, by systemd and `edgepose status`."""

    def __init__(self, files: ConfigFiles, error: EdgeposeError, folder: Path | None) -> None:
        self._files = files
        self._started = time.monotonic()
        self._screen = ErrorScreen(next((p for p in files.paths if p.exists()), files.given))
        self.report(error)
        self._worker = OutputWorker("notice", self._screen, Stats(), self._failed)
        self._supervisor = Supervisor(self.state, self._failed, folder)

    def start(self) -> None:
        """Start to show and to report."""
        self._worker.start()
        self._supervisor.start()
        notify(READY=1)

    def stop(self) -> None:
        """Stop, and close the screen."""
        self._supervisor.stop()
        self._worker.drain()
        self._worker.join(time.monotonic() + 2.0)

    def report(self, error: EdgeposeError) -> None:
        """Report an error: a mistake in the file, or a device that may come back."""
        if isinstance(error, UserError):
            self._part, state, title = "config", "refused", REFUSED
        else:
            part = "runtime" if isinstance(error, RuntimeLost) else "start"
            self._part, state, title = part, "backing off", AWAY
        self._trouble = {"state": state, "reason": str(error)}
        self._screen.title, self._screen.text = title, str(error)

    def state(self) -> Mapping[str, Any]:
        """Return the health document while nothing runs."""
        part, trouble, off = self._part, self._trouble, {"state": "off", "reason": ""}
        return {
            "version": __version__,
            "name": self._files.given.stem,
            "state": "waiting",
            "troubles": [{"name": part, **trouble}],
            "uptime": round(time.monotonic() - self._started, 1),
            "detect": True,
            "fps": 0.0,
            "source": off,
            "runtime": {**(trouble if part == "runtime" else off), "model": "", "backend": ""},
            "hung": {},
            "outputs": {"notice": {"type": "hdmi", **self._worker.to_dict()}},
            "watches": {},
            "last_event": None,
            "config": {
                "path": "",
                "files": [str(path) for path in self._files.paths],
                "error": trouble["reason"] if part == "config" else "",
            },
            "stats": {"fps": 0.0, "stages": {}, "counts": {}},
        }

    def _failed(self, error: BaseException) -> None:
        log.error("Nothing can be shown while there is nothing to run.", exc_info=error)
