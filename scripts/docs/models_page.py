"""The page that helps to choose a model and a chip: the manifest, and published figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import md

from edgepose.modelstore.manifest import manifest


class _Published(NamedTuple):
    """Figures that others have published: mAP, ms on a Pi 4's CPU, ms on an Edge TPU."""

    accuracy: str = "-"
    pi4: str = "-"
    tpu: str = "-"


_PUBLISHED: Final = {
    "movenet-lightning-int8": _Published("57.4", "95 ms", "7.1 ms"),
    "movenet-lightning-fp16": _Published("63.0", "186 ms"),
    "movenet-thunder-int8": _Published("68.9", "251 ms", "13.8 ms"),
    "movenet-thunder-fp16": _Published("72.0", "594 ms"),
    "posenet-100-257-fp32": _Published("45.6", "338 ms"),
    "posenet-075-353x481": _Published(tpu="5.8 ms"),
    "posenet-075-481x641": _Published(tpu="10.3 ms"),
    "posenet-075-721x1281": _Published(tpu="32.4 ms"),
}
_BAD_AT: Final = {
    "edgepose-nano": "people half hidden, floor exercises",
    "movenet-lightning": "push-ups and sit-ups near the camera, people who lie",
    "movenet-thunder": "slow without an Edge TPU",
    "movenet-multipose": "slow; small people in the distance",
    "posenet": "twisted and lying poses; finds people who are not there",
    "posenet-resnet50": "very slow on a CPU",
    "efficientpose": "a small model of MPII's 16 points: no eyes and ears",
    "mediapipe-pose": "ten times as slow as Lightning; no build for the Edge TPU",
}
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
        "Which one is best on *your* pictures is one command: `edgepose compare "
        "movenet-lightning-int8 edgepose-nano --data clip.mp4`. How fast this machine is: "
        "`edgepose bench`.",
        "## Every model",
        md.table(
            (
                "model",
                "people",
                "input",
                "file",
                "mAP",
                "Pi 4, CPU",
                "Edge TPU",
                "licence",
                "is bad at",
            ),
            _rows(),
        ),
        "mAP and milliseconds of MoveNet and PoseNet 100 are those that "
        "[TensorFlow publishes](https://www.tensorflow.org/lite/examples/pose_estimation/overview) "
        "(COCO, pictures cut to one person; Raspberry Pi 4, four threads); those of the Edge TPU "
        "are [Coral's](https://coral.ai/models/pose-estimation/) (USB Accelerator at a desktop "
        "PC). A dash means that nobody has published a figure. Own figures, which compare the "
        "models on the same pictures, are in [the card of edgepose-nano]"
        "(../../models/edgepose-nano.md#how-good-it-is), [models](../../models/README.md) and "
        "[benchmarks](../benchmarks.md).",
        "Fetch one by its name: `edgepose models pull movenet-thunder-int8`. A licence that is "
        "`unclear` is one that upstream does not state: find out before you ship it.",
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


def _rows() -> Iterator[tuple[str, ...]]:
    for name, entry in manifest().items():
        if (
            entry.needs == "edgetpu"
            or entry.family in ("classifier", "detector")
            or name.endswith("-decoder")
        ):
            continue
        if not entry.urls and name != "edgepose-nano":
            continue
        said = _PUBLISHED.get(name, _Published())
        size = f"{entry.size / 1e6:.1f} MB" if entry.size else "-"
        shape = "x".join(map(str, entry.input or ()))
        tpu = said.tpu if said.tpu != "-" else ("yes" if entry.edgetpu else "-")
        yield (
            md.code(name),
            _PEOPLE[entry.family],
            shape,
            size,
            said.accuracy,
            said.pi4,
            tpu,
            entry.licence,
            _bad(name),
        )


def _bad(name: str) -> str:
    prefix = max((one for one in _BAD_AT if name.startswith(one)), key=len, default="")
    return _BAD_AT.get(prefix, "")
