"""Build machines to examine out of a few files: a Pi 4, a Pi 5, a plain Debian, broken ones."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edgepose.config.loader import load
from edgepose.doctor.finding import Intent
from edgepose.doctor.system import System

GROUPS = "root:x:0:\nvideo:x:44:pi\nrender:x:992:\ngpio:x:993:\nplugdev:x:46:\ninput:x:995:\n"
VERSIONS = {"ai-edge-litert": "2.3.0", "numpy": "2.4.6", "av": "18.1.0"}


@dataclass
class Machine:
    """Hold a made-up machine: files below `root`, and what its commands answer.

    answers: (exit code, stdout, stderr) by the words that a command line begins with; a command
    that is not listed does not exist. changes: of System's own fields.
    """

    root: Path
    answers: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: dict(VERSIONS))
    changes: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def write(self, path: str, text: str = "") -> Path:
        """Put a file there."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def link(self, path: str, target: str) -> None:
        """Put a symbolic link there."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.symlink_to(target)

    def answer(self, command: str, code: int = 0, out: str = "", err: str = "") -> None:
        """Let a command exist."""
        self.answers[command] = (code, out, err)

    def usb(self, name: str, number: str, mbit: int) -> None:
        """Plug a USB device in."""
        vendor, product = number.split(":")
        files = {"idVendor": vendor, "idProduct": product, "speed": str(mbit)}
        for file, text in files.items():
            self.write(f"sys/bus/usb/devices/{name}/{file}", text + "\n")

    def camera(self, node: str, name: str, index: int = 0, by_id: str = "") -> None:
        """Plug a camera in, or let there be a node that is none."""
        self.write(f"sys/class/video4linux/{node}/name", name + "\n")
        self.write(f"sys/class/video4linux/{node}/index", f"{index}\n")
        self.write(f"dev/{node}")
        if by_id:
            self.link(f"dev/v4l/by-id/{by_id}", f"../../{node}")

    @property
    def system(self) -> System:
        """Return the machine as checks see it."""
        given = {
            "root": self.root, "run": self._run, "environ": {}, "bits": 64, "page_bytes": 4096,
            "python": (3, 11), "executable": "/venv/bin/python", "prefix": "/venv", "user": "pi",
            "is_root": False, "groups": frozenset({1000, 44, 992, 993, 46, 995}),
            "version": lambda name: self.versions.get(name, ""), "access": lambda path, mode: True,
        }  # fmt: skip
        return System(**(given | self.changes))

    def _run(self, command: tuple[str, ...], **settings: object):
        line = " ".join(command)
        self.asked.append(line)
        for words, (code, out, err) in self.answers.items():
            if line.startswith(words):
                return subprocess.CompletedProcess(command, code, out, err)
        raise FileNotFoundError(command[0])


def _system_of(machine: Machine, number: str, codename: str) -> None:
    text = f'PRETTY_NAME="Debian GNU/Linux {number} ({codename})"\nID=debian\n'
    machine.write("etc/os-release", f'{text}VERSION_ID="{number}"\nVERSION_CODENAME={codename}\n')
    machine.write("etc/group", GROUPS)
    machine.write("proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 3000000 kB\n")
    machine.write("proc/mounts", "proc /proc proc rw 0 0\n/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n")
    machine.answer("/venv/bin/python -P -c import cv2", 0, "4.13.0 2.4.6\n")
    machine.answer("/venv/bin/python -P -c import ai_edge_litert", 0)
    machine.answer("/venv/bin/python -P -c import av", 0)


def _pi(machine: Machine, board: str, soc: str) -> None:
    machine.write("proc/device-tree/model", f"{board}\0")
    machine.write("etc/rpi-issue", "Raspberry Pi reference 2025-10-01\n")
    machine.write(f"sys/devices/platform/{soc}/{soc}:firmware/get_throttled", "0\n")
    machine.write("sys/class/thermal/thermal_zone0/temp", "51234\n")
    machine.write("usr/lib/aarch64-linux-gnu/libdrm.so.2")
    machine.answer("/venv/bin/python -P -c import picamera2", 0)


@pytest.fixture
def debian(tmp_path: Path) -> Machine:
    """Return a plain Debian 12 without any device."""
    machine = Machine(tmp_path / "debian")
    _system_of(machine, "12", "bookworm")
    return machine


@pytest.fixture
def pi4(tmp_path: Path) -> Machine:
    """Return a Pi 4 with bookworm, its codecs' nodes, and a display at the second plug."""
    machine = Machine(tmp_path / "pi4")
    _system_of(machine, "12", "bookworm")
    _pi(machine, "Raspberry Pi 4 Model B Rev 1.5", "soc")
    machine.camera("video10", "bcm2835-codec-decode")
    machine.camera("video0", "unicam-image")
    machine.write("sys/class/drm/card1-HDMI-A-1/status", "disconnected\n")
    machine.write("sys/class/drm/card1-HDMI-A-2/status", "connected\n")
    machine.write("sys/class/drm/card1-HDMI-A-2/modes", "1920x1080\n1280x720\n")
    machine.write("sys/class/drm/card1-Writeback-1/status", "unknown\n")
    machine.answer("libcamera-hello --list-cameras", 0, "No cameras available!\n")
    return machine


@pytest.fixture
def pi5(tmp_path: Path) -> Machine:
    """Return a Pi 5 with trixie, 16 KiB pages and a camera on its ribbon."""
    machine = Machine(tmp_path / "pi5")
    _system_of(machine, "13", "trixie")
    _pi(machine, "Raspberry Pi 5 Model B Rev 1.0", "soc@107c000000")
    machine.changes |= {"page_bytes": 16384, "python": (3, 13)}
    listed = (
        "Available cameras\n-----------------\n"
        "0 : imx708 [4608x2592 10-bit RGGB] (/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a)\n"
        "    Modes: 'SRGGB10_CSI2P' : 1536x864 [120.13 fps - (768, 432)/3072x1728 crop]\n"
    )
    machine.answer("rpicam-hello --list-cameras", 0, listed)
    return machine


@pytest.fixture
def planned(tmp_path: Path) -> Callable[..., Intent]:
    """Return a function that makes the plan of a configuration, given as YAML texts."""

    def make(
        source: str = "{type: synthetic}",
        model: str = "{}",
        outputs: str = "{}",
        watch: str = "{}",
    ) -> Intent:
        file = tmp_path / "edgepose.yaml"
        head = f"version: 1\nsource: {source}\nmodel: {model}\n"
        file.write_text(f"{head}outputs: {outputs}\nwatch: {watch}\n")
        return Intent(load(file))

    return make
