"""Rigged avatars: read a mesh with its skeleton and texture, and learn what its parts are.

`NAME.npz`: `v` rest vertices (metres, y up, z to the front), `f` triangles, `uv`, `jidx` and `w`
(four joints and weights a vertex), `jpos`, `jpar`, `jname` (the usual Mixamo names), `parts`
("(mesh, vertices, texture, mode)" in order). `NAME.jpg` is the texture, `NAME_1.jpg` the hair's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from zipfile import BadZipFile

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose import imaging
from edgepose.errors import UserError

SKIN, TRUNK, UPPER_ARM, FOREARM, HIPS, THIGH, SHIN, SHOE, HAIR = range(9)
NUM_ZONES: Final = 9
TEXTURE_SIZE: Final = 512

_ZONES: Final = {
    "Spine": TRUNK,
    "Spine1": TRUNK,
    "Spine2": TRUNK,
    "LeftShoulder": TRUNK,
    "RightShoulder": TRUNK,
    "LeftArm": UPPER_ARM,
    "RightArm": UPPER_ARM,
    "LeftForeArm": FOREARM,
    "RightForeArm": FOREARM,
    "Hips": HIPS,
    "LeftUpLeg": THIGH,
    "RightUpLeg": THIGH,
    "LeftLeg": SHIN,
    "RightLeg": SHIN,
    "LeftFoot": SHOE,
    "RightFoot": SHOE,
    "LeftToeBase": SHOE,
    "RightToeBase": SHOE,
}  # joint: zone of the triangles that it moves; head and hands are skin
_NEEDED: Final = [
    *_ZONES,
    *("Neck", "Head", "LeftEye", "RightEye"),
    *("LeftHand", "RightHand", "LeftHandMiddle1", "RightHandMiddle1"),
]  # joints that poses and keypoints refer to
_SIDED: Final = ("Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot")  # COCO, shoulder to ankle
_HIP_BELOW: Final = 0.085  # metres below the first spine joint: rigs put hip joints anywhere
_HIP_OUT: Final = 0.01  # COCO's hip is farther out than the joint
_SHOULDER_IN: Final = 0.012  # metres, as the next: where labels of photographs have them
_EAR_IN: Final = 0.015
_SKIN_NEAR: Final = 20.0  # distance of a texel's chroma from the face's that is still skin
_FACE_ROW: Final = 0.04  # metres round the face's middle that the skin's colour is taken from


@dataclass(frozen=True, slots=True, eq=False)
class Avatar:
    """A rigged person at rest.

    vertices, normals: (n, 3). triangles: (m, 3). uv: (n, 2), 0..1. joints, weights: (n, 4).
    joint_at: (j, 3). parents: (j,), always before their children. names: index by joint name.
    anchors: joints (17,) that move COCO's keypoints, and their rest places (17, 3).
    texture: uint8 (rows, columns, 3), hair in the lower half. zones: uint8, the same
    rows and columns. skin: RGB of the face. bright: mean brightness (zones,) of the texels.
    """

    name: str
    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    triangles: NDArray[np.int32]
    uv: NDArray[np.float32]
    joints: NDArray[np.int32]
    weights: NDArray[np.float32]
    joint_at: NDArray[np.float64]
    parents: NDArray[np.int32]
    names: dict[str, int]
    anchors: tuple[NDArray[np.int32], NDArray[np.float64]]
    texture: NDArray[np.uint8]
    zones: NDArray[np.uint8]
    skin: NDArray[np.float64]
    bright: NDArray[np.float64]


BROKEN_ARCHIVE: Final = (OSError, EOFError, ValueError, BadZipFile)  # of numpy.load


def list_avatars(folder: Path) -> list[Path]:
    """Return the avatars of a folder in order; raise UserError when it has none."""
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise UserError(f"{folder}: no avatars here; expected rigged people, NAME.npz and NAME.jpg")
    return paths


def read_avatar(path: Path) -> Avatar:
    """Return one avatar; raise UserError for a file of another kind."""
    try:
        with np.load(path) as data:
            rig = {key: data[key] for key in data.files}
        return _built(path, rig)
    except (*BROKEN_ARCHIVE, KeyError, IndexError, SyntaxError) as error:
        raise UserError(f"{path}: expected a rigged avatar ({error!r})") from error


def _built(path: Path, rig: dict[str, NDArray[Any]]) -> Avatar:
    vertices, triangles = rig["v"].astype(np.float32), rig["f"].astype(np.int32)
    rig = _without_idle_joints(rig)
    joints, weights = rig["jidx"].astype(np.int32), rig["w"].astype(np.float32)
    names = {str(name): index for index, name in enumerate(rig["jname"])}
    layers = _layers(rig["parts"], len(vertices))
    leader = joints[np.arange(len(joints)), weights.argmax(1)]
    uv = rig["uv"].astype(np.float32) % 1.0000001
    uv[:, 1] = (uv[:, 1] + (layers > 0)) / 2
    texture = np.concatenate(
        [_texture(path.with_suffix(".jpg")), _texture(path.with_name(f"{path.stem}_1.jpg"))]
    )
    skin = _face_colour(texture, uv, _head(leader, layers, names), vertices)
    zones = _painted_zones(uv, triangles, _zone_of(names)[leader])
    zones[_is_skin(texture, skin) & (zones != HAIR)] = SKIN
    return Avatar(
        path.stem,
        vertices,
        _normals(vertices, triangles),
        triangles,
        uv,
        joints,
        weights / weights.sum(1, keepdims=True),
        rig["jpos"].astype(np.float64),
        rig["jpar"].astype(np.int32),
        names,
        _anchors(vertices, rig["jpos"].astype(np.float64), leader, layers, names),
        texture,
        zones,
        skin,
        _brightness(texture, zones),
    )


def _without_idle_joints(rig: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the rig without the joints that nothing depends on, as the ends of chains."""
    moving = np.zeros(len(rig["jname"]), bool)
    moving[rig["jidx"][rig["w"] > 0]] = True
    moving |= np.isin(rig["jname"], _NEEDED)
    for joint in range(len(moving) - 1, 0, -1):
        moving[rig["jpar"][joint]] |= moving[joint]
    place = np.append(np.cumsum(moving) - 1, -1)
    kept = {
        "jidx": np.where(rig["w"] > 0, place[rig["jidx"]], 0),
        "jpar": place[rig["jpar"][moving]],
    }
    return rig | kept | {key: rig[key][moving] for key in ("jpos", "jname")}


def _layers(parts: NDArray[Any], count: int) -> NDArray[np.int64]:
    """Return the texture (0 body, 1 hair) of every vertex."""
    described = [ast.literal_eval(str(part)) for part in parts]
    layers = np.concatenate([np.full(part[1], min(part[2], 1)) for part in described])
    if len(layers) != count:
        raise ValueError(f"parts of {len(layers)} vertices, a mesh of {count}")
    return layers


def _texture(path: Path) -> NDArray[np.uint8]:
    """Return a texture (512, 512, 3); plain dark where there is no file."""
    if not path.is_file():
        return np.full((TEXTURE_SIZE, TEXTURE_SIZE, 3), 45, np.uint8)
    image: NDArray[Any] = imaging.read_image(path)
    if image.shape[:2] != (TEXTURE_SIZE, TEXTURE_SIZE):
        image = cv2.resize(image, (TEXTURE_SIZE, TEXTURE_SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)


def _normals(vertices: NDArray[Any], triangles: NDArray[Any]) -> NDArray[np.float32]:
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    faces = np.cross(b - a, c - a)
    normals = np.zeros(vertices.shape, np.float32)
    for i in range(3):
        np.add.at(normals, triangles[:, i], faces)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(lengths, 1e-12), np.float32)


def _zone_of(names: dict[str, int]) -> NDArray[np.uint8]:
    zones = np.full(len(names) + 1, SKIN, np.uint8)
    for name, zone in _ZONES.items():
        if name in names:
            zones[names[name]] = zone
    return zones


def _painted_zones(
    uv: NDArray[Any], triangles: NDArray[Any], zones: NDArray[Any]
) -> NDArray[np.uint8]:
    """Return the zone of every texel by drawing the triangles flat."""
    painted = np.zeros((2 * TEXTURE_SIZE, TEXTURE_SIZE), np.uint8)
    corners = np.rint(uv * (TEXTURE_SIZE - 1, 2 * TEXTURE_SIZE - 1)).astype(np.int32)
    middle = np.sort(zones[triangles], axis=1)[:, 1]
    for triangle, zone in zip(triangles, middle, strict=True):
        cv2.fillConvexPoly(painted, corners[triangle], int(zone))
    painted[TEXTURE_SIZE:] = HAIR
    return painted


def _head(leader: NDArray[Any], layers: NDArray[Any], names: dict[str, int]) -> NDArray[np.bool_]:
    """Return which vertices are the head's own, without hair pieces and eyeballs."""
    return (leader == names["Head"]) & (layers == 0)


def _face_colour(
    texture: NDArray[Any], uv: NDArray[Any], head: NDArray[Any], vertices: NDArray[Any]
) -> NDArray[np.float64]:
    """Return the usual RGB of the face's front."""
    front = head & (vertices[:, 2] > np.quantile(vertices[head, 2], 0.7))
    columns, rows = np.rint(uv[front] * (TEXTURE_SIZE - 1, 2 * TEXTURE_SIZE - 1)).astype(int).T
    return np.asarray(np.median(texture[rows, columns], axis=0), np.float64)


def _is_skin(texture: NDArray[Any], skin: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which texels have the chroma of the face's skin (lightness may differ)."""
    lab = cv2.cvtColor(texture, cv2.COLOR_RGB2LAB).astype(np.float32)
    own = cv2.cvtColor(skin.astype(np.uint8)[None, None], cv2.COLOR_RGB2LAB)[0, 0].astype(float)
    apart = (lab - own) * (0.35, 1.0, 1.0)
    return np.asarray((apart**2).sum(2) < _SKIN_NEAR**2)


def _brightness(texture: NDArray[Any], zones: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean brightness (zones,) of the texture's zones; 128 for empty ones."""
    grey = texture @ np.array([0.3, 0.59, 0.11])
    count = np.bincount(zones.ravel(), minlength=NUM_ZONES)[:NUM_ZONES]
    total = np.bincount(zones.ravel(), grey.ravel(), NUM_ZONES)[:NUM_ZONES]
    return np.where(count > 0, total / np.maximum(count, 1), 128.0)


def _anchors(
    vertices: NDArray[Any],
    joint_at: NDArray[Any],
    leader: NDArray[Any],
    layers: NDArray[Any],
    names: dict[str, int],
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the joint and rest place of every COCO keypoint."""
    head, own = names["Head"], vertices[_head(leader, layers, names)]
    places = [*_face_places(own, joint_at[[names["LeftEye"], names["RightEye"]]])]
    moved_by = [head] * 5
    for part in _SIDED:
        for side in ("Left", "Right"):
            joint = names[side + part]
            places.append(joint_at[joint])
            moved_by.append(joint)
    for second, sign in enumerate((1.0, -1.0)):
        ear, shoulder, hip = 3 + second, 5 + second, 11 + second
        below_spine = joint_at[names["Spine"], 1] - _HIP_BELOW - places[hip][1]
        places[ear] = places[ear] - [sign * _EAR_IN, 0, 0]
        places[shoulder] = places[shoulder] + [-sign * _SHOULDER_IN, 0.008, 0]
        places[hip] = places[hip] + [sign * _HIP_OUT, below_spine, -0.02]
        moved_by[hip] = names["Hips"]
    return np.array(moved_by, np.int32), np.array(places, np.float64)


def _face_places(own: NDArray[Any], eyes: NDArray[Any]) -> NDArray[np.float64]:
    """Return nose, eyes and ears (5, 3): tip, eyeballs, and what stands out at eye height."""
    x, y, z = (own - eyes.mean(0)).T
    low = (y > -0.06) & (y < -0.01) & (np.abs(x) < 0.01)
    beside = (y > -0.06) & (y < 0.02)
    nose = own[low][z[low].argmax()]
    left, right = own[beside][x[beside].argmax()], own[beside][x[beside].argmin()]
    return np.stack([nose, *eyes, left, right]).astype(np.float64)
