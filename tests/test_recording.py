"""The format of recordings: exact, compact, and forgiving only where that is safe."""

from __future__ import annotations

import contextlib
import json
import logging
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from edgepose.errors import UserError
from edgepose.recording import (
    GAP,
    LONGEST,
    Header,
    frame_row,
    header_row,
    is_recording,
    read_recording,
)
from edgepose.skeleton import KEYPOINTS
from edgepose.types import Frame, Pose, blank_frame

HEADER = Header("lobby", 1.73e9, "movenet-lightning-int8")
SIZE = (480, 640)


def pose(seed: int = 0, **changes: Any) -> Pose:
    """Return a pose of random keypoints."""
    values = {
        "keypoints": np.random.default_rng(seed).random((17, 3), np.float32),
        "score": 1 / 3, "size": SIZE, "person": 1,
    }  # fmt: skip
    return Pose(**(values | changes))


def frame(seq: int, time: float | None = None) -> Frame:
    """Return a frame without picture."""
    return blank_frame(SIZE, seq / 30 if time is None else time, seq)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the recording is."""
    return tmp_path / "poses.jsonl"


def write(path: Path, *rows: dict[str, Any] | str, end: str = "\n") -> Path:
    """Write rows as lines."""
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + end)
    return path


def test_what_is_written_is_read_back_to_the_bit(path: Path):
    """Times, sizes, scores, ids, boxes and keypoints are the very same numbers."""
    first = (frame(7, 0.1 + 0.2), (pose(1, box=(0.1, 0.2, 0.3, 1 / 3)), pose(2, person=5)))
    second = (frame(9, 12345.678901234567), ())

    write(path, header_row(HEADER), frame_row(*first), frame_row(*second))
    recording = read_recording(path)

    assert recording.header == HEADER
    assert recording.start == 1.73e9
    (shown, poses), (later, none) = recording.frames
    assert (shown.time, shown.seq, shown.size) == (0.1 + 0.2, 7, SIZE)
    assert (later.time, later.seq, none) == (12345.678901234567, 9, ())
    for read, written in zip(poses, first[1], strict=True):
        assert read.keypoints.tobytes() == written.keypoints.tobytes()
        assert read.keypoints.dtype == np.float32
        assert (read.score, read.size, read.person, read.box) == (
            written.score, written.size, written.person, written.box,
        )  # fmt: skip


@given(
    arrays.arrays(np.float32, (17, 3), elements=st.floats(width=32)),
    st.floats(0, 1),
    st.floats(0, 1e9),
)
def test_any_number_survives(keypoints: Any, score: float, time: float):
    """NaN, infinity and the smallest floats among them, through the text of a line."""
    from edgepose.recording import _Reader

    reader = _Reader()
    row = frame_row(frame(0, time), (pose(keypoints=keypoints, score=score),))
    reader.take(json.loads(json.dumps(row)))

    ((read, (found,)),) = reader.frames
    assert found.keypoints.tobytes() == keypoints.tobytes()
    assert (read.time, found.score) == (time, score)


def test_a_person_takes_about_ten_kilobytes_a_second():
    """At 30 frames a second with one person, in the form that the output writes."""
    row = frame_row(frame(30_000, 1000.0 + 1 / 3), (pose(),))

    size = len(json.dumps(row, separators=(",", ":"))) + 1

    assert 30 * size < 12_500


def test_poses_of_an_event_log_can_be_read(path: Path):
    """`jsonl` with poses is a recording too; events in between are left out."""
    seen = pose(3)
    row = {"type": "poses", "seq": 4, "frame_time": 1.5, "size": list(SIZE)}
    write(
        path,
        {**row, "poses": [seen.to_dict()]},
        {"id": "1", "type": "start", "name": "arms_up"},
        {**row, "seq": 5, "frame_time": 1.6, "poses": []},
    )

    recording = read_recording(path)

    assert recording.header == Header()
    (first, (found,)), (second, none) = recording.frames
    assert (first.time, first.seq, second.time, none) == (1.5, 4, 1.6, ())
    np.testing.assert_allclose(found.pixels[:, :2], seen.pixels[:, :2], atol=0.006)
    np.testing.assert_allclose(found.keypoints[:, 2], seen.keypoints[:, 2], atol=0.0006)
    assert found.person == 1


def test_keypoints_that_are_left_out_were_not_found(path: Path):
    """Fewer than 17 named keypoints, in any order and either spelling."""
    named = [
        {"name": "rightWrist", "y": 240, "x": 320, "score": 0.5},
        {"name": "nose", "y": 48, "x": 64, "score": 1},
    ]
    row = {"type": "poses", "seq": 0, "frame_time": 0, "size": list(SIZE)}
    write(path, {**row, "poses": [{"score": 0.9, "keypoints": named}]})

    ((_, (found,)),) = read_recording(path).frames

    expected = np.zeros((17, 3))
    expected[0] = 0.1, 0.1, 1
    expected[KEYPOINTS.index("right_wrist")] = 0.5, 0.5, 0.5
    np.testing.assert_allclose(found.keypoints, expected, atol=1e-6)


def test_runs_in_one_file_share_a_clock(path: Path):
    """The unix time of every frame is the start of the first run plus the frame's time."""
    later = Header("lobby", HEADER.start + 1000, "other")
    write(
        path,
        header_row(HEADER), frame_row(frame(0, 5.0), ()), frame_row(frame(1, 6.0), ()),
        header_row(later), frame_row(frame(0, 2.0), ()), frame_row(frame(1, 3.0), ()),
    )  # fmt: skip

    recording = read_recording(path)

    assert recording.header == HEADER
    assert [read.time for read, _ in recording.frames] == [5.0, 6.0, 1002.0, 1003.0]


def test_time_never_goes_back(path: Path):
    """A run recorded with a clock that was set back comes a gap after the run before it."""
    earlier = Header("lobby", HEADER.start - 1e6, "")
    write(
        path,
        header_row(HEADER), frame_row(frame(0, 5.0), ()),
        header_row(earlier), frame_row(frame(0, 2.0), ()), frame_row(frame(1, 2.5), ()),
    )  # fmt: skip

    times = [read.time for read, _ in read_recording(path).frames]

    assert times == [5.0, 5.0 + GAP, 5.5 + GAP]


def test_an_interruption_leaves_times_as_they_were(path: Path):
    """The same run after a header of its own start has the same times to the bit."""
    write(
        path,
        header_row(HEADER), frame_row(frame(0, 0.1), ()),
        header_row(HEADER), frame_row(frame(1, 0.30000000000000004), ()),
    )  # fmt: skip

    times = [read.time for read, _ in read_recording(path).frames]

    assert times == [0.1, 0.30000000000000004]


@pytest.mark.parametrize("torn", ['{"type":"fra', "\0\0\0\0"])
def test_a_torn_last_line_is_left_out(path: Path, torn: str, caplog: pytest.LogCaptureFixture):
    """A power cut costs one frame, with a warning that names the line."""
    write(path, header_row(HEADER), frame_row(frame(0), ()), torn, end="")

    with caplog.at_level(logging.WARNING):
        recording = read_recording(path)

    assert len(recording.frames) == 1
    assert "poses.jsonl line 3" in caplog.text


def test_a_header_alone_is_a_recording_of_nothing(path: Path):
    """Nobody moved before it was stopped."""
    assert read_recording(write(path, header_row(HEADER))).frames == ()


GOOD = frame_row(blank_frame(SIZE, 0.0, 0), (pose(),))
BAD_ROWS: dict[str, Any] = {
    "no JSON": '{"type": ',
    "no object": "[1]",
    "a number": "17",
    "no type": {"seq": 1},
    "no time": {k: v for k, v in GOOD.items() if k != "frame_time"},
    "time as text": {**GOOD, "frame_time": "noon"},
    "time without end": {**GOOD, "frame_time": math.inf},
    "no size": {k: v for k, v in GOOD.items() if k != "size"},
    "size of nothing": {**GOOD, "size": [0, 640]},
    "size of three": {**GOOD, "size": [1, 2, 3]},
    "poses missing": {k: v for k, v in GOOD.items() if k != "poses"},
    "poses as number": {**GOOD, "poses": 3},
    "pose without score": {**GOOD, "poses": [{"keypoints": []}]},
    "broken base64": {**GOOD, "poses": [{"score": 1, "keypoints": "%%%"}]},
    "too few keypoints": {**GOOD, "poses": [{"score": 1, "keypoints": "AAAA" * 16}]},
    "odd bytes": {**GOOD, "poses": [{"score": 1, "keypoints": "AAAA"}]},
    "unknown keypoint": {**GOOD, "poses": [{"score": 1, "keypoints": [{"name": "tail"}]}]},
    "box of three": {**GOOD, "poses": [{**GOOD["poses"][0], "box": [1, 2, 3]}]},
    "deep nesting": "[" * 100_000,
    "deep objects": '{"a":' * 100_000,
    "a line without end": "[" + "1," * LONGEST,
    "time too large": {**GOOD, "frame_time": 10**400},
    "number without end": {**GOOD, "seq": math.inf},
    "size without end": {**GOOD, "size": [math.inf, 640]},
    "person without end": {**GOOD, "poses": [{**GOOD["poses"][0], "person": math.inf}]},
    "score of infinity": {**GOOD, "poses": [{**GOOD["poses"][0], "score": math.inf}]},
    "score of nothing": {**GOOD, "poses": [{**GOOD["poses"][0], "score": math.nan}]},
    "box without end": {**GOOD, "poses": [{**GOOD["poses"][0], "box": [math.inf] * 4}]},
    "start of infinity": {**header_row(HEADER), "start": math.inf},
    "start of nothing": {**header_row(HEADER), "start": math.nan},
    "header as list": {**header_row(HEADER), "start": [1]},
    "newer version": {**header_row(HEADER), "version": 99},
    "header without start": {"type": "recording", "version": 1, "device": "x"},
}


KEYS = ["box", "device", "frame_time", "keypoints", "model", "name", "person", "poses", "score"]
KEYS += ["seq", "size", "start", "type", "version", "x", "y"]


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_damaged_line_is_named(path: Path, what: str):
    """Whatever is wrong before the end: file, line, and what was expected."""
    write(path, header_row(HEADER), GOOD, BAD_ROWS[what], GOOD)

    with pytest.raises(UserError, match=r"poses\.jsonl line 3: expected .*found ."):
        read_recording(path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)


@given(st.sampled_from([GOOD, header_row(HEADER)]), st.sampled_from(KEYS), ANYTHING)
def test_whatever_stands_in_a_line_is_read_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], key: str, value: Any
):
    """A stranger's recording never ends in a traceback."""
    path = tmp_path_factory.mktemp("hostile") / "poses.jsonl"
    inner = {**GOOD["poses"][0], key: value}
    for line in ({**row, key: value}, {**GOOD, "poses": [inner]}, value):
        write(path, header_row(HEADER), line, GOOD)
        with contextlib.suppress(UserError):
            read_recording(path)


def test_keypoints_of_a_wrong_number_are_counted(path: Path):
    """The message is about keypoints, not about arrays."""
    write(path, BAD_ROWS["too few keypoints"])

    with pytest.raises(UserError, match="numbers in keypoints instead of 51"):
        read_recording(path)


def test_a_newer_recording_says_what_to_do(path: Path):
    """The way out is an update."""
    write(path, {**header_row(HEADER), "version": 2})

    with pytest.raises(UserError, match="version 2, but this edgepose knows 1; update edgepose"):
        read_recording(path)


@pytest.mark.parametrize("content", ["", "\n\n", '{"id": "1", "type": "start"}\n', "half a line"])
def test_a_file_without_poses_says_how_to_record(path: Path, content: str):
    """An event log without poses, an empty file and something else."""
    path.write_text(content)

    with pytest.raises(UserError, match="found no poses in it; record with"):
        read_recording(path)


def test_a_missing_file_is_told(path: Path):
    """The message names it, for reading and for telling what it is."""
    for ask in (read_recording, is_recording):
        with pytest.raises(UserError, match=r"poses\.jsonl: can't be read: No such file"):
            ask(path)


@pytest.mark.parametrize(
    ("content", "answer"),
    [(b'{"type":"recording"}\n', True), (b"", True), (b"\0\0\0 ftypisom", False), (b"RIFF", False)],
)
def test_a_recording_is_told_from_a_clip(path: Path, content: bytes, answer: bool):
    """By what is in the file, not by its name."""
    path.write_bytes(content)

    assert is_recording(path) is answer


def test_extra_keypoints_are_read_back_to_the_bit(path: Path):
    """From a recording; from a `jsonl` file to a hundredth of a pixel."""
    extra = np.linspace(0, 1, 48, dtype=np.float32).reshape(16, 3)
    written = replace(pose(), extra=extra)
    write(path, header_row(HEADER), frame_row(frame(0, 0.0), (written,)))
    ((_, (read,)),) = read_recording(path).frames
    assert read.extra is not None
    assert read.extra.tobytes() == extra.tobytes()

    row = {"type": "poses", "seq": 0, "frame_time": 0.0, "size": list(SIZE)}
    write(path, {**row, "poses": [written.to_dict()]})
    ((_, (read,)),) = read_recording(path).frames
    assert read.extra is not None
    np.testing.assert_allclose(read.extra, extra, atol=0.001)
