"""Temperature, throttling, memory and disk of the board, read from /proc and /sys.

What a board does not report is None or left out; reading never raises and never takes long.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

FRESH: Final = 2.0  # seconds that a reading is used
ASK_EVERY: Final = 30.0  # seconds between two calls of vcgencmd, a process each
ASK_FOR: Final = 1.0  # seconds that it may take

FLAGS: Final = {
    "under_voltage": 0,
    "frequency_capped": 1,
    "throttled": 2,
    "soft_temperature_limit": 3,
}  # bits of get_throttled as Raspberry Pi's firmware defines them; 16 higher: since the start
_LATCHED: Final = 16

HOT: Final = 80.0  # degrees Celsius, from which a Pi's firmware slows the processor down
LEAST_DISK_MB: Final = 50  # an outbox that is full of its 10,000 events takes 5
LEAST_MEMORY_MB: Final = 40


_NOTHING: Final[Mapping[str, Any]] = {
    "temperature": None, "temperatures": {}, "throttled": None, "disk": None, "memory": {},
}  # fmt: skip


class Board:
    """The board's sensors, read at most every FRESH seconds. root: "/", or a copy for tests.

    folder: the state folder, on the disk whose free space is read.
    """

    def __init__(self, folder: Path, root: Path = Path("/")) -> None:
        self._folder = folder
        self._root = root
        self._lock = threading.Lock()
        self._read_at = self._asked_at = float("-inf")
        self._reading: Mapping[str, Any] = _NOTHING
        self._answer: int | None = None

    def read(self) -> Mapping[str, Any]:
        """Return temperature (degrees Celsius), throttling, disk and memory (MB), as JSON values.

        temperature: of the hottest zone. temperatures: by zone. throttled: flags now, and as
        `..._occurred` since the start of the board; None where no firmware reports it.
        """
        with self._lock:
            if time.monotonic() - self._read_at > FRESH:
                with contextlib.suppress(OSError):  # no descriptors left: the last one counts
                    self._reading = self._read()
                self._read_at = time.monotonic()
            return self._reading

    def _read(self) -> Mapping[str, Any]:
        temperatures = dict(self._temperatures())
        return {
            "temperature": max(temperatures.values(), default=None),
            "temperatures": temperatures,
            "throttled": self._throttled(),
            "disk": self._disk(),
            "memory": self._memory(),
        }

    def _temperatures(self) -> Iterator[tuple[str, float]]:
        """Yield the sensors, read in thousandths of a degree; an Edge TPU on PCIe has one."""
        for folder in sorted(self._root.glob("sys/class/thermal/thermal_zone*")):
            yield from _temperature(folder / "temp", _text(folder / "type") or folder.name)
        for folder in sorted(self._root.glob("sys/class/apex/apex_*")):
            yield from _temperature(folder / "temp", folder.name)

    def _throttled(self) -> dict[str, bool] | None:
        bits = self._bits()
        alarm = self._voltage_alarm()
        if bits is None:
            return None if alarm is None else {"under_voltage": alarm}
        bits |= int(bool(alarm))
        now = {flag: bool(bits >> bit & 1) for flag, bit in FLAGS.items()}
        latched = {f"{f}_occurred": bool(bits >> bit + _LATCHED & 1) for f, bit in FLAGS.items()}
        return now | latched

    def _bits(self) -> int | None:
        """Return the firmware's bits, from its file or else from its tool."""
        for path in self._root.glob("sys/devices/platform/soc*/soc*:firmware/get_throttled"):
            return _number(_text(path), 16)
        if self._root == Path("/") and time.monotonic() - self._asked_at > ASK_EVERY:
            self._asked_at = time.monotonic()
            self._answer = _ask_firmware()
        return self._answer

    def _voltage_alarm(self) -> bool | None:
        """Return the alarm of the kernel's driver for the Pi's supply, None without one."""
        for folder in self._root.glob("sys/class/hwmon/hwmon*"):
            if _text(folder / "name") == "rpi_volt":
                return _text(folder / "in0_lcrit_alarm") == "1"
        return None

    def _disk(self) -> dict[str, Any] | None:
        """Return the free space where the state folder is, or is going to be."""
        there = next((f for f in (self._folder, *self._folder.parents) if f.exists()), None)
        try:
            figures = os.statvfs(there or "/")
        except OSError:
            return None
        free = figures.f_bavail * figures.f_frsize // (1 << 20)
        is_read_only = bool(figures.f_flag & os.ST_RDONLY)
        return {"path": str(self._folder), "free_mb": free, "read_only": is_read_only}

    def _memory(self) -> dict[str, Any]:
        """Return the memory of this process, and what is available."""
        pages = _text(self._root / "proc/self/statm").split()
        rss = int(pages[1]) * os.sysconf("SC_PAGE_SIZE") // (1 << 20) if len(pages) > 1 else None
        lines = (line.split() for line in _text(self._root / "proc/meminfo").splitlines())
        kb = {words[0]: _number(words[1]) for words in lines if len(words) > 1}
        available = kb.get("MemAvailable:")
        return {"rss_mb": rss, "available_mb": None if available is None else available // 1024}


def problems(reading: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the board now: a name and a sentence each."""
    heat = reading.get("temperature")
    if heat is not None and heat >= HOT:
        yield "heat", f"the board has {heat:.0f} °C: it slows down; give it air or a heat sink"
    flags = reading.get("throttled") or {}
    if flags.get("under_voltage"):
        yield "power", "the supply voltage is too low; use the supply made for this board"
    elif flags.get("throttled") or flags.get("frequency_capped"):
        yield "power", "the firmware slows the board down"
    disk = reading.get("disk")
    if disk is not None and disk["free_mb"] < LEAST_DISK_MB and not disk["read_only"]:
        yield "disk", f"only {disk['free_mb']} MB are free where {disk['path']} is"
    free = (reading.get("memory") or {}).get("available_mb")
    if free is not None and free < LEAST_MEMORY_MB:
        yield "memory", f"only {free} MB of memory are left"


def _ask_firmware() -> int | None:
    tool = shutil.which("vcgencmd")
    if tool is None:
        return None
    try:
        result = subprocess.run(
            [tool, "get_throttled"], capture_output=True, text=True, timeout=ASK_FOR, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return _number(result.stdout.strip().removeprefix("throttled="), 16)


def _temperature(path: Path, device: str) -> Iterator[tuple[str, float]]:
    thousandths = _number(_text(path))
    if thousandths is not None:
        yield device, thousandths / 1000.0


def _number(text: str, base: int = 10) -> int | None:
    try:
        return int(text, base)
    except ValueError:
        return None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
