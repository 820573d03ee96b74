"""packaging/first-boot on a real FAT, in a machine that boots as a whole.

cloud-init and its absence are tried in tests/test_first_boot.py; here it is called as firstrun.sh
does, on a disk of its own.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from virtual_pi import Image, Power, VirtualPi, copy_disk

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3600)]

FIRST_BOOT = Path(__file__).parents[2] / "packaging/first-boot"
TOOLS = ("mkfs.vfat", "mcopy", "mtype")
LOG = "edgepose-first-boot.log"
CONFIG = """version: 1
source: {type: synthetic}
watch: {arms_up: {template: /etc/edgepose/templates/arms_up.yaml, hold: 2.5}}
outputs: {log: {type: jsonl, path: /var/lib/edgepose/events.jsonl}}
"""


@pytest.fixture(scope="module")
def partition(stick: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a FAT as a laptop leaves it, with a prepared folder and a configuration."""
    if not all(map(shutil.which, TOOLS)):
        pytest.fail("mkfs.vfat, mcopy or mtype is missing: apt-get install dosfstools mtools")
    folder = tmp_path_factory.mktemp("fat")
    (folder / "edgepose.yaml").write_text(CONFIG)
    (folder / "edgepose.env").write_text("WORD=secret\n")
    image = folder / "fat.img"
    subprocess.run(["truncate", "-s", "512M", image], check=True)
    subprocess.run(
        ["mkfs.vfat", "-F", "32", "-n", "BOOTFS", image], check=True, capture_output=True
    )
    shutil.copytree(stick, folder / "edgepose")
    files = [folder / name for name in ("edgepose", "edgepose.yaml", "edgepose.env")]
    subprocess.run(
        ["mcopy", "-s", "-i", image, *files, FIRST_BOOT / "vendor-data", "::"], check=True
    )
    return image


@pytest.fixture(scope="module")
def card(image: Image, partition: Path) -> Iterator[VirtualPi]:
    """Return a machine, booted, with a disk of its own and the FAT at /boot/firmware."""
    disk = copy_disk(image.disk, partition.parent / "disk.ext4")
    power = Power(image, disk, partition.parent)
    card = VirtualPi(power, {"rig": Path(__file__).parent / "guest"}, [partition])
    card.patience = 2400  # 900 on two cores with a load of 15
    card.boot()
    mount = "mkdir -p /boot/firmware; echo '/dev/vdb /boot/firmware vfat defaults 0 2' >>/etc/fstab"
    card.run("sh", "-c", f"{mount}; mount /boot/firmware")
    yield card
    power.off()
    disk.unlink()


def test_a_card_installs_itself_at_the_boot_after_firstrun(card: VirtualPi, partition: Path):
    """The service runs with the file of the FAT, and a laptop reads there what happened."""
    card.run("bash", "/boot/firmware/vendor-data", "--next-boot")
    card.reboot()
    card.wait_for(lambda: card.said("tail", "-n1", f"/boot/firmware/{LOG}").endswith("  Done."))
    card.another_pid(0)
    card.wait_for(lambda: card.hold == 2.5)
    assert card.health["config"]["path"] == "/boot/firmware/edgepose.yaml"
    assert card.said("cat", "/etc/edgepose/environment") == "WORD=secret"
    card.shut_down()
    read = subprocess.run(
        ["mtype", "-i", partition, f"::{LOG}"], capture_output=True, text=True, check=True
    )
    assert read.stdout.endswith("  Done.\n")
