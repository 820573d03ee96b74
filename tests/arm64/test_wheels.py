"""A folder that was prepared on another machine installs on a Pi."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from boards import PI_4

pytestmark = [pytest.mark.slow, pytest.mark.arm64, pytest.mark.timeout(3600)]

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_a_folder_prepared_here_installs_on_a_pi(arm, tmp_path):
    """Wheels, model and program; without a network, into an image where systemd does not run."""
    stick = arm.layer / "shared" / "stick"
    install = ["bash", str(SCRIPTS / "install.sh")]
    subprocess.run([*install, "--prepare", str(stick), "--for", "bookworm"], check=True)
    assert (stick / "prepared-for").read_text() == "Python 3.11 on aarch64\n"
    program = "/shared/stick/scripts/install.sh"
    arm.run(PI_4, "unshare", "--net", "bash", program, "--offline", "/shared/stick", "--no-start")
    plain = {"PYTHONPATH": "", "EDGEPOSE_MODEL_PATH": "/var/lib/edgepose/models"}
    said = arm.run(PI_4, "edgepose", "doctor", check=False, **plain).stdout
    assert re.search(r"ok +numpy +numpy 1\.26", said), said
    assert re.search(r"ok +runs on +the CPU", said), said
    assert re.search(r"ok +model +movenet-lightning-int8, its checksum matches", said), said
    wants = arm.layer / "upper/etc/systemd/system/multi-user.target.wants/edgepose.service"
    assert wants.is_symlink()
