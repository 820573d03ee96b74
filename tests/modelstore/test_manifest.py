"""The manifest holds together: every reference leads somewhere, every fact has its form."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from edgepose.errors import ModelError
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.manifest import Entry, entry, manifest
from edgepose.tflite.info import POSENET_OP
from edgepose.tflite.read import inspect

ENTRIES = tuple(manifest().values())
FAMILIES = {
    "movenet", "multipose", "posenet", "heatmap", "blazepose", "detector", "classifier"
}  # fmt: skip
QUANTISATIONS = {"fp32", "fp16", "int8", "uint8"}


def each_entry() -> pytest.MarkDecorator:
    """Run a test once for every known model."""
    return pytest.mark.parametrize("known", ENTRIES, ids=lambda known: known.name)


@each_entry()
def test_an_entry_has_its_form(known: Entry) -> None:
    """Names, families, sizes, checksums and addresses look as they should."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", known.name)
    assert known.family in FAMILIES
    assert known.quantisation in QUANTISATIONS
    assert known.needs in {"cpu", "edgetpu"}
    assert known.licence in {"Apache-2.0", "unclear"}
    assert all(name.endswith((".tflite", ".task")) and "/" not in name for name in known.files)
    assert re.fullmatch(r"([0-9a-f]{64})?", known.sha256)
    assert re.fullmatch(r"([0-9a-f]{40})?", known.git_blob)
    assert known.input is None or all(0 < extent <= 1300 for extent in known.input)
    assert known.min_score is None or 0 < known.min_score < 1
    assert all(url.startswith("https://") for url in known.urls)


@each_entry()
def test_the_other_build_names_this_one(known: Entry) -> None:
    """Edge TPU and CPU builds refer to each other, and need what they say."""
    if known.edgetpu:
        assert entry(known.edgetpu).cpu == known.name
        assert entry(known.edgetpu).needs == "edgetpu"
        assert entry(known.edgetpu).input == known.input
    if known.cpu:
        assert entry(known.cpu).edgetpu == known.name
    assert (known.needs == "edgetpu") == bool(known.cpu) == known.name.endswith("-edgetpu")


def test_no_two_models_share_a_file_name_or_checksum() -> None:
    """A file on disk can be only one of them."""
    names = Counter(name for known in ENTRIES for name in known.files)
    sums = Counter(value for known in ENTRIES for value in (known.sha256, known.git_blob) if value)
    assert [name for name, count in (names + sums).items() if count > 1] == []


def test_a_model_that_can_be_fetched_can_be_checked() -> None:
    """Few files are published without anybody stating a checksum; they say so."""
    unchecked = [known for known in ENTRIES if known.urls and not known.has_checksum]
    bundles = {f"mediapipe-pose-{size}" for size in ("lite", "full", "heavy")}
    old = {"posenet-100-257-fp32", "yoga-classifier"}
    assert {known.name for known in unchecked} == old | bundles
    assert all("no checksum" in known.note for known in unchecked)


def test_the_models_of_the_field_are_known() -> None:
    """The names that configurations rely on exist."""
    wanted = {
        "movenet-lightning-int8", "movenet-lightning-int8-edgetpu", "movenet-lightning-fp16",
        "movenet-thunder-int8", "movenet-thunder-int8-edgetpu", "movenet-thunder-fp16",
        "movenet-multipose-lightning-fp16", "posenet-100-257-fp32", "posenet-075-353x481",
        "posenet-075-481x641", "posenet-075-721x1281", "efficientpose-rt-lite",
    }  # fmt: skip
    assert wanted <= set(manifest())


def test_an_unknown_name_gets_the_near_miss() -> None:
    """A slip of the finger is answered with the name that was meant."""
    with pytest.raises(ModelError, match="did you mean 'movenet-lightning-int8'"):
        entry("movenet-lightening-int8")


# MediaPipe's two-stage network is on disk before edgepose has a family for it.
NO_FAMILY_YET = {"mediapipe_pose_detection.tflite", "mediapipe_pose_landmark_full.tflite"}


def test_real_files_are_what_the_manifest_says(models: Path) -> None:
    """Checksums, input sizes and the decoder op are true of every model file on disk."""
    files = {path.name: path for path in models.glob("*.tflite")}
    unknown = set(files)
    for known in ENTRIES:
        path = next((files[name] for name in known.files if name in files), None)
        if path is None:
            continue
        info = inspect(path)
        assert fault(path, known) == "", known.name
        assert info.needs_edgetpu == (known.needs == "edgetpu")
        assert (POSENET_OP in info.op_counts) == known.decoder_op
        assert known.input is None or info.inputs[0].shape[1:3] == known.input
        unknown.remove(path.name)
    assert unknown <= NO_FAMILY_YET


@each_entry()
def test_a_detector_is_a_known_model(known: Entry) -> None:
    """What a landmark network needs beside it can be pulled by its name."""
    if known.detector:
        assert entry(known.detector).family == "detector"
