"""The power is cut in the midst of writes; what was relied on is there afterwards.

Last of all on the machine, since it is left switched off.

A light boot: the kernel and the installed edgepose, with the writer in systemd's place. QEMU is
killed, and the disk keeps what it was given: as a card that has not cheated about a flush. Two
such machines run side by side, a processor each, since a boot keeps but one busy.
"""

from __future__ import annotations

import ast
import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from appliance import CONFIG, CONFIGURATION, PYTHON
from virtual_pi import BOOT, Power, copy_disk

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

MACHINES = 2
CUTS = 10  # of each
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


FILES = """\
  clips: {type: video, path: /var/lib/edgepose/clips/e.mp4, around: 1}
  film: {type: video, path: /var/lib/edgepose/film/%s.mp4}
  poses: {type: recording, path: /var/lib/edgepose/poses.jsonl}
"""
STATE = "/var/lib/edgepose"
PLAYS = """\
import av, json, pathlib, sys
def pictures(path):
    try:
        with av.open(str(path)) as clip:
            return sum(1 for _ in clip.decode(video=0))
    except (av.FFmpegError, IndexError):
        return 0
found = [path for folder in sys.argv[1:] for path in pathlib.Path(folder).glob("*.mp4")]
print(json.dumps({str(path): pictures(path) for path in found}))
"""


def playing(machine) -> dict[str, int]:
    """Return how many pictures each clip and film in the machine shows."""
    shown = machine.run(PYTHON, "-c", PLAYS, f"{STATE}/clips", f"{STATE}/film").stdout
    return json.loads(shown)


def recorded(machine) -> list[dict[str, object]]:
    """Return the lines of the recording; fails on a damaged one."""
    return [json.loads(line) for line in machine.said("cat", f"{STATE}/poses.jsonl").splitlines()]


def clips(machine) -> list[str]:
    """Return the clips of events, the oldest first."""
    return machine.said("sh", "-c", f"ls -tr {STATE}/clips/*.mp4").split()


@pytest.fixture
def filming(machine, appliance):
    """Return the appliance with clips, a film and a recording; without them in the end."""
    often = CONFIGURATION.replace("release: 3", "release: 0.1, cooldown: 10")
    appliance.write(CONFIG, often + FILES)
    appliance.reload()
    yield appliance
    appliance.write(CONFIG, CONFIGURATION)
    appliance.reload()
    machine.run("sh", "-c", f"rm -rf {STATE}/clips {STATE}/film {STATE}/poses.jsonl")


def test_a_power_cut_leaves_clips_films_and_recordings_that_can_be_used(machine, filming):
    """What was finished or synced is there and plays; what was torn is repaired or removed."""
    machine.wait_for(lambda: len(clips(machine)) > 1)
    machine.wait_for(lambda: filming.frames > 60)  # a group of pictures of the film
    finished = clips(machine)[0]
    checksum = machine.said("sha256sum", finished)
    machine.run("sync")
    before, lines = playing(machine), len(recorded(machine))
    machine.wait_for(lambda: len(recorded(machine)) > lines + 3)
    begun = set(clips(machine))
    machine.cut_power()
    machine.boot()
    machine.another_pid(0)
    machine.wait_for(lambda: filming.frames > 2)
    assert machine.said("sha256sum", finished) == checksum
    after = playing(machine)
    films = [path for path in before if "/film/" in path]
    assert all(after[path] >= before[path] for path in [finished, *films])
    assert all(after[path] for path in after if path in begun), "a torn one is removed"
    machine.wait_for(lambda: len(recorded(machine)) > lines)
    assert recorded(machine)[-1]["type"] == "frame"


@pytest.fixture(scope="module")
def light(machine, appliance, power):
    """Return machines, switched off, with the writer and its files put where it starts."""
    machine.run("mkdir", "-p", KEPT, f"{FOLDER}/templates")
    machine.run("sh", "-c", f"cp /mnt/rig/* {KEPT}/ && chmod +x {KEPT}/light_boot.sh")
    machine.run("sh", "-c", f"cp /etc/edgepose/templates/*.yaml {FOLDER}/templates/")
    appliance.write(f"{FOLDER}/edgepose.yaml", CONFIGURATION.partition("outputs:")[0])
    machine.shut_down()
    folders = [power.folder / f"light{number}" for number in range(MACHINES)]
    for folder in folders:
        folder.mkdir()
    machines = [
        Power(power.image, copy_disk(power.disk, folder / "disk.ext4"), folder, processors=1)
        for folder in folders
    ]
    yield machines
    for one in machines:
        one.off()
        one.disk.unlink()


def test_power_cuts_in_the_midst_of_writes_damage_and_lose_nothing(light):
    """Each boot reads the whole outbox, the configuration and the template that the last left."""
    with ThreadPoolExecutor(MACHINES) as side_by_side:
        told = list(side_by_side.map(cut_often, light, map(random.Random, range(MACHINES))))
    print(f"{MACHINES * CUTS} power cuts; written at the end: {told}")  # noqa: T201 - for the record


def cut_often(power, chance) -> dict[str, int]:
    """Cut the power again and again; return how often each thing was written in the end."""
    told = dict.fromkeys(NAMES, 0)
    for cut in range(CUTS + 1):
        said = boot_and_cut(power, chance)
        found = ast.literal_eval(re.search(r"found (.*})", said)[1])
        assert all(found[name] >= told[name] for name in NAMES), f"cut {cut}: {told}, {said}"
        told = {name: max(numbers(said, name)) for name in NAMES}
    return told


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
