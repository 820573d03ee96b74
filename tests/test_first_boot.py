"""packaging/first-boot: a new card installs edgepose by itself, under the real cloud-init.

The boot partition is a folder in the place of the FAT that a card has. Each boots a Debian and
installs there, so these tests are slow ones.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from container import Container, bootstrap
from debian_host import CERTIFICATES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CHECKOUT = Path(__file__).parents[1]
FIRST_BOOT = CHECKOUT / "packaging/first-boot"
LOG = "edgepose-first-boot.log"
UNIT = "edgepose-first-boot"

# What Raspberry Pi OS trixie has in /etc/cloud/cloud.cfg.d; but the host's network is not touched.
DATASOURCE = """
datasource_list: [NoCloud, None]
datasource: {NoCloud: {seedfrom: "file:///boot/firmware"}}
network: {config: disabled}
"""
# As Raspberry Pi Imager 2 writes it: with a runcmd, which a cloud-config of ours would replace.
IMAGER = """#cloud-config
manage_resolv_conf: false

hostname: lobby
manage_etc_hosts: true
user:
  name: ada
  shell: /bin/bash
  lock_passwd: true
ssh_pwauth: false

runcmd:
  - [touch, /root/imagers-own-command]
"""
CONFIG = """
version: 1
source: {type: synthetic}
watch:
  arms_up: {template: /etc/edgepose/templates/arms_up.yaml, hold: 2.5}
outputs:
  hook: {type: webhook, url: "http://127.0.0.1:9/${WORD}"}
"""


class Card:
    """A Debian on a card, with the boot partition that a laptop sees."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.boot = root / "boot/firmware"
        self.boot.mkdir(parents=True)
        shutil.copy(FIRST_BOOT / "vendor-data", self.boot)
        self.machine: Container | None = None
        self._write_settings()

    def _write_settings(self) -> None:
        """Let the service try again within seconds, and pip find this machine's certificates."""
        quick = self.root / f"etc/systemd/system/{UNIT}.service.d/quick.conf"
        quick.parent.mkdir(parents=True)
        variables = " ".join(f"{name}={CERTIFICATES}" for name in ("PIP_CERT", "SSL_CERT_FILE"))
        quick.write_text(f"[Service]\nRestartSec=2\nEnvironment={variables}\n")

    def put(self, name: str, text: str) -> None:
        """Write a file of the boot partition, with the line ends of a laptop."""
        (self.boot / name).write_text(text.replace("\n", "\r\n"), newline="")

    def switch_on(self) -> Container:
        """Boot."""
        self.machine = Container(self.root)
        self.machine.patience = 600
        return self.machine

    def switch_off(self) -> None:
        """Shut down."""
        if self.machine:
            self.machine.close()
        self.machine = None

    @property
    def log(self) -> str:
        """Return what a laptop would read."""
        path = self.boot / LOG
        return path.read_text() if path.exists() else ""

    def wait_until_installed(self) -> None:
        """Wait for the last line of the log, and for the service to have removed itself."""
        assert self.machine
        self.machine.wait_for(lambda: self.log.endswith("  Done.\n"))
        gone = self.root / f"etc/systemd/system/{UNIT}.service"
        self.machine.wait_for(lambda: not gone.exists())


def card_of(suite: str, folder: Path, *packages: str) -> Iterator[Card]:
    """Make a card of a Debian with some packages; throw it away in the end."""
    root = folder / suite
    bootstrap(suite, root)
    if packages:
        install(root, *packages)
    card = Card(root)
    yield card
    card.switch_off()
    shutil.rmtree(root, ignore_errors=True)


def install(root: Path, *packages: str) -> None:
    """Install packages, in a boot of which nothing else is left."""
    machine = Container(root)
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-y")
    machine.run(*apt, "update")
    machine.run(*apt, "install", "--no-install-recommends", *packages)
    machine.close()


@pytest.fixture(scope="module")
def trixie(tmp_path_factory) -> Iterator[Card]:
    """Return a card with trixie and cloud-init, as its image has them."""
    for card in card_of("trixie", tmp_path_factory.mktemp("card"), "cloud-init"):
        (card.root / "etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg").write_text(DATASOURCE)
        card.put("meta-data", "dsmode: local\ninstance_id: rpios-image\n")
        card.put("user-data", IMAGER)
        yield card


@pytest.fixture(scope="module")
def bookworm(tmp_path_factory) -> Iterator[Card]:
    """Return a card with bookworm."""
    yield from card_of("bookworm", tmp_path_factory.mktemp("card"))


def build(script: str, models: Path, *arguments: str) -> None:
    """Run one of the scripts of this checkout."""
    command = ["bash", CHECKOUT / "scripts" / script, *arguments]
    environment = os.environ | {"EDGEPOSE_MODEL_PATH": str(models)}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_prepared_card_is_a_running_device_after_its_first_boot(trixie, models):
    """Installed without a network, with its configuration and secret; Imager's settings stand."""
    build("install.sh", models, "--prepare", str(trixie.boot / "edgepose"), "--for", "trixie:amd64")
    trixie.put("edgepose.yaml", CONFIG)
    trixie.put("edgepose.env", "WORD=secret\n")
    machine = trixie.switch_on()
    trixie.wait_until_installed()
    health = machine.wait_for(lambda: machine.health)
    assert health["config"]["path"] == "/boot/firmware/edgepose.yaml"
    assert machine.hold == 2.5
    assert machine.said("cat", "/etc/edgepose/environment") == "WORD=secret"
    assert machine.said("stat", "-c", "%U %a", "/etc/edgepose/environment") == "root 600"
    assert not (trixie.boot / "edgepose.env").exists()
    assert "edgepose.yaml can be used" in trixie.log
    assert "secret" not in trixie.log
    machine.wait_for((trixie.root / "root/imagers-own-command").exists)
    assert machine.said("hostname") == "lobby"
    assert machine.said("id", "-un", "ada") == "ada"


def test_the_second_boot_installs_nothing(trixie):
    """The service is up, and the log is that of the first boot."""
    log = trixie.log
    trixie.switch_off()
    machine = trixie.switch_on()
    machine.wait_for(lambda: machine.pid and machine.hold == 2.5)
    machine.wait_for(lambda: "done" in machine.said("cloud-init", "status"))
    assert trixie.log == log
    assert not (trixie.root / f"usr/local/lib/{UNIT}").exists()


def test_a_damaged_package_is_reported_and_replaced_with_a_card_reader(bookworm, models, tmp_path):
    """Called as Imager's firstrun.sh would; it tries again until what is there can be used."""
    build("build-deb", models, "--for", "bookworm:amd64", "--out", str(tmp_path))
    (package,) = tmp_path.glob("*.deb")
    on_card = bookworm.boot / package.name
    on_card.write_bytes(package.read_bytes()[:100_000])
    bookworm.put("edgepose.yaml", CONFIG.replace("/${WORD}", ""))
    machine = bookworm.switch_on()
    machine.run("bash", "/boot/firmware/vendor-data", "--next-boot")
    assert bookworm.log == ""
    bookworm.switch_off()
    machine = bookworm.switch_on()
    machine.wait_for(lambda: "Trying again in a minute" in bookworm.log)
    shutil.copy(package, on_card)
    bookworm.wait_until_installed()
    assert "Trying again" not in bookworm.log
    machine.wait_for(lambda: machine.hold == 2.5)
    assert machine.said("dpkg-query", "-W", "-f", "${db:Status-Status}", "edgepose") == "installed"


def test_the_source_is_fetched_where_the_card_has_none(bookworm, models, tmp_path):
    """From the address and with the SHA-256 of edgepose.url; another archive is refused."""
    machine = bookworm.machine
    assert machine, "the test before has left it running"
    machine.run("apt-get", "purge", "-y", "-qq", "edgepose")
    (package,) = bookworm.boot.glob("*.deb")
    package.unlink()
    archive = tmp_path / "source.tar.gz"
    parts = ["edgepose", "configs", "models", "scripts", "systemd", "packaging",
             "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]  # fmt: skip
    tar = ["tar", "-C", CHECKOUT, "--exclude=__pycache__", "--transform=s|^|edgepose-main/|"]
    subprocess.run([*tar, "-czf", archive, *parts], check=True)
    shutil.copy(archive, bookworm.root / "root")
    where = "file:///root/source.tar.gz"
    bookworm.put("edgepose.url", f"{where} {'0' * 64}\n")
    machine.run("bash", "/boot/firmware/vendor-data")
    machine.wait_for(lambda: "not what edgepose.url names" in bookworm.log)
    bookworm.put("edgepose.url", f"{where} {hashlib.sha256(archive.read_bytes()).hexdigest()}\n")
    bookworm.wait_until_installed()
    machine.wait_for(lambda: machine.hold == 2.5)
    assert (bookworm.root / "opt/edgepose/venv").is_symlink()
