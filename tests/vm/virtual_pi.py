"""A virtual machine to install on: QEMU, a disk with a journal, a display, folders handed in.

QEMU emulates the processor (no KVM is needed), some twenty times slower than the real one.
"""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import pytest
from debian_host import DebianHost, Done
from guest_agent import GuestAgent

BOOT = 240.0  # seconds; 25 on an idle machine


@dataclass(frozen=True)
class Image:
    """Say where the files lie that `build_image.sh` leaves."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.ext4"

    def boot_options(self, *words: str) -> list[str]:
        """Return how QEMU starts its kernel; words: more of the kernel's command line."""
        line = (
            "console=ttyS0 root=/dev/vda rw panic=-1 mitigations=off no_timer_check quiet audit=0"
        )
        return [
            "-kernel", str(self.folder / "vmlinuz"),
            "-initrd", str(self.folder / "initrd"),
            "-append", " ".join((line, *words)),
        ]  # fmt: skip


class Power:
    """Switch a machine on and off: one QEMU process, with so many processors.

    What it writes is in its disk's file at once, and stays there when it is killed; that this
    machine need not flush it (`cache=unsafe`) changes nothing about that, and is quicker.
    """

    def __init__(self, image: Image, disk: Path, folder: Path, processors: int = 2) -> None:
        self.image = image
        self.disk = disk
        self.folder = folder
        self.processors = processors
        self.process: subprocess.Popen[bytes] | None = None

    def on(self, options: list[str], *words: str) -> None:
        """Start it. options: more of QEMU's; words: more of the kernel's command line."""
        self.off()
        self.process = subprocess.Popen(
            ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi,tb-size=1024",
             "-cpu", "max", "-m", "2G", "-smp", str(self.processors), "-nodefaults", "-no-reboot",
             "-display", "none", "-nic", "none", "-device", "virtio-rng-pci",
             *self.image.boot_options(*words),
             "-drive", f"file={self.disk},if=virtio,format=raw,cache=unsafe", *options],
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def is_on(self) -> bool:
        """Return whether it runs; it ends by itself where its kernel panics."""
        return self.process is not None and self.process.poll() is None

    def off(self) -> None:
        """Cut the power: SIGKILL, in the midst of whatever it does; may be called twice."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def wait_for_end(self, seconds: float = BOOT) -> None:
        """Wait until it has switched itself off."""
        if self.process is not None:
            self.process.wait(seconds)


class VirtualPi(DebianHost):
    """Boot the machine as a whole, run commands in it, and look at its display.

    shares: folders of this machine that it finds, read-only, by their names under /mnt.
    disks: files that it has as /dev/vdb, /dev/vdc and so on.
    """

    patience = 600.0  # seconds; 240 were too few for two clips of events with a load of 13

    def __init__(
        self, power: Power, shares: Mapping[str, Path], disks: Sequence[Path] = ()
    ) -> None:
        self._power = power
        self._shares = shares
        self._disks = disks
        self._agent = GuestAgent(power.folder / "agent")

    def execute(self, command: tuple[str, ...]) -> Done:
        """Run a command inside, as root."""
        return self._agent.execute(command)

    def boot(self) -> None:
        """Start it and wait until its agent answers."""
        for name in ("agent", "monitor"):
            (self._power.folder / name).unlink(missing_ok=True)
        self._power.on(self._options())
        deadline = time.monotonic() + BOOT
        while not self._agent.connect():
            if time.monotonic() > deadline or not self._power.is_on:
                pytest.fail(f"it does not boot:\n{self.serial[-3000:]}")
            time.sleep(0.5)

    def shut_down(self) -> None:
        """Switch it off in order."""
        self._agent.tell("guest-shutdown")
        self._agent.close()
        self._power.wait_for_end()

    def reboot(self) -> None:
        """Shut down in order and boot again, as `systemctl reboot` does."""
        self.shut_down()
        self.boot()

    def cut_power(self) -> None:
        """Switch it off without a warning."""
        self._agent.close()
        self._power.off()

    @property
    def health(self) -> dict[str, Any]:
        """Return the health document, without `edgepose status`, which takes seconds here."""
        told = self.said("cat", "/run/edgepose/status.json")
        return json.loads(told)["health"] if told else {}

    @property
    def serial(self) -> str:
        """Return what the kernel has printed."""
        file = self._power.folder / "serial"
        return file.read_text(errors="replace") if file.exists() else ""

    def screenshot(self) -> Any:
        """Return what is on the display, RGB uint8."""
        file = self._power.folder / "screen.ppm"
        file.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._power.folder / "monitor"))
            _prompt(monitor)
            monitor.sendall(f"screendump {file}\n".encode())
            _prompt(monitor)
        return cv2.imread(str(file))[..., ::-1]

    def _options(self) -> list[str]:
        folder = self._power.folder
        shares = [
            word
            for name, path in self._shares.items()
            for word in ("-virtfs", f"local,path={path},mount_tag={name},security_model=none,"
                                    "readonly=on,multidevs=remap")
        ]  # fmt: skip
        disks = [
            word
            for path in self._disks
            for word in ("-drive", f"file={path},if=virtio,format=raw,cache=unsafe")
        ]
        return [
            *disks,
            "-device", "virtio-vga,xres=1280,yres=720",
            "-serial", f"file:{folder / 'serial'}",
            "-monitor", f"unix:{folder / 'monitor'},server,nowait",
            "-chardev", f"socket,id=agent,path={folder / 'agent'},server=on,wait=off",
            "-device", "virtio-serial-pci",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
            *shares,
        ]  # fmt: skip


def copy_disk(disk: Path, to: Path) -> Path:
    """Copy a disk of a machine that is switched off, holes as holes; return the copy."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", disk, to], check=True)
    return to


def _prompt(monitor: socket.socket) -> None:
    """Read until QEMU asks for the next command: the last one is done."""
    said = b""
    while b"(qemu) " not in said[-8:]:
        said += monitor.recv(4096)
