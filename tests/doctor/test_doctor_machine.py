"""Checks of the computer itself, on made-up machines."""

from __future__ import annotations

import pytest

from edgepose.doctor import machine as checks
from edgepose.doctor.finding import Intent

PLAN = Intent()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("pi4", "Raspberry Pi OS 12 (bookworm), 64-bit on a Raspberry Pi 4 Model B Rev 1.5"),
        ("pi5", "Raspberry Pi OS 13 (trixie), 64-bit on a Raspberry Pi 5 Model B Rev 1.0"),
        ("debian", "Debian GNU/Linux 12 (bookworm), 64-bit"),
    ],
)
def test_systems_that_are_supported_are_named(which, words, request):
    """A Pi says its board, too; the NUL at the end of its name is gone."""
    found = checks.operating_system(request.getfixturevalue(which).system, PLAN)
    assert (found.status, found.sentence) == ("ok", words)


def test_a_32_bit_system_on_a_64_bit_kernel_fails(pi4):
    """Python's own width counts: no wheel fits, whatever the kernel is."""
    pi4.changes["bits"] = 32
    found = checks.operating_system(pi4.system, PLAN)
    assert found.status == "fail"
    assert "64-bit" in found.remedy


@pytest.mark.parametrize(
    "release", ["", "garbage", 'ID=ubuntu\nVERSION_ID="24.04"', 'ID=debian\nVERSION_ID="11"']
)
def test_another_system_is_a_warning(debian, release):
    """Nobody tried it, it may work; a file without sense is no crash."""
    debian.write("etc/os-release", release)
    assert checks.operating_system(debian.system, PLAN).status == "warn"


def test_an_empty_root_is_no_crash(tmp_path, debian):
    """Where nothing can be read, checks say little, and none of them raises."""
    debian.changes["root"] = tmp_path / "nothing"
    assert checks.operating_system(debian.system, PLAN).status == "warn"
    assert checks.memory(debian.system, PLAN) is None
    for check in (checks.temperature, checks.power):
        assert check(debian.system, PLAN).status == "ok"


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 9), "fail"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 14), "warn")],
)
def test_python_is_judged_by_its_wheels(debian, version, status):
    """3.11 to 3.13 have them all."""
    debian.changes["python"] = version
    assert checks.python(debian.system, PLAN).status == status


def test_little_memory_is_a_warning(debian):
    """Below 200 MB the model and a camera hardly fit."""
    assert checks.memory(debian.system, PLAN).sentence == "2,929 MB of 3,906 MB are free"
    debian.write("proc/meminfo", "MemTotal: 500000 kB\nMemAvailable: 150000 kB\n")
    found = checks.memory(debian.system, PLAN)
    assert found.status == "warn"
    assert "146 MB" in found.sentence


@pytest.mark.parametrize(
    ("text", "status"), [("51234", "ok"), ("76000", "warn"), ("85000", "fail")]
)
def test_heat_is_judged_by_the_hottest_sensor(pi4, text, status):
    """The firmware begins to slow down at 80 degrees."""
    pi4.write("sys/class/thermal/thermal_zone1/temp", text)
    pi4.write("sys/class/thermal/thermal_zone2/temp", "not a number")
    found = checks.temperature(pi4.system, PLAN)
    assert found.status == status
    assert f"{int(text) / 1000:.0f} °C" in found.sentence


@pytest.mark.parametrize(
    ("bits", "status", "words", "remedy"),
    [
        ("0", "ok", "supply voltage is good", ""),
        ("50005", "fail", "voltage is too low and it is throttled", "power supply"),
        ("8", "fail", "soft temperature limit", "fan"),
        ("50000", "warn", "voltage was too low and it was throttled", "power supply"),
        ("e0000", "warn", "clock was capped", "fan"),
    ],
)
def test_throttling_bits_are_put_into_words(pi5, bits, status, words, remedy):
    """Bits 0 to 3 tell of now, 16 to 19 of any time since the start; volts come before heat."""
    soc = "soc@107c000000"
    pi5.write(f"sys/devices/platform/{soc}/{soc}:firmware/get_throttled", f"{bits}\n")
    found = checks.power(pi5.system, PLAN)
    assert found.status == status
    assert words in found.sentence
    assert remedy in found.remedy


def test_vcgencmd_is_asked_where_the_kernel_has_no_file(pi4):
    """Its answer has a name before the bits; without it that is said."""
    pi4.root.joinpath("sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
    assert "does not report" in checks.power(pi4.system, PLAN).sentence
    pi4.answer("vcgencmd get_throttled", 0, "throttled=0x50000\n")
    assert checks.throttled_bits(pi4.system) == 0x50000


def test_power_is_of_no_interest_elsewhere(debian):
    """Only a Pi's firmware knows."""
    assert checks.power(debian.system, PLAN).status == "ok"
