"""Find a TFLite interpreter in any of its packages, load models, and explain its errors.

Shared by every runtime that runs .tflite files.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np

from edgepose.errors import ModelError, UserError, error_text
from edgepose.system import plain_file
from edgepose.tflite.bundle import is_member, read_member
from edgepose.tflite.header import HEAD_BYTES, is_tflite, kind_of
from edgepose.types import TensorSpec

log = logging.getLogger(__name__)

INTERPRETERS: Final = {
    "ai_edge_litert.interpreter": "ai-edge-litert",
    "tflite_runtime.interpreter": "tflite-runtime",
    "tensorflow.lite.python.interpreter": "tensorflow",
}
"""Module: distribution, best first. Measured on x86, MoveNet Lightning int8, one thread: 4.8 ms
against 45 ms for the second, whose XNNPACK leaves int8 convolutions to slow kernels."""

CHOICES: Final = {
    "litert": "ai-edge-litert",
    "tflite": "tflite-runtime",
    "tensorflow": "tensorflow",
}
"""What `model.interpreter` may say, and the distribution that it means."""

DECODER_OP: Final = "PosenetDecoderOp"  # ends Coral's PoseNet builds; no current runtime has it
CUSTOM_OPS: Final = {
    "edgetpu-custom-op": (
        "compiled for the Edge TPU; set 'runtime: edgetpu' for the model, or use its CPU build"
        " (the same name without '_edgetpu')"
    ),
}
"""The way out for models that need an operation the CPU interpreter does not have."""


class InterpreterError(UserError):
    """An interpreter that is missing or can't be used. fault: the message without the way out."""

    def __init__(self, fault: str, package: str = "ai-edge-litert") -> None:
        super().__init__(f"{fault}: pip install {package}")
        self.fault = fault


def check_model_file(path: Path) -> None:
    """Raise ModelError for a file that is missing or has no TFLite mark at byte 4.

    A network in a bundle is read as it is loaded, and checked there.
    """
    if is_member(path):
        return
    try:
        with plain_file.opened(path) as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error_text(error)}") from error
    if not is_tflite(head):
        raise ModelError(
            f"{path}: expected a TFLite model, found {kind_of(head)}; "
            "download the file itself again, or run 'edgepose models pull'"
        )


def installed_interpreters() -> tuple[str, ...]:
    """Return the choices of `model.interpreter` that are installed, best first."""
    by_package = {package: choice for choice, package in CHOICES.items()}
    packages = (package for package in INTERPRETERS.values() if _is_installed(package))
    return tuple(by_package[package] for package in packages)


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def find_interpreter(choice: str = "auto") -> tuple[Any, str]:
    """Return the interpreter module to use and the name of its distribution.

    choice: one of CHOICES, or "auto" for the best that is installed. Raises InterpreterError when
    there is none, or none that can be loaded.
    """
    wanted = {
        module: package
        for module, package in INTERPRETERS.items()
        if choice == "auto" or package == CHOICES[choice]
    }
    faults = []
    for module, package in wanted.items():
        try:
            return importlib.import_module(module), package
        except ModuleNotFoundError:
            continue
        except ImportError as error:
            faults.append(f"{package}: {error}")
            log.warning("%s is installed but can't be loaded: %s.", package, error)
    if choice != "auto":
        package = CHOICES[choice]
        fault = faults[0] if faults else f"{package} is not installed"
        raise InterpreterError(f"model.interpreter is {choice}, but {fault}", package)
    why = f" that can be loaded ({'; '.join(faults)})" if faults else ""
    raise InterpreterError(f"no TFLite interpreter is installed{why}")


def load(module: Any, package: str, path: Path, **settings: Any) -> Any:
    """Return an interpreter for the model file, ready to be invoked, made with `settings`.

    module, package: as `find_interpreter` returns them. Raises ModelError for a model that it
    can't run, InterpreterError for an interpreter that doesn't work with the numpy installed.
    """
    source = _source(path)
    try:
        try:
            return _started(module, **source, **settings)
        except RuntimeError as error:
            if DECODER_OP not in str(error):
                raise
            from edgepose.tflite.strip import strip_decoder  # for these builds alone

            # Coral's own op; ours decodes better. Remove it: its inputs become the outputs.
            stripped = strip_decoder(path.read_bytes(), str(path))
            return _started(module, model_content=stripped, **settings)
    except (ImportError, SystemError) as error:  # tflite-runtime 2.14 with numpy 2
        message = f"{package} doesn't work with numpy {np.__version__} ({error})"
        raise InterpreterError(message) from error
    except (ValueError, RuntimeError) as error:
        raise ModelError(f"{path}: {reason(str(error))}") from error


def _source(path: Path) -> dict[str, Any]:
    """Return how the interpreter gets a model: by path, or as bytes out of a bundle."""
    return {"model_content": read_member(path)} if is_member(path) else {"model_path": str(path)}


def _started(module: Any, **settings: Any) -> Any:
    with quiet_native_log():
        interpreter = module.Interpreter(**settings)
        interpreter.allocate_tensors()
    return interpreter


def reason(message: str) -> str:
    """Return the interpreter's error about a model as one sentence, with the way out."""
    custom = re.search(r"unresolved custom op: ([\w-]+)", message)
    if custom:
        name = custom.group(1)
        return CUSTOM_OPS.get(
            name,
            f"needs the operation '{name}', which this interpreter does not have; "
            "export the model with TFLite's built-in operations only",
        )
    if "Flatbuffer" in message or "allocation is null" in message:
        return "damaged or cut short; download it again, or run 'edgepose models pull'"
    return f"the interpreter can't run this model: {' '.join(message.split()) or 'no reason given'}"


def specs(details: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    """Return name, shape (-1 for any size), dtype and quantisation of each tensor."""
    return tuple(_spec(detail) for detail in details)


def _spec(detail: Mapping[str, Any]) -> TensorSpec:
    scale, zero_point = detail["quantization"]
    signature = detail.get("shape_signature", ())
    shape = signature if len(signature) else detail["shape"]
    return TensorSpec(
        name=detail["name"],
        shape=tuple(int(extent) for extent in shape),
        dtype=np.dtype(detail["dtype"]),
        scale=float(scale),
        zero_point=int(zero_point),
    )


@contextmanager
def quiet_native_log() -> Iterator[None]:
    """Capture what native code prints to stderr: INFO lines become debug records.

    Any other line goes to stderr afterwards, so that output of other threads is not lost.
    """
    try:
        terminal = os.dup(2)
    except OSError:  # there is no stderr
        yield
        return
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(terminal, 2)
            os.close(terminal)
            captured.seek(0)
            _pass_on(captured.read())


def _pass_on(printed: bytes) -> None:
    for line in printed.splitlines(keepends=True):
        if line.startswith(b"INFO: "):
            log.debug("%s", line.decode(errors="replace").strip())
        else:
            os.write(2, line)
