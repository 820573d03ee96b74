"""Check that recorded tensors come back as they were, and that a recording's end is said."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import ModelError
from edgepose.runtimes.base import Runtime
from edgepose.runtimes.replay import Recorder, Replay
from edgepose.types import Tensor, TensorSpec


class Counting(Runtime):
    """Answer with the number of the call, in two outputs of changing shape."""

    def open(self) -> None:
        """State the tensors."""
        self.backend = "counting"
        self.inputs = (TensorSpec("picture", (1, -1, -1, 3), np.dtype(np.uint8)),)
        self.outputs = (
            TensorSpec("scores", (1, 17), np.dtype(np.float32)),
            TensorSpec("cells", (1, -1), np.dtype(np.int8), 0.25, -3),
        )
        self.calls = 0
        self.closed = 0

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Count."""
        self.calls += 1
        scores = np.full((1, 17), self.calls / 7, np.float32)
        return scores, np.full((1, self.calls), self.calls, np.int8)

    def close(self) -> None:
        """Count."""
        self.closed += 1


PICTURE = np.zeros((1, 8, 8, 3), np.uint8)


def record(path: Path, steps: int) -> list[tuple[Tensor, ...]]:
    """Record so many steps and return what the runtime answered."""
    recorder = Recorder(Counting(), path)
    recorder.open()
    answers = [recorder.infer(PICTURE) for _ in range(steps)]
    recorder.close()
    return answers


def test_a_recording_gives_back_what_was_recorded(tmp_path: Path) -> None:
    """Repeat specs and tensors exactly, shapes that change included."""
    answers = record(tmp_path / "take.npz", 3)
    replay = Replay(tmp_path / "take.npz")
    replay.open()
    original = Counting()
    original.open()
    assert (replay.inputs, replay.outputs) == (original.inputs, original.outputs)
    for expected in answers:
        found = replay.infer(PICTURE)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
    assert replay.backend == "replay of 3 steps"


def test_the_end_of_a_recording_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    """Fail past the last step instead of making something up."""
    record(tmp_path / "take.npz", 2)
    replay = Replay(tmp_path / "take.npz")
    replay.open()
    replay.infer(PICTURE)
    replay.infer(PICTURE)
    with pytest.raises(ModelError, match=r"ends after 2 steps.*set 'loop: true'"):
        replay.infer(PICTURE)


def test_a_loop_begins_again(tmp_path: Path) -> None:
    """Give the first step after the last one, for as long as asked."""
    record(tmp_path / "take.npz", 2)
    replay = Replay(tmp_path / "take.npz", loop=True)
    replay.open()
    assert [int(replay.infer(PICTURE)[1][0, 0]) for _ in range(5)] == [1, 2, 1, 2, 1]


def test_opening_again_begins_at_the_first_step(tmp_path: Path) -> None:
    """Play from the start after a close."""
    record(tmp_path / "take.npz", 2)
    replay = Replay(tmp_path / "take.npz")
    replay.open()
    replay.infer(PICTURE)
    replay.close()
    replay.close()
    replay.open()
    assert int(replay.infer(PICTURE)[1][0, 0]) == 1


def test_replayed_tensors_belong_to_the_caller(tmp_path: Path) -> None:
    """Give a copy, so that a caller who writes into it doesn't change the next loop."""
    record(tmp_path / "take.npz", 1)
    replay = Replay(tmp_path / "take.npz", loop=True)
    replay.open()
    replay.infer(PICTURE)[0][:] = -1
    assert (replay.infer(PICTURE)[0] > 0).all()


def test_the_recorder_is_the_runtime_it_records(tmp_path: Path) -> None:
    """Pass tensors, specs and closing through, and say that it records."""
    inner = Counting()
    recorder = Recorder(inner, tmp_path / "take.npz")
    recorder.open()
    assert recorder.outputs == inner.outputs
    assert recorder.backend == "counting, recorded"
    recorder.close()
    recorder.close()
    assert inner.closed == 2


def test_a_recording_of_nothing_is_refused(tmp_path: Path) -> None:
    """Say that there is no step."""
    record(tmp_path / "empty.npz", 0)
    with pytest.raises(ModelError, match="has no step"):
        Replay(tmp_path / "empty.npz").open()


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    """Tell a missing file, a text file and numpy's own archive from a recording."""
    with pytest.raises(ModelError, match="can't be read: No such file"):
        Replay(tmp_path / "gone.npz").open()
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ModelError, match="expected a recording of tensors"):
        Replay(tmp_path / "text.npz").open()
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelError, match="expected a recording of tensors"):
        Replay(tmp_path / "other.npz").open()


def test_a_recording_that_cannot_be_written_is_said_so(tmp_path: Path) -> None:
    """Name the place."""
    with pytest.raises(ModelError, match="can't be written"):
        Recorder(Counting(), tmp_path / "nowhere" / "take.npz").open()


HUGE = b"\x93NUMPY\x01\x00v\x00" + (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000000), }".ljust(117)
    + b"\n"
)


@pytest.mark.parametrize(
    ("specs", "tensor"),
    [
        (b"[" * 100_000, b""),
        (b'{"inputs": [{"shape": [Infinity]}], "outputs": []}', b""),
        (b'{"inputs": null, "outputs": 5}', b""),
        (b'{"inputs": [], "outputs": [{"name": "a", "shape": [1], "dtype": "no"}]}', b""),
        (
            b'{"inputs": [], "outputs": [{"name": "a", "shape": [1], "dtype": "float32",'
            b' "scale": 0.0, "zero_point": 0}]}',
            HUGE,
        ),
    ],
)
def test_a_hostile_recording_is_one_sentence(tmp_path: Path, specs: bytes, tensor: bytes) -> None:
    """Deep nesting, and a tensor of a billion rows that a few bytes promise."""
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as recording:
        recording.writestr("specs.json", specs)
        recording.writestr("000000.0.npy", tensor)
    with pytest.raises(ModelError, match=r"hostile\.zip: expected a recording of tensors"):
        Replay(path).open()


def test_steps_may_have_outputs_of_their_own_number(tmp_path: Path) -> None:
    """A model of two networks gives those of the one that ran."""

    class Uneven(Counting):
        def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
            return super().infer(tensor)[: 1 + self.calls % 2]

    recorder = Recorder(Uneven(), tmp_path / "take.npz")
    recorder.open()
    answers = [recorder.infer(PICTURE) for _ in range(3)]
    recorder.close()
    replay = Replay(tmp_path / "take.npz")
    replay.open()
    assert [len(replay.infer(PICTURE)) for _ in answers] == [len(one) for one in answers]
