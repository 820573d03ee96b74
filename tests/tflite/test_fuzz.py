"""No damaged file gets past the reader as anything but a model or one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from edgepose.errors import ModelError
from edgepose.tflite.info import ModelInfo
from edgepose.tflite.read import read_model
from edgepose.tflite.strip import strip_decoder

Mutate = Callable[[bytes, int], bytes]

CASES = 2000


def outcome(data: bytes) -> str:
    """Return `""` for a file that is read, or the message; any other error is a fault."""
    try:
        read_model(data, "m.tflite")
    except ModelError as error:
        return str(error)
    return ""


def sound_and_refused(outcomes: list[str]) -> tuple[int, int]:
    """Return how many were read and how many refused, in one line that names the file each."""
    messages = [message for message in outcomes if message]
    assert all(message.startswith("m.tflite: ") for message in messages)
    assert not any("\n" in message for message in messages)
    return len(outcomes) - len(messages), len(messages)


def test_damaged_small_files_end_in_a_sentence_or_a_model(tiny: bytes, mutate: Mutate) -> None:
    """In a file without weights nearly every byte matters: 2,000 ways to break it."""
    sound, refused = sound_and_refused([outcome(mutate(tiny, seed)) for seed in range(CASES)])
    assert refused > sound > 0


@pytest.mark.timeout(120)
def test_damaged_real_files_end_in_a_sentence_or_a_model(models: Path, mutate: Mutate) -> None:
    """2,000 damaged copies of real models, the Edge TPU's and Coral's among them."""
    names = ("posenet_mobilenet_050_stride16_int8.tflite", "yoga_pose*.tflite", "*_edgetpu.tflite")
    files = [path.read_bytes() for name in names for path in sorted(models.glob(name))[:2]]
    assert len(files) >= 4
    outcomes = [outcome(mutate(files[seed % len(files)], seed)) for seed in range(CASES)]
    sound, refused = sound_and_refused(outcomes)
    assert refused > CASES / 4
    assert sound > 0


def test_stripping_a_damaged_file_gives_a_sound_one_or_a_sentence(
    build: Callable[..., bytes], mutate: Mutate
) -> None:
    """Whatever survives stripping can be read again and has no decoder left."""
    whole = build([(0, [0, 0], [1]), ("PosenetDecoderOp", [1], [2, 3])], 4, [2, 3], signed=True)
    for seed in range(CASES):
        try:
            stripped = strip_decoder(mutate(whole, seed), "m")
        except ModelError:
            continue
        info = read_model(stripped, "m")
        assert isinstance(info, ModelInfo)
        assert "PosenetDecoderOp" not in info.op_counts
