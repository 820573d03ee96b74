"""The file with the service's secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgepose.doctor import access
from edgepose.doctor.finding import Intent
from edgepose.doctor.system import System


@pytest.mark.parametrize(("mode", "is_fine"), [(0o600, True), (0o640, False), (0o644, False)])
def test_the_environment_is_for_its_owner_alone(tmp_path: Path, mode: int, is_fine: bool):
    """Else the finding names the command that changes it."""
    file = tmp_path / access.SECRETS
    file.parent.mkdir(parents=True)
    file.write_text("EDGEPOSE_MQTT_PASSWORD=x\n")
    file.chmod(mode)

    finding = access.environment(System(root=tmp_path), Intent())

    assert finding is not None
    assert ("chmod 600" in (finding.remedy or "")) is not is_fine


def test_without_the_file_there_is_nothing_to_check(tmp_path: Path):
    """A run from a checkout has none."""
    assert access.environment(System(root=tmp_path), Intent()) is None
