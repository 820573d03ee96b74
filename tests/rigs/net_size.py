"""Sizes of a described network: map sides, parameters, multiply-adds."""

from __future__ import annotations

from edgepose.train.net.nets import CONV, UP, Net


def shapes(net: Net, size: int) -> dict[str, int]:
    """Return the side of every layer's output for a square picture of `size` pixels."""
    sides = {"image": size}
    for layer in net.layers:
        side = sides[layer.inputs[0]]
        if layer.op == UP:
            side *= 2
        sides[layer.name] = -(-side // layer.stride)
    return sides


def parameters(net: Net) -> int:
    """Return the number of weights and biases after the normalisations are folded in."""
    convs = (layer for layer in net.layers if layer.op == CONV)
    return sum(
        layer.channels * (net.channels[layer.inputs[0]] * layer.kernel**2 + 1) for layer in convs
    )


def multiply_adds(net: Net, size: int) -> int:
    """Return the multiply-adds of one picture of `size` pixels a side."""
    sides = shapes(net, size)
    return sum(
        sides[layer.name] ** 2 * layer.channels * net.channels[layer.inputs[0]] * layer.kernel**2
        for layer in net.layers
        if layer.op == CONV
    )
