"""How the cost of a frame grows with people, watches, templates, outputs, pixels and cameras.

And how old a frame is by its scene, at a camera's pace.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.bench.parts import median_ms, moving_person
from edgepose.bench.pipeline import Extent, latency
from edgepose.core.matching import Templates
from edgepose.core.person_smoothing import new_person_smoother
from edgepose.core.selection import Selection, SelectionSettings
from edgepose.core.templates import teach
from edgepose.core.tracking import Tracker
from edgepose.core.watches.pose import PoseWatch
from edgepose.engine.event_ids import live_stamp
from edgepose.engine.perception import Interpreter, Perception
from edgepose.imaging import sample, write_image
from edgepose.outputs.base import Device
from edgepose.outputs.jsonl import Jsonl, JsonlOptions
from edgepose.render.sprites import blend
from edgepose.render.strokes import dots, stroke
from edgepose.render.text import Typesetter
from edgepose.system.python import CHILD
from edgepose.types import Frame, Image, Pose, Region, blank_frame

Curve = Mapping[str, float]
"""Milliseconds a frame by how many there are; the names are numbers, since JSON's keys are."""

FRAMES: Final = 100
SIZE: Final = (480, 640)
COUNTS: Final[Mapping[str, Sequence[int]]] = {
    "people": (1, 2, 5, 10),
    "watches": (1, 10, 100, 1000),
    "templates": (1, 10, 100, 1000, 10_000),
    "outputs": (1, 2, 4, 8),
    "rows of the picture": (480, 720, 1080, 2160),
}
CAMERAS: Final = (1, 2, 4)
RATES: Final = (15, 30, 60)  # frames a second of a camera


def measure(counts: Mapping[str, Sequence[int]] = COUNTS) -> dict[str, Curve]:
    """Return the milliseconds a frame by what there is more of, medians of FRAMES frames."""
    return {
        name: {str(count): round(_MEASURES[name](count), 4) for count in numbers}
        for name, numbers in counts.items()
    }


def _people(count: int) -> float:
    """Return the cost of tracking, smoothing and matching people side by side, one watch."""
    frames = [_side_by_side(pose, count) for pose in moving_person(FRAMES)]
    return _interpreting(_interpreter(1, count), frames)


def _watches(count: int) -> float:
    return _interpreting(_interpreter(count, 1), [[pose] for pose in moving_person(FRAMES)])


def _templates(count: int) -> float:
    """Return the cost of comparing one pose with all templates of one watch."""
    poses = moving_person(FRAMES)
    templates = Templates([teach(f"t{i}", [poses[i % FRAMES]]) for i in range(count)])
    return _cpu_ms(lambda i: templates.compare(poses[i]).score)


def _outputs(count: int) -> float:
    """Return the cost of writing a scene's poses to as many files."""
    scenes = [
        _interpreter(1, 1).interpret(blank_frame(SIZE, i / 30, i), [pose])
        for i, pose in enumerate(moving_person(FRAMES))
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = [
            Jsonl(JsonlOptions(path=Path(folder) / f"{i}.jsonl", poses=True), Device("bench"))
            for i in range(count)
        ]
        for file in files:
            file.open()

        def show(i: int) -> None:
            for file in files:
                file.show(scenes[i])

        cost = _cpu_ms(show)
        for file in files:
            file.close()
    return cost


def _rows(count: int) -> float:
    """Return the cost of cutting the model's input out of a picture of 16:9."""
    image = np.random.default_rng(0).integers(0, 256, (count, count * 16 // 9, 3), np.uint8)
    frame, region = Frame(image, 0.0, 0), Region(-0.4, 0.0, 16 / 9, 1.0)
    return _cpu_ms(lambda _: sample(frame, region, (192, 192)))


_MEASURES: Final[Mapping[str, Callable[[int], float]]] = {
    "people": _people,
    "watches": _watches,
    "templates": _templates,
    "outputs": _outputs,
    "rows of the picture": _rows,
}


def _cpu_ms(function: Callable[[int], object]) -> float:
    """Return the median processor time of `function(i)`: others move it less than the duration."""
    return median_ms(function, FRAMES, time.thread_time)


def _interpreter(watches: int, people: int) -> Interpreter:
    return Interpreter(
        "bench",
        tracker=Tracker().track,
        selection=Selection(SelectionSettings("all", people)).choose,
        new_smoother=new_person_smoother,
        watches=[
            PoseWatch(f"pose {i}", [teach(f"pose {i}", [pose])])
            for i, pose in enumerate(moving_person(watches))
        ],
        stamp=live_stamp,
    )


def _interpreting(interpreter: Interpreter, frames: Sequence[Sequence[Pose]]) -> float:
    def interpret(i: int) -> None:
        interpreter.interpret(blank_frame(SIZE, i / 30, i), frames[i])

    return _cpu_ms(interpret)


def _side_by_side(pose: Pose, count: int) -> list[Pose]:
    """Return a pose several times, small, beside each other."""
    people = []
    for i in range(count):
        keypoints = pose.keypoints * np.array([0.4, 0.4, 1.0], np.float32)
        keypoints[:, 1] += np.float32((i + 0.5) / count - 0.2)
        people.append(replace(pose, keypoints=keypoints))
    return people


def cameras(model: Path, clip: Path, counts: Sequence[int] = CAMERAS) -> dict[str, Curve]:
    """Return what instances beside each other do with a clip each, as fast as they can.

    "cameras, processor": milliseconds a frame of one. "cameras, wall": from frame to frame of all.
    """
    figures = {count: _instances(model, clip, count) for count in counts}
    return {
        "cameras, processor": {str(n): round(cpu, 3) for n, (cpu, _) in figures.items()},
        "cameras, wall": {str(n): round(wall, 3) for n, (_, wall) in figures.items()},
    }


def _instances(model: Path, clip: Path, count: int) -> tuple[float, float]:
    """Return milliseconds of processor and of wall time for one frame of all instances."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.yaml"
        sections: dict[str, Any] = {
            "version": 1,
            "source": {"type": "video", "path": str(clip.absolute()), "pace": "fast"},
            "model": {"path": str(model.absolute()), "threads": 1},
        }
        config.write_text(json.dumps(sections))
        command = [*CHILD, "-m", "edgepose", "run", "-q", "--json", str(config)]
        start, before = time.monotonic(), os.times()
        running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)]
        outputs = [process.communicate()[0] for process in running]
        wall, after = time.monotonic() - start, os.times()
    frames = sum(json.loads(output)["counts"]["scenes"] for output in outputs)
    used = after.children_user + after.children_system
    used -= before.children_user + before.children_system
    return used / frames * 1e3, wall / frames * 1e3


def latencies(
    new_perception: Callable[[], Perception],
    images: Sequence[Image],
    extent: Extent,
    rates: Sequence[int] = RATES,
) -> dict[str, Curve]:
    """Return the milliseconds from the picture to its scene by a camera's frames a second."""
    ages = {
        str(rate): latency("latency", new_perception, images, rate, extent).snapshot.stages["age"]
        for rate in rates
    }
    return {
        "latency p50, frames a second": {
            rate: round(age.p50 * 1e3, 3) for rate, age in ages.items()
        },
        "latency p99, frames a second": {
            rate: round(age.p99 * 1e3, 3) for rate, age in ages.items()
        },
    }


_PANEL: Final = (300, 420)
_EDGE: Final = 48
_COLUMNS: Final = 3
_INK: Final = (40, 40, 40)
_FAINT: Final = (205, 205, 205)
_LINE: Final = (0, 114, 178)


def draw(path: Path, curves: Mapping[str, Curve]) -> None:
    """Write a picture with a panel for each curve, both axes logarithmic."""
    rows = -(-len(curves) // _COLUMNS)
    canvas = np.full((rows * _PANEL[0], _COLUMNS * _PANEL[1], 3), 255, np.uint8)
    for i, (name, curve) in enumerate(curves.items()):
        top, left = i // _COLUMNS * _PANEL[0], i % _COLUMNS * _PANEL[1]
        _draw_panel(canvas[top : top + _PANEL[0], left : left + _PANEL[1]], name, curve)
    write_image(path, canvas)


def _draw_panel(canvas: Image, name: str, curve: Curve) -> None:
    type_ = Typesetter()
    x, y = (np.log10([float(v) for v in side]) for side in (curve.keys(), curve.values()))
    places = np.stack([_spread(x, _EDGE, _PANEL[1] - _EDGE), _spread(-y, 88, _PANEL[0] - 56)], 1)
    frame = np.array([(_EDGE, 60), (_EDGE, _PANEL[0] - 44), (_PANEL[1] - 16, _PANEL[0] - 44)])
    stroke(canvas, [frame], _FAINT, 1.0)
    stroke(canvas, [places], _LINE, 3.0)
    dots(canvas, places, 4.0, _LINE)
    blend(canvas, type_.text(f"{name}: ms", 20, _INK), 14, 14)
    for (count, ms), (column, row) in zip(curve.items(), places.astype(int), strict=True):
        for words, top in ((f"{ms:.2g}", row - 28), (str(count), _PANEL[0] - 36)):
            text = type_.text(words, 16, _INK)
            blend(canvas, text, top, column - text.size[1] // 2)


def _spread(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Return logarithms moved to low..high: all of it where they span a decade or more."""
    middle = (values.min() + values.max()) / 2
    span = max(float(values.max() - values.min()), 1.0)
    return (low + high) / 2 + (values - middle) / span * (high - low)
