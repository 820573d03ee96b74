"""A stripped model ends where the decoder began; nothing else about it changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from edgepose.errors import ModelError
from edgepose.tflite.info import POSENET_OP
from edgepose.tflite.read import read_model
from edgepose.tflite.strip import strip_decoder

Build = Callable[..., bytes]


def run(data: bytes, value: NDArray[np.generic]) -> list[tuple[NDArray[np.generic], float, int]]:
    """Return (tensor, scale, zero point) of every output."""
    interpreter = Interpreter(model_content=data)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], value)
    interpreter.invoke()
    ends = interpreter.get_output_details()
    return [(interpreter.get_tensor(end["index"]), *end["quantization"]) for end in ends]


def weights(data: bytes) -> list[bytes]:
    """Return the contents of all buffers."""
    model = tfl.ModelT.InitFromObj(tfl.Model.GetRootAs(data))
    return [bytes(buffer.data) if buffer.data is not None else b"" for buffer in model.buffers]


def test_the_decoders_inputs_become_the_outputs(build: Build) -> None:
    """A model of ADD and decoder becomes one of ADD alone, and runs."""
    data = build([(0, [0, 0], [1]), (POSENET_OP, [1], [2, 3])], 4, [2, 3])
    stripped = strip_decoder(data, "m")
    assert [tensor.name for tensor in read_model(stripped, "m").outputs] == ["t1"]
    ((result, _, _),) = run(stripped, np.array([[1, 2, 3, 4]], np.float32))
    assert result.tolist() == [[2, 4, 6, 8]]


def test_later_kinds_of_op_are_renumbered(build: Build) -> None:
    """A decoder in the middle of the list leaves the other ops what they were."""
    ops = [(0, [0, 0], [1]), (POSENET_OP, [1], [3]), ("Later", [1], [2])]
    info = read_model(strip_decoder(build(ops, 4, [2, 3]), "m"), "m")
    assert [(op.name, op.inputs, op.outputs) for op in info.ops] == [
        ("ADD", (0, 0), (1,)),
        ("Later", (1,), (2,)),
    ]
    assert [tensor.name for tensor in info.outputs] == ["t1", "t2"]


def test_more_outputs_than_before_fit(build: Build) -> None:
    """Four inputs take the place of one output; an optional input that is absent is left out."""
    data = build([(0, [0, 0], [1]), (POSENET_OP, [0, -1, 1, 2, 3], [4])], 5, [4])
    info = read_model(strip_decoder(data, "m"), "m")
    assert [tensor.name for tensor in info.outputs] == ["t0", "t1", "t2", "t3"]


def test_signatures_of_lost_outputs_go_and_metadata_stays(build: Build) -> None:
    """A signature would name tensors that nothing computes."""
    data = build([(0, [0, 0], [1]), (POSENET_OP, [1], [2])], 3, [2], signed=True)
    info = read_model(strip_decoder(data, "m"), "m")
    assert info.signatures == ()
    assert info.metadata == {"min_runtime_version": b"1.5.0"}
    assert run(strip_decoder(data, "m"), np.ones((1, 4), np.float32))[0][0].tolist() == [[2] * 4]


def test_a_model_without_the_op_is_refused(tiny: bytes) -> None:
    """Nothing to take out is said, not done."""
    with pytest.raises(ModelError, match=r"net\.tflite: expected one PosenetDecoderOp.*found 0"):
        strip_decoder(tiny, "net.tflite")


def test_a_decoder_that_feeds_other_ops_is_refused(build: Build) -> None:
    """When the graph goes on from the poses there is no end to move."""
    data = build([(POSENET_OP, [0], [1]), ("Counter", [1], [2])], 3, [2])
    with pytest.raises(ModelError, match="other ops use"):
        strip_decoder(data, "m")


def test_a_damaged_file_is_refused(build: Build) -> None:
    """Stripping never writes on top of a broken file."""
    with pytest.raises(ModelError, match="damaged"):
        strip_decoder(build([(POSENET_OP, [0], [1])], 2, [1])[:-40], "m")


def test_coral_models_keep_weights_and_metadata(models: Path) -> None:
    """All four Coral files lose the op and not one byte of a buffer."""
    files = sorted(models.glob("*quant_decoder*.tflite"))
    assert len(files) == 4
    for path in files:
        data = path.read_bytes()
        stripped = strip_decoder(data, path.name)
        before, after = read_model(data, path.name), read_model(stripped, path.name)
        assert POSENET_OP not in after.op_counts
        assert len(after.ops) == len(before.ops) - 1
        assert after.metadata == before.metadata
        assert after.tensors == before.tensors
        assert weights(stripped) == weights(data)
        assert sum(a != b for a, b in zip(data, stripped, strict=False)) < 64
        assert [tensor.dtype for tensor in after.outputs] == ["uint8"] * 3


def test_edge_tpu_builds_keep_the_edge_tpu_op(models: Path) -> None:
    """A stripped `_edgetpu` file passes the interpreter's verifier and lacks only the chip."""
    for path in sorted(models.glob("*quant_decoder_edgetpu.tflite")):
        stripped = strip_decoder(path.read_bytes(), path.name)
        assert read_model(stripped, path.name).op_counts == {"edgetpu-custom-op": 1}
        with pytest.raises(RuntimeError, match="unresolved custom op: edgetpu-custom-op"):
            Interpreter(model_content=stripped).allocate_tensors()


def test_a_stripped_coral_model_computes_what_the_component_does(models: Path, media: Path) -> None:
    """The older build has the component's weights: equal within one step of the coarser scale.

    The component's short offsets and heatmaps saturate at +-10, the stripped file's do not (its
    steps are 5 times coarser), so both are compared where both can speak.
    """
    photo = cv2.imread(str(media / "stills/coral_posenet_test_image.bmp"))
    pixels = cv2.cvtColor(cv2.resize(photo, (481, 353)), cv2.COLOR_BGR2RGB)[None]
    whole = (
        models / "project-posenet_posenet_mobilenet_v1_075_353_481_quant_decoder.tflite"
    ).read_bytes()
    part = (models / "posenet_mobilenet_v1_075_353_481_quant.tflite").read_bytes()
    for ours, theirs in zip(run(strip_decoder(whole, "w"), pixels), run(part, pixels), strict=True):
        low = max(-scale * zero for _, scale, zero in (ours, theirs))
        high = min(scale * (255 - zero) for _, scale, zero in (ours, theirs))
        a, b = (np.clip((t.astype(float) - zero) * s, low, high) for t, s, zero in (ours, theirs))
        assert np.abs(a - b).max() <= 0.61 * max(ours[1], theirs[1])
