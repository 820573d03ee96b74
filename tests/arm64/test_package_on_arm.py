"""The Debian package for a Pi, built on this machine, in an arm64 Debian."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from boards import PI_4

pytestmark = [pytest.mark.slow, pytest.mark.arm64, pytest.mark.timeout(3600)]

SCRIPTS = Path(__file__).parents[2] / "scripts"
PLAIN = {"PYTHONPATH": "", "EDGEPOSE_MODEL_PATH": ""}  # as after a login
LEFT = "find /etc /usr /var -path '*edgepose*' -not -path '/var/lib/dpkg/*' -not -path '/var/log/*'"


def test_it_installs_finds_a_person_and_goes(arm, media):
    """Without a network; purged, nothing of it is left."""
    shared = arm.layer / "shared"
    build = ["bash", str(SCRIPTS / "build-deb"), "--for", "bookworm", "--out", str(shared)]
    subprocess.run(build, check=True)
    (package,) = shared.glob("edgepose_*_arm64.deb")
    photo = min((media / "stills").rglob("*.jpg"))
    arm.run(PI_4, "unshare", "--net", "dpkg", "--install", f"/shared/{package.name}")
    said = arm.run(PI_4, "edgepose", "doctor", check=False, **PLAIN).stdout
    assert re.search(r"ok +model +movenet-lightning-int8, its checksum matches", said), said
    pose = arm.run(PI_4, "edgepose", "pose", f"/media/{photo.relative_to(media)}", **PLAIN).stdout
    assert re.search(r"left_shoulder +y", pose), pose
    arm.run(PI_4, "dpkg", "--purge", "edgepose")
    assert arm.run(PI_4, "sh", "-c", LEFT).stdout == ""
