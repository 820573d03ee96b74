"""The exported file says what the trained net says, with operators that chips know."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgepose.core.families.heatmap import Heatmaps
from edgepose.errors import ModelError
from edgepose.runtimes.litert import LiteRT
from edgepose.train.export import finish
from edgepose.train.export.tflite import Agreement, compare, run_tflite, to_tflite
from edgepose.train.net import nets
from edgepose.train.net.torch_net import TorchNet, fold
from edgepose.train.synth.people import VISIBLE, Sample

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")
pytest.importorskip("tensorflow", reason="export needs the extra 'train'")

EDGE_TPU_OPS = {
    "ADD",
    "CONCATENATION",
    "CONV_2D",
    "MAX_POOL_2D",
    "PAD",
    "QUANTIZE",
    "RESIZE_NEAREST_NEIGHBOR",
}  # those that these networks need, of coral.ai's list of supported operations

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


def samples() -> list[Sample]:
    """Return noisy pictures; nothing is asked of their keypoints."""
    rng = np.random.default_rng(0)
    nowhere = np.zeros((17, 2), np.float32), np.full(17, VISIBLE, np.int8)
    return [Sample(rng.integers(0, 255, (64, 64, 3), np.uint8), *nowhere) for _ in range(30)]


ALL = np.ones((4, 17), bool)


@pytest.fixture(scope="module")
def small() -> tuple[nets.Net, dict[str, object]]:
    """Return a pose machine of two stages with lively random weights."""
    torch.manual_seed(1)
    net = nets.cpm(2, width=16)
    model = TorchNet(net)
    for name, array in model.modules.state_dict().items():
        if "stage" in name and name.endswith("weight"):
            array.normal_(0, 0.3)
    return net, model.modules.state_dict()


def test_the_float_file_equals_the_net(small: tuple) -> None:
    """Padding, folding and resizing survive the way through TensorFlow."""
    net, state = small
    pictures = finish.pictures_for(samples(), 4, 64)
    wanted = finish.float_maps(net, state, pictures)
    found = run_tflite(to_tflite(net, fold(net, state), 64), pictures)
    assert compare(wanted, found, ALL).worst < 1e-3


def test_the_nano_net_survives_the_export() -> None:
    """Strided, upsampled and added layers too: the float file equals the untrained net."""
    torch.manual_seed(2)
    net = nets.nano()
    state = TorchNet(net).modules.state_dict()
    pictures = finish.pictures_for(samples(), 2, 64)
    wanted = finish.float_maps(net, state, pictures)
    found = run_tflite(to_tflite(net, fold(net, state), 64), pictures)
    assert compare(wanted, found, ALL[:2]).worst < 1e-3


def test_the_int8_file_runs_in_edgepose(
    small: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The written file is read by the heatmap family from uint8 pixels, and is checked."""
    monkeypatch.setattr(finish, "LEAST_AGREEMENT", 0.5)  # random maps have no clear peaks
    net, state = small
    done = finish.export(net, state, 64, samples(), tmp_path / "model.tflite")
    assert done.bytes == (tmp_path / "model.tflite").stat().st_size
    assert len(done.sha256) == 64
    assert done.sha256 in finish.describe(done, {})
    runtime = LiteRT(tmp_path / "model.tflite", 1)
    runtime.open()
    try:
        assert Heatmaps.recognise(runtime.inputs, runtime.outputs) is not None
        assert runtime.inputs[0].dtype == np.uint8
        assert runtime.outputs[0].dtype == np.int8
    finally:
        runtime.close()


def test_a_file_that_disagrees_is_not_written(
    small: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few equal peaks stop the export with the figures."""
    monkeypatch.setattr(finish, "compare", lambda *_: Agreement(0.2, 0.0))
    with pytest.raises(ModelError, match=r"agrees on 20% of the peaks"):
        finish.export(*small, 64, samples(), tmp_path / "model.tflite")
    assert not (tmp_path / "model.tflite").exists()


def test_only_operators_that_the_edge_tpu_takes(small: tuple) -> None:
    """No custom, no float, no exotic operator in the quantised file."""
    import tensorflow as tf

    net, state = small
    model = to_tflite(net, fold(net, state), 64, finish.pictures_for(samples(), 8, 64))
    interpreter = tf.lite.Interpreter(model_content=model)
    names = {op["op_name"] for op in interpreter._get_ops_details()} - {"DELEGATE"}
    assert names <= EDGE_TPU_OPS


def test_peaks_count_as_equal_within_a_cell() -> None:
    """A neighbour is the same place; two cells away is not."""
    first, second = np.zeros((2, 1, 8, 8, 2))
    first[0, 3, 3, :] = 1
    second[0, 4, 4, 0] = 1
    second[0, 3, 5, 1] = 1
    both = np.array([[True, True]])
    assert compare(first, second, both) == Agreement(0.5, 1.0)
    assert compare(first, second, ~both | [[True, False]]) == Agreement(1.0, 1.0)


def test_a_lift_raises_scores_and_leaves_places() -> None:
    """Softmax maps only: the peak stays where it is, its share against the none bin grows."""
    torch.manual_seed(2)
    net = nets.nano()
    weights = fold(net, TorchNet(net).modules.state_dict())
    kernel, bias = weights["maps"]
    more_kernel, more_bias = finish.lifted(net, weights)["maps"]
    np.testing.assert_allclose(more_bias - bias, finish.LIFT, atol=1e-6)
    assert more_kernel is kernel
    machine = nets.cpm(2, width=16)
    plain = fold(machine, TorchNet(machine).modules.state_dict())
    assert finish.lifted(machine, plain) is plain
