"""Check which networks a model is made of, and what is said of broken and incomplete ones."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest

from edgepose.errors import ModelError
from edgepose.modelstore.checksum import fault
from edgepose.modelstore.manifest import entry
from edgepose.modelstore.networks import networks
from edgepose.modelstore.search import ModelFile
from edgepose.tflite.bundle import DETECTOR, LANDMARKS, read_member

MODEL = b"\0\0\0\0TFL3" + bytes(range(256)) * 40


def bundle(path: Path, members: dict[str, bytes], packing: int = zipfile.ZIP_STORED) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_bundle_holds_two_networks(tmp_path: Path, packing: int) -> None:
    """The detector runs first; both can be read, however they are packed."""
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL + b"2", DETECTOR: MODEL}, packing)
    detector, landmarks = networks(ModelFile(path))
    assert read_member(detector) == MODEL
    assert read_member(landmarks) == MODEL + b"2"
    assert fault(path, entry("mediapipe-pose-full")) == ""


def test_the_bundle_of_another_task_is_refused(tmp_path: Path) -> None:
    """Say what is in it."""
    path = bundle(tmp_path / "hand.task", {"hand_detector.tflite": MODEL})
    with pytest.raises(ModelError, match="in the bundle, found hand_detector"):
        networks(ModelFile(path))


def test_a_bundle_cut_short_is_damaged(tmp_path: Path) -> None:
    """The end of a zip file has its list of contents."""
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL, DETECTOR: MODEL})
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(ModelError, match=r"pose.task: the bundle is damaged or cut short"):
        networks(ModelFile(path))
    assert fault(path, entry("mediapipe-pose-full")).startswith("a bundle that is damaged")


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_bundle_with_damage_inside_is_damaged(tmp_path: Path, packing: int) -> None:
    """The checksums of the zip file tell."""
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL, DETECTOR: MODEL}, packing)
    data = bytearray(path.read_bytes())
    data[80:110] = bytes(30)
    path.write_bytes(data)
    with pytest.raises(ModelError, match="the bundle is damaged or cut short"):
        read_member(path / LANDMARKS)


@pytest.mark.parametrize("packing", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_bundle_whose_packing_has_no_bound_is_damaged(tmp_path: Path, packing: int) -> None:
    """`zipfile` would unpack all of it into memory, whatever size the directory says."""
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL, DETECTOR: MODEL}, packing)
    with pytest.raises(ModelError, match="the bundle is damaged or cut short"):
        read_member(path / DETECTOR)


def test_a_bundle_of_thousands_of_entries_is_damaged(tmp_path: Path) -> None:
    """`zipfile` would take 400 bytes of memory for each."""
    more = {f"{number:060}": b"" for number in range(1200)}
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL, DETECTOR: MODEL} | more)
    with pytest.raises(ModelError, match="the bundle is damaged or cut short"):
        networks(ModelFile(path))


def test_a_bundle_with_something_else_inside_is_damaged(tmp_path: Path) -> None:
    """A web page under a model's name."""
    path = bundle(tmp_path / "pose.task", {LANDMARKS: b"<html>", DETECTOR: MODEL})
    with pytest.raises(ModelError, match="the bundle is damaged"):
        read_member(path / LANDMARKS)


@pytest.fixture
def pair(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return MediaPipe's files, the detector first, alone in the world."""
    monkeypatch.delenv("EDGEPOSE_MODEL_PATH", raising=False)
    (tmp_path / "own").mkdir()
    files = (
        models / "mediapipe_pose_detection.tflite",
        models / "mediapipe_pose_landmark_full.tflite",
    )
    for file in files:
        shutil.copyfile(file, tmp_path / "own" / file.name)
    detector, landmarks = (tmp_path / "own" / file.name for file in files)
    return detector, landmarks


def test_the_detector_lies_beside_the_landmark_model(pair: tuple[Path, Path]) -> None:
    """Whether the landmark model is known or recognised by its tensors."""
    detector, landmarks = pair
    assert networks(ModelFile(landmarks)) == (detector, landmarks)
    known = entry("mediapipe-pose-landmark-full")
    assert networks(ModelFile(landmarks, known)) == (detector, landmarks)


def test_a_configured_detector_is_used(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """Wherever it is."""
    detector, landmarks = pair
    own = detector.rename(tmp_path / "my.tflite")
    assert networks(ModelFile(landmarks), own) == (own, landmarks)


def test_a_missing_detector_is_named_with_the_way_out(pair: tuple[Path, Path]) -> None:
    """Pull it, or name it."""
    detector, landmarks = pair
    detector.unlink()
    with pytest.raises(ModelError, match="without its detector; fetch it: edgepose models pull"):
        networks(ModelFile(landmarks))


def test_a_detector_that_is_not_needed_is_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    """No option does nothing."""
    detector, _ = pair
    path = bundle(tmp_path / "pose.task", {LANDMARKS: MODEL, DETECTOR: MODEL})
    for model in (path, detector):
        with pytest.raises(ModelError, match=r"model\.detector: .* needs none beside it"):
            networks(ModelFile(model), detector)
