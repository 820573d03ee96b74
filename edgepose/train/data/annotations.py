"""Annotated pictures of COCO-style and MPII-style files, and crops around their people.

Everything is converted to COCO-17; keypoints that a file's scheme lacks are UNKNOWN. The MPII
scheme is kept too, for networks of 16 parts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose import imaging, jsonio
from edgepose.errors import UserError
from edgepose.skeleton import INDEX, KEYPOINTS, MPII_PARTS
from edgepose.system import plain_file
from edgepose.train.data.mpii import read_mpii
from edgepose.train.synth.people import HIDDEN, OUTSIDE, VISIBLE, Sample
from edgepose.types import Image, Size

UNKNOWN: Final = -1  # visibility of a keypoint that nobody annotated

_MPII_UNIT: Final = 200.0  # pixels: MPII's scale is the person's height over this
_WIDE: Final = 1.6
IN_MEMORY: Final = 4096  # people: 0.8 GB at 256 pixels
_MARGIN: Final = 1.25  # of an annotated box, as COCO's and MPII's baselines crop
_FARTHEST: Final = 1_000_000  # pixels; no picture of people is so large


@dataclass(frozen=True, slots=True, eq=False)
class AnnotatedPerson:
    """One annotated person.

    keypoints: float (17, 2) of (y, x) pixels. visible: int8 (17,), COCO's 0 to 2 or UNKNOWN.
    box: (x, y, width, height). area: of the segment, square pixels. crowd: a group, not one.
    parts, parts_visible: the same in the file's own scheme. beside: somebody in the crop of another
    person, who has a crop of their own.
    """

    keypoints: NDArray[np.float32]
    visible: NDArray[np.int8]
    box: tuple[float, float, float, float]
    area: float
    crowd: bool
    parts: NDArray[np.float32]
    parts_visible: NDArray[np.int8]
    beside: bool = False

    @property
    def known(self) -> NDArray[np.bool_]:
        """Return which keypoints were annotated with a position."""
        return self.visible > OUTSIDE


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One annotated picture.

    key: the file's id of it. scheme: names of the parts. size: the (height, width) that the
    annotations are meant for, None where the file doesn't say.
    """

    path: Path
    key: int | str
    people: tuple[AnnotatedPerson, ...]
    scheme: tuple[str, ...] = KEYPOINTS
    size: Size | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PersonCrop:
    """A square around one person with everyone in it, that person first.

    image: uint8 (size, size, 3). keypoints: (people, k, 2) of (y, x) pixels. visible: (people, k).
    to_picture: (scale, y, x): picture pixels are crop pixels * scale + (y, x).
    """

    image: Image
    keypoints: NDArray[np.float32]
    visible: NDArray[np.int8]
    to_picture: tuple[float, float, float]

    def sample(self) -> Sample:
        """Return the crop as a training sample of its first person."""
        return Sample(self.image, self.keypoints[0], self.visible[0])


def read_annotations(
    path: Path, images: Path | None = None, *, need_images: bool = True
) -> tuple[Picture, ...]:
    """Return the pictures of a COCO-style or MPII-style JSON file, or of MPII's own .mat file.

    images: folder of the pictures, the file's own by default. Raises UserError for a file that
    is neither, and for missing pictures unless they are not needed.
    """
    folder = images or path.parent
    document = read_mpii(path) if path.suffix.lower() == ".mat" else _load(path)
    try:
        pictures = _pictures(document, folder)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from error
    except (AttributeError, KeyError, OverflowError, TypeError) as error:
        raise UserError(f"{path}: {_EXPECTED}, found damage in it ({error!r})") from error
    for picture in pictures:
        if need_images and not picture.path.is_file():
            raise UserError(f"{picture.path}: named in {path}, but missing; use --images FOLDER")
    return pictures


def _pictures(document: Any, folder: Path) -> tuple[Picture, ...]:
    if isinstance(document, dict) and {"images", "annotations"} <= document.keys():
        return tuple(_Coco(document, folder).pictures())
    if isinstance(document, list) and all("joints" in entry for entry in document):
        return tuple(_mpii(document, folder))
    raise ValueError(f"{_EXPECTED}; convert the file to one of them")


_EXPECTED: Final = "expected COCO's images and annotations, or MPII's list of joints"


def _load(path: Path) -> Any:
    try:
        return jsonio.loads(plain_file.read(path).decode("utf-8-sig"))  # Windows tools write a BOM
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{path}: is not JSON ({error})") from error


def _as_coco(
    names: tuple[str, ...], parts: NDArray[np.float32], visible: NDArray[np.int8]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return COCO-17 keypoints of another scheme's parts; missing ones are UNKNOWN."""
    keypoints, states = np.zeros((17, 2), np.float32), np.full(17, UNKNOWN, np.int8)
    for row, name in enumerate(names):
        if name in INDEX:
            keypoints[INDEX[name]], states[INDEX[name]] = parts[row], visible[row]
    return keypoints, states


def _person(
    names: tuple[str, ...],
    parts: NDArray[np.float32],
    visible: NDArray[np.int8],
    entry: dict[str, Any],
) -> AnnotatedPerson:
    keypoints, states = _as_coco(names, parts, visible)
    area, box = extent(parts, visible > OUTSIDE)
    given = tuple(map(_finite, entry.get("bbox") or ()))
    if len(given) not in (0, 4):
        raise ValueError(f"expected bbox: [x, y, width, height], found {len(given)} numbers")
    if given and max(map(abs, given)) > _FARTHEST:
        raise ValueError(f"expected bbox within {_FARTHEST} pixels, found {max(given, key=abs):g}")
    if len(given) == 4 and min(given[2:]) > 0:
        box = given
        area = given[2] * given[3]
    area = _finite(entry.get("area") or 0) or area
    crowd = bool(entry.get("iscrowd", 0))
    beside = bool(entry.get("beside", 0))
    return AnnotatedPerson(keypoints, states, box, area, crowd, parts, visible, beside)


def _finite(value: Any) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"expected a number, found {value!r:.40}")
    return float(value)


class _Coco:
    """A document in COCO's form, as many tools write it."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        self._document = document
        self._folder = folder
        self._schemes = _schemes(document.get("categories") or [{"id": None}])
        self._unsure = (document.get("info") or {}).get("unlabelled") == "unknown"

    def pictures(self) -> Iterator[Picture]:
        """Yield the pictures with their people. Raises ValueError or KeyError for damage."""
        people: dict[str, list[AnnotatedPerson]] = {}
        schemes: dict[str, tuple[str, ...]] = {}
        for entry in self._document["annotations"]:
            names = self._scheme_of(entry)
            if names is not None:  # a ball, a dog, a car
                key = str(entry["image_id"])  # some tools write it as text in one place only
                people.setdefault(key, []).append(self._person(names, entry))
                schemes[key] = names
        for image in self._document["images"]:
            key = str(image["id"])
            found, names = tuple(people.pop(key, ())), schemes.get(key, KEYPOINTS)
            path = _found(self._folder, str(image["file_name"]))
            yield Picture(path, image["id"], found, names, _size(image))
        if len(people) == len(schemes) > 0:
            raise ValueError(f"annotates image_id {next(iter(people))}, which is no image in it")

    def _scheme_of(self, entry: dict[str, Any]) -> tuple[str, ...] | None:
        """Return the names of an annotation's keypoints, None where it is of something else."""
        if "category_id" in entry and entry["category_id"] in self._schemes:
            return self._schemes[entry["category_id"]]
        return next((names for names in self._schemes.values() if names), None)

    def _person(self, names: tuple[str, ...], entry: dict[str, Any]) -> AnnotatedPerson:
        flat = entry.get("keypoints") or [0] * 3 * len(names)
        if len(flat) != 3 * len(names):
            raise ValueError(
                f"annotation {entry.get('id', '?')}: expected x, y and visibility of "
                f"{len(names)} keypoints, found {len(flat)} numbers"
            )
        rows = np.array([_finite(value) for value in flat], np.float32).reshape(-1, 3)
        visible = np.clip(np.ceil(rows[:, 2]), OUTSIDE, VISIBLE).astype(np.int8)
        visible[(visible == OUTSIDE) & self._unsure] = UNKNOWN
        return _person(names, rows[:, 1::-1].copy(), visible, entry)


def _schemes(categories: list[dict[str, Any]]) -> dict[Any, tuple[str, ...] | None]:
    """Return the names of keypoints by category; None for one that is no person.

    Raises ValueError if no category has a keypoint of COCO's by a name that can be known.
    """
    persons = [one for one in categories if str(one.get("name")).lower() == "person"]
    persons = persons or [one for one in categories if one.get("keypoints")] or categories[:1]
    schemes: dict[Any, tuple[str, ...] | None] = {one.get("id"): None for one in categories}
    for one in persons:
        schemes[one.get("id")] = tuple(map(_named, one.get("keypoints") or KEYPOINTS))
    names = [name for scheme in schemes.values() if scheme for name in scheme]
    if not INDEX.keys() & set(names):
        raise ValueError(
            f"expected keypoints called as in COCO ({', '.join(KEYPOINTS[:6])} ...), "
            f"found {', '.join(names[:6])}; rename them in `categories`"
        )
    return schemes


_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SIDES: Final = {"l": "left", "r": "right"}


def _named(name: str) -> str:
    """Return a keypoint's name as COCO writes it: `Left Shoulder` and `LShoulder` alike."""
    words = [_SIDES.get(word.lower(), word.lower()) for word in _WORDS.findall(str(name))]
    words.sort(key=lambda word: word not in _SIDES.values())  # the side first
    plain = "_".join(words)
    return plain if plain in INDEX else str(name)


def _found(folder: Path, name: str) -> Path:
    """Return where a picture is: as the file names it, or right in the folder."""
    named = folder / name.replace("\\", "/")
    flat = folder / named.name
    return flat if not named.is_file() and flat.is_file() else named


def _size(image: dict[str, Any]) -> Size | None:
    """Return the (height, width) that the file gives a picture, None where it gives none."""
    height, width = (int(image.get(side) or 0) for side in ("height", "width"))
    return (height, width) if height > 0 and width > 0 else None


def extent(points: Any, known: Any) -> tuple[float, tuple[float, float, float, float]]:
    """Return (area, box) of a person from known keypoints (n, 2) of (y, x).

    About 0.6 of a box is body; a person in profile is still a quarter as wide as tall.
    """
    some = np.asarray(points, float)[known] if np.any(known) else np.zeros((1, 2))
    (top, left), (bottom, right) = some.min(0), some.max(0)
    height, width = bottom - top, right - left
    area = max(0.6 * height * width, (0.25 * max(height, width)) ** 2)
    return float(area), (float(left), float(top), float(width), float(height))


def _mpii_person(entry: dict[str, Any]) -> AnnotatedPerson:
    parts = np.array(entry["joints"], np.float32)[:, ::-1].copy()
    placed = (parts > 0).any(1)
    seen = np.array(entry["joints_vis"]) > 0
    visible = np.where(placed, np.where(seen, VISIBLE, HIDDEN), OUTSIDE).astype(np.int8)
    x, y = entry["center"]
    side = float(entry["scale"]) * _MPII_UNIT
    box = (x - side / 2, y - side / 2, side, side)
    area, _ = extent(parts, placed)  # MPII marks no segments, and its scale is generous
    return _person(MPII_PARTS, parts, visible, {"bbox": box, "area": area})


def _mpii(document: list[dict[str, Any]], folder: Path) -> Iterator[Picture]:
    people: dict[str, list[AnnotatedPerson]] = {}
    for entry in document:
        people.setdefault(entry["image"], []).append(_mpii_person(entry))
    for name, found in people.items():
        yield Picture(folder / name, name, tuple(found), MPII_PARTS)


def cut(
    image: Image, box: tuple[float, float, float, float], size: int, margin: float = _MARGIN
) -> tuple[Image, tuple[float, float, float]]:
    """Return a square around a box (x, y, width, height), black outside, and its mapping back.

    The second value is (scale, y, x): picture pixels are crop pixels * scale + (y, x), pixel
    centres at integers. Pictures are shrunk without aliasing.
    """
    x, y, width, height = box
    side = max(width, height, 2.0) * margin
    top, left = y + height / 2 - side / 2, x + width / 2 - side / 2
    scale = side / size
    matrix = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
    shrink = max(min(1.0, 1.5 / scale), 1 / min(image.shape[:2]))
    source, grown = image, matrix
    if shrink < 1.0:
        small = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        source = np.asarray(small, np.uint8)
        grown = matrix * shrink
        grown[:, 2] += (shrink - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    pixels = cv2.warpAffine(source, grown, (size, size), flags=flags)
    return np.asarray(pixels, np.uint8), (scale, float(matrix[1, 2]), float(matrix[0, 2]))


def load_picture(picture: Picture) -> tuple[Image, Picture]:
    """Return a picture's pixels, and its people in them.

    Tools that shrink pictures leave the annotations as they were: those are scaled by the size
    that the file gives. Raises UserError where the picture has another shape than that.
    """
    image = imaging.read_image(picture.path)
    height, width = image.shape[:2]
    noted = picture.size
    if noted is None or noted == (height, width):
        return image, picture
    scale = height / noted[0]
    if abs(width - noted[1] * scale) > 1 + 0.01 * width:
        raise UserError(
            f"{picture.path}: {height} rows of {width} pixels, but annotated as {noted[0]} rows "
            f"of {noted[1]}; give the pictures that were annotated, with --images FOLDER"
        )
    return image, replace(picture, people=tuple(_scaled(one, scale) for one in picture.people))


def _scaled(person: AnnotatedPerson, scale: float) -> AnnotatedPerson:
    x, y, width, height = (edge * scale for edge in person.box)
    return replace(
        person,
        keypoints=person.keypoints * np.float32(scale),
        parts=person.parts * np.float32(scale),
        box=(x, y, width, height),
        area=person.area * scale**2,
    )


def person_crops(
    picture: Picture, size: int, margin: float = _MARGIN, *, parts: bool = False
) -> Iterator[PersonCrop]:
    """Yield a crop of every person with at least one known keypoint, crowds left out.

    parts: in the file's own scheme instead of COCO-17.
    """
    image, picture = load_picture(picture)
    for index in people_with_keypoints(picture):
        yield _crop(image, picture, index, size, margin, parts=parts)


def people_with_keypoints(picture: Picture) -> Iterator[int]:
    """Yield the index of every person with a known keypoint, without crowds and who is beside."""
    for index, person in enumerate(picture.people):
        if not person.crowd and not person.beside and person.known.any():
            yield index


def _crop(
    image: Image, picture: Picture, index: int, size: int, margin: float, *, parts: bool
) -> PersonCrop:
    """Return the crop of one person, with everybody who is in it."""
    person = picture.people[index]
    others = picture.people[:index] + picture.people[index + 1 :]
    everybody = (person, *(p for p in others if not p.crowd))
    pixels, back = cut(image, person.box, size, margin)
    points = np.stack([p.parts if parts else p.keypoints for p in everybody])
    visible = np.stack([p.parts_visible if parts else p.visible for p in everybody])
    placed = ((points - back[1:]) / back[0]).astype(np.float32)
    outside = ((placed < -0.5) | (placed >= size - 0.5)).any(-1) & (visible > OUTSIDE)
    return PersonCrop(pixels, placed, np.where(outside, OUTSIDE, visible).astype(np.int8), back)


@dataclass(frozen=True, slots=True, eq=False)
class SamplesOnDisk(Sequence[Sample]):
    """Training samples of many annotated people, each read when it is drawn.

    people: (picture, index of the person in it).
    """

    people: Sequence[tuple[Picture, int]]
    size: int
    parts: bool

    def __len__(self) -> int:
        """Return the number of people."""
        return len(self.people)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> SamplesOnDisk: ...
    def __getitem__(self, index: int | slice) -> Sample | SamplesOnDisk:
        """Return one sample, cut out of its picture."""
        if isinstance(index, slice):
            return replace(self, people=self.people[index])
        picture, person = self.people[index]
        image, picture = load_picture(picture)
        return _crop(image, picture, person, self.size, _WIDE, parts=self.parts).sample()


def samples_of(
    pictures: Iterable[Picture], size: int, scheme: str = "coco", most: int = IN_MEMORY
) -> Sequence[Sample]:
    """Return training samples of all annotated people; a wide margin leaves room to augment.

    scheme: "coco" or "mpii". More than `most` people stay on disk. Raises UserError for "mpii" when
    a file has other parts.
    """
    pictures, parts = list(pictures), scheme == "mpii"
    for picture in pictures:
        if parts and picture.scheme != MPII_PARTS:
            raise UserError(
                f"{picture.path.parent}: annotated with {len(picture.scheme)} keypoints that are "
                "not MPII's 16 parts; give MPII-style annotations, or train with --parts coco"
            )
    people = [(picture, index) for picture in pictures for index in people_with_keypoints(picture)]
    on_disk = SamplesOnDisk(people, size, parts)
    if len(people) > most:
        return on_disk
    crops = (crop for one in pictures for crop in person_crops(one, size, _WIDE, parts=parts))
    return [crop.sample() for crop in crops]
