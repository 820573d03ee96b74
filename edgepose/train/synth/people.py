"""Render pictures of synthetic people with exact keypoints: the training data.

One seeded generator decides everything; there are no assets. A picture is drawn in the order
background, shadow, people (with depth), occluders, camera.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import INDEX, MPII_PARTS
from edgepose.train.extra import need
from edgepose.train.synth.body import BodyModel, body_chains, face_row
from edgepose.train.synth.camera import Camera, frame_person
from edgepose.train.synth.looks import draw_build, draw_look, draw_textures
from edgepose.train.synth.poses import draw_posture
from edgepose.train.synth.posture import Posture
from edgepose.train.synth.raster import OVERSAMPLE, Stage, shade, splat
from edgepose.train.synth.scene import draw_background, draw_occluder
from edgepose.train.synth.skeleton3d import PosedSkeleton, pose_figure
from edgepose.train.synth.things import Picture

Rng = np.random.Generator

OUTSIDE: Final = 0  # visibility, as in COCO: 0 not in the picture, 1 hidden, 2 visible
HIDDEN: Final = 1
VISIBLE: Final = 2
_MAX_BLOBS: Final = 2600
_COCO_DEPTHS: Final = np.repeat(
    [0.06, 0.05, 0.05, 0.10, 0.09, 0.08, 0.17, 0.11, 0.09], [1, 2, 2, 2, 2, 2, 2, 2, 2]
)  # metres of body before each keypoint, from any side, nose to ankles
_MIDDLE_DEPTHS: Final = {"pelvis": 0.17, "thorax": 0.13, "upper_neck": 0.1, "head_top": 0.06}
_DEPTHS: Final = {
    "coco": _COCO_DEPTHS,
    "mpii": np.array(
        [
            _MIDDLE_DEPTHS[name] if name in _MIDDLE_DEPTHS else _COCO_DEPTHS[INDEX[name]]
            for name in MPII_PARTS
        ]
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One picture with its keypoints.

    image: uint8 (size, size, 3), RGB. keypoints: float32 (k, 2) of (y, x) in pixels, whose
    integer values are pixel centres: COCO's 17 or MPII's 16. visible: int8 (k,) of OUTSIDE,
    HIDDEN, VISIBLE; all OUTSIDE without a person.
    """

    image: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    visible: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Actor:
    """A person in a pose, at a position."""

    person: BodyModel
    figure: PosedSkeleton
    offset: NDArray[np.float64]

    @property
    def keypoints(self) -> NDArray[np.float64]:
        """Return world keypoints (17, 3)."""
        return self.figure.keypoints + self.offset


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """A light: unit direction to it in camera space, ambient share, power."""

    direction: NDArray[np.float64]
    ambient: float = 0.5
    power: float = 1.0

    @property
    def row(self) -> NDArray[np.float64]:
        """Return the five numbers for `raster.shade`."""
        return np.array([*self.direction, self.ambient, self.power])


def draw_person(rng: Rng) -> BodyModel:
    """Draw proportions and appearance."""
    return BodyModel(draw_build(rng), draw_look(rng))


def place(person: BodyModel, posture: Posture, offset: Any = (0.0, 0.0, 0.0)) -> Actor:
    """Return the person in a posture, the middle of the hips at `offset` (world metres)."""
    return Actor(person, pose_figure(person.build, posture), np.array(offset, float))


def draw_light(rng: Rng) -> Light:
    """Draw a light from above or aside, hard or soft."""
    direction = rng.normal(0, 1, 3) * (1, 0.7, 0.5) + (0, -0.8, -1.0)
    direction /= np.linalg.norm(direction)
    return Light(direction, rng.uniform(0.25, 0.8), rng.uniform(1.0, 2.2))


def _camera_chains(actor: Actor, index: int, camera: Camera) -> NDArray[np.float64]:
    chains = body_chains(actor.person, actor.figure, index)
    chains[:, :3] = camera.see(chains[:, :3] + actor.offset)
    chains[:, 3:6] = camera.see(chains[:, 3:6] + actor.offset)
    chains[:, 6:9] = chains[:, 6:9] @ camera.turn.T
    return chains


def _camera_face(actor: Actor, index: int, camera: Camera) -> NDArray[np.float64]:
    row = face_row(actor.person, actor.figure, index)
    row[:3] = camera.see(row[:3] + actor.offset)
    row[3:12] = (row[3:12].reshape(3, 3) @ camera.turn.T).ravel()
    return row


def draw_people(
    picture: Picture, actors: list[Actor], camera: Camera, light: Light, textures: Any
) -> NDArray[np.float32]:
    """Draw actors into `picture`, in place; return the depth of every sub-pixel, metres."""
    chains = np.concatenate([_camera_chains(a, i, camera) for i, a in enumerate(actors)])
    faces = np.stack([_camera_face(a, i, camera) for i, a in enumerate(actors)])
    materials = np.concatenate([actor.person.look.materials for actor in actors])
    shape = picture.shape[0] * OVERSAMPLE, picture.shape[1] * OVERSAMPLE
    depth = np.full(shape, 1e6, np.float32)
    owner = np.full(shape, -1, np.int32)
    blobs = np.empty((_MAX_BLOBS, 21))
    view = camera.sampled(OVERSAMPLE)
    splat(chains, view, depth, owner, blobs)
    stage = Stage(depth, owner, blobs, chains, materials, faces, textures, view, light.row)
    shade(stage, picture)
    return depth


def visibility(
    actor: Actor,
    camera: Camera,
    depth: NDArray[np.float32],
    shape: tuple[int, int],
    scheme: str = "coco",
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return keypoints (k, 2) as (y, x) and whether each is outside, hidden or visible.

    scheme: "coco", 17 keypoints, or "mpii", 16 parts.
    """
    world = actor.keypoints if scheme == "coco" else actor.figure.parts + actor.offset
    return visible_keypoints(world, actor.person.build.stature, camera, depth, shape, scheme=scheme)


def visible_keypoints(
    world: NDArray[Any],
    stature: float,
    camera: Camera,
    depth: NDArray[np.float32],
    shape: tuple[int, int],
    *,
    scheme: str = "coco",
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return pixels (k, 2) as (y, x) and visibility of world keypoints, by the pictures' depth."""
    pixels = camera.project(world)[:, ::-1]
    seen = camera.see(world)[:, 2]
    height, width = shape
    inside = (pixels >= -0.5).all(1) & (pixels < (height - 0.5, width - 0.5)).all(1)
    rows, columns = (np.clip(pixels, 0, (height - 1, width - 1)) * OVERSAMPLE).astype(int).T
    margin = _DEPTHS[scheme] * stature
    visible = depth[rows, columns] > seen - margin
    state = np.where(inside & (seen > 0.2), np.where(visible, VISIBLE, HIDDEN), OUTSIDE)
    return pixels.astype(np.float32), state.astype(np.int8)


def _blurred(rng: Rng, picture: Picture) -> Picture:
    """Return the picture out of focus, shaken or sharp."""
    kind = rng.random()
    if kind < 0.2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.8))))
    if kind < 0.27:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        start, end = ((0, length // 2), (length - 1, length // 2))
        if rng.random() < 0.5:
            start, end = (length // 2, 0), (length // 2, length - 1)
        cv2.line(kernel, start, end, 1.0 / length)
        return np.asarray(cv2.filter2D(picture, -1, kernel))
    return picture


def _exposed(rng: Rng, picture: Picture) -> Picture:
    """Return the picture with another gamma, white balance and black level."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** rng.uniform(0.65, 1.5)
    curves = levels * 255 * rng.uniform(0.88, 1.12, 3) + rng.uniform(-14, 14)
    table = np.clip(curves, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(np.clip(picture, 0, 255).astype(np.uint8), table), np.float32)


def _noisy(rng: Rng, picture: Picture) -> Picture:
    """Return the picture with the noise of a small sensor after denoising: coarse grain."""
    size = picture.shape[0]
    small = rng.standard_normal((size // 2, size // 2, 3), dtype=np.float32)
    return picture + cv2.resize(small, (size, size)) * np.float32(rng.uniform(1, 11))


def photograph(rng: Rng, picture: Picture) -> NDArray[np.uint8]:
    """Return uint8 RGB as a camera would give it; `picture` is float RGB 0..255."""
    picture = _exposed(rng, _blurred(rng, picture))
    if rng.random() < 0.55:
        picture = _noisy(rng, picture)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.06:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.4:
        image = jpeg(image, int(rng.integers(25, 92)))
    return image


def jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after JPEG at `quality` 1..100 (channel order does not matter)."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)


def ground_shadow(rng: Rng, picture: Picture, world: NDArray[Any], camera: Camera) -> None:
    """Darken the ground under the feet or whatever is lowest of world keypoints (17, 3)."""
    low = world[world[:, 1] < world[:, 1].min() + 0.25]
    spots = camera.project(low - (0, 0.08, 0))
    if not np.isfinite(spots).all() or np.abs(spots).max() > 4 * picture.shape[0]:
        return
    scale = camera.focal / float(camera.see(low)[:, 2].mean())
    x, y = spots.mean(0)
    wide = int(np.ptp(spots[:, 0]) / 2 + rng.uniform(0.1, 0.3) * scale) + 1
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(mask, (int(x), int(y)), (wide, wide // 4 + 1), 0, 0, 360, 1.0, -1)
    soft = cv2.blur(mask, (wide // 3 * 2 + 3, wide // 6 * 2 + 3))
    picture *= (1 - rng.uniform(0.2, 0.6) * soft[..., None]).astype(np.float32)


def _bystanders(rng: Rng) -> list[Actor]:
    """Draw up to two people farther back, seldom nearer."""
    chance = rng.random()
    others = []
    for _ in range(int(chance < 0.26) + int(chance < 0.08)):
        aside, back = rng.choice((-1, 1)) * rng.uniform(0.4, 1.7), rng.uniform(-0.2, 4.0)
        other = place(draw_person(rng), draw_posture(rng), (aside, rng.normal(0, 0.1), -back))
        others.append(other)
    return others


def occlude(rng: Rng, picture: Picture, sample_state: Any, pixels: Any, textures: Any) -> None:
    """Sometimes draw things before the person, and mark the keypoints behind them as hidden."""
    for _ in range(int(rng.integers(1, 3)) if rng.random() < 0.27 else 0):
        mask, paint = draw_occluder(rng, picture.shape[0], textures)
        np.copyto(picture, paint, where=mask[..., None] > 0)
        rows, columns = np.clip(np.rint(pixels), 0, picture.shape[0] - 1).astype(int).T
        sample_state[(sample_state == VISIBLE) & (mask[rows, columns] > 0)] = HIDDEN


def _empty(rng: Rng, size: int, textures: Any, count: int) -> Sample:
    picture = draw_background(rng, size, textures)
    nowhere = np.zeros((count, 2), np.float32)
    return Sample(photograph(rng, picture), nowhere, np.zeros(count, np.int8))


class People:
    """A generator of samples: the same seed gives the same pictures.

    size: pixels a side. empty: share of pictures with nobody. family: one pose family only.
    scheme: "coco" or "mpii", of the keypoints.
    """

    _REFRESH: Final = 400  # pictures before new textures are drawn

    def __init__(
        self,
        seed: int,
        size: int = 192,
        empty: float = 0.2,
        family: str | None = None,
        scheme: str = "coco",
    ) -> None:
        need("numba")
        self._rng = np.random.default_rng(seed)
        self._size, self._empty, self._family = size, empty, family
        self._scheme = scheme
        self._count = 0
        self._textures = draw_textures(self._rng)

    def __call__(self) -> Sample:
        """Return the next sample."""
        self._count += 1
        if self._count % self._REFRESH == 0:
            self._textures = draw_textures(self._rng)
        if self._rng.random() < self._empty:
            return _empty(self._rng, self._size, self._textures, len(_DEPTHS[self._scheme]))
        return self._with_person()

    def _with_person(self) -> Sample:
        rng, size, textures = self._rng, self._size, self._textures
        actor = place(draw_person(rng), draw_posture(rng, self._family))
        camera = frame_person(rng, actor.keypoints, size)
        picture = draw_background(rng, size, textures)
        if rng.random() < 0.6:
            ground_shadow(rng, picture, actor.keypoints, camera)
        actors = [actor, *_bystanders(rng)]
        depth = draw_people(picture, actors, camera, draw_light(rng), textures)
        pixels, state = visibility(actor, camera, depth, (size, size), self._scheme)
        occlude(rng, picture, state, pixels, textures)
        return Sample(photograph(rng, picture), pixels, state)
