"""MPII Human Pose as it is published: `mpii_human_pose_v1_u12_1.mat`, read into MPII-style entries.

Andriluka, Pishchulin, Gehler, Schiele: "2D Human Pose Estimation" (2014). RELEASE holds a list
`annolist` of pictures; of those for training people (`annorect`) have a centre (`objpos`), a scale
(height over 200 pixels) and up to 16 points with id, x, y and is_visible.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import UserError
from edgepose.skeleton import MPII_PARTS
from edgepose.train.data.matfile import read_mat

_ABSENT: Final = [-1.0, -1.0]  # as the JSON form of the data set marks it


def read_mpii(path: Path) -> list[dict[str, Any]]:
    """Return every annotated person: image, joints (x, y), joints_vis, center and scale.

    Raises UserError for a file that is not MPII's.
    """
    release = read_mat(path).get("RELEASE")
    if not isinstance(release, list) or not release or "annolist" not in release[0]:
        raise UserError(
            f"{path}: expected MPII's RELEASE with its annolist; is this its .mat file?"
        )
    try:
        people = [one for picture in release[0]["annolist"] for one in _people(picture)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: not in the form of MPII's RELEASE ({error!r})") from error
    if not people:
        raise UserError(f"{path}: nobody in it has keypoints")
    return people


def _people(picture: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the people of a picture that have points; those of the test set have none."""
    name = str(picture["image"][0]["name"])
    for person in _structures(picture.get("annorect")):
        points = _structures(_first(person, "annopoints", "point"))
        centre, scale = _structures(person.get("objpos")), _number(person.get("scale"))
        if points and centre and scale is not None:
            joints, seen = _joints(points)
            x, y = (_number(centre[0][axis]) for axis in "xy")
            yield {
                "image": name, "joints": joints, "joints_vis": seen,
                "center": [x, y], "scale": scale,
            }  # fmt: skip


def _joints(points: list[dict[str, Any]]) -> tuple[list[list[float]], list[int]]:
    """Return (x, y) of all parts and whether they are seen; head points have no such mark."""
    joints, seen = [list(_ABSENT) for _ in MPII_PARTS], [0] * len(MPII_PARTS)
    for point in points:
        part = int(_number(point["id"]) or 0)
        if not 0 <= part < len(MPII_PARTS):
            raise ValueError(f"a point with id {part}")
        joints[part] = [float(_number(point[axis]) or 0.0) for axis in "xy"]
        mark = _number(point.get("is_visible"))
        seen[part] = 1 if mark is None else int(mark)
    return joints, seen


def _structures(value: Any) -> list[dict[str, Any]]:
    """Return a structure array; an empty matrix stands for none."""
    return value if isinstance(value, list) else []


def _first(person: dict[str, Any], *names: str) -> Any:
    """Return the value at the end of a chain of structures, None where it is broken."""
    value: Any = [person]
    for name in names:
        found = _structures(value)
        value = found[0].get(name) if found else None
    return value


def _number(value: Any) -> float | None:
    """Return a number that may be stored as a matrix or as text, None for an empty one."""
    if isinstance(value, str):
        return float(value) if value.strip() else None
    return float(value.flat[0]) if isinstance(value, np.ndarray) and value.size else None
