"""A doll of boxes with the joints of a rigged avatar: written by the tests, so that no data is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgepose import imaging

_SIDED = {
    "Shoulder": (0.03, 1.42, 0.0),
    "Arm": (0.17, 1.42, 0.0),
    "ForeArm": (0.43, 1.42, 0.0),
    "Hand": (0.66, 1.42, 0.0),
    "HandMiddle1": (0.75, 1.42, 0.0),
    "UpLeg": (0.09, 0.92, 0.0),
    "Leg": (0.09, 0.50, 0.0),
    "Foot": (0.09, 0.08, -0.02),
    "ToeBase": (0.09, 0.02, 0.13),
    "Eye": (0.03, 1.62, 0.09),
}
_PARENTS = {
    "Spine": "Hips",
    "Spine1": "Spine",
    "Spine2": "Spine1",
    "Neck": "Spine2",
    "Head": "Neck",
    "Shoulder": "Spine2",
    "Arm": "Shoulder",
    "ForeArm": "Arm",
    "Hand": "ForeArm",
    "HandMiddle1": "Hand",
    "UpLeg": "Hips",
    "Leg": "UpLeg",
    "Foot": "Leg",
    "ToeBase": "Foot",
    "Eye": "Head",
}
_MIDDLE = {
    "Hips": (0.0, 1.0, 0.0),
    "Spine": (0.0, 1.03, 0.0),
    "Spine1": (0.0, 1.12, 0.0),
    "Spine2": (0.0, 1.22, 0.0),
    "Neck": (0.0, 1.47, 0.0),
    "Head": (0.0, 1.55, 0.03),
}
_BOXES = {
    "Hips": ((-0.15, 0.85, -0.1), (0.15, 1.05, 0.1)),
    "Spine1": ((-0.14, 1.05, -0.1), (0.14, 1.22, 0.1)),
    "Spine2": ((-0.17, 1.22, -0.1), (0.17, 1.46, 0.1)),
    "Head": ((-0.08, 1.5, -0.1), (0.08, 1.75, 0.1)),
    "Arm": ((0.17, 1.37, -0.04), (0.43, 1.47, 0.04)),
    "ForeArm": ((0.43, 1.38, -0.04), (0.66, 1.46, 0.04)),
    "Hand": ((0.66, 1.38, -0.04), (0.84, 1.46, 0.04)),
    "UpLeg": ((0.03, 0.5, -0.07), (0.16, 0.92, 0.07)),
    "Leg": ((0.04, 0.08, -0.06), (0.14, 0.5, 0.06)),
    "Foot": ((0.04, 0.0, -0.06), (0.14, 0.08, 0.18)),
}
_FACES = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
_NOSE = (0.0, 1.585, 0.12)
SKIN, CLOTH = (200, 150, 120), (40, 60, 160)


def _joints() -> dict[str, tuple[tuple[float, float, float], str]]:
    joints = {name: (place, _PARENTS.get(name, "")) for name, place in _MIDDLE.items()}
    for side, sign in (("Left", 1.0), ("Right", -1.0)):
        for name, (x, y, z) in _SIDED.items():
            parent = _PARENTS[name]
            joints[side + name] = ((sign * x, y, z), parent if parent in _MIDDLE else side + parent)
    return joints


def _box(low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, list[list[int]]]:
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)
    triangles = [t for a, b, c, d in _FACES for t in ([a, b, c], [a, c, d])]
    return low + corners * (high - low), triangles


def write_doll(folder: Path, name: str = "Doll") -> Path:
    """Write NAME.npz and NAME.jpg, whose left half is skin and right half is cloth."""
    joints = _joints()
    index = {joint: number for number, joint in enumerate(joints)}
    points, faces, moved_by, uv = [], [], [], []
    for part, (low, high) in _BOXES.items():
        for joint, mirror in _owners(part):
            box, triangles = _box(np.array(low), np.array(high))
            faces += [[corner + len(points) for corner in triangle] for triangle in triangles]
            points += list(box * (mirror, 1, 1))
            moved_by += [index[joint]] * 8
            uv += [[0.2 if part in ("Head", "Hand") else 0.8, 0.3 + 0.02 * k] for k in range(8)]
    points.append(np.array(_NOSE))
    moved_by.append(index["Head"])
    uv.append([0.2, 0.5])
    count = len(points)
    first = np.array(moved_by, np.uint8)[:, None]
    np.savez(
        folder / f"{name}.npz",
        v=np.array(points, np.float32),
        f=np.array(faces, np.uint16),
        uv=np.array(uv, np.float16),
        jidx=np.concatenate([first, np.zeros((count, 3), np.uint8)], 1),
        w=np.array([[255, 0, 0, 0]] * count, np.uint8),
        jpos=np.array([place for place, _ in joints.values()], np.float32),
        jpar=np.array([index.get(parent, -1) for _, parent in joints.values()], np.int16),
        jname=np.array(list(joints)),
        parts=np.array([str(("body", count, 0, "OPAQUE"))]),
    )
    texture = np.zeros((64, 64, 3), np.uint8)
    texture[:, :32], texture[:, 32:] = SKIN, CLOTH
    imaging.write_image(folder / f"{name}.jpg", texture)
    return folder / f"{name}.npz"


def _owners(part: str) -> list[tuple[str, float]]:
    return [(part, 1.0)] if part in _MIDDLE else [("Left" + part, 1.0), ("Right" + part, -1.0)]
