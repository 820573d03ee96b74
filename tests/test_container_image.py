"""The Containerfile: built, run as nobody special on a read-only file system, stopped.

It stands on a Debian that is bootstrapped here, not on the published image; a few minutes, so
these tests are slow ones.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from container import bootstrap
from debian_host import CERTIFICATES, DebianHost, Done
from waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).parents[1]
TOOLS = ("buildah", "podman", "unshare", "nsenter")
CONFIG = """
version: 1
source: {type: synthetic}
watch:
  arms_up: {template: arms_up}
outputs:
  page: {type: web, port: 0, host: 127.0.0.1}
"""
# crun wants the unified hierarchy. All commands share one mount namespace, as a container's file
# system is mounted in that of the first.
HOLDER = """
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
exec sleep infinity
"""
LIMITS = ("--cgroups=disabled", "--network=host", "--ulimit=nofile=1024:1024",
          "--ulimit=nproc=4096:4096")  # fmt: skip
POWERLESS = ("--read-only", "--tmpfs=/run/edgepose:mode=1777", "--cap-drop=all")


class Storage:
    """Images and containers in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "bash", "-ec", HOLDER]
        )
        wait_until(lambda: Path(f"/proc/{self._holder.pid}/comm").read_text() == "sleep\n")

    def call(self, tool: str, *words: str) -> str:
        """Run buildah or podman; return its output, and fail the test where it fails."""
        done = self.execute(tool, *words)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def execute(self, tool: str, *words: str) -> Done:
        """Run buildah or podman."""
        enter = ["nsenter", "--mount", f"--target={self._holder.pid}"]
        places = [f"--root={self._folder / 'root'}", f"--runroot={self._folder / 'run'}"]
        done = subprocess.run(
            [*enter, tool, *places, *words],
            capture_output=True, text=True, timeout=1200, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def close(self) -> None:
        """Stop what runs, and end the namespace."""
        self.execute("podman", "rm", "--all", "--force")
        self._holder.kill()
        self._holder.wait()


@pytest.fixture(scope="module")
def storage(tmp_path_factory) -> Iterator[Storage]:
    """Return a storage with the image of this checkout, `edgepose`."""
    if os.geteuid() != 0 or not all(map(shutil.which, TOOLS)):
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent(f"a container image needs root and {', '.join(TOOLS)}")
    folder = tmp_path_factory.mktemp("images")
    base(folder / "base")
    storage = Storage(folder)
    try:
        archive = folder / "base.tar"
        storage.call("podman", "import", "--quiet", str(archive), "debian")
        build = ("bud", "--isolation=chroot", "--network=host", "--format=docker")
        options = ("--build-arg=BASE=localhost/debian", "--tag=edgepose")
        storage.call("buildah", *build, *options, str(CHECKOUT))
        yield storage
    finally:
        storage.close()
        shutil.rmtree(folder, ignore_errors=True)


def base(root: Path) -> None:
    """Pack a Debian whose pip knows this machine's certificates."""
    bootstrap("trixie", root)
    (root / "etc/pip.conf").write_text(f"[global]\ncert = {CERTIFICATES}\n")
    tar = ["tar", "-C", root, "--exclude=./dev/*", "-cf", root.parent / "base.tar", "."]
    subprocess.run(tar, check=True)
    shutil.rmtree(root)


class Box(DebianHost):
    """A container that runs the service as the documents say."""

    name = "box"

    def __init__(self, storage: Storage, configs: Path) -> None:
        self.storage = storage
        volumes = (f"--volume={configs}:/etc/edgepose:ro", "--volume=state:/var/lib/edgepose")
        run = ("run", "--detach", f"--name={self.name}", *LIMITS, *POWERLESS, *volumes, "edgepose")
        storage.call("podman", *run)

    def execute(self, command: tuple[str, ...]) -> Done:
        """Run a command inside, as the image's user."""
        return self.storage.execute("podman", "exec", self.name, *command)


@pytest.fixture(scope="module")
def box(storage, tmp_path_factory) -> Box:
    """Return a container with a configuration that needs no device."""
    configs = tmp_path_factory.mktemp("configs")
    configs.chmod(0o755)
    (configs / "edgepose.yaml").write_text(CONFIG)
    return Box(storage, configs)


def test_it_demonstrates_itself(storage):
    """The bundled clip and model are in the image."""
    said = storage.call("podman", "run", "--rm", *LIMITS, "edgepose", "demo", "--out", "/tmp/demo")
    assert "as expected" in said


def test_it_runs_without_power_on_a_read_only_file_system(storage, box):
    """Frames are perceived, the page is up, and the health check agrees."""
    box.wait_for(lambda: box.health.get("fps", 0) > 0)
    box.wait_for(lambda: box.health["outputs"]["page"]["state"] == "running")
    storage.call("podman", "healthcheck", "run", box.name)
    assert box.said("id", "-u") == "999"
    assert box.run("touch", "/opt/edgepose/new", check=False).returncode != 0


def test_a_stop_is_orderly(storage, box):
    """Exit code 0 within the ten seconds that podman gives."""
    storage.call("podman", "stop", box.name)
    assert storage.call("podman", "inspect", "--format={{.State.ExitCode}}", box.name) == "0"
