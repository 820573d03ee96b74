"""A virtual machine in 20 s: Debian's kernel, this machine's own files, and a real display driver.

There is nothing to install in it: its root is this machine's, read-only over 9p, so that it runs
the very checkout and Python that run the test. QEMU emulates the processor (no KVM is needed),
which is some twenty times slower than the real one.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2

TOOLS = ("qemu-system-x86_64", "busybox", "modprobe", "depmod", "apt-get", "dpkg-deb")
MODULES = ("9p", "9pnet_virtio", "virtio_pci")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "edgepose-tests"
NOBODY, VIDEO = 65534, 44  # Debian's user nobody and group video

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
for module in /modules/*; do insmod $module; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,msize=262144,cache=loose host /new
mount -t proc proc /new/proc; mount -t sysfs sys /new/sys
mount -t devtmpfs dev /new/dev; mount -t tmpfs tmp /new/run
chown 0:{video} /new/dev/dri/card*; chmod 660 /new/dev/dri/card*
chroot /new /usr/bin/env -i HOME=/run PATH=/usr/bin:/bin PYTHONDONTWRITEBYTECODE=1 \\
    setpriv --reuid={user} --regid={video} --clear-groups {python} {script}
echo "exit status $?"
poweroff -f
"""


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
    if not list(folder.glob("boot/vmlinuz-*")):
        CACHE.mkdir(parents=True, exist_ok=True)
        depends = _run("apt-cache", "depends", "linux-image-amd64")
        name = next(line.split()[1] for line in depends.splitlines() if "Depends:" in line)
        _run("apt-get", "download", "-qq", name, cwd=CACHE)
        (package,) = CACHE.glob(f"{name}_*.deb")
        _run("dpkg-deb", "-x", str(package), str(folder))
        package.unlink()
        _run("depmod", "-b", str(folder), _release(folder))
    return folder


def build_initrd(target: Path, drivers: tuple[str, ...], script: Path) -> None:
    """Write the small system that loads the drivers and runs a Python script as nobody."""
    tree = target.with_suffix(".d")
    for name in ("bin", "modules", "new", "proc"):
        (tree / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "", tree / "bin" / "busybox")
    for number, module in enumerate(_modules((*MODULES, *drivers))):
        shutil.copy(module, tree / "modules" / f"{number:03}.ko")
    init = tree / "init"
    init.write_text(INIT.format(user=NOBODY, video=VIDEO, python=sys.executable, script=script))
    init.chmod(0o755)
    with target.open("wb") as file:
        names = "\n".join(str(path.relative_to(tree)) for path in sorted(tree.rglob("*")))
        command = ["busybox", "cpio", "-o", "-H", "newc"]
        subprocess.run(
            command, cwd=tree, input=names.encode(), stdout=file, stderr=subprocess.DEVNULL,
            check=True,
        )  # fmt: skip


class TinyVm:
    """Boot, follow what the script prints, and look at the display."""

    def __init__(self, folder: Path, driver: str, device: str, script: Path) -> None:
        """Boot with a display: the kernel's driver, and QEMU's device with its options."""
        self._folder = folder
        initrd = folder / "initrd"
        build_initrd(initrd, (driver,), script)
        (image,) = kernel().glob("boot/vmlinuz-*")
        console = f"socket,id=console,path={folder / 'console'},server=on,wait=off"
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-m", "700", "-cpu", "max", "-accel", "tcg,thread=multi",
             "-nodefaults", "-no-reboot", "-display", "none", "-kernel", str(image),
             "-initrd", str(initrd), "-append", "console=ttyS0 quiet panic=1 mitigations=off",
             "-chardev", f"{console},logfile={folder / 'serial'}",
             "-serial", "chardev:console", "-device", device,
             "-monitor", f"unix:{folder / 'monitor'},server,nowait",
             "-device", "virtio-rng-pci", "-virtfs",
             "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"]
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
def booted(folder: Path, driver: str, device: str, script: Path) -> Iterator[TinyVm]:
    """Lend a machine that is switched off in the end."""
    machine = TinyVm(folder, driver, device, script)
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
    folder = kernel()
    ask = ("modprobe", "-d", str(folder), "-S", _release(folder), "--show-depends")
    lines = [line.split() for name in names for line in _run(*ask, name).splitlines()]
    return list(dict.fromkeys(words[1] for words in lines if words[0] == "insmod"))


def _release(folder: Path) -> str:
    (modules,) = folder.glob("lib/modules/*")
    return modules.name


def _run(*command: str, cwd: Path | None = None) -> str:
    path = {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(
        command, cwd=cwd, env=os.environ | path, check=True, capture_output=True, text=True
    )
    return done.stdout
