"""What `read_model` says of a file is what TensorFlow's own bindings say of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl
from ai_edge_litert.interpreter import Interpreter

from edgepose.errors import ModelError
from edgepose.tflite import schema
from edgepose.tflite.info import ModelInfo
from edgepose.tflite.read import inspect, read_bytes, read_model


def numbers_of(names: type) -> dict[int, str]:
    """Return a generated enum as number -> name."""
    return {value: name for name, value in vars(names).items() if isinstance(value, int)}


def test_op_and_type_names_are_tensorflows() -> None:
    """The two tables agree with the generated bindings, number by number."""
    ops = numbers_of(tfl.BuiltinOperator)
    types = numbers_of(tfl.TensorType)
    assert [ops[number] for number in range(len(schema.OPS))] == list(schema.OPS)
    assert [types[number].lower() for number in range(len(schema.TYPES))] == list(schema.TYPES)


def test_a_model_made_by_hand_is_described(build: Callable[..., bytes]) -> None:
    """Every part of a small known model comes out as it went in."""
    data = build([(0, [0, 0], [1]), ("MyOp", [1, -1], [2])], 3, [2], signed=True)
    info = read_model(data, "tiny")
    assert info.size == len(data)
    assert info.version == 3
    assert info.description == "made by hand"
    assert info.op_counts == {"ADD": 1, "MyOp": 1}
    assert info.custom_ops == ("MyOp",)
    assert info.ops[1].inputs == (1, -1)
    assert [tensor.name for tensor in (*info.inputs, *info.outputs)] == ["t0", "t2"]
    assert info.inputs[0].shape == (-1, 4)
    assert info.outputs[0].shape == (1, 4)
    assert info.metadata == {"min_runtime_version": b"1.5.0"}
    assert info.signatures == ("serving_default",)
    assert not info.needs_edgetpu


def _bindings_say(data: bytes) -> tuple[list[object], ...]:
    graph = tfl.Model.GetRootAs(data).Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    ops = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    return (
        [tensor.Name().decode() for tensor in tensors],
        [schema.TYPES[tensor.Type()] for tensor in tensors],
        [tuple(np.atleast_1d(op.OutputsAsNumpy()).tolist()) for op in ops],
        [op.CustomOptionsLength() for op in ops],
    )


def _we_say(info: ModelInfo) -> tuple[list[object], ...]:
    return (
        [tensor.name for tensor in info.tensors],
        [tensor.dtype for tensor in info.tensors],
        [op.outputs for op in info.ops],
        [op.option_bytes for op in info.ops],
    )


def test_every_real_model_is_read_as_the_bindings_read_it(models: Path) -> None:
    """Names, types, wiring and option sizes of all models on disk agree with the bindings."""
    files = sorted(models.glob("*.tflite"))
    assert files
    for path in files:
        data = path.read_bytes()
        assert _we_say(read_model(data, path.name)) == _bindings_say(data), path.name


def test_ends_are_described_as_the_interpreter_describes_them(models: Path) -> None:
    """Shape, dtype and quantisation of inputs and outputs are the interpreter's, in its order."""
    for path in sorted(models.glob("posenet*quant.tflite")) + sorted(models.glob("*float16*")):
        interpreter = Interpreter(model_path=str(path))
        info = inspect(path)
        ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
        for tensor, detail in zip((*info.inputs, *info.outputs), ends, strict=True):
            spec = tensor.spec
            assert (spec.name, spec.dtype) == (detail["name"], detail["dtype"])
            assert spec.shape == tuple(detail["shape_signature"])
            assert (spec.scale, spec.zero_point) == pytest.approx(detail["quantization"])


def test_the_edge_tpu_share_is_seen(models: Path) -> None:
    """A compiled MoveNet keeps 3.07 of its 3.09 MB in one op, the rest runs on the CPU."""
    info = inspect(models / "movenet_single_pose_lightning_ptq_edgetpu.tflite")
    assert info.needs_edgetpu
    assert info.edgetpu_bytes == 3_072_084
    assert info.op_counts["edgetpu-custom-op"] == 1
    assert len(info.ops) == 60


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"<!doctype html><title>Kaggle</title>", "a web page"),
        (b"", "an empty file"),
        (b"\xff\xd8\xff\xe0 photo", "a JPEG picture"),
    ],
)
def test_a_file_of_another_kind_is_named(data: bytes, found: str) -> None:
    """The message says where, what was expected and what is there."""
    with pytest.raises(ModelError, match=f"dance.tflite: expected a TFLite model.*found {found}"):
        read_model(data, "dance.tflite")


def test_a_file_that_lacks_its_end_is_damaged(tiny: bytes) -> None:
    """A truncated download is told apart from a foreign file."""
    with pytest.raises(ModelError, match=r"short\.tflite: damaged TFLite file .*pull"):
        read_model(tiny[: len(tiny) // 2], "short.tflite")


def test_a_missing_file_is_a_users_error(tmp_path: Path) -> None:
    """Neither a missing file nor a folder ends in a traceback."""
    for path in (tmp_path / "absent.tflite", tmp_path):
        with pytest.raises(ModelError, match="can't be read"):
            read_bytes(path)


def test_a_huge_foreign_file_is_not_read_whole(tmp_path: Path) -> None:
    """A sparse file of 64 GB is refused by its first bytes."""
    film = tmp_path / "film.tflite"
    with film.open("wb") as file:
        file.truncate(64 << 30)
    with pytest.raises(ModelError, match="only zero bytes"):
        inspect(film)
