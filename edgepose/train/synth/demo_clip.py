"""The demo performer: a clip of one person exercising in a room, with its exact keypoints.

Rendered by the same code as the training pictures, so the clip is free of rights.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.skeleton import KEYPOINTS
from edgepose.train.synth.body import BodyModel
from edgepose.train.synth.camera import Camera, look_at
from edgepose.train.synth.looks import draw_look, draw_textures
from edgepose.train.synth.people import Actor, Light, Sample, draw_people, place, visibility
from edgepose.train.synth.poses import jumping_jack, squat_at
from edgepose.train.synth.posture import Arm, Posture
from edgepose.train.synth.scene import room
from edgepose.train.synth.skeleton3d import Build
from edgepose.train.synth.things import Picture
from edgepose.types import Size

SIZE: Final[Size] = (480, 640)
FPS: Final = 25
PERFORMER: Final = 1
_SIDEWAYS: Final = 48.0  # degrees: squats are turned, so that the knees' bend can be seen
_CAMERA_HEIGHT: Final = 1.0  # metres above the floor
_DISTANCE: Final = 4.2
_FOCAL: Final = 0.86 * SIZE[0] * _DISTANCE / 2.35  # arms overhead fill most of the height
_HOP: Final = 0.06


@dataclass(frozen=True, slots=True)
class Act:
    """One part of the performance: `times` repetitions of `seconds` each.

    posture: from phase 0..1, which goes up and down once a repetition; `hold` stays at 1.
    yaw: where the performer faces at the end; standing turns there.
    """

    name: str
    seconds: float
    times: int
    posture: Callable[[float], Posture]
    hop: float = 0.0
    hold: bool = False
    yaw: float = 6.0


def _stand(_: float) -> Posture:
    return jumping_jack(0.0)


def _arms_up(phase: float) -> Posture:
    arm = Arm(14 + 156 * phase, 10, 8, (-1.0, 0.2, 0.3))
    return replace(jumping_jack(0.0), arms=(arm, arm))


PERFORMANCE: Final = (
    Act("stand", 1.6, 1, _stand),
    Act("jumping_jack", 1.3, 6, jumping_jack, _HOP),
    Act("stand", 2.0, 1, _stand, yaw=_SIDEWAYS),
    Act("squat", 2.4, 4, squat_at, yaw=_SIDEWAYS),
    Act("stand", 2.0, 1, _stand),
    Act("arms_up", 3.6, 1, _arms_up, hold=True),
    Act("stand", 1.4, 1, _stand),
)


def expected() -> dict[str, int]:
    """Return how often each exercise is done, by name, standing left out."""
    return {act.name: act.times for act in PERFORMANCE if act.name != "stand"}


def _phase(act: Act, share: float) -> float:
    """Return the phase at `share` 0..1 of one repetition: up and down, or up, hold and down."""
    swing = 0.5 - 0.5 * math.cos(2 * math.pi * share)
    if not act.hold:
        return swing
    ramp = min(share, 1 - share) / 0.18
    return 0.5 - 0.5 * math.cos(math.pi * min(ramp, 1.0))


def _moments(performance: tuple[Act, ...]) -> Iterator[tuple[Posture, float]]:
    """Yield the posture and the height of the hop of every frame."""
    before = performance[0].yaw
    for act in performance:
        frames = round(act.seconds * FPS)
        for index in range(act.times * frames):
            phase = _phase(act, (index % frames) / frames)
            hop = act.hop * math.sin(math.pi * phase) ** 2
            turned = 0.5 - 0.5 * math.cos(math.pi * min(index / frames, 1.0))
            yield replace(act.posture(phase), yaw=before + (act.yaw - before) * turned), hop
        before = act.yaw


def draw_performer(seed: int) -> BodyModel:
    """Return a person of mean proportions in plain clothes; the seed chooses colours and hair."""
    look = draw_look(np.random.default_rng(seed))
    plain = replace(look, skirt=0.0, hat=False, hood=False, mask=False, held="", midriff=False)
    return BodyModel(Build(), replace(plain, loose=1.05, flare=1.0, bosom=0.0))


def _on_floor(person: BodyModel, posture: Posture, hop: float) -> Actor:
    """Return the person with the lower foot on the floor (height 0), raised by a hop."""
    actor = place(person, posture)
    lowest = min(actor.figure.points[name][1] for name in ("l_heel", "r_heel", "l_toe", "r_toe"))
    return replace(actor, offset=np.array([0.0, hop - lowest + 0.02, 0.0]))


def _camera() -> Camera:
    turn, shift = look_at(np.array([0.0, _CAMERA_HEIGHT, 0.0]), _DISTANCE, 4.0, 0.0)
    return Camera(turn, shift, _FOCAL, (SIZE[1] / 2, SIZE[0] * 0.52))


def _room(rng: np.random.Generator, textures: NDArray[np.uint8]) -> Picture:
    square = room(rng, SIZE[1], textures)
    calm = 0.35 * square + 0.65 * np.array([186, 182, 174], np.float32)
    spare = (SIZE[1] - SIZE[0]) // 2
    return np.ascontiguousarray(calm[spare : spare + SIZE[0]], np.float32)


def _floor_shadow(picture: Picture, actor: Actor, camera: Camera) -> None:
    feet = actor.keypoints[15:]
    spots = camera.project(feet * (1, 0, 1))
    x, y = spots.mean(0)
    wide = int(np.ptp(spots[:, 0]) / 2 + 34)
    mask = np.zeros(picture.shape[:2], np.float32)
    cv2.ellipse(mask, (int(x), int(y)), (wide, 12), 0, 0, 360, 1.0, -1)
    soft = cv2.blur(mask, (41, 15))
    picture *= (1 - 0.4 * soft[..., None]).astype(np.float32)


def perform(seed: int = PERFORMER, performance: tuple[Act, ...] = PERFORMANCE) -> Iterator[Sample]:
    """Render the performance frame by frame; the same seed gives the same clip."""
    rng = np.random.default_rng((seed, 1))
    textures = draw_textures(rng)
    background, camera, person = _room(rng, textures), _camera(), draw_performer(seed)
    light = Light(np.array([0.33, -0.62, -0.71]), 0.7, 1.9)
    for posture, hop in _moments(performance):
        actor = _on_floor(person, posture, hop)
        picture = background.copy()
        _floor_shadow(picture, actor, camera)
        depth = draw_people(picture, [actor], camera, light, textures)
        keypoints, visible = visibility(actor, camera, depth, SIZE)
        yield Sample(np.clip(picture, 0, 255).astype(np.uint8), keypoints, visible)


def write_clip(path: Path, shots: list[Sample]) -> None:
    """Write an H.264 mp4 of the shots, constant quality."""
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libx264", rate=Fraction(FPS))
        stream.height, stream.width = SIZE
        stream.pix_fmt, stream.options = "yuv420p", {"crf": "24", "preset": "slow"}
        for shot in shots:
            frame = av.VideoFrame.from_ndarray(shot.image, format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def truth_document(shots: list[Sample]) -> dict[str, Any]:
    """Return the clip's truth as JSON values: `edgepose eval` reads it.

    poses: a list of 17 [y, x, visible] a frame, pixels, visible as in COCO.
    """
    poses = [
        [
            [round(float(y), 1), round(float(x), 1), int(visible)]
            for (y, x), visible in zip(shot.keypoints, shot.visible, strict=True)
        ]
        for shot in shots
    ]
    return {
        "version": 1,
        "fps": FPS,
        "size": list(SIZE),
        "keypoints": list(KEYPOINTS),
        "expected": expected(),
        "poses": poses,
    }


def write_demo(folder: Path, seed: int = PERFORMER) -> None:
    """Render the performance into `folder`: demo.mp4 and demo.truth.json."""
    folder.mkdir(parents=True, exist_ok=True)
    shots = list(perform(seed))
    write_clip(folder / "demo.mp4", shots)
    text = json.dumps(truth_document(shots), separators=(",", ":"))
    (folder / "demo.truth.json").write_text(text + "\n", encoding="utf-8")
