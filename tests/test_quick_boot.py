"""The appliance under a real systemd: installed, booted, killed, hung, reloaded, upgraded.

Debian is bootstrapped into a folder (or copied from EDGEPOSE_TEST_ROOTS/bookworm and .../trixie)
and booted with systemd-nspawn; a few minutes a suite, so these tests are slow ones.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_host import CERTIFICATES, ENVIRONMENT, DebianHost, Done, copy_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

PACKAGES = "systemd,systemd-sysv,dbus,udev,python3,procps,ca-certificates"
CONFIG = "/etc/edgepose/edgepose.yaml"

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


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def container(request, tmp_path_factory, models) -> Iterator[Container]:
    """Return a booted Debian into which this checkout was installed over the network."""
    tools = ("debootstrap", "systemd-nspawn", "nsenter", "unshare")
    if os.geteuid() != 0 or not all(map(shutil.which, tools)):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"a container needs root and {', '.join(tools)}")
    root = tmp_path_factory.mktemp("nspawn") / request.param
    _bootstrap(request.param, root)
    copy_checkout(root / "root" / "checkout")
    shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))
    shutil.copytree(models, root / "root" / "models")
    container = Container(root)
    try:
        if request.param == "bookworm":  # as beside apt's picamera2, which is not in Debian
            apt = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
            container.run("bash", "-c", f"{apt} python3-numpy")
        _install(container)
        yield container
    finally:
        container.close()
        shutil.rmtree(root, ignore_errors=True)


def _bootstrap(suite: str, root: Path) -> None:
    cached = Path(os.environ.get("EDGEPOSE_TEST_ROOTS", "/nowhere")) / suite
    if cached.is_dir():
        command = ["cp", "-a", "--reflink=auto", str(cached), str(root)]
    else:
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=900)


def _install(container: Container, *, check: bool = True) -> str:
    """Install or upgrade; return what was said."""
    container.run("install", "-d", "/var/lib/edgepose/models")
    container.run("bash", "-c", "cp -n /root/models/movenet*ptq.tflite /var/lib/edgepose/models/")
    done = container.run("bash", "/root/checkout/scripts/install.sh", check=check)
    return done.stdout + done.stderr


@pytest.fixture
def pid(container) -> Iterator[int]:
    """Return the running service's process; the configuration is put back in the end."""
    path = container.root / CONFIG.lstrip("/")
    before = path.read_text()
    yield container.another_pid(0)
    path.write_text(before)
    container.run("systemctl", "restart", "edgepose")


def edit(container: Container, before: str, after: str) -> None:
    """Change the configuration as somebody with an editor does."""
    path = container.root / CONFIG.lstrip("/")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_service_is_up_enabled_and_says_how_it_is(container, pid):
    """Installed means: running now without a camera, and after every boot."""
    assert container.said("systemctl", "is-enabled", "edgepose") == "enabled"
    health = container.wait_for(lambda: container.health)
    assert health["running"] is True
    assert health["runtime"]["model"] == "movenet-lightning-int8"
    assert container.said("systemctl", "--failed", "--quiet", "--plain") == ""


def test_numpy_is_that_of_the_systems_own_compiled_packages(container):
    """Major version 1 where apt's is, whatever the newest one is; it is tried with the model."""
    code = "import numpy; print(numpy.__version__.split('.')[0])"
    system = container.said("python3", "-c", code) or "2"
    assert container.said("/opt/edgepose/venv/bin/python", "-c", code) == system


def test_systemd_of_this_suite_reads_the_units_without_a_complaint(container):
    """Each systemd knows other keys; the rules are read by its own udev where it can."""
    units = ("edgepose.service", "edgepose@door.service")
    done = container.run("systemd-analyze", "verify", *units)
    ours = [line for line in done.stderr.splitlines() if "edgepose" in line]
    assert ours == []
    if "verify" in container.said("udevadm", "--help"):
        container.run("udevadm", "verify", "/etc/udev/rules.d/70-edgepose.rules")


def test_the_service_is_back_after_sigkill(container, pid):
    """Restart=always."""
    container.run("systemctl", "kill", "-s", "KILL", "edgepose")
    assert container.another_pid(pid) != pid


def test_a_reload_is_taken_over_or_refused_by_the_same_process(container, pid):
    """A good edit works at once, a bad one is reported and the last good one runs on."""
    edit(container, "hold: 1.0", "hold: 2.5")
    container.run("systemctl", "reload", "edgepose")
    container.wait_for(lambda: container.hold == 2.5)
    edit(container, "hold:", "holt:")
    container.run("systemctl", "reload", "edgepose")
    error = container.wait_for(lambda: container.health.get("config", {}).get("error"))
    assert "did you mean 'hold'" in error
    assert container.pid == pid


def test_a_process_that_hangs_is_killed_by_the_watchdog_and_back(container, pid):
    """SIGSTOP: nobody feeds the watchdog any more."""
    container.run("kill", "-STOP", str(pid))
    assert container.another_pid(pid) != pid
    assert "Watchdog timeout" in container.journal


def test_the_pins_of_a_killed_process_are_driven_off(container, pid):
    """ExecStopPost finds the note of each line that was held."""
    relay = "  relay: {type: gpio, line: 17, when: arms_up, chip: fake}"
    edit(container, "outputs:", f"outputs:\n{relay}")
    container.run("systemctl", "restart", "edgepose")
    container.wait_for(lambda: container.said("ls", "/run/edgepose/lines"))
    pid = container.another_pid(0)
    # Not `systemctl kill`: with systemd 257 it left no trace of ExecStopPost; cause not found.
    container.run("kill", "-KILL", str(pid))
    container.another_pid(pid)
    assert "fake-17: the line is off" in container.journal


def test_a_stop_is_orderly_and_leaves_nothing_behind(container, pid):
    """TERM, a result of success, no runtime directory."""
    container.run("systemctl", "stop", "edgepose")
    assert container.said("systemctl", "show", "-p", "Result", "--value", "edgepose") == "success"
    assert container.run("test", "-e", "/run/edgepose", check=False).returncode == 1
    assert container.run("edgepose", "status", check=False).returncode == 1


def test_the_process_has_no_power_it_does_not_need(container, pid):
    """The hardening holds while everything runs: no capability, no new privilege, a filter."""
    status = container.said("cat", f"/proc/{pid}/status")
    assert re.search(r"CapEff:\s+0+\n", status)
    assert re.search(r"NoNewPrivs:\s+1", status)
    assert re.search(r"Seccomp:\s+2", status)


def test_upgrade_refusal_and_rollback_leave_a_running_service(container, pid):
    """Twice in a row, then one that may not be switched to, then back."""
    first = container.said("readlink", "/opt/edgepose/venv")
    assert "is installed" in _install(container)
    second = container.said("readlink", "/opt/edgepose/venv")
    assert second != first
    edit(container, "version: 1", "version: 1\nsourze: 1")
    assert "nothing was changed" in _install(container, check=False)
    assert container.said("readlink", "/opt/edgepose/venv") == second
    edit(container, "\nsourze: 1", "")
    container.run("bash", "/root/checkout/scripts/install.sh", "--rollback")
    assert container.said("readlink", "/opt/edgepose/venv") == first
    assert container.another_pid(0)
