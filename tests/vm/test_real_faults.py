"""Faults that only a real kernel has: a held pin, a clock that is set, a limit of memory.

Those of the matrix in `tests/faults` are made by stand-ins where this needs a machine of its own.
"""

from __future__ import annotations

import pytest
from appliance import PYTHON

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

SET = ("systemctl", "set-property", "--runtime", "edgepose.service")


def part(machine, name: str) -> dict:
    """Return an output's part of the health document."""
    return machine.health.get("outputs", {}).get(name, {})


def test_a_pin_that_somebody_holds_is_told_with_the_name_and_used_when_it_is_free(
    machine, appliance
):
    """Held through the kernel by a program that calls itself blinky, from before the start on."""
    machine.run("systemctl", "stop", "edgepose")
    holder = ("systemd-run", "--unit=blinky", PYTHON, "/mnt/rig/blinky.py", "17")
    machine.run(*holder)
    machine.wait_for(lambda: "blinky" in machine.said("journalctl", "-u", "blinky", "-o", "cat"))
    machine.run("systemctl", "start", "edgepose")
    machine.wait_for(lambda: part(machine, "relay").get("state") == "backing off")
    assert "blinky" in part(machine, "relay")["reason"]
    pid = machine.another_pid(0)
    machine.wait_for(lambda: appliance.frames > 2)  # the rest runs
    machine.run("systemctl", "stop", "blinky")
    machine.wait_for(lambda: part(machine, "relay").get("state") == "running")
    appliance.wait_for_pin(1)
    assert machine.pid == pid


@pytest.mark.parametrize("hours", [1, -1])
def test_the_clock_is_set_an_hour_on_and_back(machine, appliance, hours):
    """Nothing is started anew, nothing is in trouble, and events go on."""
    pid = machine.another_pid(0)
    known = len(machine.wait_for(lambda: appliance.events))
    machine.run("date", "--set", f"{hours:+d} hour")
    machine.wait_for(lambda: len(appliance.events) > known + 2)
    events = appliance.events
    jump = events[known + 1]["time"] - events[known - 1]["time"]
    assert jump * hours > 3000
    assert max(event["held"] for event in events[known:] if event["type"] == "end") < 600
    assert machine.pid == pid
    assert machine.health["source"]["restarts"]["last_hour"] == 0
    assert machine.health["troubles"] == []


def test_too_little_memory_ends_the_process_and_it_is_back_once_there_is_enough(machine, appliance):
    """The kernel's OOM killer, by a limit of the unit; then the limit is taken away."""
    before = machine.another_pid(0)
    known = appliance.events
    machine.run(*SET, "MemoryMax=40M")
    machine.wait_for(lambda: machine.pid != before)
    machine.run(*SET, "MemoryMax=infinity")
    machine.another_pid(0)
    last = machine.wait_for(lambda: machine.health.get("process", {}).get("last_exit"))
    assert last["result"] == "oom-kill"
    assert "memory ran out" in last["reason"]
    assert appliance.events[: len(known)] == known
    machine.wait_for(lambda: len(appliance.events) > len(known))
