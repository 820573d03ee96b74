"""Losses: lowest at the truth, indifferent to what is unknown, one term a stage."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgepose.train.net.losses import confidence_maps, softmax_loss, stage_loss

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")


def logits_at(row: int, column: int, height: float = 12.0) -> object:
    """Return logits (1, 1, 16, 16) that are sure of one cell and its neighbours."""
    grid = torch.arange(16.0)
    apart = (grid[:, None] - row) ** 2 + (grid[None] - column) ** 2
    return (height - apart / (2 * 1.4**2))[None, None]


def at(y: float, x: float) -> object:
    """Return one keypoint (1, 1, 2) in pixels."""
    return torch.tensor([[[y, x]]])


VISIBLE, HIDDEN, ABSENT, UNKNOWN = (torch.tensor([[v]], dtype=torch.int8) for v in (2, 1, 0, -1))


def test_the_loss_is_lowest_where_the_keypoint_is() -> None:
    """Cell 5 covers pixels 20 to 23: their middle, 21.5, fits it better than its neighbours."""
    losses = [
        float(softmax_loss(logits_at(row, 5), at(21.5, 21.5), VISIBLE, 4)) for row in (4, 5, 6)
    ]
    assert losses[1] == min(losses)
    assert losses[0] == pytest.approx(losses[2], rel=1e-4)


def test_an_absent_keypoint_wants_the_none_bin() -> None:
    """Believing in nothing costs little, believing in a place much; a visible one the reverse."""
    sure, nothing = logits_at(5, 5), torch.full((1, 1, 16, 16), -12.0)
    assert float(softmax_loss(nothing, at(0, 0), ABSENT, 4)) < 0.01
    assert float(softmax_loss(sure, at(0, 0), ABSENT, 4)) > 5
    there = [float(softmax_loss(x, at(21.5, 21.5), VISIBLE, 4)) for x in (nothing, sure)]
    assert there[0] > there[1]


def test_a_hidden_keypoint_deserves_less_belief_than_a_visible_one() -> None:
    """The best score for a hidden keypoint lies between nothing and certainty."""
    scores = np.linspace(-4, 20, 49)
    loss = [float(softmax_loss(logits_at(5, 5, s), at(21.5, 21.5), HIDDEN, 4)) for s in scores]
    best = logits_at(5, 5, float(scores[int(np.argmin(loss))]))
    belief = float(1 - torch.softmax(torch.cat([best.flatten(), torch.zeros(1)]), 0)[-1])
    assert 0.5 < belief < 0.7


def test_unknown_keypoints_teach_nothing() -> None:
    """Whatever the net says about them, the loss and its gradient are zero."""
    logits = logits_at(5, 5).requires_grad_()
    loss = softmax_loss(logits, at(3, 3), UNKNOWN, 4)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert float(logits.grad.abs().max()) == 0.0


def test_confidence_maps_peak_at_one_on_the_keypoint() -> None:
    """exp(-d^2 / (2 sigma^2)): 1 in the keypoint's cell, exp(-1/2) one sigma away."""
    keypoints = torch.tensor([[[[9.5, 17.5]]]])
    maps = confidence_maps(keypoints, torch.ones(1, 1, 1), 16, 4, 2.0)
    assert maps.shape == (1, 1, 16, 16)
    assert float(maps[0, 0, 2, 4]) == pytest.approx(1.0)
    assert float(maps[0, 0, 4, 4]) == pytest.approx(math.exp(-0.5))


def test_several_people_give_the_higher_of_their_maps() -> None:
    """Maximum over people, not the sum: peaks stay 1; the absent draw nothing."""
    keypoints = torch.tensor([[[[9.5, 17.5]], [[9.5, 25.5]], [[41.5, 41.5]]]])
    visible = torch.tensor([[[2], [2], [0]]])
    maps = confidence_maps(keypoints, visible, 16, 4, 2.0)[0, 0]
    assert float(maps[2, 4]) == pytest.approx(1.0)
    assert float(maps[2, 6]) == pytest.approx(1.0)
    assert float(maps[2, 5]) == pytest.approx(math.exp(-1 / 8))
    assert float(maps[10, 10]) < 0.01


def test_every_stage_pays_for_its_own_error() -> None:
    """Two stages off by 0.5 in one of four cells: 0.25 each."""
    target = torch.zeros(1, 1, 2, 2)
    wrong = target.clone()
    wrong[..., 0] = 0.0
    wrong[0, 0, 0, 0] = 0.5
    known = torch.ones(1, 1, dtype=torch.bool)
    assert float(stage_loss([wrong, wrong], target, known)) == pytest.approx(0.5)
    assert float(stage_loss([wrong, target], target, known)) == pytest.approx(0.25)


def test_what_nobody_annotated_costs_nothing() -> None:
    """Of two keypoints one is unknown: the mean is the known one's error alone."""
    target, maps = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    maps[0, 0, 0, 0], maps[0, 1] = 0.5, 7.0
    assert float(stage_loss([maps], target, torch.tensor([[True, False]]))) == pytest.approx(0.25)
