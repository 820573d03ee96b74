"""What the tests ask of a Debian with edgepose on it, be it a container or a virtual machine."""

from __future__ import annotations

import json
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
TRAVELS = ("edgepose", "configs", "models", "scripts", "systemd")
FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/root",
    **dict.fromkeys(("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), CERTIFICATES),
}  # of commands inside; pip within a bare Debian has to be told of the certificates


@dataclass(frozen=True)
class Done:
    """Hold what became of a command."""

    returncode: int
    stdout: str
    stderr: str


class DebianHost(ABC):
    """Ask a machine's systemd and its edgepose."""

    patience = 120.0  # seconds that anything may take

    @abstractmethod
    def execute(self, command: tuple[str, ...]) -> Done:
        """Run a command inside, as root."""

    def run(self, *command: str, check: bool = True) -> Done:
        """Run a command inside; fail the test where it fails, unless told not to."""
        done = self.execute(command)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def said(self, *command: str) -> str:
        """Return what a command printed, whatever its exit code."""
        return self.run(*command, check=False).stdout.strip()

    def wait_for(self, is_so: Callable[[], Any]) -> Any:
        """Return what is true in the end; fail after `patience`."""
        deadline = time.monotonic() + self.patience
        while not (found := is_so()):
            if time.monotonic() > deadline:
                pytest.fail("it never came to that")
            time.sleep(0.2)
        return found

    def pid_of(self, service: str) -> int:
        """Return a service's main process if it is active, else 0."""
        shown = self.said("systemctl", "show", "-p", "MainPID,ActiveState", service)
        values = dict(line.split("=", 1) for line in shown.splitlines())
        return int(values["MainPID"]) if values["ActiveState"] == "active" else 0

    @property
    def pid(self) -> int:
        """Return the process of edgepose.service if it is active, else 0."""
        return self.pid_of("edgepose")

    def another_pid(self, than: int) -> int:
        """Wait until the service is active with another process."""
        return self.wait_for(lambda: (pid := self.pid) != than and pid)

    @property
    def health(self) -> dict[str, Any]:
        """Return the health document."""
        return json.loads(self.said("edgepose", "status", "--json") or "{}")

    @property
    def hold(self) -> float | None:
        """Return the threshold that the running watch has."""
        return self.health.get("watches", {}).get("arms_up", {}).get("hold")

    @property
    def journal(self) -> str:
        """Return what the service has logged."""
        return self.said("journalctl", "-u", "edgepose", "-o", "cat", "--no-pager")


def copy_checkout(target: Path) -> None:
    """Copy what an installation needs of this checkout; no models but the bundled one's card."""
    for name in TRAVELS:
        shutil.copytree(
            CHECKOUT / name, target / name, ignore=shutil.ignore_patterns("__pycache__", "*.tflite")
        )
    for name in FILES:
        shutil.copy(CHECKOUT / name, target)
