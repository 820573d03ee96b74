"""BlazePose: a detector finds the region of a person, a second network 33 keypoints in it.

V. Bazarevsky et al., "BlazePose: On-device Real-time Body Pose Tracking" (2020), as published in
MediaPipe Pose. One person at a time; the detector only looks while there is nobody to follow. The
17 keypoints of COCO are those of its 33 with the same name; hands and feet are extra keypoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from edgepose.core.crop import Crop, Follower, letterbox
from edgepose.core.families.base import Family
from edgepose.core.families.blazepose.detection import ANCHORS, COORDS, SIDE, best_person
from edgepose.core.families.blazepose.landmarks import (
    ALIGNMENT,
    COCO,
    EXTRA,
    NUMBERS,
    POINTS,
    landmarks,
)
from edgepose.core.families.blazepose.region import FollowedRegion, region_around
from edgepose.core.families.movenet import cleaned
from edgepose.types import Image, Pose, Size, Tensor, TensorSpec

MIN_SCORE: Final = 0.5  # presence of a person in the region, below which MediaPipe drops the pose

_DETECTOR: Final = (-1.0, 1.0)  # what black and white are in the detector's input
_LANDMARKS: Final = (0.0, 1.0)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of both networks, by place: the detector's two, then those of the landmarks."""

    boxes: int
    scores: int
    points: int
    presence: int
    heatmap: int

    @classmethod
    def find(cls, detector: Sequence[TensorSpec], points: Sequence[TensorSpec]) -> Self | None:
        """Return where each output is, None where one is missing."""
        places = (
            _place(detector, (1, len(ANCHORS), COORDS)),
            _place(detector, (1, len(ANCHORS), 1)),
            _place(points, (1, POINTS * NUMBERS)),
            _place(points, (1, 1)),
            next((i for i, spec in enumerate(points) if _is_heatmap(spec)), None),
        )
        return None if None in places else cls(*(place for place in places if place is not None))


def _place(outputs: Sequence[TensorSpec], shape: tuple[int, ...]) -> int | None:
    return next((i for i, spec in enumerate(outputs) if spec.shape == shape), None)


def _is_heatmap(spec: TensorSpec) -> bool:
    return len(spec.shape) == 4 and spec.shape[3] == POINTS


def is_detector(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> bool:
    """Return whether these are the tensors of the person detector alone."""
    shape = (1, len(ANCHORS), COORDS)
    return len(inputs) == 1 and _place(outputs, shape) is not None and _side(inputs[0]) == SIDE


def is_landmark_model(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> bool:
    """Return whether these are the tensors of the landmark network alone."""
    return len(inputs) == 1 and _place(outputs, (1, POINTS * NUMBERS)) is not None


def _side(spec: TensorSpec) -> int:
    """Return the side of a square picture, 0 for any other tensor."""
    shape = spec.shape
    square = len(shape) == 4 and shape[1] == shape[2] and shape[::3] == (1, 3)
    return shape[1] if square else 0


class BlazePose(Family):
    """BlazePose. A pose's score is the network's presence of a person.

    inputs, outputs: of the detector and the landmark network, in this order.
    """

    name: ClassVar[str] = "blazepose"
    known_score: ClassVar[float] = 0.5
    has_extra_keypoints: ClassVar[bool] = True

    def __init__(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], places: Outputs
    ) -> None:
        self.min_score = MIN_SCORE
        self._detector, self._landmarks = inputs
        self._outputs = outputs
        self._places = places
        self._side = _side(self._landmarks)

    @classmethod
    def recognise(cls, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> Self | None:
        """Return a decoder for the two networks, the detector first; None for anything else."""
        if len(inputs) != 2 or _side(inputs[0]) != SIDE or _side(inputs[1]) in (0, SIDE):
            return None
        places = Outputs.find(outputs[:2], outputs[2:])
        return None if places is None else cls(inputs, outputs, places)

    def follower(self) -> Follower:
        """Return a new follower of one person."""
        return FollowedRegion((self._side, self._side))

    def full_frame(self, frame_size: Size) -> Crop:
        """Return the crop that holds the whole frame, for the detector."""
        return Crop(letterbox(frame_size, (SIDE, SIDE)), (SIDE, SIDE))

    def encode(self, pixels: Image) -> Tensor:
        """Return the input tensor: of the detector for pixels of its size, else of the other."""
        if pixels.shape[0] == SIDE:
            return _scaled(pixels, self._detector, *_DETECTOR)
        return _scaled(pixels, self._landmarks, *_LANDMARKS)

    def narrow(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> Crop | None:
        """Return the crop around the person whom the detector found.

        None when it found nobody, and for tensors of the landmark network.
        """
        if crop.size != (SIDE, SIDE):
            return None
        boxes, logits = (self._value(tensors, place) for place in self._detector_places)
        points = best_person(boxes[0], logits[0, :, 0])
        if points is None:
            return None
        in_frame = crop.region.to_frame(np.column_stack([points, np.ones(2)]))[:, :2]
        region = region_around(in_frame * np.array(frame_size), frame_size)
        return None if region is None else Crop(region, (self._side, self._side))

    @property
    def _detector_places(self) -> tuple[int, int]:
        return self._places.boxes, self._places.scores

    def decode(self, tensors: Sequence[Tensor], crop: Crop, frame_size: Size) -> tuple[Pose, ...]:
        """Return the pose of the landmark network; `()` below `min_score`, and for the detector."""
        if crop.size == (SIDE, SIDE):
            return ()
        places = self._places
        score = float(np.nan_to_num(self._point_value(tensors, places.presence)).ravel()[0])
        if score < self.min_score:
            return ()
        flat = self._point_value(tensors, places.points)[0]
        heatmap = self._point_value(tensors, places.heatmap)[0]
        found = cleaned(crop.region.to_frame(landmarks(flat, heatmap, self._side), frame_size))
        next_region = region_around(found[ALIGNMENT, :2] * np.array(frame_size), frame_size)
        return (
            Pose(
                found[COCO],
                min(score, 1.0),
                frame_size,
                extra=found[EXTRA],
                region=next_region,
            ),
        )

    def _point_value(self, tensors: Sequence[Tensor], place: int) -> NDArray[np.float32]:
        """Return an output of the landmark network as real values."""
        return self._outputs[2 + place].dequantise(tensors[place])

    def _value(self, tensors: Sequence[Tensor], place: int) -> NDArray[np.float32]:
        """Return an output of the detector as real values."""
        return self._outputs[place].dequantise(tensors[place])


def _scaled(pixels: Image, spec: TensorSpec, black: float, white: float) -> Tensor:
    """Return (1, height, width, 3) with 0..255 as black..white, quantised where the input is."""
    values = pixels[np.newaxis].astype(np.float32) * np.float32((white - black) / 255)
    values += np.float32(black)
    if not spec.scale:
        return values.astype(spec.dtype, copy=False)
    limits = np.iinfo(spec.dtype)
    steps = np.rint(values / np.float32(spec.scale)) + spec.zero_point
    return steps.clip(limits.min, limits.max).astype(spec.dtype)
