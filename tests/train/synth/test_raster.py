"""The rasteriser: a ball is round, as far as it should be, and nearer things win."""

from __future__ import annotations

import numpy as np
import pytest

from edgepose.train.synth.raster import CHAIN_COLUMNS, splat

pytest.importorskip("numba", reason="rendering needs the extra 'train'")

CAMERA = np.array([100.0, 50.0, 50.0])


def ball(x: float, z: float, radius: float) -> np.ndarray:
    """Return a chain that is all but a ball at (x, 0, z), camera space."""
    chain = np.zeros(CHAIN_COLUMNS)
    chain[:6] = x, -1e-4, z, x, 1e-4, z
    chain[6] = 1.0
    chain[9:13] = radius
    chain[17:] = 9.0, -1
    return chain


def render(*chains: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return depth, owner and ellipsoids of chains in a picture of 101 sub-pixels."""
    depth = np.full((101, 101), 1e6, np.float32)
    owner = np.full((101, 101), -1, np.int32)
    blobs = np.empty((50, 21))
    count = splat(np.stack(chains), CAMERA, depth, owner, blobs)
    return depth, owner, blobs[:count]


def test_a_ball_is_nearest_in_its_middle_and_as_wide_as_projected() -> None:
    """Radius 0.4 at 4 metres: 10 sub-pixels wide on each side, its front at 3.6 metres."""
    depth, owner, _ = render(ball(0.0, 4.0, 0.4))
    assert depth[50, 50] == pytest.approx(3.6, abs=1e-3)
    columns = np.flatnonzero(owner[50] >= 0)
    assert columns.min() in (40, 41)
    assert columns.max() in (59, 60)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_nearer_ball_wins_in_any_order(order: tuple[int, int]) -> None:
    """What is drawn last does not matter, only what is nearer."""
    balls = ball(0.0, 4.0, 0.4), ball(0.0, 2.0, 0.1)
    depth, owner, blobs = render(*(balls[i] for i in order))
    assert depth[50, 50] == pytest.approx(1.9, abs=1e-3)
    assert blobs[owner[50, 50], 20] == order.index(1)


def test_what_is_behind_the_camera_is_not_drawn() -> None:
    """A chain with an end too near or behind leaves the picture empty."""
    _, owner, blobs = render(ball(0.0, -1.0, 0.4))
    assert (owner == -1).all()
    assert len(blobs) == 0


def test_a_full_list_of_ellipsoids_stops_quietly() -> None:
    """More chains than there is room for draw as many as fit."""
    depth = np.full((101, 101), 1e6, np.float32)
    owner = np.full((101, 101), -1, np.int32)
    chains = np.stack([ball(0.0, 4.0, 0.4)] * 9)
    assert splat(chains, CAMERA, depth, owner, np.empty((4, 21))) == 4
