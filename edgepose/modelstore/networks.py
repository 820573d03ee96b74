"""The networks that a model is made of: one file, or MediaPipe's pair of detector and landmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgepose.core.families.blazepose.family import is_landmark_model
from edgepose.errors import ModelError
from edgepose.modelstore.manifest import manifest
from edgepose.modelstore.search import MissingModel, ModelFile, find, locate
from edgepose.tflite.bundle import is_bundle, members
from edgepose.tflite.read import inspect

DETECTOR: Final = "mediapipe-pose-detector"  # of every landmark network that names no other


def networks(model: ModelFile, detector: Path | None = None) -> tuple[Path, ...]:
    """Return the files of a model's networks, in the order in which they run.

    detector: the configured one, for a landmark network. Raises ModelError for a bundle that is
    damaged, a detector that is missing, and one that the model does not need.
    """
    if is_bundle(model.path):
        _refuse(detector, model)
        return members(model.path)
    needed = needed_detector(model)
    if not needed:
        _refuse(detector, model)
        return (model.path,)
    return (detector or _find_detector(needed, model), model.path)


def needed_detector(model: ModelFile) -> str:
    """Return the name of the detector that a model needs beside its file, `""` for none."""
    if model.entry is not None:
        return model.entry.detector
    try:
        inside = inspect(model.path)
    except ModelError:  # reported by what loads it
        return ""
    inputs, outputs = ([tensor.spec for tensor in side] for side in (inside.inputs, inside.outputs))
    return DETECTOR if is_landmark_model(inputs, outputs) else ""


def _refuse(detector: Path | None, model: ModelFile) -> None:
    if detector is not None:
        raise ModelError(
            f"model.detector: {model.name} needs none beside it, found {detector}; remove the line"
        )


def _find_detector(name: str, model: ModelFile) -> Path:
    """Return the detector beside the model's file, or on the search path."""
    known = manifest()[name]
    beside = (model.path.with_name(file) for file in known.files)
    found = next((path for path in beside if path.is_file()), None) or locate(known)
    if found is not None:
        return found
    try:
        return find(name).path
    except MissingModel as error:
        raise MissingModel(
            f"{model.path}: the landmark model of MediaPipe Pose, without its detector",
            f"fetch it: edgepose models pull {name}, or name its file as model.detector",
        ) from error
