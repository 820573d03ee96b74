"""The page that helps to choose a model and a chip: the manifest, and published figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import md

from edgepose.modelstore.manifest import Entry, manifest


class _Speed(NamedTuple):
    """Milliseconds of an inference that others have published, on a Pi 4 and on an Edge TPU."""

    pi4: str = "-"
    tpu: str = "-"


_PUBLISHED: Final = {
    "movenet-lightning-int8": _Speed("95 ms", "7.1 ms"),
    "movenet-lightning-fp16": _Speed("186 ms"),
    "movenet-thunder-int8": _Speed("251 ms", "13.8 ms"),
    "movenet-thunder-fp16": _Speed("594 ms"),
    "posenet-100-257-fp32": _Speed("338 ms"),
    "posenet-075-353x481": _Speed(tpu="5.8 ms"),
    "posenet-075-481x641": _Speed(tpu="10.3 ms"),
    "posenet-075-721x1281": _Speed(tpu="32.4 ms"),
}
_FAMILIES: Final = (
    ("`movenet-lightning`", "one person who stands, fast", "push-ups and sit-ups near the camera, "
     "people who lie"),
    ("`movenet-thunder`", "one person, exactly", "slow without an Edge TPU"),
    ("`movenet-multipose`", "several people who stand", "slow; small people in the distance"),
    ("`posenet-075`", "several people on an Edge TPU", "twisted and lying poses; finds people who "
     "are not there"),
    ("`posenet-resnet50`", "the same, a larger network", "very slow on a CPU"),
    ("`mediapipe-pose`", "the floor, hands and feet; shakes least", "ten times as slow as "
     "Lightning; no build for the Edge TPU"),
    ("`edgepose-nano`", "is in the box, faster than Lightning", "people half hidden, from behind, "
     "on the floor"),
    ("`efficientpose-rt-lite`", "small", "16 points of MPII: no eyes and ears"),
)  # fmt: skip
_PEOPLE: Final = {
    "movenet": "1",
    "multipose": "6",
    "posenet": "20",
    "heatmap": "1",
    "blazepose": "1",
}
_CHOICES: Final = (
    ("one person, a Pi 4 or 5, no other chip", "`movenet-lightning-int8`"),
    ("one person, with an Edge TPU", "`movenet-thunder-int8`, and `movenet-thunder-int8-edgetpu` "
     "beside it"),
    ("several people", "`movenet-multipose-lightning-fp16`; with an Edge TPU "
     "`posenet-075-481x641`"),
    ("slow exercise on the floor, hands or feet", "`mediapipe-pose-full`"),
    ("nothing can be downloaded", "`edgepose-nano`, which comes with edgepose"),
    ("your room, your people, your angle", "[train your own](../training.md#your-own-kiosk)"),
)  # fmt: skip


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`."""
    text = md.page(
        "Models and chips",
        md.table(("you have", "take"), _CHOICES),
        "`edgepose models recommend` measures this machine and names one. Which one is best on "
        "*your* pictures says `edgepose compare movenet-lightning-int8 edgepose-nano --data "
        "clip.mp4`.",
        "## Every model",
        md.table(("model", "people", "input", "file", "mAP", "Pi 4, CPU", "Edge TPU"), _rows()),
        "mAP and milliseconds of MoveNet and PoseNet 100 are those that "
        "[TensorFlow publishes](https://www.tensorflow.org/lite/examples/pose_estimation/overview) "
        "(COCO, pictures cut to one person; Raspberry Pi 4, four threads); those of the Edge TPU "
        "are [Coral's](https://coral.ai/models/pose-estimation/) (USB Accelerator at a desktop "
        "PC). A dash: no published figure was found. Own figures, which compare the "
        "models on the same pictures, are in [the card of edgepose-nano]"
        "(../../models/edgepose-nano.md#how-good-it-is), [models](../../models/README.md) and "
        "[benchmarks](../benchmarks.md#published-latencies-and-ours).",
        "Fetch one by its name: `edgepose models pull movenet-thunder-int8`. All are Apache-2.0, "
        f"except {_unclear()}: its licence is not stated upstream; find out before you ship it.",
        "## What each is good and bad at",
        "![The same four pictures, seen by four models](models-by-eye.png)",
        "Drawn people, which edgepose-nano was trained on: on photos it is further behind. "
        "`edgepose compare --sheet` makes such a sheet of your own pictures.",
        md.table(("family", "good at", "bad at"), _FAMILIES),
        "## Edge TPU: which interpreter with which library",
        _PAIRS,
        md.table(("interpreter", "library", "what is reported"), _REPORTS),
        "Sources, and how the choice can be forced: "
        "[Install](../install.md#coral-edge-tpu-which-library). Tested with libraries that stand "
        "in for Google's, not with a chip. `edgepose doctor` names the pair that runs.",
        "## Chips",
        md.table(("chip", "Lightning int8 takes", "is bad at"), _CHIPS),
    )
    return {"choose/models.md": text}


_PAIRS: Final = """\
The chip's library is built against one version of TFLite, and can crash with another. edgepose
tries each installed interpreter with each copy of the library in a child process, takes the first
pair that lives, and tries it first at the next start. Nothing needs to be set."""
_REPORTS: Final = (
    ("`ai-edge-litert` 2.x", "[feranick/libedgetpu](https://github.com/feranick/libedgetpu/releases)"
     ", for TensorFlow 2.19", "works, says its maintainer"),
    ("`tflite-runtime` 2.14 (Python 3.11, numpy 1)", "Google's `libedgetpu1-std` 16.0", "crashes "
     "with TFLite 2.12 and later, in field reports"),
    ("`tensorflow`", "the same two", "as above"),
)  # fmt: skip
_CHIPS: Final = (
    ("Raspberry Pi 4", "95 ms, published", "Thunder at more than four frames a second"),
    ("Raspberry Pi 5", "not published, not measured: `edgepose bench`", "a PCIe Edge TPU there "
     "needs 4 KiB pages (`kernel=kernel8.img`)"),
    ("Coral USB Accelerator", "7.1 ms, published (at a PC)", "USB 2 ports and hubs; MediaPipe and "
     "MultiPose have no build for it"),
    ("x86 server, one thread", "2.4 ms, [own](../benchmarks.md#times)", "pins: it needs a USB GPIO "
     "chip"),
)  # fmt: skip


def _shown() -> list[Entry]:
    """Return the pose models that run on a CPU, are published, and are no double of another."""
    return [
        entry
        for name, entry in manifest().items()
        if entry.needs != "edgetpu"
        and entry.family in _PEOPLE
        and not name.endswith("-decoder")
        and (entry.urls or name == "edgepose-nano")
    ]


def _rows() -> Iterator[tuple[str, ...]]:
    for entry in _shown():
        speed = _PUBLISHED.get(entry.name, _Speed())
        size = f"{entry.size / 1e6:.1f} MB" if entry.size else "-"
        shape = "x".join(map(str, entry.input or ()))
        tpu = speed.tpu if speed.tpu != "-" or not entry.edgetpu else "yes"
        accuracy = f"{entry.accuracy:.1f}" if entry.accuracy else "-"
        people = _PEOPLE[entry.family]
        yield md.code(entry.name), people, shape, size, accuracy, speed.pi4, tpu


def _unclear() -> str:
    return md.codes(entry.name for entry in _shown() if entry.licence != "Apache-2.0")
