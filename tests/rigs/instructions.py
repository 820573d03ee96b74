"""Count the instructions that a frame takes in one stage: no other load of the machine moves them.

    python tests/rigs/instructions.py [STAGE ...]
    python tests/rigs/instructions.py --keep
    python tests/rigs/instructions.py --json

The second writes what tests/bench/test_instructions.py compares with: instructions, and calls of
edgepose's own functions, which no numpy and no processor changes. The third uses the processor's
own counter, as a Pi has one, and needs nothing else; it is exact to 1 % or so.

Each stage runs in a process of its own under valgrind's callgrind, which counts from the frame
after WARM_UP on; counted twice, a stage differs by some 0.1 %. The person moves as in `edgepose
bench`; nobody decodes a video and no model runs. The others need valgrind and a C compiler.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import FrameType

import cv2
import numpy as np
from compiled import compiled
from hardware_counter import HARDWARE, INSTRUCTIONS, Counter

import edgepose
from edgepose.bench.parts import SCREEN, compared_scenes, moving_person, new_interpreter
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
from edgepose.imaging import Resize
from edgepose.outputs.base import Device
from edgepose.outputs.hdmi.output import HdmiOptions
from edgepose.outputs.hdmi.painter import Painter
from edgepose.outputs.hdmi.pixel_format import raster, write
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


def prepare() -> Run:
    """Cut the person out of a picture of 480p, as the input of MoveNet Lightning."""
    return _preparing("exact")


def prepare_fast() -> Run:
    """Do the same with `resize: fast`."""
    return _preparing("fast")


def _preparing(resize: Resize) -> Run:
    family = MoveNet(
        TensorSpec("pixels", (1, 192, 192, 3), np.dtype(np.int8)),
        TensorSpec("pose", (1, 1, 17, 3), np.dtype(np.float32)),
    )
    detector = Detector(family, resize=resize)
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    poses = [pose.keypoints.reshape(1, 1, 17, 3) for pose in moving_person(FRAMES)]
    detector.decode(detector.prepare(Frame(image, 0.0, 0)), [poses[0]])

    def run(i: int) -> None:
        detector.prepare(Frame(image, i / FPS, i))

    return run


def finish() -> Run:
    """Decode, crop, track, smooth and match one person."""
    pixels = TensorSpec("pixels", (1, 192, 192, 3), np.dtype(np.uint8))
    family = MoveNet(pixels, TensorSpec("pose", (1, 1, 17, 3), np.dtype(np.float32)))
    detector = Detector(family)
    perception = Perception(detector, new_interpreter())
    tensors = [pose.keypoints.reshape(1, 1, 17, 3) for pose in moving_person(FRAMES)]
    crop = Crop(Region(0.0, 0.0, 1.0, 1.0), (192, 192))
    jobs = [
        Job(blank_frame(SIZE, i / FPS, i), crop, tensor, detector, i)
        for i, tensor in enumerate(tensors)
    ]

    def run(i: int) -> None:
        perception.finish(jobs[i], [tensors[i]])

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


def screen() -> Run:
    """Draw a person who is compared, scale the picture and copy it to a screen of 720p."""
    cv2.setNumThreads(1)
    painter = Painter(HdmiOptions(), Device("bench"), attract=None)
    target = raster(bytearray(4 * SCREEN[0] * SCREEN[1]), SCREEN, 4 * SCREEN[1])
    scenes = compared_scenes(SIZE, FRAMES)

    def run(i: int) -> None:
        write(painter.draw(scenes[i], SCREEN), target)

    return run


def _raise(error: BaseException) -> None:
    raise error


def _interpreting(interpreter: Interpreter, people: list[list[Pose]]) -> Run:
    def run(i: int) -> None:
        # new poses, as a model finds them: what is made of one must not stay in memory
        interpreter.interpret(blank_frame(SIZE, i / FPS, i), list(map(replace, people[i])))

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
        thousand.compare(replace(poses[i])).at_most(0.5).score  # noqa: B018 - the score is the work

    return run


STAGES: dict[str, Callable[[], Run]] = {
    stage.__name__: stage
    for stage in (
        *(prepare, prepare_fast, finish, deliver, screen),
        *(watches_16, people_10, templates_1000),
    )
}


KEPT = Path(__file__).with_name("instructions.json")
MACHINE = f"{platform.machine()}, Python {'.'.join(platform.python_version_tuple()[:2])}"
"""By which the counts are kept: other compilers make other instructions of the same work."""


def calls(stage: str) -> float:
    """Return the calls of edgepose's own functions a frame, on the thread that runs the stage."""
    run = STAGES[stage]()
    for i in range(WARM_UP):
        run(i)
    number = 0

    def note(frame: FrameType, event: str, argument: object) -> None:
        nonlocal number
        number += event == "call" and _PACKAGE in frame.f_code.co_filename

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        for i in range(WARM_UP, FRAMES):
            run(i)
    finally:
        sys.setprofile(before)
    return number / COUNTED


_PACKAGE = str(Path(edgepose.__file__).parent)


def keep() -> None:
    """Write the counts of this machine beside those of others."""
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    kept["calls"] = {stage: round(calls(stage), 1) for stage in CALLED}
    kept[MACHINE] = {stage: count(stage) for stage in GATED}
    KEPT.write_text(json.dumps(kept, indent=1) + "\n")


GATED = ("prepare", "prepare_fast", "finish", "deliver", "screen")
CALLED = ("prepare", "finish", "screen")  # what runs on the thread that is watched


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


def count_here(stage: str, kind: int = HARDWARE, event: int = INSTRUCTIONS) -> int:
    """Return the instructions a frame by the processor's counter. Raises OSError without one."""
    with closing(Counter(kind, event)) as counter:
        _run_warm(stage, counter.begin)
        return counter.end() // COUNTED


def _run(stage: str, switch: str) -> None:
    """Run a stage, and let valgrind count it once it is warm."""
    counting = ctypes.CDLL(switch)
    _run_warm(stage, counting.begin)
    counting.end()


def _run_warm(stage: str, begin: Callable[[], object]) -> None:
    """Run a stage; `begin` is called once it is warm."""
    run = STAGES[stage]()
    gc.freeze()  # as `edgepose run` does
    for i in range(FRAMES):
        if i == WARM_UP:
            begin()
        run(i)


_UNDER_VALGRIND = "--run"

if __name__ == "__main__":
    match sys.argv[1:]:
        case [first, stage, switch] if first == _UNDER_VALGRIND:
            _run(stage, switch)
        case ["--keep"]:
            keep()
        case ["--json"]:
            sys.stdout.write(json.dumps({stage: count_here(stage) for stage in GATED}) + "\n")
        case names:
            for name in names or STAGES:
                sys.stdout.write(f"{name:16}{count(name) / 1e6:8.3f} M instructions a frame\n")
                sys.stdout.flush()
