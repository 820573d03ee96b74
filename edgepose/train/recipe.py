"""The recipe of a training run: every number that decides its result, stored with it."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Final

from edgepose.errors import UserError
from edgepose.skeleton import KEYPOINTS, MPII_PARTS

SCHEMES: Final = {"coco": KEYPOINTS, "mpii": MPII_PARTS}


@dataclass(frozen=True, slots=True)
class Phase:
    """`steps` batches on pictures of `size` pixels a side."""

    size: int
    steps: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """All settings of a run. The defaults are those of a first run, from random weights.

    scheme: "coco" or "mpii", of the keypoints. pictures: of drawn people, reused with augmentation;
    avatars: of rigged avatars, where a folder of them is given.
    real_share: part of each batch that comes from recorded frames, when there are any;
    vacant_share: from real places without people. avatar_share: part of the rendered pictures that
    show rigged avatars, when there are any. ema: decay of the averaged weights, which are
    the result. start: a checkpoint to start from, `""` for random weights.
    """

    net: str = "nano"
    scheme: str = "coco"
    phases: tuple[Phase, ...] = (Phase(128, 3200), Phase(160, 2000), Phase(192, 2300))
    pictures: int = 65536
    avatars: int = 24576
    batch: int = 64
    rate: float = 3e-3
    decay: float = 0.02
    warm_up: int = 200
    ema: float = 0.995
    real_share: float = 0.25
    vacant_share: float = 0.08
    avatar_share: float = 0.7
    seed: int = 1
    start: str = ""

    @property
    def keypoints(self) -> int:
        """Return how many maps the network has."""
        return len(SCHEMES[self.scheme])

    @property
    def steps(self) -> int:
        """Return the number of batches of the whole run."""
        return sum(phase.steps for phase in self.phases)

    def size_at(self, step: int) -> int:
        """Return the pictures' side at a step, the last phase's beyond the end."""
        for phase in self.phases:
            if step < phase.steps:
                return phase.size
            step -= phase.steps
        return self.phases[-1].size

    def rate_at(self, step: int) -> float:
        """Return the learning rate: linear warm-up, then half a cosine down to 0.4 %."""
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(1.0, step / max(self.steps, 1)))
        return self.rate * (min(1.0, (step + 1) / max(self.warm_up, 1)) * cosine + 0.004)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON and checkpoints."""
        return dataclasses.asdict(self)


def scheme_of(keypoints: int) -> str:
    """Return the scheme that has so many keypoints; raise UserError where none has."""
    for name, names in SCHEMES.items():
        if len(names) == keypoints:
            return name
    known = " or ".join(f"{len(names)} ({name})" for name, names in SCHEMES.items())
    raise UserError(f"expected {known} keypoints a person, found {keypoints}")


def parse_phases(text: str) -> tuple[Phase, ...]:
    """Return phases from `128:5000,160:3500` (size:steps); raise UserError for anything else."""
    phases = []
    for part in text.split(","):
        size, _, steps = part.strip().partition(":")
        if not (size.isdecimal() and steps.isdecimal()) or int(size) % 32 or not int(size):
            raise UserError(
                f"--phases: '{part}' is not SIZE:STEPS with a size divisible by 32, "
                "as in 128:5000,160:3500"
            )
        phases.append(Phase(int(size), int(steps)))
    return tuple(phases)
