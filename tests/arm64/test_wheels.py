"""Everything that edgepose needs can be had as wheels for a Pi, and installed from a folder."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from arm_debian import LIBC_MINORS
from boards import PI_4

pytestmark = [pytest.mark.slow, pytest.mark.arm64, pytest.mark.timeout(3600)]

SCRIPTS = Path(__file__).parents[2] / "scripts"
BOOKWORM = ("--constraint", str(SCRIPTS / "constraints-bookworm.txt"))
PLATFORMS = [f"--platform=manylinux_2_{minor}_aarch64" for minor in LIBC_MINORS]


def python(version: str) -> str:
    """Return that Python, for pip judges markers by the one that runs it; else this one."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    places = [found, *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))]
    return next((place for place in places if place and _runs(place)), sys.executable)


def _runs(program: str) -> bool:
    command = [program, "-m", "pip", "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("version", "constraints"),
    [("3.11", ()), ("3.11", BOOKWORM), ("3.13", ())],
    ids=["3.11", "3.11-bookworm", "3.13"],
)
def test_pip_downloads_wheels_alone_for_a_pi(version, constraints, wanted, tmp_path):
    """Of every package that edgepose asks for and theirs; numpy 1 beside bookworm's picamera2."""
    tags = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]
    tags += [*PLATFORMS, "--platform=manylinux2014_aarch64"]
    command = [python(version), "-m", "pip", "download", "--quiet", "--dest", str(tmp_path)]
    done = subprocess.run(
        [*command, *tags, *constraints, *wanted], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    names = [path.name for path in tmp_path.iterdir()]
    assert all(name.endswith(("aarch64.whl", "-none-any.whl")) for name in names), names
    here = {_normalised(name.split("-")[0]) for name in names}
    assert {_normalised(re.split("[<>=]", text)[0]) for text in wanted} <= here
    (numpy,) = (name for name in names if name.startswith("numpy-"))
    assert numpy.startswith("numpy-1." if constraints else "numpy-2.")
    assert f"-cp{version.replace('.', '')}-" in numpy


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_a_folder_prepared_here_installs_on_a_pi(arm, tmp_path):
    """Wheels, model and program; without a network, into an image where systemd does not run."""
    stick = arm.layer / "shared" / "stick"
    install = ["bash", str(SCRIPTS / "install.sh")]
    subprocess.run([*install, "--prepare", str(stick), "--for", "bookworm"], check=True)
    assert (stick / "prepared-for").read_text() == "Python 3.11 on aarch64\n"
    program = "/shared/stick/scripts/install.sh"
    arm.run(PI_4, "unshare", "--net", "bash", program, "--offline", "/shared/stick", "--no-start")
    plain = {"PYTHONPATH": "", "EDGEPOSE_MODEL_PATH": "/var/lib/edgepose/models"}
    said = arm.run(PI_4, "edgepose", "doctor", check=False, **plain).stdout
    assert re.search(r"ok +numpy +numpy 1\.26", said), said
    assert re.search(r"ok +runs on +the CPU", said), said
    assert re.search(r"ok +model +movenet-lightning-int8, its checksum matches", said), said
    wants = arm.layer / "upper/etc/systemd/system/multi-user.target.wants/edgepose.service"
    assert wants.is_symlink()
