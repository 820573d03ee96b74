"""The project's own tests of the core and on real models, run by an arm64 Debian's Python."""

from __future__ import annotations

import re

import pytest
from boards import PI_4, PI_5

pytestmark = [pytest.mark.slow, pytest.mark.arm64, pytest.mark.timeout(7200)]

# CI: hypothesis sets no deadlines then, and nothing may be skipped for want of models.
SETTINGS = {"CI": "1", "HYPOTHESIS_STORAGE_DIRECTORY": "/tmp/hypothesis"}
PYTEST = ("python3", "-m", "pytest", "-p", "no:cacheprovider", "-o", "timeout=1800",
          "-m", "not slow", "--rootdir=/checkout", "-c", "/checkout/setup.cfg")  # fmt: skip


TESTS = "/checkout/tests"
SQUATS = ("-k", "test_squat_taught or test_standing")  # one clip; each is looked at frame by frame


@pytest.mark.parametrize(
    ("board", "asked"),
    [
        (PI_4, (f"{TESTS}/core",)),
        (PI_5, (f"{TESTS}/runtimes/test_litert.py", f"{TESTS}/test_families_real.py")),
        (PI_4, (f"{TESTS}/test_real_poses.py", *SQUATS)),
    ],
    ids=["core", "models", "poses"],
)
def test_the_projects_own_tests_pass_on_arm(arm, board, asked):
    """Each of them, none skipped."""
    done = arm.run(board, *PYTEST, *asked, check=False, timeout=7000, **SETTINGS)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert re.search(r"^\d+ passed", done.stdout, re.MULTILINE), done.stdout[-2000:]
    assert "skipped" not in done.stdout, done.stdout[-2000:]
