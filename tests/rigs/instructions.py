"""Count the instructions that a frame takes in one stage: no other load of the machine moves them.

    python tests/rigs/instructions.py [STAGE ...]

Each stage runs in a process of its own under valgrind's callgrind, which counts from the frame
after WARM_UP on; counted twice, a stage differs by some 0.1 %. The person moves as in `edgepose
bench`; nobody decodes a video and no model runs. Needs valgrind and a C compiler.
"""

from __future__ import annotations

import ctypes
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from compiled import compiled

from edgepose.bench.parts import moving_person, new_interpreter
from edgepose.core.crop import Crop
from edgepose.core.families.movenet import MoveNet
from edgepose.core.matching import Templates
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.smoothing import make_smoother
from edgepose.core.templates import teach
from edgepose.core.tracking import Tracker
from edgepose.core.watches.pose import PoseWatch
from edgepose.engine.event_ids import live_stamp
from edgepose.engine.fanout import Fanout
from edgepose.engine.perception import Detector, Interpreter, Job, Perception
from edgepose.engine.stats import Stats
from edgepose.outputs.base import Device
from edgepose.outputs.jsonl import Jsonl, JsonlOptions
from edgepose.sources.base import Source
from edgepose.types import Frame, Pose, Region, TensorSpec, blank_frame

WARM_UP, COUNTED = 20, 100  # frames
FRAMES = WARM_UP + COUNTED
SIZE = (480, 640)
FPS = 30

Run = Callable[[int], None]
"""Takes the number of a frame."""


class _Silent(Source):
    """A source that is asked only what kind it is."""

    lossless = True

    def open(self) -> None:
        pass

    def read(self) -> Frame | None:
        return None


def finish() -> Run:
    """Decode, crop, track, smooth and match one person."""
    pixels = TensorSpec("pixels", (1, 192, 192, 3), np.dtype(np.uint8))
    family = MoveNet(pixels, TensorSpec("pose", (1, 1, 17, 3), np.dtype(np.float32)))
    detector = Detector(family)
    perception = Perception(detector, new_interpreter())
    tensors = [pose.keypoints.reshape(1, 1, 17, 3) for pose in moving_person(FRAMES)]
    crop = Crop(Region(0.0, 0.0, 1.0, 1.0), (192, 192))

    def run(i: int) -> None:
        job = Job(blank_frame(SIZE, i / FPS, i), crop, tensors[i], detector, i)
        perception.finish(job, [tensors[i]])

    return run


def deliver() -> Run:
    """Hand a scene to a jsonl output that writes the poses of every frame."""
    interpreter = new_interpreter()
    scenes = [
        interpreter.interpret(blank_frame(SIZE, i / FPS, i), [pose])
        for i, pose in enumerate(moving_person(FRAMES))
    ]
    path = Path(tempfile.mkdtemp()) / "out.jsonl"
    output = Jsonl(JsonlOptions(path=path, poses=True), Device("bench"))
    fanout = Fanout({"log": output}, interpreter, _Silent(), Stats(), _raise)
    fanout.start()
    return lambda i: fanout.publish(scenes[i])


def _raise(error: BaseException) -> None:
    raise error


def _interpreting(interpreter: Interpreter, people: list[list[Pose]]) -> Run:
    def run(i: int) -> None:
        interpreter.interpret(blank_frame(SIZE, i / FPS, i), people[i])

    return run


def _interpreter(watches: int, people: int) -> Interpreter:
    poses = moving_person(watches)
    return Interpreter(
        "bench",
        tracker=Tracker().track,
        selection=Selection(SelectionSettings("all", people)).choose,
        new_smoother=make_smoother,
        watches=[PoseWatch(f"w{i}", [teach(f"w{i}", [pose])]) for i, pose in enumerate(poses)],
        stamp=live_stamp,
    )


def watches_16() -> Run:
    """Interpret one person for 16 watches."""
    return _interpreting(_interpreter(16, 1), [[pose] for pose in moving_person(FRAMES)])


def people_10() -> Run:
    """Interpret ten people side by side for one watch."""
    frames = []
    for pose in moving_person(FRAMES):
        row = []
        for i in range(10):
            keypoints = pose.keypoints * np.float32(0.4)
            keypoints[:, 2] = pose.keypoints[:, 2]
            keypoints[:, 1] += np.float32(i * 0.1 - 0.15)
            row.append(replace(pose, keypoints=keypoints))
        frames.append(row)
    return _interpreting(_interpreter(1, 10), frames)


def templates_1000() -> Run:
    """Compare one pose with a thousand templates."""
    poses = moving_person(FRAMES)
    thousand = Templates([teach(f"t{i}", [poses[i % FRAMES]]) for i in range(1000)])

    def run(i: int) -> None:
        thousand.compare(poses[i]).at_most(0.5).score  # noqa: B018 - the score is the work

    return run


STAGES: dict[str, Callable[[], Run]] = {
    stage.__name__: stage for stage in (finish, deliver, watches_16, people_10, templates_1000)
}


def count(stage: str) -> int:
    """Return the instructions a frame of one stage."""
    with tempfile.TemporaryDirectory() as folder:
        switch = compiled(Path(folder), Path(__file__).with_name("counting.c"))
        command = [
            *("valgrind", "--tool=callgrind", "--instr-atstart=no"),
            *(f"--callgrind-out-file={folder}/out", sys.executable, __file__),
            *(_UNDER_VALGRIND, stage, str(switch)),
        ]
        alike = os.environ | {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=alike)
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found is not None, done.stderr
    return int(found[1]) // COUNTED


def _run(stage: str, switch: str) -> None:
    """Run a stage, and let it be counted once it is warm."""
    counting = ctypes.CDLL(switch)
    run = STAGES[stage]()
    for i in range(WARM_UP):
        run(i)
    counting.begin()
    for i in range(WARM_UP, FRAMES):
        run(i)
    counting.end()


_UNDER_VALGRIND = "--run"

if __name__ == "__main__":
    match sys.argv[1:]:
        case [first, stage, switch] if first == _UNDER_VALGRIND:
            _run(stage, switch)
        case names:
            for name in names or STAGES:
                sys.stdout.write(f"{name:16}{count(name) / 1e6:8.3f} M instructions a frame\n")
                sys.stdout.flush()
