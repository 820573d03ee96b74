"""scripts/measure-on-pi: one file that can join the docs, from a bench that stands in."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "scripts" / "measure-on-pi"
STAND_IN = """#!/bin/sh
echo "$@" >>"$CALLS"
case $1 in bench) echo '{"answer": "this machine: 9 frames a second", "pipeline": []}' ;; esac
"""


def test_the_report_and_what_decides_a_boards_speed_are_in_one_file(tmp_path: Path):
    """The model is fetched, the full bench runs, and board, kernel and heat join its figures."""
    stand_in, out = tmp_path / "edgepose", tmp_path / "pi.json"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    environment = os.environ | {"EDGEPOSE": str(stand_in), "CALLS": str(tmp_path / "calls")}

    done = subprocess.run(
        [SCRIPT, out], env=environment, capture_output=True, text=True, check=True, timeout=50
    )

    pull, bench = (tmp_path / "calls").read_text().splitlines()
    assert pull.startswith("models pull movenet-lightning-int8")
    assert "--full" in bench
    assert f"--curves {tmp_path}/pi.png" in bench
    assert done.stdout == "this machine: 9 frames a second\n"
    report = json.loads(out.read_text())
    assert set(report["board"]) >= {"model", "kernel", "throttled", "governor"}
    assert report["board"]["kernel"]
    assert isinstance(report["instructions"], dict)  # empty where no counter can be used
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calls", "edgepose", "pi.json"]


def test_without_edgepose_it_says_what_to_do(tmp_path: Path):
    """A message, no half a file."""
    bare = {"EDGEPOSE": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [SCRIPT, tmp_path / "pi.json"],
        env=bare,
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 1
    assert "run scripts/setup first" in done.stderr
    assert not list(tmp_path.iterdir())
