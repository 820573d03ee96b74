"""The appliance under a real systemd: installed, booted, killed, hung, reloaded, upgraded.

A few minutes a suite, so these tests are slow ones.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator

import pytest
from container import Container, bootstrap
from debian_host import copy_checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

CONFIG = "/etc/edgepose/edgepose.yaml"


@pytest.fixture(scope="module", params=["bookworm", "trixie"])
def container(request, tmp_path_factory, models) -> Iterator[Container]:
    """Return a booted Debian into which this checkout was installed over the network."""
    root = tmp_path_factory.mktemp("nspawn") / request.param
    bootstrap(request.param, root)
    copy_checkout(root / "root" / "checkout")
    shutil.copytree(models, root / "root" / "models")
    container = Container(root)
    try:
        if request.param == "bookworm":  # as beside apt's picamera2, which is not in Debian
            apt = "apt-get update -qq && apt-get install -y -qq --no-install-recommends"
            container.run("bash", "-c", f"{apt} python3-numpy")
        _install(container)
        yield container
    finally:
        container.close()
        shutil.rmtree(root, ignore_errors=True)


def _install(container: Container, *, check: bool = True) -> str:
    """Install or upgrade; return what was said."""
    container.run("install", "-d", "/var/lib/edgepose/models")
    container.run("bash", "-c", "cp -n /root/models/movenet*ptq.tflite /var/lib/edgepose/models/")
    done = container.run("bash", "/root/checkout/scripts/install.sh", check=check)
    return done.stdout + done.stderr


@pytest.fixture
def pid(container) -> Iterator[int]:
    """Return the running service's process; the configuration is put back in the end."""
    path = container.root / CONFIG.lstrip("/")
    before = path.read_text()
    yield container.another_pid(0)
    path.write_text(before)
    container.run("systemctl", "restart", "edgepose")


def edit(container: Container, before: str, after: str) -> None:
    """Change the configuration as somebody with an editor does."""
    path = container.root / CONFIG.lstrip("/")
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_the_service_is_up_enabled_and_says_how_it_is(container, pid):
    """Installed means: running now without a camera, and after every boot."""
    assert container.said("systemctl", "is-enabled", "edgepose") == "enabled"
    health = container.wait_for(lambda: container.health)
    assert health["running"] is True
    assert health["runtime"]["model"] == "movenet-lightning-int8"
    assert container.said("systemctl", "--failed", "--quiet", "--plain") == ""


def test_numpy_is_that_of_the_systems_own_compiled_packages(container):
    """Major version 1 where apt's is, whatever the newest one is; it is tried with the model."""
    code = "import numpy; print(numpy.__version__.split('.')[0])"
    system = container.said("python3", "-c", code) or "2"
    assert container.said("/opt/edgepose/venv/bin/python", "-c", code) == system


def test_systemd_of_this_suite_reads_the_units_without_a_complaint(container):
    """Each systemd knows other keys; the rules are read by its own udev where it can."""
    units = ("edgepose.service", "edgepose@door.service")
    done = container.run("systemd-analyze", "verify", *units)
    ours = [line for line in done.stderr.splitlines() if "edgepose" in line]
    assert ours == []
    if "verify" in container.said("udevadm", "--help"):
        container.run("udevadm", "verify", "/etc/udev/rules.d/70-edgepose.rules")


def test_the_service_is_back_after_sigkill(container, pid):
    """Restart=always."""
    container.run("systemctl", "kill", "-s", "KILL", "edgepose")
    assert container.another_pid(pid) != pid


def test_a_reload_is_taken_over_or_refused_by_the_same_process(container, pid):
    """A good edit works at once, a bad one is reported and the last good one runs on."""
    edit(container, "hold: 1.0", "hold: 2.5")
    container.run("systemctl", "reload", "edgepose")
    container.wait_for(lambda: container.hold == 2.5)
    edit(container, "hold:", "holt:")
    container.run("systemctl", "reload", "edgepose")
    error = container.wait_for(lambda: container.health.get("config", {}).get("error"))
    assert "did you mean 'hold'" in error
    assert container.pid == pid


def test_a_process_that_hangs_is_killed_by_the_watchdog_and_back(container, pid):
    """SIGSTOP: nobody feeds the watchdog any more."""
    container.run("kill", "-STOP", str(pid))
    assert container.another_pid(pid) != pid
    assert "Watchdog timeout" in container.journal
    last = container.wait_for(lambda: container.health.get("process", {}).get("last_exit"))
    assert last["result"] == "watchdog"
    assert "the watchdog killed it" in last["reason"]


def test_a_configuration_that_it_crashes_with_gives_way_to_the_last_good_one(container, pid):
    """Three real segmentation faults, one after another; systemd's word for each is believed."""
    kept = container.root / "var/lib/edgepose/last-good/config.json"
    good = (container.root / CONFIG.lstrip("/")).read_text()
    container.wait_for(lambda: kept.is_file() and json.loads(kept.read_text())["text"] == good)
    edit(container, "hold: 1.0", "hold: 2.5")
    container.run("systemctl", "restart", "edgepose")
    for crash in range(3):
        pid = container.another_pid(pid)
        health = container.wait_for(lambda pid=pid: container.pid == pid and container.health)
        assert container.hold == 2.5, (crash, health)
        container.run("kill", "-SEGV", str(pid))
    pid = container.another_pid(pid)
    error = container.wait_for(lambda: container.health.get("config", {}).get("error"))
    assert "edgepose crashed 3 times with it" in error
    assert container.hold == 1.0
    assert container.health["process"]["last_exit"]["reason"].startswith("it crashed (")


@pytest.mark.parametrize("whom", ["process", "unit"])
def test_the_pins_of_a_killed_process_are_driven_off(container, pid, whom):
    """ExecStopPost finds the note of each line that was held, or else ExecStartPre does.

    systemd 257 carries out `systemctl kill -s KILL` by cgroup.kill and clones processes straight
    into the unit's cgroup. Linux 6.18 then kills each one at once, ExecStopPost's too: seen with
    clone3(CLONE_INTO_CGROUP) alone. A restart makes the cgroup anew.
    """
    relay = "  relay: {type: gpio, line: 17, when: arms_up, chip: fake}"
    edit(container, "outputs:", f"outputs:\n{relay}")
    container.run("systemctl", "restart", "edgepose")
    container.wait_for(lambda: container.said("ls", "/run/edgepose/lines"))
    pid = container.another_pid(0)
    since = container.said("date", "+%s")
    kill = {"process": ("kill", "-KILL", str(pid)), "unit": ("systemctl", "kill", "-s", "KILL")}
    container.run(*kill[whom], *(["edgepose"] if whom == "unit" else []))
    container.another_pid(pid)
    said = container.said("journalctl", "-u", "edgepose", "-o", "cat", "--since", f"@{since}")
    assert "fake-17: the line is off" in said


def test_a_stop_is_orderly_and_leaves_nothing_behind(container, pid):
    """TERM, a result of success, no runtime directory."""
    container.run("systemctl", "stop", "edgepose")
    assert container.said("systemctl", "show", "-p", "Result", "--value", "edgepose") == "success"
    assert container.run("test", "-e", "/run/edgepose", check=False).returncode == 1
    assert container.run("edgepose", "status", check=False).returncode == 1


def test_the_process_has_no_power_it_does_not_need(container, pid):
    """The hardening holds while everything runs: no capability, no new privilege, a filter."""
    status = container.said("cat", f"/proc/{pid}/status")
    assert re.search(r"CapEff:\s+0+\n", status)
    assert re.search(r"NoNewPrivs:\s+1", status)
    assert re.search(r"Seccomp:\s+2", status)


def test_upgrade_refusal_and_rollback_leave_a_running_service(container, pid):
    """Twice in a row, then one that may not be switched to, then back."""
    first = container.said("readlink", "/opt/edgepose/venv")
    assert "is installed" in _install(container)
    second = container.said("readlink", "/opt/edgepose/venv")
    assert second != first
    edit(container, "version: 1", "version: 1\nsourze: 1")
    assert "nothing was changed" in _install(container, check=False)
    assert container.said("readlink", "/opt/edgepose/venv") == second
    edit(container, "\nsourze: 1", "")
    container.run("bash", "/root/checkout/scripts/install.sh", "--rollback")
    assert container.said("readlink", "/opt/edgepose/venv") == first
    assert container.another_pid(0)


def test_an_upgrade_that_does_not_start_is_taken_back(container, pid):
    """What every check before the switch lets pass, and systemd does not see READY of."""
    before = container.said("readlink", "/opt/edgepose/venv")
    unit = container.root / "root/checkout/systemd/edgepose.service"
    good = unit.read_text()
    unit.write_text(re.sub("(?m)^ExecStart=.*", "ExecStart=/bin/false", good))
    said = _install(container, check=False)
    unit.write_text(good)
    assert "does not start: going back" in said
    assert container.said("readlink", "/opt/edgepose/venv") == before
    assert container.another_pid(0)
    assert "/bin/false" not in container.said("systemctl", "cat", "edgepose")
    assert container.run("edgepose", "status").returncode == 0
    assert "is installed" in _install(container)


def test_doctor_names_what_ails_an_installed_device(container, pid):
    """As root on a device whose service runs: all that a plain container lacks is a camera."""
    config = container.said("edgepose", "doctor", "--json", CONFIG)
    checks = {check["name"]: check for check in json.loads(config)["checks"]}
    failing = {name for name, check in checks.items() if check["status"] == "fail"}
    assert failing == {"camera", "display"}
    assert "movenet-lightning-int8" in checks["model"]["sentence"]
    assert all(check["remedy"] for check in checks.values() if check["status"] != "ok")


def test_uninstalling_takes_the_service_away_and_keeps_what_is_the_users(container):
    """Then --purge takes the rest. The last one: nothing is left of the installation."""
    program = "/root/checkout/scripts/uninstall.sh"
    container.run("bash", program)
    assert container.said("systemctl", "is-active", "edgepose") == "inactive"
    assert container.run("systemctl", "cat", "edgepose", check=False).returncode != 0
    gone = ("/opt/edgepose", "/usr/local/bin/edgepose", "/run/edgepose")
    assert not any((container.root / path.lstrip("/")).exists() for path in gone)
    assert container.run("test", "-f", CONFIG).returncode == 0
    container.run("bash", program, "--purge")
    assert container.run("getent", "passwd", "edgepose", check=False).returncode != 0
    assert not (container.root / "etc/edgepose").exists()
    assert not (container.root / "var/lib/edgepose").exists()
