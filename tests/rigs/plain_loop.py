"""Compare edgepose with the loop that TensorFlow's own pose sample for the Raspberry Pi runs.

    python tests/rigs/plain_loop.py [CLIP] [--model NAME] [--repeat 1] [--rounds 5] [--seconds 3]

Written from what that sample does for each frame, in order, without drawing: read it with OpenCV,
mirror it, cut the crop region out with black borders, resize, invoke, read 17 keypoints, find
the next region around them. No tracks, smoothing, templates, events or files. edgepose reads the
same clip without loss, tracks, smooths, compares with a template and writes every pose as a line.
Both are given in bare `invoke()` of the same interpreter, measured around them, in turns; rounds
that drifted or that others disturbed are dropped. `--repeat 4` invokes four times for each frame: a
chip that takes four times as long.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from slow_chip import Repeated

from edgepose.appliance.model import load_model
from edgepose.bench.parts import new_interpreter
from edgepose.bench.pipeline import Extent, Result, bare, from_file
from edgepose.bench.rounds import Others, Quartiles, Round, Rounds, take
from edgepose.cli.run import tune_python
from edgepose.config.model_section import ModelSection
from edgepose.engine.perception import Detector, Perception
from edgepose.outputs.base import Device, Output
from edgepose.outputs.jsonl import Jsonl, JsonlOptions
from edgepose.runtimes.base import Runtime
from edgepose.skeleton import INDEX
from edgepose.types import Frame, Image

DEMO = Path(__file__).parents[2] / "models" / "demo" / "demo.mp4"
HIPS = (INDEX["left_hip"], INDEX["right_hip"])
TRUNK = (*HIPS, INDEX["left_shoulder"], INDEX["right_shoulder"])
KNOWN = 0.2
Box = tuple[float, float, float, float]  # top, left, bottom, right in pixels


class PlainLoop:
    """One frame after another on one thread, as the sample does it."""

    def __init__(self, runtime: Runtime, clip: Path) -> None:
        self._runtime = runtime
        self._clip = clip
        self._side = runtime.inputs[0].shape[1]
        self._video = cv2.VideoCapture(str(clip))
        self._box: Box | None = None

    def step(self) -> None:
        """Process the next frame; the clip begins again after its last."""
        found, image = self._video.read()
        if not found:
            self._video = cv2.VideoCapture(str(self._clip))
            found, image = self._video.read()
            self._box = None
        image = cv2.flip(image, 1)
        height, width = image.shape[:2]
        box = self._box or square_around((height / 2, width / 2), max(height, width) / 2)
        pixels = cut(image, box, self._side)
        tensor = pixels[np.newaxis].astype(self._runtime.inputs[0].dtype)
        (points, *_) = self._runtime.infer(tensor)
        self._box = self._next(points.reshape(17, 3).astype(np.float32), box)

    def _next(self, points: np.ndarray, box: Box) -> Box | None:
        """Return the square around a person whose trunk is seen, None for the whole frame."""
        size = np.array([box[2] - box[0], box[3] - box[1]])
        places = {i: np.array(box[:2]) + points[i, :2] * size for i in range(17)}
        seen = [i for i in places if points[i, 2] > KNOWN]
        if not set(TRUNK[:2]) & set(seen) or not set(TRUNK[2:]) & set(seen):
            return None
        middle = (places[HIPS[0]] + places[HIPS[1]]) / 2
        trunk = max(np.abs(places[i] - middle).max() for i in TRUNK)
        body = max(np.abs(places[i] - middle).max() for i in seen)
        reach = max(1.9 * trunk, 1.2 * body)
        return square_around((float(middle[0]), float(middle[1])), float(reach))


def square_around(middle: tuple[float, float], reach: float) -> Box:
    """Return a square by its middle and half its side."""
    return middle[0] - reach, middle[1] - reach, middle[0] + reach, middle[1] + reach


def cut(image: Image, box: Box, side: int) -> Image:
    """Return a box of the image, black where it lies outside, as a square of `side` pixels."""
    height, width = image.shape[:2]
    top, left, bottom, right = (round(edge) for edge in box)
    part = image[max(top, 0) : min(bottom, height), max(left, 0) : min(right, width)]
    borders = (max(-top, 0), max(bottom - height, 0), max(-left, 0), max(right - width, 0))
    return cv2.resize(cv2.copyMakeBorder(part, *borders, cv2.BORDER_CONSTANT), (side, side))


def plain(runtime: Runtime, clip: Path, seconds: float) -> Round:
    """Return one round of the plain loop: frames a second in bare `invoke()`."""
    loop, others = PlainLoop(runtime, clip), Others()
    tensor = np.zeros(runtime.inputs[0].shape, runtime.inputs[0].dtype)
    before = statistics.mean(bare(runtime, tensor, seconds / 2))
    frames, start = 0, time.monotonic()
    while time.monotonic() - start < seconds:
        loop.step()
        frames += 1
    rate = frames / (time.monotonic() - start)
    after = statistics.mean(bare(runtime, tensor, seconds / 2))
    figures = {"throughput": rate * (before + after) / 2}
    return Round(before, after, figures, others.share(), most=1)


def main() -> None:
    """Measure both in turns and print what they reach."""
    parser = argparse.ArgumentParser()
    parser.add_argument("clip", nargs="?", type=Path, default=DEMO)
    parser.add_argument("--model", default="movenet-lightning-int8")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    tune_python()
    loaded = load_model(ModelSection(name=given.model, threads=1))
    runtime = Repeated(loaded.detector.runtimes[0], given.repeat)
    detector = Detector(loaded.detector.family, runtime)
    detector.detect(Frame(np.zeros((480, 640, 3), np.uint8), 0.0, 0))
    sys.stdout.write(f"{loaded.label}, invoked {given.repeat} times a frame\n")
    with tempfile.TemporaryDirectory() as folder:
        turns = [
            (
                take(1, partial(plain, runtime, given.clip, given.seconds)),
                ours(detector, given.clip, Extent(given.seconds, 1), Path(folder)),
            )
            for _ in range(given.rounds)
        ]
    loaded.close()
    report(turns)


def ours(detector: Detector, clip: Path, extent: Extent, folder: Path) -> Result:
    """Return what edgepose reaches, from the file to a line of JSON a frame."""

    def outputs() -> Mapping[str, Output]:
        options = JsonlOptions(path=folder / "out.jsonl", poses=True)
        return {"log": Jsonl(options, Device("rig"))}

    def perception() -> Perception:
        return Perception(Detector(detector.family, *detector.runtimes), new_interpreter())

    return from_file("edgepose", perception, clip, extent, outputs)


def report(turns: Sequence[tuple[Rounds, Result]]) -> None:
    """Print both medians, and that of one to the other within a turn."""
    good = [turn for turn in turns if not (turn[0].is_spoilt or turn[1].is_spoilt)]
    sample = [rounds.spread("throughput").median for rounds, _ in good or turns]
    mine = [result.ratios["throughput"].median for _, result in good or turns]
    shares = [a / b for a, b in zip(mine, sample, strict=True)]
    bare_ms = statistics.median(result.bare_ms.median for _, result in good or turns)
    named = {"the sample's loop": sample, "edgepose": mine, "edgepose : sample": shares}
    for name, values in named.items():
        spread = Quartiles.of(values)
        sys.stdout.write(f"{name:18}{spread.median:.3f} ({spread.low:.3f} to {spread.high:.3f})\n")
    spoilt = "; ALL TURNS SPOILT" if not good else ""
    sys.stdout.write(f"bare {bare_ms:.2f} ms, {len(good)} of {len(turns)} turns good{spoilt}\n")


if __name__ == "__main__":
    main()
