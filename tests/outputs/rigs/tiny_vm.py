"""A virtual machine in 20 s: Debian's kernel, this machine's own files, and a real display driver.

There is nothing to install in it: its root is this machine's, read-only over 9p under a layer of
memory, so that it runs the very checkout and Python that run the test, also as a user who may not
enter the Python's folder outside. QEMU emulates the processor (no KVM is needed), which is some
twenty times slower than the real one.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import kernel_modules
from kernel_modules import run

TOOLS = ("qemu-system-x86_64", "busybox", "modprobe", *kernel_modules.TOOLS)
MODULES = ("9p", "9pnet_virtio", "virtio_pci", "overlay")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgepose-tests"
ROOT, NOBODY, VIDEO = 0, 65534, 44  # Debian's users root and nobody, and group video
CHECKOUT = Path(__file__).parents[3]

# no_timer_check: on a busy machine the emulated timer may be too slow for the kernel's own test.
KERNEL = "console=ttyS0 quiet panic=1 mitigations=off no_timer_check"

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
for module in /modules/*; do insmod $module; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /host
mount -t tmpfs tmp /top; mkdir /top/files /top/work
mount -t overlay -o lowerdir=/host,upperdir=/top/files,workdir=/top/work host /new
chmod o+x {private}
mount -t proc proc /new/proc; mount -t sysfs sys /new/sys
mount -t devtmpfs dev /new/dev; mount -t tmpfs tmp /new/run
mkdir -m 1777 /new/run/tmp; mkdir /new/run/share
mount -t 9p -o trans=virtio,version=9p2000.L share /new/run/share
[ -d /new/sys/kernel/config ] && mount -t configfs config /new/sys/kernel/config
for card in /new/dev/dri/card*; do [ -e $card ] && chown 0:{video} $card && chmod 660 $card; done
chroot /new /usr/bin/env -i -C {checkout} HOME=/run TMPDIR=/run/tmp PATH=/usr/bin:/bin \\
    PYTHONDONTWRITEBYTECODE=1 setpriv --reuid={user} --regid={video} --clear-groups {command}
echo "exit status $?"
poweroff -f
"""


@dataclass(frozen=True)
class Guest:
    """Say what a machine has and does: kernel drivers, QEMU's options, and the command it runs.

    The command finds a folder of the host's at /run/share, writable by root.
    """

    command: tuple[str, ...]
    drivers: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    user: int = NOBODY


def missing() -> str:
    """Return what keeps the machine from being built, or an empty text."""
    if platform.machine() != "x86_64":
        return "the virtual machine is for x86-64 hosts"
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    absent = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def kernel() -> Path:
    """Return the unpacked files of Debian's kernel package, fetched once."""
    folder = CACHE / "kernel"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        (package,) = kernel_modules.depends("linux-image-amd64")
        with tempfile.TemporaryDirectory(dir=CACHE) as place:
            tree = Path(place) / "kernel"
            kernel_modules.fetch(package, tree)
            run("depmod", "-b", str(tree), _release(tree))
            tree.rename(folder)
    return folder


def kernel_with_gpio_sim() -> Path:
    """Return the files of the kernel, with the driver that Debian does not build."""
    folder = kernel()
    if kernel_modules.has_gpio_sim(folder):
        return folder
    try:
        kernel_modules.add_gpio_sim(folder)
    except subprocess.CalledProcessError:  # the kernel has grown so old that its headers are gone
        shutil.rmtree(folder)
        kernel_modules.add_gpio_sim(kernel())
    return folder


def build_initrd(target: Path, guest: Guest) -> None:
    """Write the small system that loads the drivers and runs the command."""
    tree = target.with_suffix(".d")
    for name in ("bin", "host", "modules", "new", "proc", "top"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", tree / "bin" / "busybox")
    for number, module in enumerate(_modules((*MODULES, *guest.drivers))):
        shutil.copy(module, tree / "modules" / f"{number:03}.ko")
    init = tree / "init"
    init.write_text(
        INIT.format(
            user=guest.user, video=VIDEO, command=shlex.join(guest.command), checkout=CHECKOUT,
            private=" ".join(f"/new{folder}" for folder in Path(sys.executable).resolve().parents),
        )
    )  # fmt: skip
    init.chmod(0o755)
    with target.open("wb") as file:
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        subprocess.run(
            ["busybox", "cpio", "-o", "-H", "newc"], cwd=tree, input=names.encode(), stdout=file,
            stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip


class TinyVm:
    """Boot, follow what the command prints, and look at the display."""

    def __init__(self, folder: Path, guest: Guest) -> None:
        """Boot; `share` in the folder is what the machine and we both write into."""
        self._folder = folder
        self.share = folder / "share"
        self.share.mkdir()
        initrd = folder / "initrd"
        build_initrd(initrd, guest)
        (image,) = kernel().glob("boot/vmlinuz-*")
        console = f"socket,id=console,path={folder / 'console'},server=on,wait=off"
        plain = "security_model=none,multidevs=remap"
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-m", "700", "-cpu", "max", "-accel", "tcg,thread=multi",
             "-nodefaults", "-no-reboot", "-display", "none", "-kernel", str(image),
             "-initrd", str(initrd), "-append", KERNEL,
             "-chardev", f"{console},logfile={folder / 'serial'}", "-serial", "chardev:console",
             "-monitor", f"unix:{folder / 'monitor'},server,nowait", "-device", "virtio-rng-pci",
             "-virtfs", f"local,path=/,mount_tag=host,readonly=on,{plain}",
             "-virtfs", f"local,path={self.share},mount_tag=share,{plain}", *guest.options]
        )  # fmt: skip

    def said(self) -> str:
        """Return everything that was printed so far."""
        file = self._folder / "serial"
        return file.read_text(errors="replace") if file.exists() else ""

    def wait_for(self, words: str, seconds: float = 180) -> None:
        """Wait until the script prints something. Raises TimeoutError with all that it said."""
        deadline = time.monotonic() + seconds
        while words not in self.said():
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise TimeoutError(f"'{words}' was not printed:\n{self.said()}")
            time.sleep(0.1)

    def press_enter(self) -> None:
        """Let the script, which waits for a line, go on."""
        with socket.socket(socket.AF_UNIX) as console:
            console.connect(str(self._folder / "console"))
            console.sendall(b"\n")

    def picture(self) -> Any:
        """Return what is on the display, RGB uint8."""
        file = self._folder / "screen.ppm"
        file.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._folder / "monitor"))
            _prompt(monitor)
            monitor.sendall(f"screendump {file}\n".encode())
            _prompt(monitor)
        return cv2.imread(str(file))[..., ::-1]

    def end(self) -> None:
        """Switch it off."""
        self._process.kill()
        self._process.wait()


@contextlib.contextmanager
def booted(folder: Path, guest: Guest) -> Iterator[TinyVm]:
    """Lend a machine that is switched off in the end."""
    machine = TinyVm(folder, guest)
    try:
        yield machine
    finally:
        machine.end()


def _prompt(monitor: socket.socket) -> None:
    """Read until QEMU asks for the next command: the last one is done."""
    said = b""
    while b"(qemu) " not in said[-8:]:
        said += monitor.recv(4096)


def _modules(names: tuple[str, ...]) -> list[str]:
    """Return the files of modules and of what they need, in the order of loading."""
    folder = kernel_with_gpio_sim() if "gpio-sim" in names else kernel()
    ask = ("modprobe", "-d", str(folder), "-S", _release(folder), "--show-depends")
    lines = [line.split() for name in names for line in run(*ask, name).splitlines()]
    return list(dict.fromkeys(words[1] for words in lines if words[0] == "insmod"))


def _release(folder: Path) -> str:
    (modules,) = folder.glob("lib/modules/*")
    return modules.name
