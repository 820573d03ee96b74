"""Checks of the computer itself: system, Python, memory, temperature and power."""

from __future__ import annotations

from typing import Final

from edgepose.doctor.finding import Finding, Intent, fail, ok, warn
from edgepose.doctor.system import System
from edgepose.system.board import Board
from edgepose.system.paths import state_folder

TESTED: Final = {"12": "bookworm", "13": "trixie"}
PYTHONS: Final = ((3, 11), (3, 13))
LOW_MB: Final = 200  # edgepose with MoveNet, a video source and a log takes about 100 MB
WARM: Final = 75.0  # degrees Celsius; a Pi's firmware begins to slow down at 80, and stops at 85
HOT: Final = 82.0

_NOW: Final = {0: "the supply voltage is too low", 1: "the clock is capped", 2: "it is throttled",
               3: "the soft temperature limit is reached"}  # fmt: skip
_LATCHED: Final = 16  # bits this much higher say the same of any time since the start
_SUPPLY: Final = "use the power supply made for this board (Pi 5: 5.1 V 5 A, Pi 4: 5.1 V 3 A)"
_COOLING: Final = "give the board a fan or a larger heat sink, and its case some air"


def operating_system(system: System, intent: Intent) -> Finding:
    """Check whether edgepose is tested on this operating system."""
    release = _release(system)
    name = release.get("PRETTY_NAME") or "an unknown system"
    number = release.get("VERSION_ID", "")
    if system.path("etc/rpi-issue").exists():
        name = f"Raspberry Pi OS {number} ({release.get('VERSION_CODENAME', '')})"
    where = f" on a {system.board}" if system.board else ""
    if system.bits != 64:
        sentence = f"{name}{where} is a 32-bit system; there is no inference library for it"
        return fail("system", sentence, "install the 64-bit Raspberry Pi OS")
    if release.get("ID") not in ("debian", "raspbian") or number not in TESTED:
        sentence = f"{name}{where}: edgepose is not tested on it"
        return warn("system", sentence, "if it fails, use Raspberry Pi OS or Debian, 12 or 13")
    return ok("system", f"{name}, 64-bit{where}")


def _release(system: System) -> dict[str, str]:
    lines = system.text("etc/os-release").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key: value.strip("\"'") for key, _, value in pairs}


def python(system: System, intent: Intent) -> Finding:
    """Check whether wheels of all dependencies exist for this Python."""
    version = ".".join(map(str, system.python))
    if system.python < PYTHONS[0]:
        remedy = "use Raspberry Pi OS or Debian 12 or newer, which bring Python 3.11"
        return fail("python", f"Python {version} is too old: 3.11 is needed", remedy)
    if system.python > PYTHONS[1]:
        sentence = f"Python {version} is newer than edgepose is tested on"
        return warn("python", sentence, "if it fails, use Python 3.11 to 3.13")
    return ok("python", f"Python {version} in {system.prefix}")


def memory(system: System, intent: Intent) -> Finding | None:
    """Check whether there is enough memory for a model and the frames."""
    lines = (line.split() for line in system.text("proc/meminfo").splitlines())
    kb = {words[0]: int(words[1]) for words in lines if len(words) > 1 and words[1].isdigit()}
    free_mb, total_mb = (kb.get(key, 0) // 1024 for key in ("MemAvailable:", "MemTotal:"))
    if not total_mb:
        return None
    sentence = f"{free_mb:,} MB of {total_mb:,} MB are free"
    if free_mb < LOW_MB:
        remedy = "stop what uses most: ps -eo rss,comm --sort=-rss | head"
        return warn("memory", f"only {sentence}; edgepose needs 100 to 200", remedy)
    return ok("memory", sentence)


def temperature(system: System, intent: Intent) -> Finding:
    """Check whether the processor is near the temperature at which it is throttled."""
    hottest = Board(state_folder(), system.root).read()["temperature"]
    if hottest is None:
        return ok("temperature", "there is no sensor")
    sentence = f"{hottest:.0f} °C"
    if hottest >= HOT:
        return fail("temperature", f"{sentence}: the processor is throttled", _COOLING)
    if hottest >= WARM:
        return warn("temperature", f"{sentence}: a Pi is throttled from 80 °C", _COOLING)
    return ok("temperature", sentence)


def power(system: System, intent: Intent) -> Finding:
    """Report what a Pi's firmware says about supply voltage and throttling."""
    if not system.is_pi:
        return ok("power", "only a Raspberry Pi reports low voltage and throttling")
    bits = throttled_bits(system)
    if bits is None:
        sentence = "the firmware does not report whether the board is throttled"
        return warn("power", sentence, system.apt("raspi-utils"))
    now = [text for bit, text in _NOW.items() if bits >> bit & 1]
    if now:
        remedy = _SUPPLY if bits & 1 else _COOLING
        return fail("power", f"right now {' and '.join(now)} (0x{bits:x})", remedy)
    before = [text for bit, text in _NOW.items() if bits >> (bit + _LATCHED) & 1]
    if before:
        was = " and ".join(before).replace(" is ", " was ")
        remedy = _SUPPLY if bits >> _LATCHED & 1 else _COOLING
        return warn("power", f"since the start {was} at times (0x{bits:x})", remedy)
    return ok("power", "the supply voltage is good, and nothing is throttled")


def throttled_bits(system: System) -> int | None:
    """Return the firmware's `get_throttled` bits, None where they can't be read."""
    files = system.glob("sys/devices/platform/soc*/soc*:firmware/get_throttled")
    texts = [system.text(path) for path in files]
    answer = system.ask("vcgencmd", "get_throttled") if not any(texts) else None
    texts += [answer.out.strip().removeprefix("throttled=")] if answer else []
    for text in texts:
        try:
            return int(text, 16)
        except ValueError:
            continue
    return None
