"""From a trained checkpoint to a model file: fold, quantise, check, fit the presence, describe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.core.families.heatmap_decode import find_keypoints, map_features, read_maps
from edgepose.core.families.presence import FEATURES, features
from edgepose.errors import ModelError
from edgepose.train.export.tflite import Agreement, compare, run_tflite, to_tflite
from edgepose.train.extra import need
from edgepose.train.net.nets import Net
from edgepose.train.net.torch_net import TorchNet, Weights, fold, normalise
from edgepose.train.synth.people import OUTSIDE, VISIBLE, People, Sample
from edgepose.types import Image

_RIDGE: Final = 1e-4  # keeps the weights of redundant features small
_STEPS: Final = 40  # of Newton's method, which needs about ten


def fit_presence(people: NDArray[Any], nobody: NDArray[Any]) -> list[float]:
    """Return the numbers that `Presence.parse` takes, the bias last.

    people, nobody: predictions (n, 17, COLUMNS) with and without a person in the picture; both
    sides have the same total weight. Logistic regression with a small penalty on standardised
    features.
    """
    raw = np.concatenate([features(people), features(nobody)]).astype(float)
    middle, spread = raw.mean(0), raw.std(0) + 1e-6
    inputs = np.concatenate([(raw - middle) / spread, np.ones((len(raw), 1))], 1)
    truth = np.repeat([1.0, 0.0], [len(people), len(nobody)])
    share = np.repeat([0.5 / len(people), 0.5 / len(nobody)], [len(people), len(nobody)])
    found = _newton(inputs, truth, share)
    weights = found[:FEATURES] / spread
    bias = found[FEATURES] - float(weights @ middle)
    return [round(float(number), 5) for number in (*weights, bias)]


def _newton(inputs: Any, truth: Any, share: Any) -> NDArray[np.float64]:
    """Return the weights of the smallest log loss plus ridge; the last one is not penalised."""
    penalty = np.full(inputs.shape[1], _RIDGE)
    penalty[-1] = 0.0
    weights = np.zeros(inputs.shape[1])
    for _ in range(_STEPS):
        chance = 0.5 + 0.5 * np.tanh(0.5 * (inputs @ weights))
        slope = inputs.T @ (share * (chance - truth)) + penalty * weights
        curve = (inputs * (share * chance * (1 - chance))[:, None]).T @ inputs
        weights = weights - np.linalg.solve(curve + np.diag(penalty + 1e-9), slope)
    return np.asarray(weights)


CALIBRATION: Final = 160  # pictures that set the value ranges
CHECKED: Final = 64  # other pictures on which file and net are compared
FRESH: Final = 12288  # new pictures to learn the presence from, two thirds without people
SEEN: Final = 8  # visible keypoints from which a picture counts as one of a person
BATCH: Final = 256  # pictures whose maps are in memory at a time
LIFT: Final = 0.8  # added to softmax logits: see `lifted`
LEAST_AGREEMENT: Final = 0.9  # share of peaks within a cell; ambiguous maps jump, sure ones don't


@dataclass(frozen=True, slots=True)
class Exported:
    """A written model: float_agreement and agreement are of the float and int8 files."""

    path: Path
    bytes: int
    sha256: str
    float_agreement: Agreement
    agreement: Agreement


def spread(samples: Any, count: int, first: int = 0) -> list[int]:
    """Return `count` indices spread evenly over a sequence of samples."""
    return [int(index) for index in np.linspace(first, len(samples) - 1, count)]


def pictures_for(samples: Any, count: int, size: int, first: int = 0) -> list[Image]:
    """Return `count` pictures spread evenly over a sequence of samples, scaled to `size`."""
    images = [np.asarray(samples[index].image) for index in spread(samples, count, first)]
    return [np.asarray(cv2.resize(image, (size, size)), np.uint8) for image in images]


def lifted(net: Net, weights: Weights) -> Weights:
    """Return weights whose softmax maps score as high as what watches were tuned with.

    A hidden keypoint learns a score of 0.6, and 5 x 5 cells hold 86 % of the target, so a limb that
    is found scores lower than MoveNet's does and counts as guessed. Against the none bin, whose
    logit is 0, a constant on every cell raises the scores and leaves the places as they are.
    """
    if net.kind != "softmax":
        return weights
    head = net.outputs[-1]
    kernel, bias = weights[head]
    return {**weights, head: (kernel, bias + np.float32(LIFT))}


def float_maps(net: Net, state: dict[str, Any], pictures: Sequence[Image]) -> Any:
    """Return the maps (n, rows, columns, keypoints) of the trained net."""
    torch = need("torch")
    model = TorchNet(net)
    model.modules.load_state_dict(state)
    model.modules.eval()
    with torch.no_grad():
        maps = model(normalise(torch.from_numpy(np.stack(pictures))))[-1]
    return maps.permute(0, 2, 3, 1).numpy()


def export(net: Net, state: dict[str, Any], size: int, samples: Any, path: Path) -> Exported:
    """Write the int8 model for (size, size) pictures; raise ModelError if it disagrees.

    samples: training samples; some calibrate, others check the float and the int8 file.
    """
    weights = lifted(net, fold(net, state))
    calibration = pictures_for(samples, CALIBRATION, size)
    checked = pictures_for(samples, CHECKED, size, first=1)
    shown = np.stack([samples[i].visible == VISIBLE for i in spread(samples, CHECKED, first=1)])
    wanted = float_maps(net, state, checked) + (LIFT if net.kind == "softmax" else 0.0)
    exact = compare(wanted, run_tflite(to_tflite(net, weights, size), checked), shown)
    model = to_tflite(net, weights, size, calibration)
    quantised = compare(wanted, run_tflite(model, checked), shown)
    if exact.worst > 1e-2 or quantised.cells < LEAST_AGREEMENT:
        raise ModelError(
            f"{path}: the exported file differs from the trained net (float by {exact.worst:.2g}, "
            f"int8 agrees on {quantised.cells:.0%} of the peaks); train longer, or report this"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model)
    return Exported(path, len(model), hashlib.sha256(model).hexdigest(), exact, quantised)


def predictions(net: Net, model: bytes, pictures: Sequence[Image]) -> NDArray[np.float64]:
    """Return the keypoints and map features of (size, size) pictures: (n, k, COLUMNS)."""
    activation = "softmax" if net.kind == "softmax" else "none"
    maps = [read_maps(one, activation) for one in run_tflite(model, pictures)]
    return np.stack([np.concatenate([find_keypoints(one), map_features(one)], 1) for one in maps])


def learn_presence(
    net: Net, path: Path, size: int, seed: int, vacant: Sequence[Sample]
) -> list[float]:
    """Return the numbers of `Presence` for an exported model of COCO's keypoints.

    They are learnt from newly drawn people and empty places, and from real places without people
    (`vacant`).
    """
    draw = People(int(np.random.SeedSequence((seed, FRESH)).generate_state(1)[0]), size, empty=0.65)
    samples = chain((draw() for _ in range(FRESH)), vacant)
    model = path.read_bytes()
    people, nobody = [], []
    while batch := list(islice(samples, BATCH)):
        found = predictions(net, model, pictures_for(batch, len(batch), size))
        visible = np.stack([sample.visible for sample in batch])
        people.append(found[(visible == VISIBLE).sum(1) >= SEEN])
        nobody.append(found[(visible == OUTSIDE).all(1)])
    return fit_presence(np.concatenate(people), np.concatenate(nobody))


def describe(exported: Exported, recipe: dict[str, Any], presence: Sequence[float] = ()) -> str:
    """Return the JSON file beside a model: hash, size, agreement, recipe, presence."""
    return json.dumps(
        {
            "model": exported.path.name,
            "bytes": exported.bytes,
            "sha256": exported.sha256,
            "float_worst": exported.float_agreement.worst,
            "int8_peaks_within_a_cell": round(exported.agreement.cells, 4),
            "recipe": recipe,
            "presence": list(presence),
        },
        indent=2,
    )
