"""Networks as data: their shapes, sizes and stages can be counted without a framework."""

from __future__ import annotations

import net_size
import pytest

from edgepose.errors import UserError
from edgepose.train.net import nets
from edgepose.train.net.nets import CONV, Layer, Net


def test_parameters_and_multiply_adds_of_one_convolution() -> None:
    """3 to 8 channels, 3x3, stride 2 on 10 pixels: 8 * (27 + 1) weights, 25 cells."""
    layer = Layer("only", CONV, ("image",), 8, 3, 2)
    net = Net("one", (layer,), ("only",), 2, "softmax", {"image": 3, "only": 8})
    assert net_size.parameters(net) == 8 * 28
    assert net_size.multiply_adds(net, 10) == 25 * 8 * 27


def test_the_shipped_net_stays_within_its_budget() -> None:
    """About 1.4 million int8 weights fit the 1.5 MB of the shipped file."""
    net = nets.nano(deeper=True)
    assert net_size.parameters(net) < 1_420_000
    assert net_size.multiply_adds(net, 192) < 310e6


@pytest.mark.parametrize("name", nets.NETS)
@pytest.mark.parametrize("size", [128, 160, 192])
def test_maps_have_the_promised_stride(name: str, size: int) -> None:
    """Every output is a map of size / stride cells with 17 channels."""
    net = nets.NETS[name](17)
    sides = net_size.shapes(net, size)
    for output in net.outputs:
        assert sides[output] == size // net.stride
        assert net.channels[output] == 17


@pytest.mark.parametrize("name", nets.NETS)
def test_layers_are_named_once_and_use_what_is_before_them(name: str) -> None:
    """A network is a list in order: no name twice, no input from later on."""
    known = {"image"}
    for layer in nets.NETS[name](17).layers:
        assert layer.name not in known
        assert set(layer.inputs) <= known
        known.add(layer.name)


@pytest.mark.parametrize("stages", [1, 2, 6])
def test_a_pose_machine_has_as_many_supervised_stages_as_asked(stages: int) -> None:
    """Every stage gives maps of all keypoints; 16 for the MPII scheme."""
    net = nets.cpm(stages, keypoints=16)
    assert len(net.outputs) == stages
    assert {net.channels[output] for output in net.outputs} == {16}


@pytest.mark.parametrize("name", nets.NETS)
def test_weights_tell_which_net_they_are_of(name: str) -> None:
    """So that fine-tuning goes on with the net that was trained."""
    layers = (layer for layer in nets.NETS[name](17).layers if layer.op == CONV)
    assert nets.net_of(f"{layer.name}.0.weight" for layer in layers) == name


def test_weights_of_no_known_net_are_refused() -> None:
    """A sentence names the nets there are."""
    with pytest.raises(UserError, match=r"none of the nets nano, nano-deeper, cpm2, cpm6"):
        nets.net_of(["backbone.0.weight"])
