"""Model families: pure decoders, recognised from their tensors, never from a file name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from edgepose.core.families.base import Family
from edgepose.core.families.blazepose import BlazePose
from edgepose.core.families.blazepose.family import is_detector
from edgepose.core.families.heatmap import Heatmaps
from edgepose.core.families.movenet import MoveNet
from edgepose.core.families.movenet_multipose import MoveNetMultiPose
from edgepose.core.families.others import other_kind
from edgepose.core.families.posenet import PoseNet
from edgepose.errors import ModelError
from edgepose.types import TensorSpec

FAMILIES: Final[tuple[type[Family], ...]] = (
    MoveNet,
    MoveNetMultiPose,
    PoseNet,
    BlazePose,
    Heatmaps,
)
"""Tried in this order, the strictest first; a new family is one line here."""


def recognise(
    inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], where: str = "the model"
) -> Family:
    """Return a decoder of the first family that knows these tensors.

    where: the model's name or path, for the message. Raises ModelError when no family fits.
    """
    for family in FAMILIES:
        found = family.recognise(inputs, outputs)
        if found is not None:
            return found
    if len(inputs) == 2:
        raise ModelError(
            f"{where}: expected the detector and landmark network of MediaPipe Pose, found two "
            f"networks with the inputs {_describe(inputs)}; use a published pair"
        )
    if is_detector(inputs, outputs):
        raise ModelError(
            f"{where}: the detector of MediaPipe Pose alone; name the landmark model or the .task "
            "file, which bring it in"
        )
    if other := other_kind(inputs, outputs):
        raise ModelError(f"{where}: {other}")
    known = ", ".join(sorted({family.name for family in FAMILIES}))
    raise ModelError(
        f"{where}: expected the tensors of a pose model ({known}), found input "
        f"{_describe(inputs)} and output {_describe(outputs)}; use a model of these families"
    )


def _describe(tensors: Sequence[TensorSpec]) -> str:
    """Return "uint8 1x192x192x3", several separated by commas."""
    return ", ".join(
        f"{spec.dtype} {'x'.join(str(extent) for extent in spec.shape)}" for spec in tensors
    )
