"""The result of the pose machines, at small size: more stages refine better.

Wei et al., "Convolutional Pose Machines" (2016), section 4.1: each stage adds context, and
intermediate supervision keeps a deep machine trainable. Only this ordering is claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.core import metrics
from edgepose.train.data.batches import Batches
from edgepose.train.extra import need
from edgepose.train.net.losses import confidence_maps
from edgepose.train.net.nets import cpm
from edgepose.train.net.torch_net import TorchNet, normalise
from edgepose.train.net.trainer import GAUSS_SIGMA, net_loss
from edgepose.train.recipe import Phase, Recipe, scheme_of
from edgepose.train.synth.people import OUTSIDE, Sample
from edgepose.types import Image

_RATE: Final = 2e-3
_SMOOTH: Final = 0.05


@dataclass(frozen=True, slots=True)
class StageResult:
    """The result of one machine.

    curve: smoothed error of the last stage a step: comparable between machines, which the sum
    over stages is not. errors, pck: of every stage on held-out samples; pck at 0.2 of the box.
    """

    stages: int
    curve: tuple[float, ...]
    errors: tuple[float, ...]
    pck: tuple[float, ...]


def _learn(model: TorchNet, batches: Any, optimiser: Any, schedule: Any) -> tuple[float, ...]:
    """Train on all batches; return the smoothed error of the last stage after each."""
    torch = need("torch")
    curve: list[float] = []
    for index in range(len(batches)):
        images, keypoints, visible = (torch.from_numpy(array) for array in batches[index])
        outputs = model(normalise(images))
        loss = net_loss(model.net, outputs, keypoints, visible)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        error = _error(model.net.stride, outputs[-1].detach(), keypoints, visible)
        curve.append(error if not curve else curve[-1] + _SMOOTH * (error - curve[-1]))
    return tuple(curve)


def _error(stride: int, maps: Any, keypoints: Any, visible: Any) -> float:
    """Return the squared error of one stage's maps, summed over cells, a keypoint."""
    side = maps.shape[-1]
    target = confidence_maps(keypoints[:, None], visible[:, None], side, stride, GAUSS_SIGMA)
    return float(((maps.float() - target) ** 2).sum((2, 3)).mean())


def _peaks(maps: NDArray[Any], stride: int) -> NDArray[np.float64]:
    """Return the pixels (n, k, 2) of (y, x) of the highest cells of maps (n, k, rows, columns)."""
    cells = maps.reshape(*maps.shape[:2], -1).argmax(2)
    places = np.stack(np.divmod(cells, maps.shape[3]), -1)
    return places * stride + (stride - 1) / 2


def _measure(model: TorchNet, held_out: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (error, PCK@0.2 of the box) of every stage on one large batch."""
    torch = need("torch")
    images, keypoints, visible = (torch.from_numpy(array) for array in held_out)
    model.modules.eval()
    with torch.no_grad():
        outputs = model(normalise(images))
    known = visible.numpy() > OUTSIDE
    truth = keypoints.numpy()
    norms = [metrics.box_norm(t, k) for t, k in zip(truth, known, strict=True)]
    filled = np.nan_to_num(np.array(norms), nan=1.0)
    errors = [_error(model.net.stride, maps, keypoints, visible) for maps in outputs]
    shares = [
        metrics.total(
            metrics.pck(_peaks(maps.numpy(), model.net.stride), truth, known, filled, 0.2), known
        )
        for maps in outputs
    ]
    return tuple(errors), tuple(shares)


def train_stages(
    stages: int, samples: Sequence[Sample] | Any, recipe: Recipe, held_out: Any
) -> StageResult:
    """Train a machine of `stages` by a recipe; held_out: a batch that is not trained on."""
    torch = need("torch")
    torch.manual_seed(recipe.seed)
    model = TorchNet(cpm(stages, recipe.keypoints))
    optimiser = torch.optim.Adam(model.modules.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    curve = _learn(model, Batches(recipe, samples), optimiser, schedule)
    return StageResult(stages, curve, *_measure(model, held_out))


def compare_stages(
    samples: Sequence[Sample] | Any,
    held_out: Sequence[Sample] | Any,
    steps: int,
    size: int = 64,
    *,
    seed: int = 1,
    batch: int = 32,
    report: Callable[[StageResult], None] = lambda _: None,
) -> list[StageResult]:
    """Return the results of machines with 2 and 6 stages on the same batches.

    The number of maps is that of the samples' keypoints, 17 or 16.
    """
    scheme = scheme_of(len(held_out[0].keypoints))
    recipe = Recipe(scheme=scheme, phases=(Phase(size, steps),), batch=batch, seed=seed)
    test = replace(recipe, phases=(Phase(size, 1),), batch=min(256, len(held_out)), seed=seed + 1)
    fixed = Batches(test, held_out)[0]
    results = []
    for count in (2, 6):
        results.append(train_stages(count, samples, recipe, fixed))
        report(results[-1])
    return results


_COLOURS: Final = ((60, 110, 220), (220, 80, 60), (60, 160, 80))


def draw_curves(results: Sequence[StageResult]) -> Image:
    """Return a plot of the curves: steps across, error up (logarithmic), a legend."""
    height, width = 360, 640
    image = np.full((height, width, 3), 255, np.uint8)
    left, right, top, bottom = 60, width - 20, 20, height - 40
    values = np.concatenate([np.log10(result.curve[5:]) for result in results])
    low, high = float(values.min()), float(values.max())
    cv2.rectangle(image, (left, top), (right, bottom), (170, 170, 170), 1)
    for result, colour in zip(results, _COLOURS, strict=False):
        steps = np.linspace(left, right, len(result.curve))[5:]
        rows = bottom - (np.log10(result.curve[5:]) - low) / (high - low + 1e-9) * (bottom - top)
        line = np.stack([steps, rows], 1).round().astype(np.int32)
        cv2.polylines(image, [line], False, colour, 2, cv2.LINE_AA)
        place = (right - 210, top + 25 + 22 * list(results).index(result))
        text = f"{result.stages} stages: {result.curve[-1]:.2f}"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.55, colour, 1, cv2.LINE_AA)
    for text, place in (
        (f"{10**high:.1f}", (8, top + 8)),
        (f"{10**low:.1f}", (8, bottom)),
        (f"error of the last stage over {len(results[0].curve)} steps", (left, height - 14)),
    ):
        black = (40, 40, 40)
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, black, 1, cv2.LINE_AA)
    return image
