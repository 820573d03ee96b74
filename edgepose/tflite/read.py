"""Read the content of a TFLite file; nothing is executed, and no file can make it crash."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edgepose.errors import ModelError
from edgepose.system import plain_file
from edgepose.tflite import schema
from edgepose.tflite.bundle import is_member, read_member
from edgepose.tflite.flatbuffer import DamagedFile, Table, root
from edgepose.tflite.header import HEAD_BYTES, IDENTIFIER, is_tflite, kind_of
from edgepose.tflite.info import ModelInfo, OpInfo, TensorInfo

_MAX_RANK: Final = 8  # the interpreter's kernels stop at 6


def read_model(data: bytes, place: str) -> ModelInfo:
    """Return the content of the file `data`; place: its name in messages.

    Raises ModelError for anything but an intact TFLite file.
    """
    if not is_tflite(data):
        raise ModelError(_foreign(place, data[:HEAD_BYTES]))
    try:
        return _model(root(data, IDENTIFIER), len(data))
    except DamagedFile as error:
        raise ModelError(damaged(place, str(error))) from error


def inspect(path: Path) -> ModelInfo:
    """Return the content of the file at `path`; raises ModelError as `read_model` does."""
    return read_model(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Return a model file's bytes, be it one in a bundle.

    Raises ModelError when it is absent or no TFLite file.
    """
    if is_member(path):
        return read_member(path)
    try:
        with plain_file.opened(path) as file:
            head = file.read(HEAD_BYTES)
            if not is_tflite(head):  # before gigabytes of a video are read into memory
                raise ModelError(_foreign(str(path), head))
            return head + file.read()
    except OSError as error:
        raise ModelError(
            f"{path}: can't be read ({error.strerror}); give a .tflite file"
        ) from error


def damaged(place: str, why: str) -> str:
    """Return the message for a damaged TFLite file."""
    return (
        f"{place}: damaged TFLite file ({why}); fetch it again with 'edgepose models pull'"
        " or from its source"
    )


def _foreign(place: str, head: bytes) -> str:
    return f"{place}: expected a TFLite model ('TFL3' at byte 4), found {kind_of(head)}"


def _model(model: Table, size: int) -> ModelInfo:
    names = [_op_name(code) for code in model.tables(schema.Model.OPERATOR_CODES)]
    buffers = [
        buffer.vector(schema.BUFFER_DATA, 1) for buffer in model.tables(schema.Model.BUFFERS)
    ]
    graph = next(iter(model.tables(schema.Model.SUBGRAPHS)), None)
    if graph is None:
        raise DamagedFile("no graph")
    tensors = tuple(_tensor(entry, buffers) for entry in graph.tables(schema.SubGraph.TENSORS))
    ops = tuple(
        _op(entry, names, len(tensors)) for entry in graph.tables(schema.SubGraph.OPERATORS)
    )
    return ModelInfo(
        size=size,
        version=model.number(schema.Model.VERSION, "I"),
        description=model.text(schema.Model.DESCRIPTION),
        tensors=tensors,
        ops=ops,
        inputs=_pick(tensors, graph.integers(schema.SubGraph.INPUTS)),
        outputs=_pick(tensors, graph.integers(schema.SubGraph.OUTPUTS)),
        metadata=dict(_metadata(entry, buffers) for entry in model.tables(schema.Model.METADATA)),
        signatures=tuple(
            entry.text(schema.SIGNATURE_KEY) for entry in model.tables(schema.Model.SIGNATURES)
        ),
    )


def _op_name(code: Table) -> tuple[str, bool]:
    """Return (name, whether it is a custom op) of an operator code."""
    number = max(
        code.number(schema.OperatorCode.BUILTIN_BYTE, "b"),
        code.number(schema.OperatorCode.BUILTIN, "i"),
    )  # old files have only the byte, new ones put a placeholder there
    if number == schema.CUSTOM:
        return code.text(schema.OperatorCode.CUSTOM) or "unnamed custom op", True
    return (schema.OPS[number] if 0 <= number < len(schema.OPS) else f"builtin {number}"), False


def _op(entry: Table, names: list[tuple[str, bool]], tensor_count: int) -> OpInfo:
    code = entry.number(schema.Operator.CODE, "I")
    if code >= len(names):
        raise DamagedFile(f"op {code} of {len(names)} kinds")
    inputs = entry.integers(schema.Operator.INPUTS)
    outputs = entry.integers(schema.Operator.OUTPUTS)
    for tensor in (*inputs, *outputs):
        if not -1 <= tensor < tensor_count:
            raise DamagedFile(f"an op uses tensor {tensor} of {tensor_count}")
    options = entry.vector(schema.Operator.CUSTOM_OPTIONS, 1)[1]
    return OpInfo(*names[code], inputs, outputs, options)


def _tensor(entry: Table, buffers: list[tuple[int, int]]) -> TensorInfo:
    kind = entry.number(schema.Tensor.TYPE, "b")
    if not 0 <= kind < len(schema.TYPES):
        raise DamagedFile(f"a tensor of unknown type {kind}")
    signature = entry.integers(schema.Tensor.SHAPE_SIGNATURE)
    shape = signature or entry.integers(schema.Tensor.SHAPE)
    if len(shape) > _MAX_RANK or any(extent < -1 for extent in shape):
        raise DamagedFile(f"a tensor of impossible shape {list(shape[: _MAX_RANK + 1])}")
    scale, zero_point, channels = _quantisation(entry.table(schema.Tensor.QUANTISATION))
    return TensorInfo(
        name=entry.text(schema.Tensor.NAME),
        shape=shape,
        dtype=schema.TYPES[kind],
        scale=scale,
        zero_point=zero_point,
        channels=channels,
        constant_bytes=_buffer(entry.number(schema.Tensor.BUFFER, "I"), buffers)[1],
    )


def _quantisation(entry: Table | None) -> tuple[float, int, int]:
    """Return (scale, zero point, number of channels); the first two are 0 per channel."""
    if entry is None:
        return 0.0, 0, 0
    scales = entry.numbers(schema.Quantisation.SCALE, "f4")
    zeros = entry.numbers(schema.Quantisation.ZERO_POINT, "i8")
    if len(scales) != 1:
        return 0.0, 0, len(scales)
    return float(scales[0]), int(zeros[0]) if len(zeros) else 0, 1


def _buffer(number: int, buffers: list[tuple[int, int]]) -> tuple[int, int]:
    """Return (first byte, size) of a buffer."""
    if number >= len(buffers):
        raise DamagedFile(f"buffer {number} of {len(buffers)}")
    return buffers[number]


def _metadata(entry: Table, buffers: list[tuple[int, int]]) -> tuple[str, bytes]:
    first, size = _buffer(entry.number(schema.Metadata.BUFFER, "I"), buffers)
    return entry.text(schema.Metadata.NAME), entry.buffer.copy(first, size)


def _pick(tensors: tuple[TensorInfo, ...], numbers: tuple[int, ...]) -> tuple[TensorInfo, ...]:
    """Return the tensors with these numbers."""
    for number in numbers:
        if not 0 <= number < len(tensors):
            raise DamagedFile(f"the graph ends at tensor {number} of {len(tensors)}")
    return tuple(tensors[number] for number in numbers)
