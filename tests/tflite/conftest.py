"""Build small TFLite files by hand and damage real ones, the same way every time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as tfl

Op = tuple[str | int, list[int], list[int]]  # custom code or builtin number, inputs, outputs

ADD = 0


def build_model(
    ops: Sequence[Op], tensors: int, outputs: Sequence[int], *, signed: bool = False
) -> bytes:
    """Return a TFLite file: float32 (1, 4) tensors named t0, t1 ...

    Tensor 0 is the input and takes any number of rows.
    """
    graph = tfl.SubGraphT()
    graph.name, graph.inputs, graph.outputs = "main", [0], list(outputs)
    graph.tensors = [_tensor(f"t{number}") for number in range(tensors)]
    kinds = list(dict.fromkeys(kind for kind, _, _ in ops))
    graph.tensors[0].shapeSignature = [-1, 4]
    graph.operators = [_op(kinds.index(kind), *ends) for kind, *ends in ops]
    model = tfl.ModelT()
    model.version, model.description, model.subgraphs = 3, "made by hand", [graph]
    model.buffers = [tfl.BufferT(), tfl.BufferT()]
    model.buffers[1].data = np.frombuffer(b"1.5.0", np.uint8)
    model.operatorCodes = [_code(kind) for kind in kinds]
    model.metadata = [_metadata("min_runtime_version", 1)]
    model.signatureDefs = [_signature(outputs)] if signed else []
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str) -> tfl.TensorT:
    tensor = tfl.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [1, 4], 0, 0
    return tensor


def _op(code: int, inputs: list[int], outputs: list[int]) -> tfl.OperatorT:
    op = tfl.OperatorT()
    op.opcodeIndex, op.inputs, op.outputs = code, inputs, outputs
    if code == 0:
        op.builtinOptionsType, op.builtinOptions = tfl.BuiltinOptions.AddOptions, tfl.AddOptionsT()
    return op


def _code(kind: str | int) -> tfl.OperatorCodeT:
    code = tfl.OperatorCodeT()
    code.customCode = kind if isinstance(kind, str) else None
    code.builtinCode = 32 if isinstance(kind, str) else kind
    code.deprecatedBuiltinCode, code.version = code.builtinCode, 1
    return code


def _metadata(name: str, buffer: int) -> tfl.MetadataT:
    entry = tfl.MetadataT()
    entry.name, entry.buffer = name, buffer
    return entry


def _signature(outputs: Sequence[int]) -> tfl.SignatureDefT:
    signature = tfl.SignatureDefT()
    signature.signatureKey, signature.inputs = "serving_default", [_named("x", 0)]
    signature.outputs = [_named(f"y{number}", number) for number in outputs]
    return signature


def _named(name: str, tensor: int) -> tfl.TensorMapT:
    entry = tfl.TensorMapT()
    entry.name, entry.tensorIndex = name, tensor
    return entry


def mutate_file(data: bytes, seed: int) -> bytes:
    """Return `data` damaged in one of six ways: what cards, cables and attackers do."""
    rng = np.random.default_rng(seed)
    bent = bytearray(data)
    at = int(rng.integers(8, len(bent)))
    how = seed % 6
    if how == 0:  # the download stopped
        return bytes(bent[:at])
    if how == 1:  # flipped bits anywhere
        for spot in rng.integers(8, len(bent), 20):
            bent[spot] ^= 1 << int(rng.integers(8))
    elif how == 2:  # bent offsets and counts, where tables are: at both ends of the file
        for spot in rng.integers(2, min(len(bent) // 4, 6000), 4) * 4:
            start = spot if rng.random() < 0.5 else len(bent) - spot - len(bent) % 4
            value = int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, int(rng.integers(1 << 16))]))
            bent[start : start + 4] = value.to_bytes(4, "little")
    elif how == 3:  # a lost block
        bent[at : at + 4096] = bytes(len(bent[at : at + 4096]))
    elif how == 4:  # bytes too many
        bent[at:at] = rng.bytes(int(rng.integers(1, 64)))
    else:  # a single byte among the tables
        spot = int(rng.integers(8, min(len(bent), 24_000)))
        bent[spot if rng.random() < 0.5 else -spot] = int(rng.integers(256))
    return bytes(bent)


@pytest.fixture(scope="session")
def build() -> Callable[..., bytes]:
    """Return `build_model`."""
    return build_model


@pytest.fixture(scope="session")
def mutate() -> Callable[[bytes, int], bytes]:
    """Return `mutate_file`."""
    return mutate_file


@pytest.fixture(scope="session")
def tiny() -> bytes:
    """Return a model that runs: t1 = t0 + t0."""
    return build_model([(ADD, [0, 0], [1])], 2, [1])
