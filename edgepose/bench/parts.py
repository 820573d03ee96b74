"""Measure the work between two inferences, drawing, start-up time and memory."""

from __future__ import annotations

import json
import logging
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edgepose.core.matching import Templates
from edgepose.core.person_smoothing import new_person_smoother
from edgepose.core.selection import Selection
from edgepose.core.templates import teach
from edgepose.core.tracking import Tracker
from edgepose.core.watches.pose import PoseWatch
from edgepose.engine.event_ids import live_stamp
from edgepose.engine.perception import Interpreter
from edgepose.imaging import write_image
from edgepose.outputs.base import Device
from edgepose.outputs.hdmi.output import HdmiOptions
from edgepose.outputs.hdmi.painter import Painter
from edgepose.outputs.hdmi.pixel_format import raster, write
from edgepose.system.python import CHILD
from edgepose.types import Frame, Image, Keypoints, Pose, Scene, Size

log = logging.getLogger(__name__)

POSES: Final = 200  # a person who moves: no two frames are alike
TEMPLATES: Final = 1000
SCREENS: Final = 300
SCREEN: Final = (720, 1280)
CAMERAS: Final = ((480, 640), (720, 1280))


def median_ms(
    function: Callable[[int], object],
    calls: int = POSES,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the median duration of `function(i)` in milliseconds of a clock."""
    durations = []
    for i in range(calls):
        start = clock()
        function(i)
        durations.append(clock() - start)
    return statistics.median(durations) * 1e3


def core_ms() -> dict[str, float]:
    """Return the milliseconds that the core takes a frame, by stage."""
    poses = moving_person(POSES)
    tracker, smoother = Tracker(), new_person_smoother("normal")
    templates = [teach(f"t{i}", [poses[i % POSES]]) for i in range(TEMPLATES)]
    thousand = Templates(templates)
    watch = PoseWatch("one", templates[:1])
    tracked = [tracker.track([pose], i / 30)[0] for i, pose in enumerate(poses)]
    fresh_tracker = Tracker()
    return {
        "track": median_ms(lambda i: fresh_tracker.track([poses[i]], i / 30)),
        "smooth": median_ms(lambda i: smoother(tracked[i], i / 30)),
        "match and trigger, 1 template": median_ms(lambda i: watch.step([tracked[i]], i / 30)),
        f"match, {TEMPLATES} templates": median_ms(lambda i: thousand.compare(poses[i]).score),
    }


def screen_ms() -> dict[str, float]:
    """Return the milliseconds of one core that a scene takes on screen, by the camera's size.

    Drawing (a person who is compared, advice, a card, figures), scaling, and the copy into an
    XRGB buffer of 1280x720; the mean over SCREENS scenes. At 30 frames a second 0.25 of a core
    are 8.3 ms.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return {f"{width}x{height}": _screen_ms((height, width)) for height, width in CAMERAS}
    finally:
        cv2.setNumThreads(threads)


def _screen_ms(camera: Size) -> float:
    painter = Painter(HdmiOptions(), Device("bench"), attract=None)
    target = raster(bytearray(4 * SCREEN[0] * SCREEN[1]), SCREEN, 4 * SCREEN[1])
    scenes = compared_scenes(camera, SCREENS)
    write(painter.draw(scenes[0], SCREEN), target)  # fonts and panels are made once
    start = time.thread_time()
    for scene in scenes:
        write(painter.draw(scene, SCREEN), target)
    return (time.thread_time() - start) / len(scenes) * 1e3


def compared_scenes(camera: Size, count: int) -> list[Scene]:
    """Return scenes of a person with corrections for the arms, on a picture of noise."""
    image = np.random.default_rng(0).integers(0, 256, (*camera, 3), np.uint8)
    raised = moving_person(1)[0]
    raised.keypoints[[7, 8, 9, 10], 0] = [0.15, 0.15, 0.02, 0.02]  # elbows and wrists
    watch = PoseWatch("arms up", [teach("arms up", [raised])])
    scenes = []
    for i, pose in enumerate(moving_person(count)):
        person = replace(pose, person=1, size=camera)
        state, _ = watch.step([person], i / 30)
        figures = {"fps": 29.0 + i % 3, "latency_ms": 40.0 + i % 7}
        scenes.append(Scene(Frame(image, i / 30, i), (person,), (person,), (state,), stats=figures))
    return scenes


def new_interpreter(watches: int = 1) -> Interpreter:
    """Return the interpreter of a plain configuration: one person, one template a watch."""
    poses = moving_person(watches)
    return Interpreter(
        "bench",
        tracker=Tracker().track,
        selection=Selection().choose,
        new_smoother=new_person_smoother,
        watches=[
            PoseWatch(f"pose {i}", [teach(f"pose {i}", [pose])]) for i, pose in enumerate(poses)
        ],
        stamp=live_stamp,
    )


def moving_person(frames: int) -> list[Pose]:
    """Return the poses of a moving person, seeded: the same ones every time."""
    generator = np.random.default_rng(0)
    still = _standing()
    poses = []
    for i in range(frames):
        sway = 0.03 * np.sin(i / 10 + np.arange(17))[:, None]
        shake = generator.normal(0.0, 0.002, (17, 2))
        keypoints = still.copy()
        keypoints[:, :2] += sway + shake
        poses.append(Pose(keypoints, 0.7, (480, 640)))
    return poses


def _standing() -> Keypoints:
    y = [0.1, 0.08, 0.08, 0.09, 0.09, 0.25, 0.25, 0.4, 0.4, 0.52, 0.52, 0.55, 0.55, 0.72, 0.72]
    x = [0.5, 0.51, 0.49, 0.53, 0.47, 0.57, 0.43, 0.6, 0.4, 0.61, 0.39, 0.54, 0.46, 0.55, 0.45]
    points = np.array([[*y, 0.9, 0.9], [*x, 0.55, 0.45], [0.7] * 17], np.float32)
    return np.ascontiguousarray(points.T)


def start_up_s(model: str, image: Image, runs: int = 5) -> list[float]:
    """Return how long `edgepose pose` takes from process start to its result, in seconds.

    The first run, which warms the disk cache, is not counted.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "picture.png"
        write_image(picture, image)
        command = [*CHILD, "-m", "edgepose", "pose", str(picture), "--model", model]
        return [_wall(command) for _ in range(runs + 1)][1:]


def _wall(command: Sequence[str]) -> float:
    start = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - start


FULL: Final = "edgepose, video in, jsonl out"
_BARE: Final = """
import sys, cv2
from pathlib import Path
from edgepose.runtimes.interpreter import find_interpreter, load
load(*find_interpreter(), Path(sys.argv[1]), num_threads=1).invoke()
"""
_PEAK: Final = """
status = open("/proc/self/status").read()
print("peak_kb", status.split("VmHWM:")[1].split()[0])
"""
_FULL: Final = """
import sys
from edgepose.cli import main
sys.argv = ["edgepose", "run", "-q", sys.argv[1]]
try:
    main()
except SystemExit as end:
    if end.code:
        raise
"""


def memory_mb(model: Path, clip: Path) -> dict[str, float]:
    """Return the peak of resident memory in MB: video in, jsonl out, and the bare interpreter.

    One that fails is left out with a warning: the bare one runs neither a bundle's two networks nor
    a build for the Edge TPU.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.yaml"
        sections: dict[str, Any] = {
            "version": 1,
            "name": "bench",
            "source": {"type": "video", "path": str(clip.absolute()), "pace": "fast"},
            "model": {"path": str(model.absolute()), "threads": 1},
            "outputs": {"log": {"type": "jsonl", "path": "out.jsonl", "poses": True}},
        }
        config.write_text(json.dumps(sections))  # JSON is YAML
        peaks = {
            "bare": _peak_mb("bare", _BARE, model),
            FULL: _peak_mb(FULL, _FULL, config),
        }
    return {name: peak for name, peak in peaks.items() if peak is not None}


def _peak_mb(name: str, code: str, argument: Path) -> float | None:
    """Return the peak of a process of its own, None where it fails."""
    command = [*CHILD, "-c", code + _PEAK, str(argument)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.splitlines() or [f"it ended with {done.returncode}"])[-1]
        log.warning("The memory of '%s' is not measured: %s", name, reason)
        return None
    return float(done.stdout.split("peak_kb")[1]) / 1024


def processor() -> str:
    """Return the processor's name."""
    text = Path("/proc/cpuinfo").read_text()
    found = re.search(r"^(?:model name|Model)\s*:\s*(.+)$", text, re.M)
    return found[1] if found else "unknown processor"
