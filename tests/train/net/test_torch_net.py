"""Described networks in torch: right shapes, and folding changes nothing but the form."""

from __future__ import annotations

import net_size
import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.train.net import nets
from edgepose.train.net.nets import CONV, Layer, Net
from edgepose.train.net.torch_net import TorchNet, fold, normalise

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")


@pytest.mark.parametrize("name", nets.NETS)
def test_outputs_are_one_map_a_keypoint_and_stage(name: str) -> None:
    """A 64 pixel picture gives maps of 16 cells, from every stage."""
    net = nets.NETS[name](17)
    model = TorchNet(net)
    outputs = model(normalise(torch.zeros(2, 64, 64, 3, dtype=torch.uint8)))
    assert len(outputs) == len(net.outputs)
    assert all(maps.shape == (2, 17, 16, 16) for maps in outputs)


@pytest.mark.parametrize("name", nets.NETS)
def test_the_description_counts_the_weights_that_torch_has(name: str) -> None:
    """After folding, the arrays hold exactly the counted parameters."""
    net = nets.NETS[name](17)
    folded = fold(net, TorchNet(net).modules.state_dict())
    assert sum(w.size + b.size for w, b in folded.values()) == net_size.parameters(net)


def test_pixels_are_scaled_about_their_middle() -> None:
    """0, 127.5 and 255 become about -2, 0 and 2, channels first."""
    values = normalise(torch.tensor([[[[0, 128, 255]]]], dtype=torch.uint8))
    assert values.shape == (1, 3, 1, 1)
    assert values.flatten().tolist() == pytest.approx([-1.992, 0.0078, 1.992], abs=1e-3)


def test_folding_a_normalisation_keeps_the_values() -> None:
    """Weights and bias with the statistics folded in give what convolution and norm gave."""
    layer = Layer("only", CONV, ("image",), 5, 1)
    net = Net("one", (layer,), ("only",), 1, "softmax", {"image": 3, "only": 5})
    model = TorchNet(net)
    norm = model.modules["only"][1]
    for array in (norm.weight, norm.bias, norm.running_mean):
        array.data.normal_()
    norm.running_var.uniform_(0.5, 2.0)
    model.modules.eval()
    pixels = torch.randn(1, 3, 1, 1)
    weights, bias = fold(net, model.modules.state_dict())["only"]
    expected = model(pixels)[0].detach().numpy().ravel()
    found = pixels.numpy().ravel() @ weights[0, 0] + bias
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_a_deeper_net_begins_as_good_as_the_one_it_grew_from() -> None:
    """With a trained net's weights, the added blocks change nothing."""
    small, deep = TorchNet(nets.nano()), TorchNet(nets.nano(deeper=True))
    with torch.no_grad():
        for parameter in small.modules.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    deep.begin_from(small.modules.state_dict())
    pictures = normalise(torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8))
    small.modules.eval()
    deep.modules.eval()
    torch.testing.assert_close(deep(pictures)[-1], small(pictures)[-1])


def test_weights_of_another_net_are_refused() -> None:
    """A pose machine's weights are no start for an encoder-decoder."""
    with pytest.raises(UserError, match="does not fit the net nano"):
        TorchNet(nets.nano()).begin_from(TorchNet(nets.cpm(2)).modules.state_dict())
