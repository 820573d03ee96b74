"""Build the machine, install on it, boot it; and say in the end what was checked, a line each.

Marked `vm`: scripts/test runs these with --vm or --all only. What is built is kept under
$XDG_CACHE_HOME/edgepose-tests, and built again when its recipe changes.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KERNEL_MODULES = HERE.parent / "outputs" / "rigs" / "kernel_modules.py"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgepose-tests"
RECIPES = (HERE / "build_image.sh", KERNEL_MODULES)
TOOLS = ("qemu-system-x86_64", "debootstrap", "mkfs.ext4", "unshare", "chroot")
sys.path.append(str(HERE))

from appliance import Appliance  # noqa: E402
from virtual_pi import Image, Power, VirtualPi, copy_disk  # noqa: E402


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line a check: what became of it, seconds, and what it says of itself."""
    seconds: dict[str, float] = {}
    became: dict[str, str] = {}
    every = (report for reports in terminalreporter.stats.values() for report in reports)
    for report in (one for one in every if isinstance(one, pytest.TestReport)):
        if "tests/vm/" in report.nodeid:
            name = report.nodeid.partition("::test_")[2].replace("_", " ")
            seconds[name] = seconds.get(name, 0.0) + report.duration
            if report.when == "call" or not report.passed:
                became[name] = "ok" if report.passed else report.outcome
    if seconds:
        terminalreporter.section("virtual machine")
    for name, duration in seconds.items():
        terminalreporter.line(f"{became.get(name, '?'):<7} {duration:6.1f} s  {name}")


@pytest.fixture(scope="session")
def image() -> Image:
    """Return Debian's disk, kernel and tree; built in some two minutes, or kept from before."""
    if os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"a virtual machine needs root and {', '.join(TOOLS)}")
    recipe = hashlib.sha256(b"".join(path.read_bytes() for path in RECIPES)).hexdigest()[:12]
    folder = CACHE / f"vm-{recipe}"
    if not (folder / "disk.ext4").exists():
        for old in CACHE.glob("vm-*"):
            shutil.rmtree(old)
        _run_script(RECIPES[0], folder, env=os.environ | {"PYTHONPATH": str(KERNEL_MODULES.parent)})
    return Image(folder)


@pytest.fixture(scope="session")
def stick(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that install.sh prepared, with the Python of the machine's Debian."""
    folder = tmp_path_factory.mktemp("stick")
    _run_script(HERE / "prepare_stick.sh", image.folder / "root", folder)
    return folder


@pytest.fixture(scope="session")
def power(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Power]:
    """Return the machine, switched off, with a disk of its own: what is written stays."""
    folder = tmp_path_factory.mktemp("vm")
    disk = copy_disk(image.disk, folder / "disk.ext4")
    power = Power(image, disk, folder)
    yield power
    power.off()
    disk.unlink()


@pytest.fixture(scope="session")
def machine(power: Power, stick: Path, media: Path) -> VirtualPi:
    """Return plain Debian, booted, with nothing of edgepose in it."""
    machine = VirtualPi(power, {"rig": HERE / "guest", "stick": stick, "media": media})
    machine.boot()
    return machine


@pytest.fixture(scope="session")
def installed(machine: VirtualPi) -> str:
    """Install without a network; return what was said."""
    done = machine.run("bash", "/mnt/stick/scripts/install.sh", "--offline", "/mnt/stick")
    return done.stdout + done.stderr


@pytest.fixture(scope="session")
def appliance(machine: VirtualPi, installed: str) -> Appliance:
    """Return the appliance after it was configured and the machine rebooted."""
    appliance = Appliance(machine)
    appliance.set_up()
    machine.reboot()
    return appliance


def _run_script(script: Path, *arguments: Path, env: dict[str, str] | None = None) -> None:
    """Run a script; its output is shown where it fails."""
    done = subprocess.run(
        ["bash", script, *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{script.name}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
