"""Label recorded frames with a teacher model, keeping only what it predicts twice.

A keypoint counts when the teacher is sure of it and finds it at the same position in the mirrored
picture; a frame counts when enough keypoints do. The result is a COCO-style file with pictures
beside it, so that any annotation tool can correct it before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose import imaging
from edgepose.skeleton import KEYPOINTS, MIRRORED
from edgepose.sources.video import clip_frames
from edgepose.train.data.annotations import cut
from edgepose.train.synth.people import OUTSIDE, VISIBLE
from edgepose.types import Image, Keypoints, Pose, Region

Box = tuple[float, float, float, float]
Estimate = Callable[[Image], tuple[Pose, ...]]
"""Given a picture, return the poses in it, best first: `LoadedModel.estimate`."""

WHOLE: Final = Region(0.0, 0.0, 1.0, 1.0)
SURE: Final = 0.3  # score of a keypoint that is kept
_CROP: Final = 192  # pixels; teachers scale it to their own input
_APART: Final = 0.04  # of the crop's side: how far the mirrored prediction may be
_ROUNDS: Final = 2  # crops that follow the person
_MARGIN: Final = 1.4  # of the person's box
_FEWEST: Final = 9  # sure keypoints of a frame that is kept


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One labelled frame: keypoints float (17, 3) of (y, x, score) in pixels."""

    image: Image
    keypoints: NDArray[np.float64]

    @property
    def sure(self) -> NDArray[np.bool_]:
        """Return which keypoints are reliable."""
        return self.keypoints[:, 2] > SURE


def _predict(estimate: Estimate, image: Image) -> Keypoints:
    poses = estimate(np.ascontiguousarray(image))
    return poses[0].keypoints if poses else np.zeros((17, 3), np.float32)


def _twice(estimate: Estimate, pixels: Image) -> NDArray[np.float64]:
    """Return the teacher's mean prediction (17, 3) for a crop and its mirror, normalised.

    Keypoints at different positions in the two get at most half the score that counts.
    """
    first = _predict(estimate, pixels).astype(float)
    second = _predict(estimate, pixels[:, ::-1])[MIRRORED].astype(float)
    second[:, 1] = 1 - second[:, 1]
    apart = np.linalg.norm(first[:, :2] - second[:, :2], axis=1)
    weights = first[:, 2:] + 1e-3, second[:, 2:] + 1e-3
    place = (first[:, :2] * weights[0] + second[:, :2] * weights[1]) / (weights[0] + weights[1])
    score = (first[:, 2] + second[:, 2]) / 2
    score = np.where(apart > _APART, np.minimum(score, SURE / 2), score)
    return np.concatenate([place, score[:, None]], 1)


def _in_box(estimate: Estimate, image: Image, box: Box) -> NDArray[np.float64]:
    pixels, (scale, y, x) = cut(image, box, _CROP, _MARGIN)
    found = _twice(estimate, pixels)
    found[:, :2] = (found[:, :2] * _CROP - 0.5) * scale + (y, x)
    return found


def label_frame(estimate: Estimate, image: Image) -> Labelled:
    """Return the teacher's prediction for a frame, from crops that close in on the person."""
    height, width = image.shape[:2]
    return close_in(estimate, image, (0.0, 0.0, float(width), float(height)))


def close_in(estimate: Estimate, image: Image, box: Box) -> Labelled:
    """Return the prediction for one person, from crops that begin at `box` and close in.

    box: (x, y, width, height) in pixels.
    """
    best = _in_box(estimate, image, box)
    for _ in range(_ROUNDS):
        near = best[best[:, 2] > SURE - 0.05]
        if len(near) < 5:
            break
        closer = _in_box(estimate, image, box_round(near))
        if closer[:, 2].mean() > best[:, 2].mean() - 0.05:
            best = closer
    return Labelled(image, best)


def box_round(keypoints: NDArray[np.float64]) -> Box:
    """Return the box (x, y, width, height) of keypoints (n, 2 or more) of (y, x)."""
    (top, left), (bottom, right) = keypoints[:, :2].min(0), keypoints[:, :2].max(0)
    return float(left), float(top), float(right - left), float(bottom - top)


def frames_of(path: Path, every: int = 1, region: Region = WHOLE) -> Iterator[Image]:
    """Yield every n-th frame of a clip as RGB, or the same part of each.

    Raises UserError for a file that is not a clip.
    """
    for frame in islice(clip_frames(path), None, None, every):
        yield _part_of(frame.image, region)


def _part_of(image: Image, region: Region) -> Image:
    height, width = image.shape[:2]
    rows = slice(round(region.y * height), round((region.y + region.height) * height))
    columns = slice(round(region.x * width), round((region.x + region.width) * width))
    return np.ascontiguousarray(image[rows, columns])


def label_clip(
    estimate: Estimate, path: Path, every: int = 1, region: Region = WHOLE
) -> Iterator[Labelled]:
    """Yield the frames of a clip that the teacher is sure about. region: of one person in it."""
    for image in frames_of(path, every, region):
        labelled = label_frame(estimate, image)
        if labelled.sure.sum() >= _FEWEST:
            yield labelled


def _annotation(key: int, picture: int, labelled: Labelled) -> dict[str, Any]:
    sure, points = labelled.sure, labelled.keypoints
    flat = [
        [round(float(x), 1), round(float(y), 1), VISIBLE] if known else [0, 0, OUTSIDE]
        for (y, x, _), known in zip(points, sure, strict=True)
    ]
    box = [round(value, 1) for value in box_round(points[sure])]
    return {
        "id": key,
        "image_id": picture,
        "category_id": 1,
        "iscrowd": 0,
        "bbox": box,
        "area": round(box[2] * box[3], 1),
        "num_keypoints": int(sure.sum()),
        "keypoints": [number for point in flat for number in point],
    }


def write_labels(folder: Path, frames: Iterator[Labelled]) -> int:
    """Write frames of one person each as `write_people` does; return their number."""
    return write_people(folder, ([labelled] for labelled in frames))


def write_people(folder: Path, pictures: Iterable[Sequence[Labelled]]) -> int:
    """Write pictures as JPEGs and annotations.json (COCO style); return the number of people.

    pictures: everybody of each, at least one. Keypoints the teacher is not sure of are left out
    (visibility 0) and marked in `info`, so that they are read back as unknown, not as absent.
    """
    folder.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for key, people in enumerate(pictures, start=1):
        name, image = f"{key:06d}.jpg", people[0].image
        imaging.write_image(folder / name, image)
        height, width = image.shape[:2]
        images.append({"id": key, "file_name": name, "height": height, "width": width})
        for labelled in people:
            annotations.append(_annotation(len(annotations) + 1, key, labelled))
    document = {
        "info": {"description": "teacher labels", "unlabelled": "unknown"},
        "categories": [{"id": 1, "name": "person", "keypoints": list(KEYPOINTS)}],
        "images": images,
        "annotations": annotations,
    }
    (folder / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    return len(annotations)
