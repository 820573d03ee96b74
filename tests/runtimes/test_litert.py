"""Check the CPU runtime on tiny models built here, on broken files, and on the real Lightning."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgepose.errors import ModelError, RuntimeLost, UserError
from edgepose.runtimes import interpreter as interpreters
from edgepose.runtimes.litert import LiteRT, default_threads

flatbuffers = pytest.importorskip("flatbuffers")
schema = pytest.importorskip("ai_edge_litert.schema_py_generated")


def tiny_model(
    path: Path,
    shape: tuple[int, ...] = (1, 2, 2, 3),
    *,
    signature: tuple[int, ...] | None = None,
    quantisation: tuple[float, int] | None = None,
    custom_op: str | None = None,
    inputs: int = 1,
) -> Path:
    """Write a model that gives max(x, 0) of its first input, or needs `custom_op`."""
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    code = schema.OperatorCodeT()
    code.builtinCode = schema.BuiltinOperator.CUSTOM if custom_op else schema.BuiltinOperator.RELU
    code.deprecatedBuiltinCode = code.builtinCode
    code.version = 1
    code.customCode = custom_op
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.tensors = [_tensor(f"t{i}", shape, signature, quantisation) for i in range(inputs + 1)]
    graph.inputs, graph.outputs = list(range(inputs)), [inputs]
    operator = schema.OperatorT()
    operator.inputs, operator.outputs = [0], [inputs]
    graph.operators = [operator]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))
    return path


def _tensor(
    name: str,
    shape: tuple[int, ...],
    signature: tuple[int, ...] | None,
    quantisation: tuple[float, int] | None,
) -> Any:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.shapeSignature = name, list(shape), signature
    tensor.type = schema.TensorType.INT8 if quantisation else schema.TensorType.FLOAT32
    if quantisation:
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = [quantisation[0]]
        tensor.quantization.zeroPoint = [quantisation[1]]
    return tensor


def opened(path: Path) -> LiteRT:
    """Return an open runtime on one thread."""
    runtime = LiteRT(path, threads=1)
    runtime.open()
    return runtime


def test_a_model_is_run_and_described(tmp_path: Path) -> None:
    """Give what the model computes, and say its tensors and what does the work."""
    runtime = opened(tiny_model(tmp_path / "relu.tflite"))
    tensor = np.linspace(-1, 1, 12, dtype=np.float32).reshape(1, 2, 2, 3)
    (output,) = runtime.infer(tensor)
    np.testing.assert_array_equal(output, np.maximum(tensor, 0))
    assert runtime.inputs[0].shape == (1, 2, 2, 3)
    assert runtime.inputs[0].dtype == np.float32
    assert runtime.inputs[0].scale == 0
    assert "1 thread" in runtime.backend


def test_quantisation_is_read_from_the_model(tmp_path: Path) -> None:
    """Give scale and zero point as the model states them."""
    runtime = opened(tiny_model(tmp_path / "int8.tflite", quantisation=(0.25, -3)))
    spec = runtime.outputs[0]
    assert (spec.dtype, spec.scale, spec.zero_point) == (np.int8, 0.25, -3)


def test_outputs_belong_to_the_caller(tmp_path: Path) -> None:
    """Leave the outputs of one call untouched by the next."""
    runtime = opened(tiny_model(tmp_path / "relu.tflite"))
    first = runtime.infer(np.ones((1, 2, 2, 3), np.float32))[0]
    runtime.infer(np.zeros((1, 2, 2, 3), np.float32))
    assert (first == 1).all()


def test_a_model_of_any_size_takes_one_size_after_another(tmp_path: Path) -> None:
    """Make room again when the shape of the input changes."""
    path = tiny_model(tmp_path / "any.tflite", (1, 1, 1, 3), signature=(1, -1, -1, 3))
    runtime = opened(path)
    assert runtime.inputs[0].shape == (1, -1, -1, 3)
    for size in ((4, 6), (2, 2), (2, 2), (32, 64)):
        tensor = np.full((1, *size, 3), 0.5, np.float32)
        (output,) = runtime.infer(tensor)
        np.testing.assert_array_equal(output, tensor)


def test_a_model_of_one_size_says_which_it_was_given(tmp_path: Path) -> None:
    """Name the size that was refused, and go on working with the right one."""
    runtime = opened(tiny_model(tmp_path / "relu.tflite"))
    with pytest.raises(ModelError, match=r"relu\.tflite: .* an input of \(1, 9, 9, 3\)"):
        runtime.infer(np.zeros((1, 9, 9, 3), np.float32))
    assert runtime.infer(np.ones((1, 2, 2, 3), np.float32))[0].all()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"<!doctype html><title>404</title>", "a web page"),
        (
            b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code></Error>",
            "an XML document (often a download's error message)",
        ),
        (b"PK\x03\x04 something zipped", "a zip archive"),
    ],
)
def test_a_file_that_is_no_model_is_named_with_what_it_is(
    tmp_path: Path, content: bytes, found: str
) -> None:
    """Tell a web page under a model's name from a model, before any native code sees it."""
    path = tmp_path / "movenet.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        opened(path)
    assert str(caught.value).startswith(f"{path}: expected a TFLite model, found {found}; ")


def test_a_missing_model_is_said_so(tmp_path: Path) -> None:
    """Name the path and the system's reason."""
    with pytest.raises(ModelError, match=r"gone\.tflite: can't be read: No such file"):
        opened(tmp_path / "gone.tflite")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_model_that_is_cut_short_is_said_so(
    tmp_path: Path, lightning: Path, share: float
) -> None:
    """Say that a download stopped half-way, in one sentence."""
    whole = lightning.read_bytes()
    path = tmp_path / "half.tflite"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ModelError, match="damaged or cut short; download it again"):
        opened(path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("edgetpu-custom-op", "compiled for the Edge TPU; set 'runtime: edgetpu'"),
        ("MyVeryOwnOp", "needs the operation 'MyVeryOwnOp', which this interpreter does not have"),
    ],
)
def test_an_operation_that_is_not_there_is_named_with_the_way_out(
    tmp_path: Path, name: str, says: str
) -> None:
    """Say what to do about each custom operation."""
    path = tiny_model(tmp_path / "custom.tflite", custom_op=name)
    with pytest.raises(ModelError, match=says) as caught:
        opened(path)
    assert "\n" not in str(caught.value)


def test_corals_decoder_op_is_taken_off_while_loading(models: Path) -> None:
    """Run a model that ends in an op which no runtime has: its inputs are the outputs."""
    runtime = opened(
        models / "project-posenet_posenet_mobilenet_v1_075_353_481_quant_decoder.tflite"
    )
    assert [spec.shape[-1] for spec in runtime.outputs] == [17, 34, 64]


def test_a_model_with_two_inputs_is_refused(tmp_path: Path) -> None:
    """Say that one picture is all there is to give."""
    path = tiny_model(tmp_path / "two.tflite", inputs=2)
    with pytest.raises(
        ModelError, match="expected a model with one input, a picture, found t0, t1"
    ):
        opened(path)


def test_no_interpreter_gives_the_line_to_install_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Say what to install when none of the three packages is there."""
    for module in interpreters.INTERPRETERS:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UserError, match="pip install ai-edge-litert"):
        opened(tiny_model(tmp_path / "relu.tflite"))


def test_older_packages_serve_when_the_best_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Go down the chain in the stated order."""
    best, second, _ = interpreters.INTERPRETERS
    older = ModuleType(second)
    monkeypatch.setitem(sys.modules, best, None)
    monkeypatch.setitem(sys.modules, second.partition(".")[0], ModuleType("tflite_runtime"))
    monkeypatch.setitem(sys.modules, second, older)
    assert interpreters.find_interpreter() == (older, "tflite-runtime")


def test_an_interpreter_that_cannot_use_this_numpy_is_said_so(tmp_path: Path) -> None:
    """Turn tflite-runtime's SystemError under numpy 2 into what to install."""

    def broken(**_: Any) -> None:
        raise SystemError("numpy.core.multiarray failed to import")

    module = SimpleNamespace(Interpreter=broken)
    with pytest.raises(UserError, match=r"doesn't work with numpy .* pip install ai-edge-litert"):
        interpreters.load(module, "tflite-runtime", tmp_path / "any.tflite")


def test_a_failing_interpreter_is_a_lost_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Report a failure at run time as one that may be tried again."""
    module, _ = interpreters.find_interpreter()

    class Failing(module.Interpreter):  # type: ignore[misc, name-defined]
        def invoke(self) -> None:
            raise RuntimeError("out of something")

    monkeypatch.setattr(module, "Interpreter", Failing)
    runtime = opened(tiny_model(tmp_path / "relu.tflite"))
    with pytest.raises(RuntimeLost, match="the interpreter failed: out of something"):
        runtime.infer(np.zeros((1, 2, 2, 3), np.float32))


def test_close_may_come_twice_and_after_a_failed_open(tmp_path: Path) -> None:
    """Let go without complaint whatever happened before, and open again after."""
    never = LiteRT(tmp_path / "gone.tflite", threads=1)
    with pytest.raises(ModelError):
        never.open()
    never.close()
    runtime = opened(tiny_model(tmp_path / "relu.tflite"))
    runtime.close()
    runtime.close()
    runtime.open()
    assert runtime.infer(np.ones((1, 2, 2, 3), np.float32))[0].all()


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 3), (16, 4)])
def test_one_core_is_left_to_the_rest(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    """Take every core but one, and no more than four."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert default_threads() == threads


def test_native_chatter_goes_to_the_log(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Keep INFO lines off the terminal, and nothing else that is printed meanwhile."""
    with caplog.at_level(logging.DEBUG), interpreters.quiet_native_log():
        os.write(2, b"INFO: Created a delegate.\nERROR: something real\n")
    assert capfd.readouterr().err == "ERROR: something real\n"
    assert "INFO: Created a delegate." in caplog.text


def test_lightning_says_what_it_takes_and_gives(lightning: Path) -> None:
    """Read the real model: raw uint8 in, 17 keypoints out, XNNPACK at work."""
    runtime = opened(lightning)
    assert [spec.shape for spec in runtime.inputs + runtime.outputs] == [
        (1, 192, 192, 3),
        (1, 1, 17, 3),
    ]
    assert runtime.inputs[0].dtype == np.uint8
    assert runtime.inputs[0].scale == 0
    (output,) = runtime.infer(np.zeros((1, 192, 192, 3), np.uint8))
    assert output.shape == (1, 1, 17, 3)
    assert np.isfinite(output).all()
