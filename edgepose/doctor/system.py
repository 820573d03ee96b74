"""The machine as checks see it: files below a root, commands, and facts about Python.

Everything is injected, so that a test can stand for a Raspberry Pi.
"""

from __future__ import annotations

import getpass
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Final

PATIENCE: Final = 10.0  # seconds for a command; rpicam-hello takes about one on a Pi 4

HUNG: Final = 124  # the code that timeout(1) ends with

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The exit code of a command (below 0: a signal) and its output."""

    code: int
    out: str
    err: str = ""


def installed_version(distribution: str) -> str:
    """Return the version of an installed Python package, `""` when it is not installed."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's made-up user id
        return str(os.getuid())


@dataclass(frozen=True, slots=True)
class System:
    """A machine to examine.

    root: stands for `/`. run: as subprocess.run. access: as os.access. bits: of Python itself: a
    64-bit kernel may run a 32-bit system. page_bytes: of the kernel's memory. groups: ids that
    this process has. version: of an installed Python package, `""` when there is none.
    """

    root: Path = Path("/")
    run: Run = subprocess.run
    access: Callable[[Path, int], bool] = os.access
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    bits: int = struct.calcsize("P") * 8
    page_bytes: int = field(default_factory=lambda: os.sysconf("SC_PAGE_SIZE"))
    python: tuple[int, int] = (sys.version_info.major, sys.version_info.minor)
    executable: str = sys.executable
    prefix: str = sys.prefix
    user: str = field(default_factory=_user)
    is_root: bool = field(default_factory=lambda: os.geteuid() == 0)
    groups: frozenset[int] = field(
        default_factory=lambda: frozenset({os.getgid(), *os.getgroups()})
    )
    version: Callable[[str], str] = installed_version

    def path(self, path: Path | str) -> Path:
        """Return where an absolute path is below the root; one that is there stays."""
        if isinstance(path, Path) and path.is_relative_to(self.root):
            return path
        return self.root / str(path).lstrip("/")

    def text(self, path: Path | str) -> str:
        """Return a file's text, stripped of blanks and NULs; `""` if it can't be read."""
        try:
            return self.path(path).read_text(errors="replace").strip("\0 \n\t")
        except OSError:
            return ""

    def glob(self, pattern: str) -> list[Path]:
        """Return the paths of a pattern such as `dev/video*`, sorted."""
        try:
            return sorted(self.root.glob(pattern))
        except OSError:  # a folder that may not be read
            return []

    def shown(self, path: Path) -> str:
        """Return a path below the root as an absolute path."""
        return f"/{path.relative_to(self.root)}"

    def ask(self, *command: str, patience: float = PATIENCE) -> CommandResult | None:
        """Return the result of a command, code HUNG if it hangs; None where it is not installed."""
        try:
            done = self.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=patience,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return CommandResult(HUNG, "", f"it hangs (no answer within {patience:g} s)")
        except OSError:
            return None
        return CommandResult(done.returncode, done.stdout or "", done.stderr or "")

    def package(self, name: str) -> str:
        """Return the version of an installed Debian package, `""` when it is not installed."""
        answer = self.ask("dpkg-query", "--show", "--showformat=${Version}", name)
        return answer.out.strip() if answer is not None and answer.code == 0 else ""

    def pip(self, *arguments: str) -> str:
        """Return the command that installs Python packages where edgepose runs."""
        quoted = (f"'{text}'" if set(text) & set("<>[]") else text for text in arguments)
        return " ".join([self.executable, "-m", "pip", "install", *quoted])

    def run_python(self, code: str, patience: float = PATIENCE) -> CommandResult | None:
        """Return what a line of Python answers; without modules of the current folder."""
        return self.ask(self.executable, "-P", "-c", code, patience=patience)

    def apt(self, package: str) -> str:
        """Return how to get a package that Raspberry Pi OS has, and plain Debian may not."""
        if self.offers(package):
            return f"sudo apt install -y {package}"
        return f"use Raspberry Pi OS: its package {package} is not in this system's sources"

    def offers(self, package: str) -> bool:
        """Return whether apt has a package of Raspberry Pi OS; there its lists may be old."""
        if self.path("etc/rpi-issue").exists():
            return True
        answer = self.ask("apt-cache", "show", package)
        return answer is not None and answer.code == 0

    @property
    def board(self) -> str:
        """Return the model of a single-board computer, `""` elsewhere."""
        return self.text("proc/device-tree/model")

    @property
    def is_pi(self) -> bool:
        """Return whether this is a Raspberry Pi."""
        return "Raspberry Pi" in self.board
