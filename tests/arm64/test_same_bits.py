"""A Pi's processors give the crops and keypoints of x86, to the last bit.

The same frames go through edgepose's own crop, resize, runtime and decoder on both.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from boards import PI_4, PI_5, Board
from numpy.typing import NDArray

from edgepose.imaging import read_image
from edgepose.registry import part

pytestmark = [pytest.mark.slow, pytest.mark.arm64, pytest.mark.timeout(3600)]

CHECKOUT = Path(__file__).parents[2]
LOOK = Path(__file__).parent / "rigs" / "look.py"
STILLS = (
    "tfjs_pose_warrior2.jpg", "depthai_standing.jpg", "coral_test_couple.jpg",
    "coco_skiers_541055.jpg", "yoga/tree1.jpg", "no_person/landscape1.jpg",
)  # fmt: skip
CLIPS = ("tfjs_pose_squats.mp4", "jumping_jacks_1_count11.mp4")
LOOKS_AT_A_STILL = 2  # the crop closes in on the person
FRAMES_OF_A_CLIP = 4
STEP = 5


@dataclass(frozen=True)
class Run:
    """Say what runs where."""

    board: Board
    model: str
    threads: int = 1

    def __str__(self) -> str:
        return f"{self.model}-{self.board.cpu}-{self.threads}"


RUNS = (
    Run(PI_4, "movenet-lightning-int8"),
    Run(PI_4, "movenet-lightning-int8", 3),  # what `threads: auto` takes on a Pi's four cores
    Run(PI_4, "edgepose-nano"),
    Run(PI_5, "movenet-lightning-int8", 3),
    Run(PI_5, "edgepose-nano", 3),
)


@pytest.fixture(scope="session")
def frames(arm, media):
    """Return a file with decoded pictures, as one sequence a name."""
    sequences = {
        name: np.stack([read_image(media / "stills" / name)] * LOOKS_AT_A_STILL) for name in STILLS
    }
    sequences |= {name: _frames_of(media / "clips" / name) for name in CLIPS}
    path = arm.layer / "shared" / "frames.npz"
    np.savez(path, **sequences)
    return path


def _frames_of(path: Path) -> NDArray[np.uint8]:
    video = part("source", "video")
    source = video(video.Options.model_validate({"path": str(path), "pace": "fast"}))
    source.open()
    wanted = islice(iter(source.read, None), 0, FRAMES_OF_A_CLIP * STEP, STEP)
    images = np.stack([frame.image for frame in wanted])
    source.close()
    return images


@pytest.fixture(scope="session")
def seen(frames):
    """Return a function that gives what this machine sees with a model, on one thread."""

    def see(model: str) -> Path:
        out = frames.with_name(f"seen-{model}.npz")
        if not out.exists():
            command = [sys.executable, LOOK, model, "1", frames, out]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            assert "XNNPACK" in done.stdout
        return out

    return see


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_crops_and_keypoints_are_those_of_x86_to_the_last_bit(arm, frames, seen, run):
    """From the same frames; float32 keypoints, as decoded from what LiteRT answers."""
    program = ["python3", f"/checkout/{LOOK.relative_to(CHECKOUT)}", run.model, str(run.threads)]
    out = f"{run}.npz"
    done = arm.run(run.board, *program, f"/shared/{frames.name}", f"/shared/{out}")
    assert "XNNPACK" in done.stdout, done.stdout + done.stderr
    ours, theirs = dict(np.load(seen(run.model))), dict(np.load(frames.with_name(out)))
    assert set(theirs) == set(ours)
    assert {name.partition("|")[0] for name in ours} == {*STILLS, *CLIPS}
    assert [name for name in ours if theirs[name].tobytes() != ours[name].tobytes()] == []
    assert all(theirs[f"{name}|keypoints"].dtype == np.float32 for name in (*STILLS, *CLIPS))
