"""The event log: the promised lines, and nothing twice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgepose.outputs.base import Device
from edgepose.outputs.jsonl import Jsonl, JsonlOptions
from edgepose.types import Scene

Make = Callable[..., Scene]


@pytest.fixture
def run(tmp_path: Path, device: Device) -> Callable[..., list[dict[str, Any]]]:
    """Return a runner: shows scenes with options, returns the lines that are then in the file."""

    def run(*scenes: Scene, **options: Any) -> list[dict[str, Any]]:
        path = tmp_path / "events.jsonl"
        output = Jsonl(JsonlOptions(path=path, **options), device)
        output.open()
        for scene in scenes:
            output.show(scene)
        output.close()
        return [json.loads(line) for line in path.read_text().splitlines()]

    return run


def test_events_are_lines(run: Callable[..., list[dict[str, Any]]], scene: Make):
    """Each event is its own JSON object, in order; frames without events write nothing."""
    first = scene(0, 1, 2)

    rows = run(first, scene(1), scene(2, 3))

    assert [row["id"] for row in rows] == ["id-1", "id-2", "id-3"]
    assert rows[0] == first.events[0].to_dict()


def test_poses_are_a_line_a_frame(run: Callable[..., list[dict[str, Any]]], scene: Make):
    """With `poses`, each frame has a line with all keypoints in pixels, and the frame's size."""
    shown = scene(3, 1)

    event, row = run(shown, poses=True)

    assert event["id"] == "id-1"
    assert list(row) == ["type", "seq", "frame_time", "size", "poses"]
    assert (row["type"], row["seq"], row["frame_time"], row["size"]) == ("poses", 3, 0.1, [48, 64])
    assert row["poses"] == [shown.poses[0].to_dict()]
    nose = row["poses"][0]["keypoints"][0]
    assert nose["y"] == pytest.approx(shown.poses[0].keypoints[0, 0] * 48, abs=0.01)
    assert len(row["poses"][0]["keypoints"]) == 17


def test_raw_poses_are_unsmoothed(run: Callable[..., list[dict[str, Any]]], scene: Make):
    """`raw` writes what the model gave."""
    shown = scene(0)

    (row,) = run(shown, poses=True, raw=True)

    assert row["poses"] == [shown.raw_poses[0].to_dict()]


def test_nobody_is_an_empty_list(run: Callable[..., list[dict[str, Any]]], nobody: Make):
    """Frames without people have their line too."""
    assert [row["poses"] for row in run(nobody(0), nobody(1), poses=True)] == [[], []]


def test_the_scene_that_ends_a_run_adds_no_frame(
    run: Callable[..., list[dict[str, Any]]], scene: Make
):
    """Its events are written; the last frame, which it repeats, is not."""
    last = scene(1)

    rows = run(scene(0), last, scene(1, 9), poses=True)

    assert [row["type"] for row in rows] == ["poses", "poses", "start"]


def test_every_frame_is_wanted_only_for_poses(tmp_path: Path, device: Device):
    """An event log alone doesn't make a fast run wait."""
    path = tmp_path / "x.jsonl"

    assert not Jsonl(JsonlOptions(path=path), device).every_frame
    assert Jsonl(JsonlOptions(path=path, poses=True), device).every_frame


def test_a_long_log_is_rotated(tmp_path: Path, device: Device, scene: Make):
    """By size, in megabytes, and by count; every event is in exactly one of the files."""
    path = tmp_path / "events.jsonl"
    output = Jsonl(JsonlOptions(path=path, max_mb=0.001, keep=50), device)
    output.open()
    for seq in range(60):
        output.show(scene(seq, seq))
    output.close()

    files = sorted(tmp_path.iterdir(), key=lambda file: int(file.suffix[1:].replace("jsonl", "0")))
    texts = [file.read_text() for file in reversed(files)]
    rows = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [row["id"] for row in rows] == [f"id-{seq}" for seq in range(60)]
    assert len(files) > 5
    assert all(file.stat().st_size <= 1000 for file in files)


def test_events_of_a_killed_run_are_written_if_they_are_missing(
    tmp_path: Path, device: Device, scene: Make
):
    """Those among the last lines of the file, or of the rotated one, are not written again."""
    path = tmp_path / "events.jsonl"
    options = JsonlOptions(path=path, max_mb=0.001, poses=True)
    before = Jsonl(options, device)
    before.open()
    before.show(scene(0, 1, 2, 3))
    before.close()
    after = Jsonl(options, device)
    after.open()

    after.recover(scene(0, 2, 3, 4, 5).events)
    after.show(scene(1, 5, 6))
    after.close()

    lines = b"".join(file.read_bytes() for file in sorted(tmp_path.iterdir(), reverse=True))
    found = [json.loads(line) for line in lines.splitlines()]
    assert sorted(row["id"] for row in found if "id" in row) == [f"id-{n}" for n in range(1, 7)]
