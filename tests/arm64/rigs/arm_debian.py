"""An arm64 Debian in a folder, run on this machine by qemu's user mode.

It says nothing about a Pi's speed, nor about its devices; but Python, the wheels and LiteRT's
kernels are those of a Pi. What the folder holds is kept between runs; what a command changes in it
goes to a layer of its own.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from boards import Board

SUITE = "bookworm"
PACKAGES = "python3,ca-certificates,libdrm2,procps,systemd"
BINFMT = Path("/usr/lib/binfmt.d/qemu-aarch64.conf")
TOOLS = ("debootstrap", "unshare", "chroot", "qemu-aarch64-static")
TEST_PACKAGES = ("pytest", "pytest-timeout", "hypothesis")
LIBC_MINORS = range(36, 16, -1)  # bookworm's is 2.36

# Linux tells foreign programs by their first bytes; the mounts are gone with the process.
BINFMT_MISC = """
mount -t binfmt_misc binfmt_misc /proc/sys/fs/binfmt_misc
[ -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ] ||
    cat /usr/lib/binfmt.d/qemu-aarch64.conf >/proc/sys/fs/binfmt_misc/register
"""
SECOND_STAGE = f'set -e; {BINFMT_MISC} exec chroot "$0" /debootstrap/debootstrap --second-stage'

# LiteRT's cpuinfo crashes on an x86 /proc/cpuinfo, and without /sys it leaves XNNPACK out.
ENTER = f"""
set -e
root=$0/root layer=$1 cpuinfo=$2; shift 2
{BINFMT_MISC}
mkdir -p "$layer/upper" "$layer/work" "$layer/all"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" "$layer/all"
root=$layer/all
mount -t proc proc "$root/proc"
mount --bind "$cpuinfo" "$root/proc/cpuinfo"
mount -t sysfs -o ro sysfs "$root/sys"
mkdir -p "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    shift 2
done
shift
exec chroot "$root" "$@"
"""

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "CI": os.environ.get("CI", ""),
    "EDGEPOSE_MODEL_PATH": "/models",
    "EDGEPOSE_TEST_MEDIA": "/media",
    "PYTHONPATH": "/checkout:/site",
    "PYTHONPYCACHEPREFIX": "/pyc",
}


class ArmDebian:
    """Run commands as an arm64 Debian would.

    base: what is kept between runs (`root`, `site`). layer: takes what commands change. shares:
    folders of this machine by their place inside.
    """

    def __init__(self, base: Path, layer: Path, shares: dict[str, Path]) -> None:
        self.layer = layer
        self._base = base
        self._shares = [str(word) for place, path in shares.items() for word in (path, place)]

    def run(
        self, board: Board, *command: str, check: bool = True, timeout: float = 1200, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a board's processor; env: on top of a plain environment."""
        cpuinfo = self.layer / board.cpu
        cpuinfo.write_text(board.cpuinfo)
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation",
                 "private", "bash", "-c", ENTER, self._base, self.layer, cpuinfo]  # fmt: skip
        given = ENVIRONMENT | {"QEMU_CPU": board.cpu}
        done = subprocess.run(
            [*enter, *self._shares, "--", *command],
            env=given | env, capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done


def make_root(base: Path) -> None:
    """Bootstrap the Debian unless it is there: about eight minutes, most of them emulated."""
    root, made_of = base / "root", base / "packages"
    if root.is_dir() and made_of.is_file() and made_of.read_text() == PACKAGES:
        return
    part = base / "root.part"
    shutil.rmtree(part, ignore_errors=True)
    first = ["debootstrap", "--foreign", "--arch=arm64", "--variant=minbase"]
    _call(*first, f"--include={PACKAGES}", SUITE, str(part))
    _call("unshare", "--mount", "--propagation", "private", "bash", "-c", SECOND_STAGE, str(part))
    shutil.rmtree(root, ignore_errors=True)
    part.rename(root)
    made_of.write_text(PACKAGES)


def make_site(base: Path, wanted: list[str]) -> Path:
    """Return a folder of unpacked aarch64 wheels for the Debian's Python, made unless it is there.

    pip judges markers by the Python that runs it, so this one must be the Debian's: 3.11.
    """
    assert sys.version_info[:2] == (3, 11), "the arm64 rig needs Python 3.11, that of bookworm"
    wanted = sorted([*wanted, *TEST_PACKAGES])
    site = base / f"site-{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    if not site.is_dir():
        part = base / "site.part"
        shutil.rmtree(part, ignore_errors=True)
        tags = [f"--platform=manylinux_2_{minor}_aarch64" for minor in LIBC_MINORS]
        only = ["--only-binary=:all:", *tags, "--platform=manylinux2014_aarch64"]
        _call(
            sys.executable, "-m", "pip", "install", "--quiet", "--target", str(part), *only, *wanted
        )
        part.rename(site)
    return site


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def missing() -> list[str]:
    """Return what this machine lacks for the rig."""
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    lacking += [] if BINFMT.is_file() else [str(BINFMT)]
    return lacking if os.geteuid() == 0 else ["root's rights", *lacking]


def cache() -> Path:
    """Return where the root and the wheels are kept between runs."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "edgepose-tests"
