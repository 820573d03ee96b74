"""From a classifier of the configuration to something that gives a pose its probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgepose.config.classifiers import Classifier, Network
from edgepose.core.templates import known_points
from edgepose.core.watches.classifier import Classify
from edgepose.core.watches.embedding import MIN_KNOWN, embed
from edgepose.definitions.classifier_file import MIN_SCORE
from edgepose.errors import ClassifierError
from edgepose.runtimes.litert import LiteRT
from edgepose.types import Keypoints, Pose


class Dense:
    """A network that classifies poses: `classify(pose)` returns the probability of each class.

    It knows nothing but its classes, so that "none of these" is an answer only if it was trained
    with it, and for poses of which too little is seen.
    """

    def __init__(self, network: Network) -> None:
        """Open the network. Raises ModelError for one that can't be run here."""
        self.classes = network.classes
        self._axes = [1, 0, 2] if network.order == "xy" else [0, 1, 2]
        self._runtime = LiteRT(network.path, threads=1)
        self._runtime.open()
        self._try(network)

    def __call__(self, pose: Pose) -> NDArray[np.float64]:
        """Return (classes,) probabilities; all 0 for a pose of which too little is known."""
        known = np.isfinite(embed(known_points(pose, MIN_SCORE))).mean()
        if known < MIN_KNOWN:
            return np.zeros(len(self.classes))
        return self.of_pixels(pose.pixels)

    def of_pixels(self, keypoints: Keypoints) -> NDArray[np.float64]:
        """Return (classes,) probabilities of (17, 3) of (y, x, score) in pixels."""
        tensor = keypoints[:, self._axes].reshape(1, -1).astype(np.float32)
        output = self._runtime.infer(tensor)[0]
        return self._runtime.outputs[0].dequantise(output)[0].astype(np.float64)

    def close(self) -> None:
        """Let the network go."""
        self._runtime.close()

    def _try(self, network: Network) -> None:
        """Raise ClassifierError for a network that takes or gives something else."""
        expected = self._runtime.inputs[0].dtype
        if expected != np.float32:
            raise ClassifierError(
                f"{network.path}: expected inputs of float32, found {expected}; export it without "
                "quantising its input"
            )


def open_classifier(classifier: Classifier, known_score: float) -> Classify:
    """Return what gives a pose its probabilities.

    known_score: of a keypoint of the model that the poses come from. Raises ModelError and
    ClassifierError for a network that can't be run.
    """
    if isinstance(classifier, Network):
        return Dense(classifier)
    return classifier.neighbours(known_score)
