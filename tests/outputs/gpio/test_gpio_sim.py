"""The tests of this folder on a chip of the kernel: gpio-sim, in a virtual machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_vm

HERE = str(Path(__file__).parent)
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "gpio-sim", HERE)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("tiny_machine")
def test_every_test_that_is_for_a_real_chip_passes_on_one(tmp_path: Path):
    """None fails, none is skipped, none is left out; what was seen is told in full."""
    listed = subprocess.run([*PYTEST, "--collect-only"], check=True, capture_output=True, text=True)
    names = {line.rpartition("::")[2] for line in listed.stdout.splitlines() if "::" in line}
    told = ("--color=no", "--tb=short", "--junitxml=/run/share/results.xml")
    guest = tiny_vm.Guest((*PYTEST, *told, "-o", "timeout=600"), ("gpio-sim",), user=tiny_vm.ROOT)

    with tiny_vm.booted(tmp_path, guest) as machine:
        machine.wait_for("exit status", 1600)

    cases = ElementTree.parse(machine.share / "results.xml").iter("testcase")
    passed = {str(case.get("name")) for case in cases if not len(case)}
    assert names
    assert passed == names, machine.said()
    assert "exit status 0" in machine.said()
