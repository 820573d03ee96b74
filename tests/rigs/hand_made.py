"""Small models made by hand: each output is one strided convolution of the picture."""

from __future__ import annotations

from collections.abc import Sequence

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as tfl

POSENET = (17, 34, 32, 32)  # heatmaps, short offsets, displacements forward and backward
CONV_2D = 3


def any_size_posenet(stride: int = 16) -> bytes:
    """Return a PoseNet that takes float pictures of any size; it finds nobody."""
    return _file([1, -1, -1, 3], POSENET, stride)


def image_classifier(classes: int = 1000, side: int = 224) -> bytes:
    """Return a network that takes a picture and gives a row of scores."""
    return _file([1, side, side, 3], [classes], side)


def _file(shape: list[int], outputs: Sequence[int], stride: int) -> bytes:
    """Return a TFLite file with a map of so many channels for each output."""
    is_fixed = -1 not in shape
    graph = tfl.SubGraphT()
    graph.name, graph.inputs, graph.outputs = "main", [0], []
    pixels = _tensor("pixels", shape if is_fixed else [1, 17, 17, 3], 0)
    pixels.shapeSignature = shape
    graph.tensors, graph.operators = [pixels], []
    model = tfl.ModelT()
    model.buffers = [tfl.BufferT()]
    for number, channels in enumerate(outputs):
        weights = np.full((channels, 1, 1, 3), -1.0 if number == 0 else 0.0, np.float32)
        bias = np.full(channels, -9.0 if number == 0 else 0.0, np.float32)
        ends = [0]
        for name, values in (("weights", weights), ("bias", bias)):
            model.buffers.append(tfl.BufferT())
            model.buffers[-1].data = np.frombuffer(values.tobytes(), np.uint8)
            ends.append(len(graph.tensors))
            place = len(model.buffers) - 1
            graph.tensors.append(_tensor(f"{name}{number}", list(values.shape), place))
        made = _tensor(f"maps{number}", [1, *([1, 1] if is_fixed else [2, 2]), channels], 0)
        made.shapeSignature = [1, *([1, 1] if is_fixed else [-1, -1]), channels]
        graph.outputs.append(len(graph.tensors))
        graph.operators.append(_convolution(ends, len(graph.tensors), stride))
        graph.tensors.append(made)
    code = tfl.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = CONV_2D, CONV_2D, 1
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: list[int], buffer: int) -> tfl.TensorT:
    tensor = tfl.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, 0, buffer
    return tensor


def _convolution(inputs: list[int], output: int, stride: int) -> tfl.OperatorT:
    op, options = tfl.OperatorT(), tfl.Conv2DOptionsT()
    op.opcodeIndex, op.inputs, op.outputs = 0, inputs, [output]
    options.padding, options.strideH, options.strideW = 0, stride, stride  # 0: SAME
    op.builtinOptionsType, op.builtinOptions = tfl.BuiltinOptions.Conv2DOptions, options
    return op
