"""What becomes of clips, films and recordings: the rows of files in the table of docs/health.md."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from full_disk import empty, fill, needs_root, small_disk

from edgepose.engine.output_worker import OutputWorker
from edgepose.engine.stats import Stats
from edgepose.outputs.base import Device as Place
from edgepose.outputs.recording import RecordingOptions, RecordingOutput
from edgepose.outputs.video.event_clips import EventClips
from edgepose.outputs.video.mp4 import has_picture
from edgepose.outputs.video.output import VideoOutput, VideoOutputOptions
from edgepose.types import Event, Frame, Scene

WAIT = 60.0
OUTPUTS = """\
outputs:
  log: {{type: jsonl, path: events.jsonl}}
  clips: {{type: video, path: {disk}/clips/e.mp4, around: 0.5}}
  film: {{type: video, path: {disk}/film/film-%s.mp4}}
  poses: {{type: recording, path: {disk}/poses.jsonl}}
"""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return the disk that the files are on: a small one."""
    with small_disk(tmp_path / "disk", "8M") as folder:
        yield folder


def pictures(path: Path) -> int:
    """Return how many pictures a file shows, up to where it breaks off."""
    shown = 0
    if not has_picture(av, path):
        return 0
    with av.open(str(path)) as container, contextlib.suppress(av.InvalidDataError):
        for _ in container.decode(video=0):
            shown += 1
    return shown


def clips(disk: Path) -> dict[str, int]:
    """Return the pictures of each clip by the id of its event; all of them play."""
    return {path.stem.removeprefix("e-"): pictures(path) for path in disk.glob("clips/e-*.mp4")}


def recorded(disk: Path) -> list[dict[str, Any]]:
    """Return the lines of the recording, each of them whole."""
    return [json.loads(line) for line in (disk / "poses.jsonl").read_text().splitlines()]


def frames(disk: Path) -> int:
    """Return how many frames are recorded."""
    path = disk / "poses.jsonl"
    return path.read_bytes().count(b'"frame"') if path.exists() else 0


def fill_for_a_while(device: Any, disk: Path) -> None:
    """Fill the disk until events wait for a clip, then make room until they have theirs."""
    fill(disk)
    for name in ("clips", "film", "poses"):
        device.wait_part(name, "backing off", "No space left")
    device.wait(lambda h: device.part("clips", h)["queue"]["events"], "an event that waits")
    empty(disk)
    for name in ("clips", "film", "poses"):
        device.wait_part(name, "running")
    device.stop()


FAULTS: dict[str, Callable[[Any, Path], object]] = {
    "disk full": fill_for_a_while,
    "SIGTERM": lambda device, _: device.stop(),
    "SIGKILL": lambda device, _: device.process.send_signal(signal.SIGKILL),
    "watchdog": lambda device, _: device.process.send_signal(signal.SIGABRT),
}


@needs_root
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_on_the_disk_plays_and_what_is_not_is_counted(
    device: Any, disk: Path, saw: Callable[[str, str, str], None], fault: str
):
    """Clips, film and recording hold all but the last moments; no event is missing in silence."""
    device.write(OUTPUTS.format(disk=disk))
    text = device.config.read_text()
    device.config.write_text(text.replace("arms_up.yaml}", "arms_up.yaml, cooldown: 6}"))
    device.start()
    device.wait(lambda _: len(list(disk.glob("clips/*.mp4"))) == 2, "the second clip")
    before = frames(disk)

    FAULTS[fault](device, disk)
    device.process.wait(WAIT)
    seen = max(frames(disk), before)

    broken = [path for path in disk.glob("clips/*.mp4") if not has_picture(av, path)]
    assert len(broken) <= (fault in ("SIGKILL", "watchdog")), "one whose first picture was not out"
    found = {name: number for name, number in clips(disk).items() if number}
    films = [pictures(path) for path in disk.glob("film/*.mp4")]
    assert found
    assert all(films)
    assert sum(films) >= before - 70, "a group of 60 frames, and what the encoder holds"
    assert len([row for row in recorded(disk) if row["type"] == "frame"]) == seen
    device.start()
    health = device.wait_part("clips", "running")
    device.wait(lambda _: frames(disk) > seen, "a picture more")
    assert device.stop() == 0
    assert health["lost"] >= len(broken), "it is counted"
    assert all(clips(disk).values()), "and removed"
    saw(fault, "clips, film, poses", f"{len(found)} clips, {sum(films)} of {seen} pictures; "
        f"lost {health['lost']}")  # fmt: skip
    assert set(clips(disk)) >= set(found), "what was there stays"
    assert recorded(disk)[-1]["type"] == "frame"


def scene(seq: int, *ids: str) -> Scene:
    """Return a scene of a second's tenth with events of these ids."""
    events = tuple(Event(one, "start", "up", "lobby", 1.0, seq / 10, 1) for one in ids)
    return Scene(Frame(np.zeros((48, 64, 3), np.uint8), seq / 10, seq), events=events)


class _Held:
    """A brake on a method: every call waits until it is let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> None:
        self.go = threading.Event()
        method = getattr(owner, name)

        def held(*args: Any) -> Any:
            assert self.go.wait(WAIT)
            return method(*args)

        monkeypatch.setattr(owner, name, held)


def served(output: Any, held: _Held, scenes: list[Scene]) -> OutputWorker:
    """Offer scenes to an output that stands still, let it go, and wait for its end."""
    worker = OutputWorker("it", output, Stats(), lambda error: None)
    worker.start()
    for one in scenes:
        worker.offer(one)
    assert worker.left == sum(len(one.events) for one in scenes)
    held.go.set()
    worker.drain()
    assert worker.join(time.monotonic() + WAIT)
    return worker


def test_slow_clips_come_later_and_no_event_goes_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Events wait in memory while the encoder stands still."""
    held = _Held(monkeypatch, EventClips, "write")
    options = VideoOutputOptions(path=tmp_path / "clips" / "e.mp4", around=0.5)
    events = [scene(seq, f"{seq}.0-abcdef") if seq in (3, 7) else scene(seq) for seq in range(10)]

    worker = served(VideoOutput(options, Place("lobby")), held, events)

    assert worker.lost == 0
    assert list(clips(tmp_path)) == ["3.0-abcdef"], "the second event extends the clip"


@pytest.mark.parametrize("kind", ["film", "recording"])
def test_slow_files_leave_frames_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str):
    """The newest picture is kept, and nobody counts events as lost that these do not keep."""
    output: Any
    if kind == "film":
        held = _Held(monkeypatch, VideoOutput, "show")
        output = VideoOutput(VideoOutputOptions(path=tmp_path / "film.mp4"), Place("lobby"))
    else:
        held = _Held(monkeypatch, RecordingOutput, "show")
        output = RecordingOutput(RecordingOptions(path=tmp_path / "poses.jsonl"), Place("lobby"))

    worker = served(output, held, [replace(scene(seq), age=0.0) for seq in range(10)])

    shown = pictures(tmp_path / "film.mp4") if kind == "film" else frames(tmp_path)
    assert 1 <= shown < 10
    assert worker.lost == 0


def test_each_row_of_the_table_in_the_docs_has_its_test():
    """Those of brokers and the log are in test_kills.py, those of pins in tests/outputs/gpio."""
    text = (Path(__file__).parents[2] / "docs" / "health.md").read_text()
    table = text.split("| output | peer away", 1)[1].split("\n\n")[0]
    rows = [line.split("|")[1].strip() for line in table.splitlines()[2:]]
    assert rows == [
        "`mqtt`, `webhook`",
        "`jsonl`",
        "`video` with `around`",
        "`recording`, `video`",
        "`gpio`, `hdmi`, `web`, `prometheus`, `memory`",
    ]
