"""The power is cut in the midst of writes; what was relied on is there afterwards.

Last of all on the machine, since it is left switched off.

A light boot: the kernel and the installed edgepose, with the writer in systemd's place. QEMU is
killed, and the disk keeps what it was given: as a card that has not cheated about a flush.
"""

from __future__ import annotations

import ast
import random
import re
import time

import pytest
from appliance import CONFIG, CONFIGURATION
from virtual_pi import BOOT

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

CUTS = 20
NAMES = ("outbox", "config", "template")
FOLDER = "/var/lib/edgepose/power_cut"
KEPT = "/root/power_cut"


def test_a_power_cut_while_the_service_runs_loses_nothing(machine, appliance):
    """The whole appliance: it is up again by itself, as it was configured; every line is whole."""
    appliance.wait_for_pin(1)
    before = appliance.events
    machine.run("sync")
    machine.cut_power()
    machine.boot()
    machine.another_pid(0)
    assert machine.run("cat", CONFIG).stdout == CONFIGURATION
    assert appliance.events[: len(before)] == before
    machine.wait_for(lambda: len(appliance.events) > len(before))


@pytest.fixture(scope="module")
def light(machine, appliance, power):
    """Return the machine, switched off, with the writer and its files put where it starts."""
    machine.run("mkdir", "-p", KEPT, f"{FOLDER}/templates")
    machine.run("sh", "-c", f"cp /mnt/rig/* {KEPT}/ && chmod +x {KEPT}/light_boot.sh")
    machine.run("sh", "-c", f"cp /etc/edgepose/templates/*.yaml {FOLDER}/templates/")
    appliance.write(f"{FOLDER}/edgepose.yaml", CONFIGURATION.partition("outputs:")[0])
    machine.shut_down()
    return power


def test_power_cuts_in_the_midst_of_writes_damage_and_lose_nothing(light):
    """Each boot reads the whole outbox, the configuration and the template that the last left."""
    chance = random.Random(1)
    told = dict.fromkeys(NAMES, 0)
    for cut in range(CUTS + 1):
        said = boot_and_cut(light, chance)
        found = ast.literal_eval(re.search(r"found (.*})", said)[1])
        assert all(found[name] >= told[name] for name in NAMES), f"cut {cut}: {told}, {said}"
        told = {name: max(numbers(said, name)) for name in NAMES}
    print(f"{CUTS} power cuts; written at the end: {told}")  # noqa: T201 - for the record


def boot_and_cut(power, chance) -> str:
    """Boot, let it write for a moment, cut the power; return what was said on the console."""
    console = power.folder / "light"
    console.unlink(missing_ok=True)
    power.on(["-serial", f"file:{console}"], f"init={KEPT}/light_boot.sh")
    deadline = time.monotonic() + BOOT
    while not numbers(said(console), "template"):
        assert time.monotonic() < deadline, said(console)
        assert power.is_on, said(console)
        time.sleep(0.05)
    time.sleep(chance.uniform(0.0, 1.0))
    power.off()
    return said(console)


def said(console) -> str:
    """Return what was printed so far, without what the power cut tore."""
    text = console.read_text(errors="replace") if console.exists() else ""
    return text[: text.rfind("\n") + 1]


def numbers(said: str, name: str) -> list[int]:
    """Return the numbers of the writes that the appliance was told to rely on."""
    return [int(number) for number in re.findall(rf"wrote {name} (\d+)", said)]
