"""Write a network that classifies poses as a TFLite file: pixels in, probabilities out."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from edgepose.core.watches.embedding import BODY, ENDS, HIPS, SHORT, SHOULDERS, STARTS
from edgepose.core.watches.embedding import TORSO_MULTIPLIER as TORSO
from edgepose.errors import ModelError
from edgepose.skeleton import NUM_KEYPOINTS
from edgepose.train.classify.network import Array, Layers, probabilities
from edgepose.train.export.tflite import tensorflow
from edgepose.train.extra import need

INPUTS: Final = 3 * NUM_KEYPOINTS  # x, y and score of each keypoint; the score is not used
_TOLERANCE: Final = 1e-3  # of a probability, between the file and the trained network


def to_tflite(layers: Layers, checked: Array) -> bytes:
    """Return the TFLite file of a network; raise ModelError if it says something else.

    checked: (n, 17, 2) points of (y, x) in pixels on which both are compared.
    """
    tf = tensorflow()
    signature = [tf.TensorSpec([1, INPUTS], tf.float32, name="keypoints")]
    run = tf.function(lambda keypoints: _graph(tf, layers, keypoints), input_signature=signature)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([run.get_concrete_function()])
    model = bytes(converter.convert())
    worst = float(np.abs(answers(model, checked) - probabilities(layers, checked)).max())
    if worst > _TOLERANCE:
        raise ModelError(f"the exported file differs from the trained network by {worst:.2g}")
    return model


def _graph(tf: Any, layers: Layers, keypoints: Any) -> Any:
    """Return the probabilities of (1, 51): the embedding, then the layers."""
    xy = tf.reshape(keypoints, [NUM_KEYPOINTS, 3])[:, :2]
    points = tf.reverse(xy, [1])
    values = tf.reshape(_embedded(tf, points), [1, -1])
    for layer in layers[:-1]:
        values = tf.nn.relu(_dense(tf, values, layer))
    return tf.sigmoid(_dense(tf, values, layers[-1]))


def _dense(tf: Any, values: Any, layer: Any) -> Any:
    weights, bias = (np.float32(part) for part in (layer.weights, layer.bias))
    return tf.matmul(values, weights) + bias


def _embedded(tf: Any, points: Any) -> Any:
    """Return (23, 2) of (17, 2), as `embedding.embed` does for a pose that is known."""
    hips, shoulders = (
        tf.reduce_mean(tf.gather(points, ends), 0, keepdims=True) for ends in (HIPS, SHOULDERS)
    )
    body = tf.gather(points, BODY) - hips
    limbs = tf.gather(points, ENDS) - tf.gather(points, STARTS)
    size = tf.maximum(TORSO * _length(tf, shoulders - hips), tf.reduce_max(_length(tf, body)))
    return tf.concat([body / size, limbs / (_length(tf, limbs) + SHORT * size)], 0)


def _length(tf: Any, ways: Any) -> Any:
    return tf.sqrt(tf.reduce_sum(ways * ways, 1, keepdims=True))


def answers(model: bytes, points: Array) -> NDArray[np.float32]:
    """Return (n, classes) probabilities that a file gives (n, 17, 2) points of (y, x) in pixels."""
    module = need("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    result = interpreter.get_output_details()[0]["index"]
    said = []
    for pose in points:
        tensor = np.ones((NUM_KEYPOINTS, 3), np.float32)
        tensor[:, :2] = pose[:, ::-1]
        interpreter.set_tensor(source, tensor.reshape(1, -1))
        interpreter.invoke()
        said.append(interpreter.get_tensor(result)[0])
    return np.array(said, np.float32)
