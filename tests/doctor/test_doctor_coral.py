"""Checks of an Edge TPU, plugged into made-up machines."""

from __future__ import annotations

import pytest

from edgepose.doctor import coral
from edgepose.doctor.finding import Intent

PLAN = Intent()
FRESH, USED = "1a6e:089a", "18d1:9302"


def pcie(machine) -> None:
    """Put an Edge TPU on PCIe."""
    machine.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x1ac1\n")
    machine.write("sys/bus/pci/devices/0000:01:00.0/device", "0x089a\n")


@pytest.mark.parametrize(
    ("number", "words"), [(FRESH, "not used since power-up"), (USED, "(18d1:9302)")]
)
def test_both_usb_numbers_are_known(pi4, number, words):
    """The chip changes its number when it gets its firmware."""
    pi4.usb("2-1", number, 5000)
    found = coral.chip(pi4.system, PLAN)
    assert found.status == "ok"
    assert words in found.sentence


def test_no_chip_matters_only_when_one_is_wanted(debian, planned):
    """With a fallback it is a warning, without one a failure."""
    assert coral.chip(debian.system, PLAN).status == "ok"
    wanted = planned(model="{runtime: edgetpu}")
    strict = planned(model="{runtime: edgetpu, fallback: false}")
    assert coral.chip(debian.system, wanted).status == "warn"
    assert coral.chip(debian.system, strict).status == "fail"


def test_a_chip_on_pcie_needs_its_driver(pi5):
    """The bus knows it, /dev does not."""
    pcie(pi5)
    assert "gasket" in coral.chip(pi5.system, PLAN).remedy
    pi5.write("dev/apex_0")
    assert "apex_0" in coral.chip(pi5.system, PLAN).sentence


@pytest.mark.parametrize(("mbit", "status"), [(480, "warn"), (5000, "ok"), (10000, "ok")])
def test_usb_2_is_warned_of(pi4, mbit, status):
    """Other devices on the bus don't count."""
    pi4.usb("1-1", "046d:082d", 480)
    assert coral.speed(pi4.system, PLAN) is None
    pi4.usb("2-1", USED, mbit)
    assert coral.speed(pi4.system, PLAN).status == status


def test_large_pages_are_in_the_way_of_pcie_only(pi5, pi4):
    """A Pi 5 has pages of 16 KiB, which the driver can't use."""
    assert coral.pages(pi5.system, PLAN).status == "ok"
    pcie(pi5)
    found = coral.pages(pi5.system, PLAN)
    assert found.status == "fail"
    assert "kernel=kernel8.img" in found.remedy
    pi4.changes["page_bytes"] = 4096
    assert "4 KiB" in coral.pages(pi4.system, PLAN).sentence


def test_the_library_is_looked_for_where_there_is_a_chip(pi4, planned):
    """On the way to a chip that is wanted without fallback it is a failure."""
    assert coral.library(pi4.system, PLAN) is None
    pi4.usb("2-1", USED, 5000)
    assert coral.library(pi4.system, PLAN).status == "warn"
    strict = planned(model="{runtime: edgetpu, fallback: false}")
    assert coral.library(pi4.system, strict).status == "fail"
    pi4.write("usr/lib/aarch64-linux-gnu/libedgetpu.so.1")
    path = "/usr/lib/aarch64-linux-gnu/libedgetpu.so.1"
    found = coral.library(pi4.system, strict)
    assert found.sentence == f"{path}, beside ai-edge-litert 2.3.0"
    pi4.answer("dpkg-query --show --showformat=${Version} libedgetpu1-std", 0, "16.0")
    found = coral.library(pi4.system, strict)
    assert found.status == "warn"
    assert found.sentence.startswith(f"{path} of libedgetpu1-std 16.0, beside ai-edge-litert 2.3.0")
    assert "later ones crash with it" in found.sentence
    assert "feranick/libedgetpu/releases" in found.remedy
    version = "16.0tf2.19.1-1.bookworm"
    pi4.answer("dpkg-query --show --showformat=${Version} libedgetpu1-std", 0, version)
    assert coral.library(pi4.system, strict).status == "ok"


def test_a_library_of_the_users_own_is_looked_for_where_it_was_said(pi4, planned):
    """An absolute path is taken as it stands."""
    plan = planned(model="{runtime: edgetpu, library: /opt/coral/libedgetpu.so.1}")
    pi4.write("usr/lib/libedgetpu.so.1")
    assert coral.library(pi4.system, plan).status == "warn"
    pi4.write("opt/coral/libedgetpu.so.1")
    assert coral.library(pi4.system, plan).status == "ok"


def test_the_other_pycoral_is_unmasked(debian):
    """PyPI's package of that name has no Edge TPU in it."""
    assert coral.pycoral(debian.system, PLAN) is None
    debian.versions["pycoral"] = "0.2.0"
    command = "/venv/bin/python -P -c import pycoral.utils.edgetpu"
    debian.answer(command, 1, "", "ModuleNotFoundError: No module named 'pycoral.utils'")
    assert "uninstall" in coral.pycoral(debian.system, PLAN).remedy
    debian.answer(command, 0)
    assert coral.pycoral(debian.system, PLAN) is None
