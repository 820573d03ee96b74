"""What a service shows and reports while it has nothing to run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from edgepose import __version__
from edgepose.appliance import assembly
from edgepose.appliance.standby_update import StandbyUpdate
from edgepose.config.files import ConfigFiles
from edgepose.engine.command_queue import CommandQueue
from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.engine.watchdog import Supervisor
from edgepose.errors import EdgeposeError, RuntimeLost, UserError
from edgepose.outputs.base import Controls, Device, Output
from edgepose.registry import part
from edgepose.system.systemd import notify
from edgepose.types import Scene
from edgepose.yamldoc.document import read_yaml

log = logging.getLogger(__name__)

REFUSED: Final = "The configuration can't be used"
AWAY: Final = "Nothing can run yet"
SCREEN: Final = "notice"  # the name of the screen among the outputs
STOP: Final = 5.0  # seconds for a broker to acknowledge what was answered last
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


class Standby(Controls):
    """A service with nothing to run, as seen on the screen, by systemd and `edgepose status`.

    Where a configuration has reached a broker before, so does this: a push can repair the device.
    retry: lets the service read its files again.
    """

    def __init__(
        self,
        files: ConfigFiles,
        error: EdgeposeError,
        folder: Path | None,
        retry: Callable[[], None],
    ) -> None:
        self._files = files
        self._retry = retry
        self._started = time.monotonic()
        self._lock = threading.Lock()  # pushes come from several outputs
        self._queue = CommandQueue(self._failed)
        self._screen = ErrorScreen(next((p for p in files.paths if p.exists()), files.given))
        self.report(error)
        self._control = files.broker.load() if files.broker is not None else None
        self._update = self._control and StandbyUpdate(files, self._control, retry)
        self._workers = {
            name: OutputWorker(name, output, Stats(), self._failed)
            for name, output in {SCREEN: self._screen, **self._remote_outputs()}.items()
        }
        self._supervisor = Supervisor(self.state, self._failed, folder)

    def start(self) -> None:
        """Start to show and to report."""
        self._queue.start()
        for worker in self._workers.values():
            worker.start()
        self._supervisor.start()
        notify(READY=1)

    def stop(self) -> None:
        """Stop, close the screen, and leave the broker."""
        self._supervisor.stop()
        for worker in self._workers.values():
            worker.drain()
        deadline = time.monotonic() + STOP
        for worker in self._workers.values():
            worker.join(deadline)
        self._queue.stop(max(0.0, deadline - time.monotonic()))

    def report(self, error: EdgeposeError) -> None:
        """Report an error: a mistake in the file, or a device that may come back."""
        if isinstance(error, UserError):
            self._part, state, title = "config", "refused", REFUSED
        else:
            part = "runtime" if isinstance(error, RuntimeLost) else "start"
            self._part, state, title = part, "backing off", AWAY
        self._trouble = {"state": state, "reason": str(error.public)}
        self._screen.title, self._screen.text = title, str(error)

    def state(self) -> Mapping[str, Any]:
        """Return the health document while nothing runs."""
        part, trouble, off = self._part, self._trouble, {"state": "off", "reason": ""}
        return {
            "version": __version__,
            "name": self._control.config.name if self._control else self._files.given.stem,
            "state": "waiting",
            "troubles": [{"name": part, **trouble}],
            "uptime": round(time.monotonic() - self._started, 1),
            "detect": True,
            "fps": 0.0,
            "source": off,
            "runtime": {**(trouble if part == "runtime" else off), "model": "", "backend": ""},
            "hung": {},
            "outputs": {name: self._of(name, worker) for name, worker in self._workers.items()},
            "watches": {},
            "last_event": None,
            "config": {
                "path": "",
                "files": [str(path) for path in self._files.paths],
                "error": trouble["reason"] if part == "config" else "",
            },
            "stats": {"fps": 0.0, "stages": {}, "counts": {}},
            "pushed": dict(self._update.answers) if self._update else {},
        }

    def command(self, name: str, value: Any = None) -> str:
        """Take a push, or read the files again; nothing runs that could do more."""
        if name == "reload":
            self._retry()
            return "the configuration is read again"
        take = self._update.commands.get(name) if self._update else None
        if take is None:
            raise UserError(f"nothing runs at present: {self._trouble['reason']}")
        with self._lock:
            return take(value)

    def submit(self, work: Callable[[], None], size: int = 0) -> bool:
        """Let work be done on the thread for commands; False where too much waits there."""
        return self._queue.submit(work, size)

    def is_answered(self, key: str, push: str) -> bool:
        """Return whether a push was answered before, also in an earlier run."""
        return self._update.is_answered(key, push) if self._update else False

    def _remote_outputs(self) -> dict[str, Output]:
        """Return the outputs that reached a broker last and take pushes."""
        if self._control is None:
            return {}
        config, kinds = self._control.config, self._control.kinds
        about = Device(config.name, tuple(kinds), controls=self, kinds=kinds)
        try:
            return assembly.new_outputs(config, about)
        except EdgeposeError as error:
            log.warning("The broker can't be used while there is nothing to run: %s", error)
            return {}

    def _of(self, name: str, worker: OutputWorker) -> dict[str, Any]:
        return {"type": "hdmi" if name == SCREEN else "mqtt", **worker.to_dict()}

    def _failed(self, error: BaseException) -> None:
        log.error("A part failed while there is nothing to run.", exc_info=error)
