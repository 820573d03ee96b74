"""Which files a child process of ours takes for modules."""

from __future__ import annotations

import subprocess
from pathlib import Path

import edgepose
from edgepose.system.python import CHILD


def test_a_child_runs_nothing_of_the_current_folder(tmp_path: Path, monkeypatch):
    """Root's `doctor` may be started where the service's user writes."""
    (tmp_path / "json.py").write_text("raise SystemExit('a stranger runs')")
    monkeypatch.chdir(tmp_path)
    subprocess.run([*CHILD, "-c", "import json; json.dumps"], check=True)


def test_every_child_is_started_so():
    """Nothing else names the interpreter; `doctor` asks the one of its system likewise."""
    package = Path(edgepose.__file__).parent
    users = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        if "sys.executable" in path.read_text()
    }
    assert users == {"system/python.py", "doctor/system.py"}
    for path in (package / "doctor").glob("*.py"):
        assert 'system.executable, "-c"' not in path.read_text()
