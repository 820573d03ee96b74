"""Render pictures of rigged avatars with exact keypoints: recorded and drawn poses, real places.

One seeded generator decides everything, as in `people`, whose samples these are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.extra import need
from edgepose.train.synth.avatars.avatar import NUM_ZONES, Avatar, list_avatars, read_avatar
from edgepose.train.synth.avatars.bone_pose import BonePose, RecordedMotion, draw_bone_pose
from edgepose.train.synth.avatars.clothes import draw_clothes
from edgepose.train.synth.avatars.drawing import (
    RestMesh,
    Set,
    empty_buffers,
    shade_triangles,
    skin_vertices,
    splat_triangles,
)
from edgepose.train.synth.avatars.furniture import (
    Thing,
    draw_held,
    draw_mat,
    draw_seat,
    draw_table,
)
from edgepose.train.synth.avatars.rig import Posed, Shape, draw_shape, pose_avatar
from edgepose.train.synth.camera import Camera, Framing, frame_person
from edgepose.train.synth.looks import draw_textures
from edgepose.train.synth.people import (
    Sample,
    draw_light,
    ground_shadow,
    occlude,
    photograph,
    visible_keypoints,
)
from edgepose.train.synth.places import Places
from edgepose.train.synth.raster import OVERSAMPLE
from edgepose.train.synth.things import Picture

Rng = np.random.Generator
_TEXELS: Final = np.array([1024.0, 512.0])  # rows and columns of an avatar's texture
_WRISTS: Final = [9, 10]
_LOW: Final = Framing(near=0.5, headless=0.03)  # a phone that stands on the floor beside the mat


@dataclass(frozen=True, slots=True, eq=False)
class PosedAvatar:
    """An avatar in a pose, at a place. offset: world metres of the middle of the hips."""

    avatar: Avatar
    pose: BonePose
    shape: Shape
    posed: Posed
    cloths: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def keypoints(self) -> NDArray[np.float64]:
        """Return world keypoints (17, 3)."""
        return self.posed.move(*self.avatar.anchors) + self.offset

    @property
    def ground(self) -> float:
        """Return the height of the lowest keypoint's underside."""
        return float(self.keypoints[:, 1].min()) - 0.07 * self.shape.stature

    @property
    def is_seated(self) -> bool:
        """Return whether both thighs are about level and the trunk upright."""
        return bool(self.pose.hips[1, 1] > 0.6 and (self.pose.legs[:, 0, 1] > -0.5).all())

    @property
    def is_low(self) -> bool:
        """Return whether the trunk is about level: lying, on all fours, push-ups."""
        return bool(self.pose.chest[1, 1] < 0.5)


def _meshes(
    figures: list[PosedAvatar], things: list[Thing], camera: Camera
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32], NDArray[np.int32]]:
    """Return all points (n, 6) in camera space, uv in texels, triangles and their things."""
    points, uv, triangles, owners, count = [], [], [], [], 0
    parts = [_skinned(figure, camera) for figure in figures]
    parts += [_seen(thing, camera) for thing in things]
    for number, (placed, texels, faces) in enumerate(parts):
        points.append(placed.astype(np.float32))
        uv.append(texels)
        triangles.append(faces + count)
        owners.append(np.full(len(faces), number, np.int32))
        count += len(placed)
    return (
        np.concatenate(points),
        np.concatenate(uv).astype(np.float32),
        np.concatenate(triangles).astype(np.int32),
        np.concatenate(owners),
    )


def _skinned(figure: PosedAvatar, camera: Camera) -> tuple[Any, Any, Any]:
    avatar, posed = figure.avatar, figure.posed
    maps = np.einsum("ij,njk->nik", camera.turn, posed.maps)
    shifts = camera.see(posed.shifts + figure.offset)
    placed = np.empty((len(avatar.vertices), 6), np.float32)
    rest = RestMesh(avatar.vertices, avatar.normals, avatar.joints, avatar.weights)
    skin_vertices(rest, maps, shifts, placed)
    return placed, avatar.uv[:, ::-1] * _TEXELS, avatar.triangles


def _seen(thing: Thing, camera: Camera) -> tuple[Any, Any, Any]:
    normals = thing.points[:, 3:] @ camera.turn.T
    placed = np.concatenate([camera.see(thing.points[:, :3]), normals], 1)
    return placed, thing.uv, thing.triangles


def draw_avatars(
    picture: Picture,
    figures: list[PosedAvatar],
    things: list[Thing],
    camera: Camera,
    *,
    light: NDArray[np.float64],
    patterns: Any,
) -> NDArray[np.float32]:
    """Draw figures and things into `picture`, in place; return every sub-pixel's depth, metres."""
    points, uv, triangles, owners = _meshes(figures, things, camera)
    buffers = empty_buffers(picture.shape[0] * OVERSAMPLE)
    view = camera.sampled(OVERSAMPLE)
    splat_triangles(points, triangles, view, buffers)
    cloths, bright = _colours(figures, things)
    stage = Set(
        buffers=buffers,
        points=points,
        uv=uv,
        triangles=triangles,
        things=owners,
        pages=np.array([*range(len(figures)), *[-1] * len(things)], np.int32),
        textures=np.stack([figure.avatar.texture for figure in figures]),
        zones=np.stack([figure.avatar.zones for figure in figures]),
        cloths=cloths,
        bright=bright,
        patterns=patterns,
        camera=view,
        light=light,
    )
    shade_triangles(stage, picture)
    return buffers.depth


def _colours(figures: list[PosedAvatar], things: list[Thing]) -> tuple[Any, Any]:
    """Return the cloths (things, zones, columns) and mean brightness (things, zones) of all."""
    worn = [figure.cloths for figure in figures]
    flat = [np.repeat(thing.cloth[None], NUM_ZONES, 0) for thing in things]
    bright = [figure.avatar.bright for figure in figures]
    return np.stack(worn + flat), np.stack(bright + [np.full(NUM_ZONES, 128.0)] * len(things))


class Cast:
    """A generator of samples with avatars: the same seed and folder give the same pictures.

    people: a folder with `avatars/`, and perhaps `motion/poses_10hz.npz` and `real/backgrounds`.
    size: pixels a side.
    """

    _REFRESH: Final = 400  # pictures before new textures are drawn

    def __init__(self, seed: int, people: Path, size: int = 192) -> None:
        need("numba")
        self._rng = np.random.default_rng(seed)
        self._size, self._count = size, 0
        self._paths = list_avatars(people / "avatars")
        motion = people / "motion" / "poses_10hz.npz"
        self._motion = RecordedMotion(motion) if motion.is_file() else None
        self._places = Places(people / "real" / "backgrounds")
        self._textures = draw_textures(self._rng)
        self._avatars: dict[Path, Avatar] = {}

    def __call__(self) -> Sample:
        """Return the next sample."""
        rng = self._rng
        self._count += 1
        if self._count % self._REFRESH == 0:
            self._textures = draw_textures(rng)
        figure = self._figure(np.zeros(3))
        framing = _LOW if figure.is_low else Framing()
        camera = frame_person(rng, figure.keypoints, self._size, framing)
        picture = self._places(rng, self._size, self._textures)
        if rng.random() < 0.5:
            ground_shadow(rng, picture, figure.keypoints, camera)
        things = _surroundings(rng, figure)
        everybody = [figure, *self._bystanders()]
        light = draw_light(rng).row
        depth = draw_avatars(
            picture, everybody, things, camera, light=light, patterns=self._textures
        )
        stature = figure.shape.stature
        shape = picture.shape[:2]
        pixels, state = visible_keypoints(figure.keypoints, stature, camera, depth, shape)
        occlude(rng, picture, state, pixels, self._textures)
        return Sample(photograph(rng, picture), pixels, state)

    def _figure(self, offset: Any) -> PosedAvatar:
        rng = self._rng
        avatar = self._avatar(self._paths[rng.integers(len(self._paths))])
        pose, shape = draw_bone_pose(rng, self._motion), draw_shape(rng)
        posed = pose_avatar(avatar, pose, shape, float(rng.choice((5, 20, 45, 75))))
        cloths = draw_clothes(rng, avatar.skin)
        return PosedAvatar(avatar, pose, shape, posed, cloths, np.array(offset, float))

    def _avatar(self, path: Path) -> Avatar:
        """Return an avatar, read once: a megabyte each."""
        if path not in self._avatars:
            self._avatars[path] = read_avatar(path)
        return self._avatars[path]

    def _bystanders(self) -> list[PosedAvatar]:
        """Draw up to three people farther back, seldom nearer."""
        rng, chance = self._rng, self._rng.random()
        others = []
        for _ in range(int(chance < 0.32) + int(chance < 0.12) + int(chance < 0.04)):
            aside, back = rng.choice((-1, 1)) * rng.uniform(0.4, 1.7), rng.uniform(-0.2, 4.0)
            others.append(self._figure((aside, rng.normal(0, 0.1), -back)))
        return others


def _surroundings(rng: Rng, figure: PosedAvatar) -> list[Thing]:
    """Draw furniture and gear that fits what a person does."""
    things, hips, stature = [], figure.pose.hips, figure.shape.stature
    if figure.is_seated and rng.random() < 0.6:
        things += draw_seat(rng, hips, stature)
    if figure.is_low and rng.random() < 0.4:
        things += draw_mat(rng, hips, figure.ground)
    if rng.random() < (0.25 if figure.is_seated else 0.05):
        things += draw_table(rng, hips, figure.ground)
    if rng.random() < 0.12:
        things += draw_held(rng, figure.keypoints[_WRISTS], figure.pose.chest[:, 0])
    return things
