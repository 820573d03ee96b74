"""The performer of the pictures: drawn people who exercise in a bright room; nobody was filmed.

Needs the extra `train` (numba draws the people). The same code gives the same frames.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edgepose.train.synth.body import BodyModel
from edgepose.train.synth.camera import Camera, look_at
from edgepose.train.synth.looks import BOTTOM, HAIR, SHOE, SKIN, TOP, draw_look, draw_textures
from edgepose.train.synth.people import Actor, Light, draw_people, place
from edgepose.train.synth.poses import jumping_jack, squat_at
from edgepose.train.synth.posture import Arm, Leg, Posture
from edgepose.train.synth.skeleton3d import Build
from edgepose.types import Image, Size

SIZE: Final[Size] = (540, 960)
FPS: Final = 25
_SIDEWAYS: Final = 48.0  # degrees: a squat is turned, so that the bend of the knees can be seen
_DISTANCE: Final = 4.2  # metres
_HEIGHT: Final = 1.0  # of the camera, metres
_COLOURS: Final = {
    SKIN: (214, 164, 130), TOP: (42, 110, 132), BOTTOM: (44, 48, 60), SHOE: (236, 236, 232),
    HAIR: (58, 42, 34),
}  # fmt: skip
_SECOND: Final = {
    SKIN: (120, 80, 56), TOP: (222, 132, 62), BOTTOM: (70, 76, 92), SHOE: (240, 240, 240),
    HAIR: (24, 20, 18),
}  # fmt: skip

Motion = Callable[[float], Posture]


@dataclass(frozen=True)
class Act:
    """A part of a performance: seconds, the posture at 0..1 of it, the direction at its end."""

    seconds: float
    posture: Motion
    yaw: float = 0.0


def stand(_: float) -> Posture:
    """Stand with hanging arms."""
    return jumping_jack(0.0)


def squat(depth: float = 1.0, lean: float = 30.0) -> Motion:
    """Return one squat. depth: 1 with level thighs."""
    return lambda share: squat_at(depth * _there_and_back(share), lean)


def arms(left: float, right: float, from_left: float = 14.0, from_right: float = 14.0) -> Motion:
    """Return arms that go up from the side to these lifts in degrees."""

    def posture(share: float) -> Posture:
        way = _eased(min(share * 1.6, 1.0))
        lifts = from_left + (left - from_left) * way, from_right + (right - from_right) * way
        pair = tuple(Arm(lift, 10, 8, (-1.0, 0.2, 0.3)) for lift in lifts)
        return replace(jumping_jack(0.0), arms=pair)  # type: ignore[arg-type]

    return posture


def abduct(lift: float) -> Motion:
    """Return one raise of both arms to the side and back, to `lift` degrees."""

    def posture(share: float) -> Posture:
        arm = Arm(10 + (lift - 10) * _there_and_back(share), 4, 4, (-1.0, 0.2, 0.3))
        return replace(jumping_jack(0.0), arms=(arm, arm))

    return posture


def tree(share: float) -> Posture:
    """Stand on one leg, the hands over the head."""
    way = _eased(min(share * 2.5, 1.0))
    arm = Arm(12 + 156 * way, 20, 30 * way, (-1.0, 0.2, 0.3))
    lifted = Leg(58 * way, 42 * way, 118 * way, 40 * way)
    return Posture((arm, arm), (Leg(0, 3, 2), lifted))


def _there_and_back(share: float) -> float:
    return 0.5 - 0.5 * math.cos(2 * math.pi * share)


def _eased(share: float) -> float:
    return 0.5 - 0.5 * math.cos(math.pi * share)


def person(second: bool = False) -> BodyModel:
    """Return somebody in plain, bright clothes."""
    look = draw_look(np.random.default_rng(4))
    materials = look.materials.copy()
    for row, colour in (_SECOND if second else _COLOURS).items():
        materials[row, :3], materials[row, 3] = colour, -1
    plain = replace(
        look, materials=materials, skirt=0.0, hat=False, hood=False, mask=False, glasses=False,
        beard=False, held="", midriff=False, sleeve=0.5, leg=1.95, loose=1.05, flare=1.0,
        bosom=0.0, hair="short", top_length=0.95,
    )  # fmt: skip
    return BodyModel(Build(), plain)


def room() -> Image:
    """Return a bright wall, a wooden floor and a mat."""
    height, width = SIZE
    wall = np.linspace(236, 218, height)[:, None, None] * np.array([1.0, 0.985, 0.96])
    picture = np.broadcast_to(wall, (height, width, 3)).copy()
    floor = int(0.76 * height)
    picture[floor:] = np.linspace(0.8, 1.0, height - floor)[:, None, None] * [206, 178, 146]
    for x in range(-width, 2 * width, 74):  # planks meet at the vanishing point
        far = int(width / 2 + (x - width / 2) * 0.45)
        cv2.line(picture, (far, floor), (x, height), (178, 150, 120), 1, cv2.LINE_AA)
    cv2.line(picture, (0, floor), (width, floor), (246, 244, 240), 7)
    mat = np.array([(0.33, 0.855), (0.67, 0.855), (0.73, 0.985), (0.27, 0.985)])
    cv2.fillPoly(picture, [(mat * (width, height)).astype(int)], (112, 136, 138), cv2.LINE_AA)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _camera() -> Camera:
    turn, shift = look_at(np.array([0.0, _HEIGHT, 0.0]), _DISTANCE, 4.0, 0.0)
    focal = 0.86 * SIZE[0] * _DISTANCE / 2.35
    return Camera(turn, shift, focal, (SIZE[1] / 2, SIZE[0] * 0.52))


def _postures(acts: Sequence[Act]) -> Iterator[Posture]:
    before = acts[0].yaw
    for act in acts:
        frames = round(act.seconds * FPS)
        for index in range(frames):
            turned = _eased(min(2.0 * index / frames, 1.0))
            yaw = before + (act.yaw - before) * turned
            yield replace(act.posture(index / frames), yaw=yaw)
        before = act.yaw


def _actor(body: BodyModel, posture: Posture, x: float) -> Actor:
    """Return somebody with the lower foot on the floor."""
    actor = place(body, posture)
    lowest = min(actor.figure.points[name][1] for name in ("l_heel", "r_heel", "l_toe", "r_toe"))
    return replace(actor, offset=np.array([x, 0.02 - lowest, 0.0]))


def _shadow(picture: Any, actor: Actor, camera: Camera) -> None:
    spots = camera.project(actor.keypoints[15:] * (1, 0, 1))
    mask = np.zeros(picture.shape[:2], np.float32)
    axes = int(np.ptp(spots[:, 0]) / 2 + 38), 12
    cv2.ellipse(mask, tuple(map(int, spots.mean(0))), axes, 0, 0, 360, 1.0, -1)
    picture *= (1 - 0.35 * cv2.blur(mask, (41, 15))[..., None]).astype(np.float32)


def perform(*performances: Sequence[Act], places: Sequence[float] = (0.0,)) -> Iterator[Image]:
    """Yield the frames of one person, or of two side by side. places: metres from the middle."""
    camera, background = _camera(), room()
    textures = draw_textures(np.random.default_rng(1))
    light = Light(np.array([0.33, -0.62, -0.71]), 0.72, 1.9)
    bodies = [person(second=index > 0) for index in range(len(performances))]
    for postures in zip(*map(_postures, performances), strict=False):
        picture = background.astype(np.float32)
        actors = [_actor(*one) for one in zip(bodies, postures, places, strict=True)]
        for actor in actors:
            _shadow(picture, actor, camera)
        draw_people(picture, actors, camera, light, textures)
        yield np.clip(picture, 0, 255).astype(np.uint8)


def write_clip(path: Path, images: Iterator[Image]) -> None:
    """Write an H.264 mp4."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width = SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "18"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


HERO: Final = (
    Act(0.8, stand, _SIDEWAYS),
    Act(1.9, squat(), _SIDEWAYS),
    Act(1.6, squat(0.66), _SIDEWAYS),
    Act(0.4, stand, _SIDEWAYS),
    Act(1.9, squat(), _SIDEWAYS),
    Act(1.9, squat(), _SIDEWAYS),
    Act(2.8, stand, 0.0),
    Act(2.8, arms(104, 168)),
    Act(2.4, arms(168, 168, 104, 168)),
    Act(0.8, arms(14, 14, 168, 168)),
)
