"""Run inside the virtual machine: edgepose on its display, which is pulled out and put in again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NOBODY, VIDEO = 65534, 44
SHARE = Path("/run/share")
HOME = Path("/run/lobby")
EVENTS = HOME / "events.jsonl"
FPS = 8
MORE = 3  # events that are waited for in each stage

CONFIG = """
version: 1
name: lobby
source: {{type: synthetic, size: [240, 320], fps: {fps}, pace: fast, seconds: {seconds}}}
model: {{name: edgepose-nano, threads: 1, deadline: 600}}
smoothing: none
watch:
  jack: {{template: {checkout}/configs/templates/jumping_jack.yaml, hold: 0, cooldown: 0}}
outputs:
  log: {{type: jsonl, path: events.jsonl}}
  {screen}
"""
SCREEN = "screen: {type: hdmi, sink: kms}"


def config(seconds: float = 1e5, screen: str = "") -> str:
    """Return a configuration whose events depend on the frames alone, however slow the machine is.

    seconds: of the source. One that has no end would be a camera: its silence ends a pose.
    """
    return CONFIG.format(
        seconds=seconds, fps=FPS, screen=screen, checkout=Path(__file__).parents[3]
    )


def say(word: str) -> None:
    """Tell the host how far we are, and wait until it wants us to go on."""
    print(word, flush=True)  # noqa: T201
    sys.stdin.readline()


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until something holds; the host's patience limits that."""
    while not condition():
        time.sleep(0.2)


def count() -> int:
    """Return how many events are in the file."""
    return len(EVENTS.read_bytes().splitlines()) if EVENTS.exists() else 0


def more_events() -> None:
    """Wait for events that come from now on."""
    enough = count() + MORE
    wait_for(lambda: count() >= enough)


def screen() -> str:
    """Return what edgepose says of its screen."""
    try:
        report = json.loads((HOME / "status.json").read_text())
    except (OSError, ValueError):
        return ""
    return str(report["health"]["outputs"]["screen"]["state"])


def plug(is_in: bool) -> None:
    """Pull the display out, or put it in: the kernel tells everybody, as after a real plug."""
    (connector,) = Path("/sys/class/drm").glob("card*-*/status")
    connector.write_text("detect" if is_in else "off")


def main() -> None:
    """Run edgepose as nobody, in the group video, through all of it."""
    HOME.mkdir()
    os.chown(HOME, NOBODY, VIDEO)
    file = HOME / "lobby.yaml"
    file.write_text(config(screen=SCREEN))
    folders = {"RUNTIME_DIRECTORY": str(HOME), "STATE_DIRECTORY": str(HOME)}
    command = [sys.executable, "-m", "edgepose", "run", "--quiet", str(file)]
    who: dict[str, Any] = {"user": NOBODY, "group": VIDEO, "extra_groups": []}
    with subprocess.Popen(command, env=os.environ | folders, **who) as process:
        wait_for(lambda: count() >= MORE and screen() == "running")
        say("SHOWN")
        plug(is_in=False)
        wait_for(lambda: screen() == "backing off")
        more_events()
        say("DARK")
        plug(is_in=True)
        wait_for(lambda: screen() == "running")
        more_events()
        say("BACK")
        process.terminate()
    shutil.copy(EVENTS, SHARE)
    print("ended with", process.returncode, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
