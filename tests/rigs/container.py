"""A Debian in a folder, booted with systemd-nspawn.

It is bootstrapped once, kept in EDGEPOSE_TEST_ROOTS (else in the cache folder) and booted from a
copy.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from debian_host import CERTIFICATES, ENVIRONMENT, DebianHost, Done

PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,procps,ca-certificates"
TOOLS = ("debootstrap", "systemd-nspawn", "nsenter", "unshare")

# systemd wants the unified hierarchy and a /run of its own; neither the machine's are touched.
BOOT = """
set -e
mount -t tmpfs tmpfs /run
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/$1
echo $$ >/sys/fs/cgroup/$1/cgroup.procs
exec systemd-nspawn --quiet --register=no --keep-unit --console=pipe --private-users=no \
    --machine=$1 --directory="$0" --boot
"""


class Container(DebianHost):
    """Boot a Debian that lies in a folder, and run commands in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        name = f"edgepose-test-{os.getpid()}"
        command = ["unshare", "--mount", "--propagation", "private", "bash", "-c", BOOT]
        self._nspawn = subprocess.Popen(
            [*command, root, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        up = ("running", "degraded")
        self.wait_for(lambda: self._leader and self.said("systemctl", "is-system-running") in up)

    def execute(self, command: tuple[str, ...]) -> Done:
        """Run a command inside, as root."""
        done = subprocess.run(
            ["nsenter", "-t", self._leader, "-a", *command],
            env=ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Shut it down."""
        self._nspawn.send_signal(signal.SIGTERM)
        try:
            self._nspawn.wait(60)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()

    @property
    def _leader(self) -> str:
        """Return the process number of the container's systemd, "" before there is one."""
        pid = self._nspawn.pid
        assert self._nspawn.poll() is None, "systemd-nspawn has ended"
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return children[0] if children else ""


def bootstrap(suite: str, root: Path) -> None:
    """Make a Debian in a folder; skip the test where this machine can't, and fail it in CI."""
    if os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"a container needs root and {', '.join(TOOLS)}")
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    roots = Path(os.environ.get("EDGEPOSE_TEST_ROOTS") or home / "edgepose-tests")
    if not (roots / suite).is_dir():
        part = roots / f"{suite}.part"
        shutil.rmtree(part, ignore_errors=True)
        roots.mkdir(parents=True, exist_ok=True)
        _call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(part))
        part.rename(roots / suite)
    _call("cp", "-a", "--reflink=auto", str(roots / suite), str(root))
    shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)
