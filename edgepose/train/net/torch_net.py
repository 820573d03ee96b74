"""Build a described network in torch, run it, and fold its normalisations for export."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgepose.errors import UserError
from edgepose.train.extra import need
from edgepose.train.net.nets import ADD, CONV, JOIN, POOL, UP, Layer, Net

_PRIOR = -5.0  # initial bias of softmax heads: a cell is far less likely than the none bin
_RESIDUAL_GAIN = 0.25  # initial gain of a residual branch: the block is near identity
_RESIDUAL = ("_a", "_b")  # the two convolutions of a residual block
_FOLD_EPSILON = 1e-5  # torch's default of batch normalisation

Weights = dict[str, tuple[NDArray[np.float32], NDArray[np.float32]]]


def _conv(layer: Layer, net: Net) -> Any:
    """Return the torch module of one convolution."""
    nn = need("torch.nn")
    source = net.channels[layer.inputs[0]]
    conv = nn.Conv2d(
        source,
        layer.channels,
        layer.kernel,
        layer.stride,
        layer.kernel // 2,
        bias=not layer.normalised,
    )
    if not layer.normalised:
        nn.init.normal_(conv.weight, 0, 0.01)
        nn.init.constant_(conv.bias, _PRIOR if net.kind == "softmax" else 0.0)
        return conv
    nn.init.normal_(conv.weight, 0, math.sqrt(2 / (source * layer.kernel**2)))
    norm = nn.BatchNorm2d(layer.channels, eps=_FOLD_EPSILON)
    if layer.name.endswith("_b") and not layer.relu:
        nn.init.constant_(norm.weight, _RESIDUAL_GAIN)
    return nn.Sequential(conv, norm)


class TorchNet:
    """The torch modules of a network; call it with pictures to get every output's maps.

    modules: a ModuleDict by layer name: parameters, state_dict, train and eval are its own.
    """

    def __init__(self, net: Net) -> None:
        nn = need("torch.nn")
        self.net = net
        convs = (layer for layer in net.layers if layer.op == CONV)
        self.modules = nn.ModuleDict({layer.name: _conv(layer, net) for layer in convs})

    def __call__(self, pictures: Any) -> list[Any]:
        """Return the maps (n, keypoints, rows, columns) of each output, the last the best.

        pictures: float (n, 3, height, width) as `normalise` gives.
        """
        values = {"image": pictures}
        for layer in self.net.layers:
            values[layer.name] = self._apply(layer, [values[name] for name in layer.inputs])
        return [values[name] for name in self.net.outputs]

    def begin_from(self, state: dict[str, Any]) -> None:
        """Take the weights of a trained net; residual blocks that it lacks begin as identities.

        So a net with more blocks starts as good as the one it grew from. Raises UserError where
        the trained net has layers that this one lacks, or of another shape.
        """
        own = self.modules.state_dict()
        fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
        missing = {key.split(".")[0] for key in own if key not in fitting}
        known = {layer.name for layer in self.net.layers if layer.name.endswith(_RESIDUAL)}
        if len(fitting) < len(state) or not missing <= known:
            raise UserError(f"the checkpoint to start from does not fit the net {self.net.name}")
        self.modules.load_state_dict(fitting, strict=False)
        for name in missing:
            if name.endswith(_RESIDUAL[1]):
                need("torch.nn").init.zeros_(self.modules[name][1].weight)

    def _apply(self, layer: Layer, inputs: list[Any]) -> Any:
        torch = need("torch")
        functional = torch.nn.functional
        if layer.op == CONV:
            result = self.modules[layer.name](inputs[0])
        elif layer.op == ADD:
            result = inputs[0] + inputs[1]
        elif layer.op == UP:
            result = functional.interpolate(inputs[0], scale_factor=2, mode="nearest")
        elif layer.op == POOL:
            result = functional.max_pool2d(inputs[0], 2)
        else:
            assert layer.op == JOIN
            result = torch.cat(inputs, 1)
        return functional.relu(result) if layer.relu else result


def normalise(images: Any) -> Any:
    """Return uint8 (n, height, width, 3) as float (n, 3, height, width), about -2..2.

    (value - 127.5) / 64: one scale, so that the int8 input of the exported net is exact.
    """
    torch = need("torch")
    floats = images.permute(0, 3, 1, 2).float()
    return floats.sub_(127.5).div_(64.0).contiguous(memory_format=torch.channels_last)


def _folded(layer: Layer, state: dict[str, Any]) -> tuple[Any, Any]:
    """Return weights (kernel, kernel, in, out) and bias (out,) with the normalisation folded."""

    def array(key: str) -> Any:
        return state[f"{layer.name}.{key}"].detach().cpu().numpy().astype(np.float64)

    if not layer.normalised:
        return array("weight").transpose(2, 3, 1, 0), array("bias")
    gain = array("1.weight") / np.sqrt(array("1.running_var") + _FOLD_EPSILON)
    weights = array("0.weight").transpose(2, 3, 1, 0) * gain
    return weights, array("1.bias") - array("1.running_mean") * gain


def fold(net: Net, state: dict[str, Any]) -> Weights:
    """Return every convolution's float32 (weights, bias) from a state_dict, by layer name."""
    convs = (layer for layer in net.layers if layer.op == CONV)
    folded = {layer.name: _folded(layer, state) for layer in convs}
    return {k: (w.astype(np.float32), b.astype(np.float32)) for k, (w, b) in folded.items()}
