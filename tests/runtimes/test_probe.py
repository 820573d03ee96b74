"""Whatever native code does in the child, the parent gets a result or one sentence."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import flatbuffers
import pytest
from ai_edge_litert import schema_py_generated as tfl

from edgepose.errors import LostCause, ModelError, RuntimeLost, UserError
from edgepose.runtimes import probe as probing
from edgepose.runtimes.probe import TIMEOUT, _shape, probe

Compile = Callable[..., str]


@pytest.fixture
def open_model(tmp_path: Path) -> Path:
    """Return a model that doubles a tensor of shape (1, any, any, 3)."""
    tensors = [tfl.TensorT() for _ in range(2)]
    for tensor in tensors:
        tensor.name, tensor.shape, tensor.shapeSignature = "t", [1, 1, 1, 3], [1, -1, -1, 3]
    op, graph, model, code = tfl.OperatorT(), tfl.SubGraphT(), tfl.ModelT(), tfl.OperatorCodeT()
    op.opcodeIndex, op.inputs, op.outputs = 0, [0, 0], [1]
    op.builtinOptionsType, op.builtinOptions = tfl.BuiltinOptions.AddOptions, tfl.AddOptionsT()
    graph.inputs, graph.outputs, graph.tensors, graph.operators = [0], [1], tensors, [op]
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [code]
    model.buffers = [tfl.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "open.tflite"
    path.write_bytes(builder.Output())
    return path


def test_a_good_model_is_timed(lightning: Path) -> None:
    """Two inferences are measured in the child."""
    assert 0 < probe(lightning) < 5


def test_a_model_of_any_size_is_tried_at_one(open_model: Path) -> None:
    """A convolution over pictures of any size is given one of 256 by 256."""
    assert probe(open_model) > 0
    assert _shape((-1, -1, -1, 3)) == (1, 256, 256, 3)
    assert _shape((1, 51)) == (1, 51)


def test_a_damaged_model_is_the_files_fault(lightning: Path, tmp_path: Path) -> None:
    """Half a file gives the interpreter's complaint in words."""
    half = tmp_path / "half.tflite"
    half.write_bytes(lightning.read_bytes()[:1_000_000])
    with pytest.raises(ModelError, match=r"half\.tflite: damaged or cut short"):
        probe(half)


def test_a_missing_model_costs_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be seen from outside is not tried."""
    monkeypatch.setattr(subprocess, "Popen", None)
    with pytest.raises(ModelError, match="can't be read"):
        probe(tmp_path / "absent.tflite")


def test_a_missing_interpreter_is_the_installations_fault(
    lightning: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user is told what to install."""
    told = [
        json.dumps({"stage": "interpreter"}),
        json.dumps({"error": "no TFLite", "is_interpreter": True}),
    ]
    speak(monkeypatch, f"print({chr(10).join(told)!r})")
    with pytest.raises(UserError, match="no TFLite"):
        probe(lightning)


def test_a_good_delegate_is_used(lightning: Path, plug_in: Compile) -> None:
    """A plug-in that accepts lets the model run."""
    assert probe(lightning, plug_in("accepts")) > 0


def test_a_crash_on_closing_is_seen(lightning: Path, plug_in: Compile) -> None:
    """A library that works once and crashes when let go would take the service with it."""
    with pytest.raises(RuntimeLost, match=r"crashed \(SIGABRT\) while the model was closed"):
        probe(lightning, plug_in("accepts", crash_at_end=True))


def test_an_absent_library_is_the_chips_fault(lightning: Path) -> None:
    """A machine without libedgetpu says so."""
    with pytest.raises(
        RuntimeLost, match=r"libnothing\.so\.1 can't be used: .*No such file"
    ) as raised:
        probe(lightning, "libnothing.so.1")
    assert raised.value.cause is LostCause.ABSENT


def test_a_library_of_another_kind_is_the_chips_fault(lightning: Path) -> None:
    """The C library is no delegate."""
    with pytest.raises(RuntimeLost, match=r"can't be used: .*tflite_plugin_create_delegate"):
        probe(lightning, "libc.so.6")


def test_a_refusal_is_passed_on(lightning: Path, plug_in: Compile) -> None:
    """What the library says reaches the user; it is told its options."""
    with pytest.raises(RuntimeLost, match=r"can't be used: .*no device") as raised:
        probe(lightning, plug_in("refuses"))
    assert raised.value.cause is LostCause.NO_DEVICE
    with pytest.raises(RuntimeLost, match=r"can't be used: .*usb:1"):
        probe(lightning, plug_in("refuses"), {"device": "usb:1"})


@pytest.mark.parametrize(("body", "name"), [("crashes", "SIGSEGV"), ("aborts", "SIGABRT")])
def test_a_crash_is_contained(lightning: Path, plug_in: Compile, body: str, name: str) -> None:
    """A segmentation fault in the library costs a child, not the service."""
    expected = rf"crashed \({name}\) while the delegate was loaded; its version"
    with pytest.raises(RuntimeLost, match=expected) as raised:
        probe(lightning, plug_in(body))
    assert raised.value.cause is LostCause.CRASHED


def give_up_at(marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the probe's time be over as soon as the child has made the file `marker`."""
    wait = subprocess.Popen.wait

    def wait_for_marker(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout != TIMEOUT:
            return wait(child, timeout)
        while not marker.exists():
            with suppress(subprocess.TimeoutExpired):
                return wait(child, 0.01)
        raise subprocess.TimeoutExpired(child.args, timeout)

    monkeypatch.setattr(subprocess.Popen, "wait", wait_for_marker)


def test_a_hang_is_ended(
    lightning: Path, plug_in: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that never returns is given up, and its process is gone."""
    marker = tmp_path / "hanging"
    library = plug_in(f'creat("{marker}", 0600); for (;;) pause(); return NULL;')
    give_up_at(marker, monkeypatch)
    with pytest.raises(RuntimeLost, match="hung for 20 s while the delegate was loaded") as raised:
        probe(lightning, library)
    assert raised.value.cause is LostCause.HUNG
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert library not in running.stdout


def test_a_model_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a delegate it is the model's fault."""
    marker, model = tmp_path / "hanging", tmp_path / "net.tflite"
    model.write_bytes(b"\0\0\0\0TFL3")
    told = json.dumps({"stage": "inference"})
    give_up_at(marker, monkeypatch)
    speak(
        monkeypatch,
        f"import pathlib, signal; print({told!r}, flush=True);"
        f" pathlib.Path({str(marker)!r}).touch(); signal.pause()",
    )
    with pytest.raises(ModelError, match=r"net\.tflite: hung for 20 s in the first inference"):
        probe(model)


def speak(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the child be a few lines of Python."""
    start = subprocess.Popen
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **ends: start([sys.executable, "-c", code], **ends)
    )


CHILDREN = {
    'import os; print(\'{"stage": "model"}\', flush=True); os.kill(os.getpid(), 11)': (
        r"net\.tflite: crashed \(SIGSEGV\) while the model was loaded; the file is damaged"
    ),
    'print(\'{"stage": "inference"}\', flush=True); input()': "failed in the first inference .EOF",
    "raise SystemExit(7)": r"failed while Python started \(exit code 7\)",
}


@pytest.mark.parametrize("code", CHILDREN)
def test_any_end_of_the_child_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    """Without a delegate it is the model's fault, and the stage is named."""
    model = tmp_path / "net.tflite"
    model.write_bytes(b"\0\0\0\0TFL3")
    speak(monkeypatch, code)
    with pytest.raises(ModelError, match=CHILDREN[code]) as told:
        probe(model)
    assert "\n" not in str(told.value)


def test_the_child_may_not_take_the_machines_memory(tmp_path: Path) -> None:
    """The limit is set before anything native is loaded."""
    code = (
        "import os, resource, sys; from edgepose.runtimes import probe; "
        "probe.run_trial = lambda trial, stage: os.write(2, "
        "repr([resource.getrlimit(k)[0] for k in (resource.RLIMIT_AS, resource.RLIMIT_CORE)])"
        '.encode()) and os._exit(0); probe.main([\'{"path": ""}\'])'
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stderr == f"[{probing.MEMORY_BYTES}, 0]"
