"""Write equal-sized, person-centred crops of an annotated data set, with everybody's keypoints."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose import imaging
from edgepose.errors import DeviceError, UserError, error_text
from edgepose.train.data.annotations import UNKNOWN, PersonCrop, Picture, extent, person_crops
from edgepose.train.synth.people import OUTSIDE

SIZE: Final = 368  # pixels, as Convolutional Pose Machines take them
MARGIN: Final = 1.6  # of a person's box: room to turn, shift and scale when trained on


def write_crops(
    pictures: Sequence[Picture],
    folder: Path,
    size: int = SIZE,
    margin: float = MARGIN,
    progress: Callable[[], None] = lambda: None,
) -> int:
    """Write a JPEG for each person and annotations.json (COCO style); return their number.

    The person whose crop it is comes first and has the box in its middle; others follow, marked as
    `beside`, with the keypoints that are inside. The names of the keypoints are the data set's own.
    progress: called after each picture. Raises UserError for pictures of different schemes and
    where nobody is, DeviceError when the folder can't be written.
    """
    scheme = _scheme(pictures)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for picture in pictures:
            for crop in person_crops(picture, size, margin, parts=True):
                key = len(images) + 1
                name = f"{key:06d}-{picture.path.stem}.jpg"
                imaging.write_image(folder / name, crop.image)
                images.append({"id": key, "file_name": name, "height": size, "width": size})
                annotations += _annotations(crop, key, len(annotations) + 1, size / margin)
            progress()
        document = _document(scheme, images, annotations, pictures)
        (folder / "annotations.json").write_text(json.dumps(document), encoding="utf-8")
    except OSError as error:
        raise DeviceError(f"{folder}: can't be written ({error_text(error)})") from error
    if not images:
        raise UserError("nobody with keypoints in the data; no crop was written")
    return len(images)


def _scheme(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """Return the names of the keypoints of all pictures."""
    schemes = {picture.scheme for picture in pictures if picture.people}
    if len(schemes) != 1:
        raise UserError(f"expected people of one scheme of keypoints, found {len(schemes)} schemes")
    return schemes.pop()


def _annotations(crop: PersonCrop, key: int, first: int, side: float) -> list[dict[str, Any]]:
    """Return everyone in a crop who has a keypoint in it. side: of the middle person's box."""
    size = crop.image.shape[0]
    middle = [(size - side) / 2] * 2 + [side] * 2
    rows = zip(crop.keypoints, crop.visible, strict=True)
    found = [
        _annotation(points, visible, middle if index == 0 else None) | {"beside": int(index > 0)}
        for index, (points, visible) in enumerate(rows)
        if index == 0 or (visible > OUTSIDE).any()
    ]
    same = {"image_id": key, "category_id": 1, "iscrowd": 0}
    return [{"id": first + offset, **same, **one} for offset, one in enumerate(found)]


def _annotation(points: Any, visible: Any, box: list[float] | None) -> dict[str, Any]:
    known = visible > OUTSIDE
    area, around = extent(points, known)
    flat = [
        number
        for (y, x), state in zip(points, visible, strict=True)
        for number in ((_rounded(x), _rounded(y), int(state)) if state > OUTSIDE else (0, 0, 0))
    ]
    return {
        "bbox": [_rounded(edge) for edge in box or around],
        "area": _rounded(area),
        "num_keypoints": int(known.sum()),
        "keypoints": flat,
    }


def _rounded(value: float) -> float:
    return round(float(value), 2)


def _document(
    scheme: Sequence[str],
    images: list[dict[str, Any]],
    annotations: list[dict[str, Any]],
    pictures: Sequence[Picture],
) -> dict[str, Any]:
    unsure = any(np.any(p.parts_visible == UNKNOWN) for one in pictures for p in one.people)
    return {
        "info": {"description": "person-centred crops"}
        | ({"unlabelled": "unknown"} if unsure else {}),
        "categories": [{"id": 1, "name": "person", "keypoints": list(scheme)}],
        "images": images,
        "annotations": annotations,
    }
