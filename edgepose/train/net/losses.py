"""Losses of the two kinds of maps: softmax with a none bin, and Gaussian confidence maps."""

from __future__ import annotations

from typing import Any, Final

from edgepose.train.extra import need

HIDDEN_SHARE: Final = 0.6  # target score of a hidden keypoint: its position is a guess
_SIGMA: Final = 1.4  # cells, of the softmax target


def _grids(keypoints: Any, side: int, stride: int, sigma: float) -> Any:
    """Return exp(-d^2 / (2 sigma^2)) (..., side, side) round keypoints (..., 2) of (y, x) pixels.

    Cell i stands for pixel i * stride + (stride - 1) / 2, the middle of those it covers.
    """
    torch = need("torch")
    cells = (keypoints + 0.5) / stride - 0.5
    line = torch.arange(side, device=keypoints.device, dtype=torch.float32)
    y, x = (torch.exp(-((line - cells[..., i : i + 1]) ** 2) / (2 * sigma**2)) for i in (0, 1))
    return y[..., :, None] * x[..., None, :]


def softmax_loss(logits: Any, keypoints: Any, visible: Any, stride: int) -> Any:
    """Return the cross-entropy of maps and their none bins, plus that of the position alone.

    logits: (n, k, side, side). keypoints: (n, k, 2) of (y, x) pixels. visible: (n, k) of 0, 1, 2,
    or -1 where nothing is known. The second term keeps the position sharp where the map has several
    peaks.
    """
    torch = need("torch")
    functional = torch.nn.functional
    flat = logits.float().flatten(2)
    target = _grids(keypoints, logits.shape[-1], stride, _SIGMA).flatten(2)
    target = target / target.sum(2, keepdim=True).clamp_min(1e-6)
    known, there = (visible >= 0).float(), (visible > 0).float()
    belief = there * torch.where(visible == 1, HIDDEN_SHARE, 1.0)
    none = torch.zeros_like(flat[..., :1])
    log_all = functional.log_softmax(torch.cat([flat, none], 2), 2)
    whole = -(target * log_all[..., :-1]).sum(2) * belief - log_all[..., -1] * (1 - belief)
    place = -(target * functional.log_softmax(flat, 2)).sum(2)
    first = (whole * known).sum() / known.sum().clamp_min(1)
    return 0.5 * first + 0.5 * (place * there).sum() / there.sum().clamp_min(1)


def confidence_maps(keypoints: Any, visible: Any, side: int, stride: int, sigma: float) -> Any:
    """Return Gaussian maps (n, k, side, side), the maximum over people, peak 1 at the keypoint.

    keypoints: (n, people, k, 2) of (y, x) pixels. visible: (n, people, k); 0 and less draw
    nothing. sigma: cells. Wei et al. 2016, section 3.2.2; maximum as in Cao et al. 2017, eq. 7.
    """
    maps = _grids(keypoints, side, stride, sigma)
    return (maps * (visible > 0)[..., None, None]).amax(1)


def stage_loss(outputs: list[Any], target: Any, known: Any) -> Any:
    """Return the sum over stages of the squared error a keypoint: intermediate supervision.

    Wei et al. 2016, equation 5; sum over cells, mean over known keypoints. known: bool (n, k);
    keypoints without annotation don't count.
    """
    share = known.float() / known.sum().clamp_min(1)
    errors = [(((maps.float() - target) ** 2).sum((2, 3)) * share).sum() for maps in outputs]
    return sum(errors[1:], errors[0])
