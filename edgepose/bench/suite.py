"""The measurements of `edgepose bench`, in order, and what they say of the machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

from edgepose.bench import parts, peers
from edgepose.bench.curves import Curve, latencies
from edgepose.bench.pipeline import Extent, Result, from_file, latency, saturated
from edgepose.engine.perception import Perception
from edgepose.outputs.base import Device, Output
from edgepose.outputs.hdmi.output import HdmiOptions
from edgepose.outputs.hdmi.painter import Painter
from edgepose.outputs.hdmi.pixel_format import raster, write
from edgepose.registry import part
from edgepose.types import Image, Scene, Size

SIZES: Final[tuple[Size, ...]] = ((480, 640), (720, 1280))
CAMERA_FPS: Final = 60.0
WATCHES: Final = (10, 50)  # besides the one of all other rows

DEFAULT: Final = "saturated 640x480, 1 interpreter(s)"
TWO: Final = "saturated 640x480, 2 interpreter(s)"
THREADED: Final = "saturated 640x480, threads: "
CAMERA: Final = "camera 60 fps 640x480"

Measurement = Callable[[], Result]
NewPerception = Callable[[], Perception]


@dataclass(frozen=True, slots=True)
class Bench:
    """What measurements are made of.

    new_perception: given interpreters and watches, return what makes new ones. pictures: of a
    size. clip: a video file. folder: for what outputs write. threaded: what makes perceptions with
    one interpreter of several threads, by their number.
    """

    new_perception: Callable[[int, int], NewPerception]
    pictures: Callable[[Size], Sequence[Image]]
    clip: Path
    folder: Path
    extent: Extent
    threaded: Mapping[int, NewPerception] = field(default_factory=dict)

    def measurements(self, is_full: bool) -> list[Measurement]:
        """Return the measurements; the full ones also vary watches and outputs."""
        return [*self._base(), *(self._full() if is_full else ())]

    def latencies(self) -> dict[str, Curve]:
        """Return how old a frame is by its scene, by a camera's frames a second."""
        images = self.pictures(SIZES[0])
        return latencies(self.new_perception(1, 1), images, self.extent)

    def _base(self) -> Iterator[Measurement]:
        """Yield each size saturated and at a camera's rate, a file, then two interpreters."""
        one, two = self.new_perception(1, 1), self.new_perception(2, 1)
        for size in SIZES:
            images = self.pictures(size)
            label = f"{size[1]}x{size[0]}"
            yield _saturated(f"saturated {label}, 1 interpreter(s)", one, images, self.extent)
            name = f"camera {CAMERA_FPS:g} fps {label}"
            yield partial(latency, name, one, images, CAMERA_FPS, self.extent)
        name = "file to jsonl, decoded, without loss"
        output = self._output("jsonl", **_POSES)
        yield partial(from_file, name, one, self.clip, self.extent, output)
        yield _saturated(TWO, two, self.pictures(SIZES[0]), self.extent)
        for threads, maker in self.threaded.items():
            name = f"{THREADED}{threads}"
            yield _saturated(name, maker, self.pictures(SIZES[0]), self.extent)

    def _full(self) -> Iterator[Measurement]:
        """Yield what more watches, drawing and each output cost, the other end included."""
        images = self.pictures(SIZES[0])
        for count in WATCHES:
            maker = self.new_perception(1, count)
            yield _saturated(f"saturated 640x480, {count} watches", maker, images, self.extent)
        one = self.new_perception(1, 1)
        for name, peer, outputs in self._outputs():
            run = _saturated(f"saturated 640x480, {name}", one, images, self.extent, outputs)
            yield partial(self._beside, peer, run)

    def _beside(self, peer: NewPeer, run: Measurement) -> Result:
        """Measure while a peer runs; what outputs keep goes to the bench's own folder."""
        with peers.own_state(self.folder), peer():
            return run()

    def _outputs(self) -> Iterator[tuple[str, NewPeer, NewOutputs]]:
        """Yield a name, the other end and what makes the output; no broker, no row."""
        host, port = "127.0.0.1", peers.free_port()
        yield "drawing for a 720p screen", nullcontext, lambda: {"screen": MemoryScreen()}
        yield "jsonl", nullcontext, self._output("jsonl", **_POSES)
        yield "recording", nullcontext, self._output("recording", path="bench.rec")
        yield "video", nullcontext, self._output("video", path="bench.mp4")
        yield (
            "gpio, no chip",
            nullcontext,
            self._output("gpio", line=17, chip="fake", when="pose 0"),
        )
        yield "prometheus", nullcontext, self._output("prometheus", host=host, port=port)
        web = self._output("web", port=port, token=peers.TOKEN)
        yield "web, a viewer", partial(peers.viewer, port), web
        webhook = self._output("webhook", url=f"http://{host}:{port}/")
        yield "webhook, a receiver", partial(peers.receiver, port), webhook
        if shutil.which("mosquitto"):
            mqtt = self._output("mqtt", host=host, port=port)
            yield "mqtt, a broker", partial(peers.broker, port), mqtt

    def _output(self, kind: str, **options: Any) -> NewOutputs:
        """Return what makes an output of a type, whose path is in the bench's own folder."""
        if "path" in options:
            options["path"] = self.folder / options["path"]
        found = part("output", kind)
        checked = found.Options.model_validate(options)
        return lambda: {kind: found(checked, Device("bench"))}


NewOutputs = Callable[[], Mapping[str, Output]]
NewPeer = Callable[[], AbstractContextManager[None]]
_POSES: Final[dict[str, Any]] = {"path": "bench.jsonl", "poses": True}


def _saturated(
    name: str,
    maker: NewPerception,
    images: Sequence[Image],
    extent: Extent,
    outputs: NewOutputs | None = None,
) -> Measurement:
    return partial(saturated, name, maker, images, extent, outputs)


class MemoryScreen(Output):
    """A screen in memory: scenes are drawn, scaled and copied as for a display."""

    def __init__(self) -> None:
        self._painter = Painter(HdmiOptions(), Device("bench"), attract=None)
        height, width = parts.SCREEN
        self._target = raster(bytearray(4 * height * width), parts.SCREEN, 4 * width)

    def show(self, scene: Scene) -> None:
        """Draw the scene."""
        write(self._painter.draw(scene, parts.SCREEN), self._target)


def settings(results: Sequence[Result]) -> dict[str, float]:
    """Return frames a second by setting, of what was measured and can be trusted."""
    names = {DEFAULT: "threads: 1", TWO: "threads: 1, workers: 2"}
    names |= {r.name: r.name.split(", ")[1] for r in results if r.name.startswith(THREADED)}
    return {names[r.name]: r.fps for r in results if r.name in names and not r.is_spoilt}


def answer(model: str, results: Sequence[Result]) -> str:
    """Return what a user wants to know, in one line."""
    by_name = {result.name: result for result in results}
    default, camera = by_name[DEFAULT], by_name[CAMERA]
    if default.is_spoilt or camera.is_spoilt:
        return "this machine was too busy to be measured; stop what else runs on it, and try again"
    latency_ms = camera.ratios["latency p50"].median * camera.bare_ms.median
    speeds = settings(results)
    best = max(speeds, key=lambda name: speeds[name])
    return (
        f"this machine: {default.fps:.0f} frames a second with {model}, {latency_ms:.1f} ms from "
        f"camera to event; fastest setting: {best} ({speeds[best]:.0f} frames a second)"
    )


def compared(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, float, float]]:
    """Return (name, old, new) of every figure that both reports have."""
    before, after = _figures(old), _figures(new)
    return [(name, before[name], after[name]) for name in before if name in after]


def _figures(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a report by name. Raises KeyError, TypeError for another JSON."""
    found: dict[str, float] = {}
    for row in report["pipeline"]:
        found |= {f"{row['name']}: {k}": float(v["median"]) for k, v in row["ratios"].items()}
    for group in ("core_ms", "watch_ms", "screen_ms", "memory_mb"):
        found |= {f"{group}: {name}": float(value) for name, value in report.get(group, {}).items()}
    if "start_up_s" in report:
        found["start_up_s"] = float(report["start_up_s"]["median"])
    return found
