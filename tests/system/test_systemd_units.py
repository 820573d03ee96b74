"""The units as systemd itself reads them: no unknown key, hardened, and what they promise."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from edgepose.engine.pipeline import DRAIN
from edgepose.engine.watchdog import INTERVAL, STUCK

FOLDER = Path(__file__).parents[2] / "systemd"
UNITS = ("edgepose.service", "edgepose@.service")


@pytest.fixture(scope="module")
def analyze() -> str:
    """Return systemd's own checker."""
    found = shutil.which("systemd-analyze")
    if found is None:
        absent = pytest.fail if os.environ.get("CI") else pytest.skip
        absent("systemd-analyze is missing: apt-get install systemd")
    return str(found)


def copied(unit: str, folder: Path) -> Path:
    """Copy a unit, its programs replaced by one that is on every machine."""
    name = unit.replace("@", "@door")
    text = (FOLDER / unit).read_text()
    (folder / unit).write_text(re.sub(r"/opt/edgepose/venv/bin/\w+", "/bin/true", text))
    (folder / name).write_text((folder / unit).read_text())
    return folder / name


def verify(analyze: str, path: Path) -> tuple[int, str]:
    """Return exit code and complaints; systemd calls an unknown key a warning and exits with 0."""
    done = subprocess.run(
        [analyze, "verify", path], check=False, capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stderr + done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_systemd_reads_the_unit_without_a_complaint(analyze, unit, tmp_path):
    """No unknown key, no wrong value, nothing in conflict."""
    assert verify(analyze, copied(unit, tmp_path)) == (0, "")


def test_a_complaint_would_be_seen(analyze, tmp_path):
    """The check above is able to fail, though systemd-analyze ends with exit code 0."""
    path = copied("edgepose.service", tmp_path)
    path.write_text(path.read_text().replace("WatchdogSec", "WatchdogSecs"))
    assert "Unknown key" in verify(analyze, path)[1]


@pytest.mark.parametrize("unit", UNITS)
def test_the_unit_is_hardened(analyze, unit):
    """Exposure 3.0 at most, by systemd's own measure; its threshold counts in tenths."""
    command = [analyze, "security", "--offline=true", "--threshold=30", str(FOLDER / unit)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-400:]
    assert "Overall exposure level" in done.stdout


def settings(unit: str) -> dict[str, list[str]]:
    """Return all settings of a unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (FOLDER / unit).read_text().splitlines():
        key, sign, value = line.partition("=")
        if sign and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("unit", UNITS)
def test_the_service_is_tried_for_ever_and_waits_for_no_network(unit):
    """What an appliance lives by can't get lost in an edit."""
    said = settings(unit)
    assert said["Type"] == ["notify"]
    assert said["Restart"] == ["always"]
    assert said["StartLimitIntervalSec"] == ["0"]
    assert "network-online" not in " ".join(said["After"] + said.get("Wants", []))
    pins, note = said["ExecStopPost"]
    assert pins == "-/opt/edgepose/venv/bin/edgepose -v release-lines"
    assert "last-exit" in note
    assert said["RuntimeDirectoryPreserve"] == ["restart"]


@pytest.mark.parametrize("unit", UNITS)
def test_devices_stay_usable_behind_the_hardening(unit):
    """Cameras, displays, pins and sticks are allowed, with the groups that may open them."""
    said = settings(unit)
    allowed = {value.split()[0] for value in said["DeviceAllow"]}
    assert {"char-video4linux", "char-media", "char-drm", "char-gpiochip"} <= allowed
    assert {"char-usb_device", "char-dma_heap"} <= allowed
    assert {"video", "render", "gpio", "plugdev", "input"} <= set(
        said["SupplementaryGroups"][0].split()
    )
    assert "PrivateDevices" not in said
    assert "ProcSubset" not in said  # LiteRT reads /proc/cpuinfo
    assert "AF_NETLINK" in said["RestrictAddressFamilies"][0]  # udev: cameras that come and go


@pytest.mark.parametrize("unit", UNITS)
def test_what_the_service_writes_and_roots_environment_file_are_protected(unit):
    """Nobody else reads its clips; no link of the service's takes the environment file's place."""
    said = settings(unit)
    assert said["UMask"] == ["0077"]
    assert said["ReadOnlyPaths"] == ["-/etc/edgepose/environment"]
    assert said["EnvironmentFile"] == ["-/etc/edgepose/environment"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_kinds_of_devices_are_known_before_the_service_starts(unit):
    """A kind whose driver is not loaded is passed over: its devices stay forbidden later."""
    said = settings(unit)
    drivers = {f"modprobe@{name}.service" for name in ("videodev", "mc", "drm", "usbcore", "apex")}
    assert drivers <= set(" ".join(said["Wants"]).split())
    assert drivers <= set(" ".join(said["After"]).split())


@pytest.mark.parametrize("unit", UNITS)
def test_the_times_of_the_unit_fit_those_of_the_program(unit):
    """The watchdog waits for several reports, a stop for the outputs to drain."""
    said = settings(unit)
    assert float(said["WatchdogSec"][0]) >= 3 * INTERVAL
    assert float(said["TimeoutStopSec"][0]) >= 2 * DRAIN
    assert STUCK >= 10.0


def test_the_template_differs_only_where_it_has_to():
    """One camera or several: the same promises, in folders of their own."""
    one, several = map(settings, UNITS)
    differing = {key for key in one | several if one.get(key) != several.get(key)}
    assert differing == {
        "Description",
        "After",
        "Conflicts",
        "ExecStart",
        "RuntimeDirectory",
        "StateDirectory",
        "WorkingDirectory",
        "Environment",
    }
    assert several["RuntimeDirectory"] == ["edgepose/%i"]
    assert several["ExecStart"][0].endswith(" /etc/edgepose/%i.yaml")
    assert several["Environment"][0] == one["Environment"][0]  # the models are shared


@pytest.mark.parametrize("unit", UNITS)
def test_glibc_knows_what_it_is_told_about_memory(unit):
    """By the account of its own loader: what is misspelt, it passes over in silence."""
    loader = next(iter(sorted(Path("/").glob("lib*/ld-linux*.so*"))), None)
    if loader is None:
        pytest.skip("no loader of glibc here")
    prefix = "GLIBC_TUNABLES="
    told = [line for line in settings(unit)["Environment"] if line.startswith(prefix)]
    names = re.findall(r"([\w.]+)=\d+(?::|$)", told[0].removeprefix(prefix))
    done = subprocess.run([loader, "--list-tunables"], check=True, capture_output=True, text=True)
    known = {line.split(":")[0] for line in done.stdout.splitlines()}
    assert names
    assert known.issuperset(names)


def test_every_rule_of_udev_gives_a_device_to_a_group_that_the_unit_joins():
    """A rule for a group that the service is not in would help nobody."""
    groups = set(settings("edgepose.service")["SupplementaryGroups"][0].split())
    lines = (FOLDER / "70-edgepose.rules").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules
    for rule in rules:
        given = re.search(r'GROUP="(\w+)"|chgrp -R (\w+)', rule)
        assert given is not None, rule
        assert (given[1] or given[2]) in groups
