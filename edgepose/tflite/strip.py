"""Remove Coral's `PosenetDecoderOp` from a model, so that current interpreters run it.

The op's inputs (heatmaps, offsets, displacements) become the model's outputs, and edgepose decodes
them. The file is edited in place: only a few offsets, counts and op numbers change, so that
weights, an Edge TPU program and the alignment of both stay; the new list of outputs is appended.
"""

from __future__ import annotations

import struct

from edgepose.errors import ModelError
from edgepose.tflite import schema
from edgepose.tflite.flatbuffer import DamagedFile, Table, root
from edgepose.tflite.header import IDENTIFIER
from edgepose.tflite.info import POSENET_OP, ModelInfo, OpInfo
from edgepose.tflite.read import damaged, read_model

_ALIGNMENT = 16  # bytes, of data in a TFLite file


def strip_decoder(data: bytes, place: str) -> bytes:
    """Return the model `data` without its PosenetDecoderOp; place: its name in messages.

    Raises ModelError when there is none, when other ops use its poses, or for a damaged file.
    """
    info = read_model(data, place)
    index = _decoder(info, place)
    try:
        stripped = _without_op(data, index, _new_outputs(root(data, IDENTIFIER), info.ops[index]))
    except DamagedFile as error:
        raise ModelError(damaged(place, str(error))) from error
    _check(info, read_model(stripped, place), index, place)
    return stripped


def _check(before: ModelInfo, after: ModelInfo, index: int, place: str) -> None:
    """Raise ModelError unless all but the op is unchanged: parts of a forged file may overlap."""
    ops = before.ops[:index] + before.ops[index + 1 :]
    same = (after.ops, after.tensors, after.metadata) == (ops, before.tensors, before.metadata)
    if not same or after.inputs != before.inputs:
        raise ModelError(damaged(place, "its parts overlap"))


def _decoder(info: ModelInfo, place: str) -> int:
    """Return the index of the decoder op; raises ModelError unless it can be removed."""
    found = [index for index, op in enumerate(info.ops) if op.name == POSENET_OP]
    if len(found) != 1:
        raise ModelError(
            f"{place}: expected one {POSENET_OP} to remove, found {len(found)};"
            " a model without it needs no stripping"
        )
    poses = set(info.ops[found[0]].outputs)
    if any(poses.intersection(op.inputs) for op in info.ops):
        raise ModelError(f"{place}: other ops use what {POSENET_OP} computes; it can't be removed")
    return found[0]


def _new_outputs(model: Table, decoder: OpInfo) -> tuple[int, ...]:
    """Return the new output tensors of the graph, the decoder's inputs first."""
    old = _graph(model).integers(schema.SubGraph.OUTPUTS)
    kept = (tensor for tensor in old if tensor not in decoder.outputs)
    return (*(tensor for tensor in decoder.inputs if tensor >= 0), *kept)


def _graph(model: Table) -> Table:
    return next(model.tables(schema.Model.SUBGRAPHS))


def _without_op(data: bytes, index: int, outputs: tuple[int, ...]) -> bytes:
    """Return the file without op `index` of the main graph, ending with tensors `outputs`."""
    model = root(data, IDENTIFIER)
    graph = _graph(model)
    edited = bytearray(data)
    code = list(graph.tables(schema.SubGraph.OPERATORS))[index].number(schema.Operator.CODE, "I")
    _drop(edited, graph, schema.SubGraph.OPERATORS, index)
    if not _uses(bytes(edited), code):
        _drop(edited, model, schema.Model.OPERATOR_CODES, code)
        _renumber(edited, code)
    if model.position(schema.Model.SIGNATURES):  # they name outputs that are gone
        struct.pack_into(
            "<I", edited, model.buffer.follow(model.position(schema.Model.SIGNATURES)), 0
        )
    _append(edited, graph.position(schema.SubGraph.OUTPUTS), outputs)
    return bytes(edited)


def _drop(edited: bytearray, table: Table, slot: int, index: int) -> None:
    """Remove entry `index` from a list of tables: later entries move up, offsets are adjusted."""
    first, count = table.vector(slot, 4)
    for entry in range(index, count - 1):
        at = first + 4 * entry
        (offset,) = struct.unpack_from("<I", edited, at + 4)
        struct.pack_into("<I", edited, at, offset + 4)  # an offset counts from its own position
    struct.pack_into("<I", edited, first + 4 * (count - 1), 0)
    struct.pack_into("<I", edited, first - 4, count - 1)


def _operators(data: bytes) -> list[Table]:
    """Return the ops of all graphs."""
    graphs = root(data, IDENTIFIER).tables(schema.Model.SUBGRAPHS)
    return [op for graph in graphs for op in graph.tables(schema.SubGraph.OPERATORS)]


def _uses(data: bytes, code: int) -> bool:
    return any(op.number(schema.Operator.CODE, "I") == code for op in _operators(data))


def _renumber(edited: bytearray, removed: int) -> None:
    """Lower the operator codes above the removed one."""
    for op in _operators(bytes(edited)):
        code = op.number(schema.Operator.CODE, "I")
        if code > removed:
            struct.pack_into("<I", edited, op.position(schema.Operator.CODE), code - 1)


def _append(edited: bytearray, field: int, values: tuple[int, ...]) -> None:
    """Append a list of int32 and point the field at byte `field` to it."""
    edited.extend(bytes(-len(edited) % _ALIGNMENT))
    struct.pack_into("<I", edited, field, len(edited) - field)
    edited.extend(struct.pack(f"<I{len(values)}i", len(values), *values))
    edited.extend(bytes(-len(edited) % _ALIGNMENT))
