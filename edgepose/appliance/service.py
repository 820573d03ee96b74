"""A service without an operator: it keeps running whatever its configuration says.

It runs the file, else the last good copy of it. Where neither can be used it waits, reports why on
the screen and in the health document, and starts once the file is right.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edgepose.appliance.appliance import Appliance
from edgepose.appliance.standby import Standby
from edgepose.config.files import ConfigChoice, ConfigFiles
from edgepose.config.loader import Config
from edgepose.config.reload import GOOD_AFTER, POLL, RETRY, STEADY_AFTER, ActiveConfig
from edgepose.engine.threads import PeriodicThread
from edgepose.engine.watchdog import Supervisor
from edgepose.errors import ConfigError, DeviceError, EdgeposeError, UserError, fault_text
from edgepose.system import last_exit
from edgepose.system.edits import Edits
from edgepose.system.systemd import notify

log = logging.getLogger(__name__)

PAUSE: Final = 60.0  # seconds without a try after so many; each further one doubles it
LONGEST_PAUSE: Final = 3600.0
THERMAL: Final = 5.0  # seconds between two looks at the temperature; a heat sink changes slowly
STARTS: Final = 3  # crashes, one after another, until the last good configuration is used instead


class CrashLoop(DeviceError):
    """A configuration with which the process fails soon after each start. pause: until a try."""

    def __init__(self, failures: int) -> None:
        self.pause = min(PAUSE * 2.0 ** min(failures - STARTS, 10), LONGEST_PAUSE)
        super().__init__(
            f"edgepose failed {failures} times within {STEADY_AFTER:.0f} s of its start; it is "
            f"tried again in {self.pause:.0f} s, or at once when the configuration changes"
        )


@contextmanager
def supervised(appliance: Appliance, folder: Path | None) -> Iterator[None]:
    """Report that an appliance is ready, camera or not, and run its periodic tasks.

    folder: of the status file, None where there is no place for one.
    """
    supervisor = Supervisor(appliance.state, appliance.fail, folder)
    periodic = (
        PeriodicThread("config", appliance.poll_config, POLL, appliance.fail),
        PeriodicThread("thermal", appliance.update_cooling, THERMAL, appliance.fail),
    )
    supervisor.start()
    notify(READY=1)
    for thread in periodic:
        thread.start()
    try:
        yield
    finally:
        for thread in periodic:
            thread.stop()
        supervisor.stop()


class Service:
    """Whatever configuration can be run, from `run` until `stop` or the end of the source.

    new_appliance: makes one of a configuration and tries its model; raises EdgeposeError. folder:
    of the status file. appliance: the one that runs, or the last that did.
    """

    def __init__(
        self,
        files: ConfigFiles,
        new_appliance: Callable[[ActiveConfig], Appliance],
        folder: Path | None,
    ) -> None:
        self.appliance: Appliance | None = None
        self._files = files
        self._new_appliance = new_appliance
        self._folder = folder
        self._has_crashed = last_exit.has_crashed(folder)
        self._has_failed = last_exit.has_failed(folder)
        self._has_paused = False
        self._stop, self._reread = threading.Event(), threading.Event()

    def run(self) -> None:
        """Run, or wait for what can be run. Raises what crashed a thread."""
        while not self._stop.is_set():
            self.appliance = self._begin()
            if self._stop.is_set():  # also where it came before there was an appliance to stop
                return
            assert self.appliance is not None
            try:
                with supervised(self.appliance, self._folder):
                    self.appliance.run()
                return
            except UserError as error:  # found only when it was used: a video that is none
                log.error("The configuration can't be used: %s", error)
                self._files.refuse(self.appliance.config, str(error))

    def stop(self) -> None:
        """End the run in order; safe in a signal handler."""
        self._stop.set()
        self._reread.set()
        if self.appliance is not None:
            self.appliance.stop()
        else:
            notify(STOPPING=1)

    def reload_soon(self) -> None:
        """Read the files again, without waiting for it."""
        self._reread.set()
        if self.appliance is not None:
            self.appliance.reload_soon()

    def _begin(self) -> Appliance | None:
        """Return an appliance, waiting for a configuration if need be; None after `stop`."""
        try:
            return self._try()
        except EdgeposeError as error:
            return self._wait(error)

    def _wait(self, error: EdgeposeError) -> Appliance | None:
        is_mistake = isinstance(error, UserError)
        pause = error.pause if isinstance(error, CrashLoop) else RETRY
        until = "the configuration is right" if is_mistake else f"it works; tried in {pause:g} s"
        log.error("Nothing can be run until %s: %s", until, error)
        edits = Edits(lambda: self._files.paths)
        if isinstance(error, CrashLoop):  # the first look reports what is there as an edit
            edits.step()
            edits.step()
        standby = Standby(self._files, error, self._folder, self._reread.set)
        standby.start()
        try:
            while self._await_change(edits, pause):
                pause = RETRY
                self._files.retry_refused()
                try:
                    return self._try()
                except EdgeposeError as again:
                    standby.report(again)
        finally:
            standby.stop()
        return None

    def _await_change(self, edits: Edits, pause: float) -> bool:
        """Wait for an edit, a signal, or some seconds (a model may come); False at the end."""
        for _ in range(round(pause / POLL)):
            if self._reread.wait(POLL) or edits.step():
                break
        self._reread.clear()
        return not self._stop.is_set()

    def _try(self) -> Appliance:
        """Return an appliance that is ready to run. Raises EdgeposeError where nothing is."""
        while True:
            last = self._files.last_good()
            choice = self._files.choose(last)
            if choice.config is None:
                raise ConfigError(*choice.problems)
            is_copy = choice.config is last
            if not is_copy and self._is_crash_loop(choice.config, last):
                continue
            if is_copy:
                log.error("The last good configuration runs, since: %s", choice.error)
            try:
                return self._new_appliance(
                    ActiveConfig(choice.config, self._files, choice.problems, is_copy)
                )
            except UserError as error:  # a model that is damaged; look for the next best
                self._refuse(choice, str(error), is_copy)
            except EdgeposeError:
                raise
            except Exception as error:
                log.debug("Where a configuration failed.", exc_info=error)
                self._refuse(choice, f"{choice.config.path}: {fault_text(error)}", is_copy)

    def _refuse(self, choice: ConfigChoice, reason: str, is_copy: bool) -> None:
        """Look for the next best. Raises ConfigError where there is none."""
        assert choice.config is not None
        self._files.refuse(choice.config, reason)
        if is_copy:
            raise ConfigError(*choice.problems)

    def _is_crash_loop(self, config: Config, last: Config | None) -> bool:
        """Refuse a configuration that crashes the process where a last good one exists.

        Raises CrashLoop, once, where there is none besides it.
        """
        if last is None or last.digest == config.digest:
            self._pause_crash_loop(config)
            return False
        crashes = self._files.good.count_start(config.text, has_crashed=self._has_crashed)
        if crashes < STARTS:
            return False
        self._files.refuse(
            config, f"{config.path}: edgepose crashed {crashes} times with it and never ran for "
            f"{GOOD_AFTER:.0f} s; edit it, or reload to try again",
        )  # fmt: skip
        return True

    def _pause_crash_loop(self, config: Config) -> None:
        """Raise CrashLoop before a further try: meanwhile a push can repair the device."""
        failures = self._files.good.count_start(config.text, has_crashed=self._has_failed)
        if failures >= STARTS and not self._has_paused:
            self._has_paused = True
            raise CrashLoop(failures)
