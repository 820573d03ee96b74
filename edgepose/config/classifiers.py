"""Load the classifiers of watches: examples of poses, or what there is to know of a network."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edgepose.config.file_cache import Version, version_of
from edgepose.config.schema import WatchSection
from edgepose.definitions import classifier_file
from edgepose.definitions.classifier_file import NUMBERS, Examples, Order
from edgepose.errors import ClassifierError, ModelError, near_miss
from edgepose.tflite.read import inspect

NETWORK_SUFFIX: Final = ".tflite"


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A network that classifies poses, not yet opened.

    classes: in the order of its outputs. order: of x and y in its 51 inputs, which are 17 times
    (x, y, score) or (y, x, score) in pixels.
    """

    path: Path
    classes: tuple[str, ...]
    order: Order


Classifier = Examples | Network


def files(watch: WatchSection) -> tuple[Path, ...]:
    """Return the files that a watch's classifier is read from."""
    path = watch.classifier
    if path is None:
        return ()
    if path.suffix != NETWORK_SUFFIX:
        return tuple(sorted(path.glob("*.csv"))) if path.is_dir() else (path,)
    labels = watch.labels or classifier_file.labels_beside(path)
    return (path, labels) if labels else (path,)


def load_classifier(watch: WatchSection) -> Classifier | None:
    """Return the classifier of a watch, None where it has none.

    The same object comes again as long as the files are as they were. Raises ClassifierError.
    """
    if watch.classifier is None:
        return None
    read = files(watch)
    return _loaded(watch.classifier, watch.labels, watch.order, tuple(map(version_of, read)))


def class_problem(classifier: Classifier, watch: WatchSection) -> str:
    """Say what is wrong with the class that a watch looks for, `""` when nothing is."""
    known = ", ".join(classifier.classes)
    if watch.class_name is None:
        return f"`class` is missing; write one of the classifier's: {known}"
    if watch.class_name in classifier.classes:
        return ""
    assert watch.classifier is not None
    miss = near_miss(watch.class_name, classifier.classes)
    return f"no class '{watch.class_name}' in {watch.classifier.name}{miss}"


@functools.lru_cache(maxsize=16)
def _loaded(
    path: Path,
    labels: Path | None,
    order: Order,
    versions: tuple[Version, ...],  # noqa: ARG001 - is part of the key
) -> Classifier:
    if path.suffix == NETWORK_SUFFIX:
        return _network(path, labels, order)
    if labels is not None:
        raise ClassifierError(f"`labels` are of a network; {path.name} names its classes itself")
    return classifier_file.load(path, order)


def _network(path: Path, labels: Path | None, order: Order) -> Network:
    """Return what there is to know of a network. Raises ClassifierError."""
    try:
        info = inspect(path)
    except ModelError as error:
        raise ClassifierError(str(error)) from error
    inputs, outputs = (
        [tensor.shape for tensor in tensors] for tensors in (info.inputs, info.outputs)
    )
    if len(inputs) != 1 or inputs[0][-1:] != (len(NUMBERS),):
        raise ClassifierError(
            f"{path}: expected a network with {len(NUMBERS)} inputs, 17 keypoints of x, y and "
            f"score, found {_shapes(inputs)}; `edgepose train classifier` makes one"
        )
    labels = labels or classifier_file.labels_beside(path)
    if labels is None:
        raise ClassifierError(
            f"{path}: no labels beside it; write its classes into {path.stem}.txt, one a line, or "
            "name the file with `labels`"
        )
    classes = classifier_file.load_labels(labels)
    if len(outputs) != 1 or outputs[0][-1:] != (len(classes),):
        raise ClassifierError(
            f"{labels}: expected as many classes as {path.name} has outputs "
            f"({_shapes(outputs)}), found {len(classes)}"
        )
    return Network(path, classes, order)


def _shapes(shapes: list[tuple[int, ...]]) -> str:
    return " and ".join(" x ".join(map(str, shape)) for shape in shapes) or "none"
