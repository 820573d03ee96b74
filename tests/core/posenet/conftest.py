"""People planted into PoseNet's maps: what a perfect model would give, and who was found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.posenet.maps import Maps
from edgepose.core.families.posenet.tree import EDGES

STRIDE = 16
GRID = (31, 41)  # of a 481 x 641 input
REACH_PX = 32.0  # round a keypoint, in which the maps know of it
ROWS = np.array([-0.9, -1, -1, -0.95, -0.95, *np.repeat([-0.6, -0.3, 0.0, 0.0, 0.5, 1.0], 2)])
SIDES = np.array([0, 0.1, 0.1, 0.25, 0.25, 0.5, 0.5, 0.8, 0.8, 1, 1, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])
FIGURE = np.stack([ROWS, SIDES * np.array([0, *[1, -1] * 8])], 1)  # 2 x 2, round 0


@dataclass
class Planted:
    """Tensors (h, w, channels) that a perfect model would give for some people."""

    heatmaps: NDArray[np.float32]
    offsets: NDArray[np.float32]
    steps: NDArray[np.float32]
    stride: float = STRIDE

    @property
    def maps(self) -> Maps:
        """Return them ready to be decoded."""
        return Maps.of(self.heatmaps, self.offsets, self.steps, self.stride)


def person(y: float, x: float, height: float = 160.0) -> NDArray[np.float64]:
    """Return (17, 2) keypoints in input pixels of somebody standing round (y, x)."""
    return np.array([y, x]) + FIGURE * [height / 2, height / 4]


def empty(grid: tuple[int, int] = GRID, stride: float = STRIDE) -> Planted:
    """Return the tensors of a picture with nobody in it."""
    blank = [np.zeros((*grid, channels), np.float32) for channels in (17, 34, 64)]
    return Planted(blank[0] - 8, blank[1], blank[2], stride)


def plant(*people: NDArray[np.float64], best: float = 6.0, into: Planted | None = None) -> Planted:
    """Return tensors in which every cell near a keypoint points at it, and on to its neighbours.

    Heatmaps fall off with the distance; where people are close, the nearer one has the cell.
    """
    planted = into or empty()
    cells = np.stack(np.indices(planted.heatmaps.shape[:2]), 2) * planted.stride
    nearest = np.full(planted.heatmaps.shape, np.inf)
    for keypoints in people:
        for k, place in enumerate(keypoints):
            distance = np.hypot(*(cells - place).transpose(2, 0, 1))
            near = distance < np.minimum(REACH_PX, nearest[..., k])
            nearest[near, k] = distance[near]
            planted.heatmaps[near, k] = best - distance[near] / 8
            planted.offsets[near, k], planted.offsets[near, 17 + k] = (place - cells[near]).T
            for edge, (parent, child) in enumerate(EDGES):
                for end, other, first in ((parent, child, 0), (child, parent, 32)):
                    if end == k:
                        step = keypoints[other] - place
                        planted.steps[near, first + edge] = step[0]
                        planted.steps[near, first + 16 + edge] = step[1]
    return planted


def matched(found: NDArray[np.float32], people: list[NDArray[np.float64]]) -> list[int]:
    """Return for each found person which planted one it is, to within 0.01 px; -1 for none."""
    result = []
    for keypoints in found:
        near = [np.abs(keypoints[:, :2] - planted).max() < 0.01 for planted in people]
        result.append(near.index(True) if True in near else -1)
    return result
