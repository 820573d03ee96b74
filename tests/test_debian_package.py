"""The Debian package: built, checked by lintian, installed, upgraded, removed and purged.

It downloads wheels and boots a Debian; a few minutes a suite, so these tests are slow ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from container import Container, bootstrap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

SCRIPTS = Path(__file__).parents[1] / "scripts"
CONFIG = "/etc/edgepose/edgepose.yaml"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def suite(request) -> str:
    """Return the name of a Debian."""
    return request.param


@pytest.fixture(scope="module")
def package(suite, models, tmp_path_factory) -> Path:
    """Return a package of this checkout for a PC with that Debian."""
    out = tmp_path_factory.mktemp("deb")
    command = ["bash", SCRIPTS / "build-deb", "--for", f"{suite}:amd64", "--out", out]
    environment = os.environ | {"EDGEPOSE_MODEL_PATH": str(models)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr
    (package,) = out.iterdir()
    return package


@pytest.fixture(scope="module")
def machine(suite, package, tmp_path_factory) -> Iterator[Container]:
    """Return a booted Debian with the package, and with a newer one to upgrade to, in /root."""
    root = tmp_path_factory.mktemp("nspawn") / suite
    bootstrap(suite, root)
    shutil.copy(package, root / "root/edgepose.deb")
    newer(package, root / "root")
    container = Container(root)
    try:
        container.run("apt-get", "update", "-qq")
        yield container
    finally:
        container.close()
        shutil.rmtree(root, ignore_errors=True)


def newer(package: Path, folder: Path) -> None:
    """Write newer.deb, the same program as a later version without one of its files."""
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(control.read_text().replace("Version: ", "Version: 99."))
    (gone,) = tree.glob("usr/lib/edgepose/venv/lib/python3.*/site-packages/edgepose/bench/suite.py")
    gone.unlink()
    subprocess.run(["dpkg-deb", "-b", "-Znone", tree, folder / "newer.deb"], check=True)
    shutil.rmtree(tree)


def apt(machine: Container, *words: str, check: bool = True) -> str:
    """Run apt-get without questions; return what was said."""
    done = machine.run(
        "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", "-qq", "--no-install-recommends",
        *words, check=check,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_lintian_finds_nothing(package):
    """But what the package overrides, with the reason beside it."""
    if not (lintian := shutil.which("lintian")):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("lintian is missing: apt-get install lintian")
    command = [lintian, *["--allow-root"] * (os.geteuid() == 0), str(package)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_does_not_go_beside_an_installation_by_the_script(machine):
    """Whose units would hide the package's."""
    machine.run("mkdir", "-p", "/opt/edgepose/venv")
    said = apt(machine, "install", "/root/edgepose.deb", check=False)
    assert "run scripts/uninstall.sh first" in said
    machine.run("rm", "-r", "/opt/edgepose")


def test_an_installation_is_a_running_service(machine):
    """User, groups, configuration, model, man page; up now and after every boot."""
    apt(machine, "install", "/root/edgepose.deb")
    assert machine.another_pid(0)
    assert machine.said("systemctl", "is-enabled", "edgepose") == "enabled"
    health = machine.wait_for(lambda: machine.health)
    assert health["runtime"]["model"] == "movenet-lightning-int8"
    assert {"video", "gpio", "render"} <= set(machine.said("id", "-nG", "edgepose").split())
    assert machine.run("test", "-f", "/usr/share/man/man1/edgepose.1.gz").returncode == 0
    assert machine.said("stat", "-c", "%U %a", "/etc/edgepose/environment") == "root 600"
    assert machine.said("systemctl", "--failed", "--quiet", "--plain") == ""
    unit = machine.run("systemd-analyze", "verify", "edgepose.service", check=False).stderr
    assert [line for line in unit.splitlines() if "edgepose" in line] == []


def test_an_upgrade_keeps_what_was_configured(machine):
    """The service runs the new version with the same file; nothing of the old one is left."""
    before = machine.another_pid(0)
    machine.run("sed", "-i", "s/hold: 1.0/hold: 2.5/", CONFIG)
    said = apt(machine, "install", "/root/newer.deb")
    assert "not removed" not in said
    assert machine.another_pid(before) != before
    machine.wait_for(lambda: machine.hold == 2.5)
    left = machine.said("find", "/usr/lib/edgepose", "-path", "*bench*", "-name", "suite*")
    assert left == ""


def test_a_service_that_was_disabled_stays_so(machine):
    """Who runs several cameras gets no edgepose.service with an upgrade."""
    machine.run("cp", "-p", CONFIG, "/etc/edgepose/door.yaml")
    machine.run("systemctl", "disable", "--now", "--quiet", "edgepose")
    machine.run("systemctl", "enable", "--now", "--quiet", "edgepose@door")
    apt(machine, "reinstall", "/root/newer.deb")
    machine.wait_for(lambda: machine.pid_of("edgepose@door"))
    assert machine.pid == 0
    machine.run("systemctl", "disable", "--now", "--quiet", "edgepose@door")
    machine.run("systemctl", "enable", "--now", "--quiet", "edgepose")


def test_removing_keeps_what_is_the_users_and_purging_does_not(machine):
    """The last one: nothing is left."""
    apt(machine, "remove", "edgepose")
    assert machine.said("systemctl", "is-active", "edgepose") == "inactive"
    assert not (machine.root / "usr/lib/edgepose").exists()
    assert machine.run("test", "-f", CONFIG).returncode == 0
    apt(machine, "purge", "edgepose")
    kept = ("etc/edgepose", "var/lib/edgepose", "usr/lib/edgepose")
    assert not any((machine.root / place).exists() for place in kept)
    assert machine.run("getent", "passwd", "edgepose", check=False).returncode != 0
    left = machine.said("find", "/etc/systemd", "-name", "edgepose*")
    assert left == ""
