"""scripts/locks: what is installed on a device, each file by its hash, and fit for setup.cfg."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
LOCKS = ROOT / "scripts" / "locks"
KINDS = [f"python{python}-{arch}" for python in ("3.11", "3.13") for arch in ("aarch64", "x86_64")]
ENTRY = re.compile(r"^([\w.-]+)==(\S+) \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M)
INSTALLERS = {"pip", "setuptools", "wheel"}

# Versions with a published hole in what edgepose feeds with foreign bytes, the newest of each.
VULNERABLE = {
    "aiohttp": "3.13.3",  # CVE-2026-22815: trailers without a limit
    "opencv-python-headless": "4.11.0.86",  # CVE-2025-53644: heap write by a crafted JPEG
    "pillow": "12.1.0",  # CVE-2026-25990: write outside the buffer by a crafted PSD
}


def requirements() -> list[Requirement]:
    """Return what setup.cfg requires."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return [Requirement(line) for line in setup["options"]["install_requires"].split("\n") if line]


def entries(kind: str) -> dict[str, Version]:
    """Return the versions that a lock names."""
    text = (LOCKS / f"{kind}.txt").read_text()
    assert ENTRY.sub("", text) == "", "a line without a version or a hash"
    return {canonicalize_name(name): Version(version) for name, version, _ in ENTRY.findall(text)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_holds_what_setup_cfg_requires_in_a_version_that_it_allows(kind):
    """An edit of setup.cfg without a run of scripts/lock is found here."""
    locked = entries(kind)
    wrong = {
        str(wanted): str(locked.get(canonicalize_name(wanted.name)))
        for wanted in requirements()
        if locked.get(canonicalize_name(wanted.name), Version("0")) not in wanted.specifier
    }
    assert wrong == {}
    assert locked.keys() >= INSTALLERS


@pytest.mark.parametrize("kind", KINDS)
def test_bookworm_gets_the_numpy_that_its_picamera2_was_compiled_for(kind):
    """Version 1 with Python 3.11, version 2 with 3.13."""
    assert entries(kind)["numpy"].major == (1 if "3.11" in kind else 2)


def test_both_pythons_get_the_same_libraries():
    """A library that one of them alone has in another major version is tried by no test here."""
    older, newer = (
        {name: version.major for name, version in entries(kind).items()}
        for kind in ("python3.11-x86_64", "python3.13-x86_64")
    )
    shared = (older.keys() & newer.keys()) - {"numpy"}  # bookworm's and trixie's own differ
    assert {name: older[name] for name in shared} == {name: newer[name] for name in shared}


def test_every_dependency_has_an_upper_bound():
    """The next major version of a library is taken on purpose, not by the day of installation."""
    open_ended = [str(r) for r in requirements() if not any(s.operator == "<" for s in r.specifier)]
    assert open_ended == []


@pytest.mark.parametrize("name", VULNERABLE)
def test_versions_with_known_holes_are_excluded(name):
    """Whoever installs without a lock does not get them either."""
    (wanted,) = (r for r in requirements() if r.name == name)
    assert VULNERABLE[name] not in wanted.specifier


def matching_python(version: str) -> str:
    """Return a Python of that version with pip, for pip judges by the one that runs it."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{version}")
    for place in (found, *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))):
        command = [place or "false", "-m", "pip", "--version"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            return command[0]
    pytest.skip(f"there is no Python {version} with pip here")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", KINDS)
def test_pip_resolves_a_lock_and_misses_nothing(kind, tmp_path):
    """With hashes required pip refuses a package that a locked one needs and the lock lacks.

    Without OpenCV, whose wheels ask for numpy 2 and run on numpy 1 as well.
    """
    python, _, arch = kind.removeprefix("python").partition("-")
    text = (LOCKS / f"{kind}.txt").read_text()
    lock = tmp_path / "lock.txt"
    lock.write_text(ENTRY.sub(lambda e: "" if e[1].startswith("opencv") else e[0], text))
    platforms = [f"--platform=manylinux_2_{minor}_{arch}" for minor in range(36, 16, -1)]
    command = [
        matching_python(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--dry-run",
        "--require-hashes",
    ]
    command += ["--ignore-installed", "--target", str(tmp_path / "site"), f"-r{lock}"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={python}"]
    command += [*platforms, f"--platform=manylinux2014_{arch}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
