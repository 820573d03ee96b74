"""Write a trained network as a TFLite file and check that it gives the same maps.

Only built-in operators that the Edge TPU compiler takes: convolution, padding, addition, nearest
neighbour, concatenation, pooling. The int8 file takes the camera's uint8 pixels as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.train.extra import need
from edgepose.train.net.nets import ADD, CONV, JOIN, POOL, UP, Layer, Net
from edgepose.train.net.torch_net import Weights

Pictures = Iterable[NDArray[np.uint8]]


def tensorflow() -> Any:
    """Return TensorFlow, quiet and on the CPU: it only converts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
    return need("tensorflow")


def _convolve(tf: Any, layer: Layer, source: Any, weights: Weights) -> Any:
    """Return one convolution padded as torch pads: `kernel // 2` on every side.

    TensorFlow's own SAME padding is one-sided when the stride is 2, so that case pads first.
    """
    kernel, bias = weights[layer.name]
    if layer.stride > 1 and layer.kernel > 1:
        edge = layer.kernel // 2
        source = tf.pad(source, [[0, 0], [edge, edge], [edge, edge], [0, 0]])
    padding = "SAME" if layer.stride == 1 else "VALID"
    return tf.nn.bias_add(tf.nn.conv2d(source, kernel, layer.stride, padding), bias)


def _apply(tf: Any, layer: Layer, inputs: list[Any], weights: Weights) -> Any:
    if layer.op == CONV:
        result = _convolve(tf, layer, inputs[0], weights)
    elif layer.op == ADD:
        result = inputs[0] + inputs[1]
    elif layer.op == UP:
        size = [inputs[0].shape[1] * 2, inputs[0].shape[2] * 2]
        result = tf.compat.v1.image.resize_nearest_neighbor(inputs[0], size)
    elif layer.op == POOL:
        result = tf.nn.max_pool2d(inputs[0], 2, 2, "VALID")
    else:
        assert layer.op == JOIN
        result = tf.concat(inputs, -1)
    return tf.nn.relu(result) if layer.relu else result


def _graph(net: Net, weights: Weights, size: int) -> Any:
    """Return the network's best output as a concrete TensorFlow function of one picture."""
    tf = tensorflow()

    def run(picture: Any) -> Any:
        values = {"image": picture}
        for layer in net.layers:
            values[layer.name] = _apply(tf, layer, [values[n] for n in layer.inputs], weights)
        return values[net.outputs[-1]]

    signature = [tf.TensorSpec([1, size, size, 3], tf.float32, name="image")]
    return tf.function(run, input_signature=signature).get_concrete_function()


def to_tflite(net: Net, weights: Weights, size: int, calibration: Pictures | None = None) -> bytes:
    """Return a TFLite file: int8 when `calibration` pictures are given, else float32.

    calibration: about 100 uint8 (size, size, 3) pictures like those the net will see; they set
    the value ranges. The int8 file takes uint8 pixels, the float one (value - 127.5) / 64.
    """
    tf = tensorflow()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([_graph(net, weights, size)])
    if calibration is not None:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = _feed(list(calibration))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
    return bytes(converter.convert())


def _feed(pictures: list[NDArray[np.uint8]]) -> Callable[[], Iterable[list[Any]]]:
    def draw() -> Iterable[list[Any]]:
        for picture in pictures:
            yield [scaled(picture)[None]]

    return draw


def scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return pixels as the float network takes them."""
    return (pixels.astype(np.float32) - 127.5) / np.float32(64)


def run_tflite(model: bytes, pictures: Pictures) -> NDArray[np.float32]:
    """Return the maps (n, rows, columns, keypoints) of uint8 pictures, dequantised."""
    module = need("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(model_content=model, num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = result["quantization"]
    maps = []
    for picture in pictures:
        tensor = picture if source["dtype"] == np.uint8 else scaled(picture)
        interpreter.set_tensor(source["index"], tensor[None])
        interpreter.invoke()
        raw = interpreter.get_tensor(result["index"])[0].astype(np.float32)
        maps.append((raw - zero) * scale if scale else raw)
    return np.stack(maps)


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an exported file is from the network that it came from.

    cells: share of the maps that count whose highest cell is the same or a neighbour. worst:
    largest difference of a map value, of all maps.
    """

    cells: float
    worst: float


def compare(first: NDArray[Any], second: NDArray[Any], counts: NDArray[np.bool_]) -> Agreement:
    """Compare maps (n, rows, columns, keypoints) of two versions of a net on the same pictures.

    counts: (n, keypoints), which maps' peaks to compare: without a person, the highest of many
    low cells is arbitrary.
    """
    shape = first.shape[1:3]
    peaks = [
        np.stack(np.unravel_index(maps.reshape(len(maps), -1, maps.shape[-1]).argmax(1), shape))
        for maps in (first, second)
    ]
    apart = np.abs(peaks[0] - peaks[1]).max(0)
    return Agreement(float((apart <= 1)[counts].mean()), float(np.abs(first - second).max()))
