"""An arm64 Debian with edgepose's own wheels, shared by all tests of this folder; all are slow."""

from __future__ import annotations

import configparser
import os
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent / "rigs"))

from arm_debian import SUITE, ArmDebian, cache, make_root, make_site, missing

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def arm(tmp_path_factory, models, media, wanted) -> ArmDebian:
    """Return a Debian in which the checkout is /checkout and its wheels are on Python's path."""
    if lacking := missing():
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"the arm64 rig lacks {', '.join(lacking)}: scripts/test --arm64 installs it")
    base = cache() / f"arm64-{SUITE}"
    base.mkdir(parents=True, exist_ok=True)
    make_root(base)
    site = make_site(base, wanted)
    work = tmp_path_factory.mktemp("arm64")
    (work / "shared").mkdir()
    (base / "pyc").mkdir(exist_ok=True)
    shares = {"/checkout": CHECKOUT, "/models": models, "/media": media, "/site": site}
    shares |= {"/pyc": base / "pyc", "/shared": work / "shared"}
    return ArmDebian(base, work, shares)


@pytest.fixture(scope="session")
def wanted() -> list[str]:
    """Return what a plain installation asks for."""
    setup = configparser.ConfigParser()
    setup.read(CHECKOUT / "setup.cfg")
    return setup["options"]["install_requires"].split()
