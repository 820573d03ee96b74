"""The events of files of JSON lines, as the `jsonl` output writes them, each once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import UserError
from edgepose.system import plain_file

Event = Mapping[str, Any]

_LONGEST: Final = 1 << 20  # bytes of a line; an event has some hundred, poses some thousand


def read_events(path: Path) -> tuple[list[Event], int]:
    """Return the events of a file of JSON lines, and how many lines are damaged.

    Lines of poses are passed over. Raises UserError where the file can't be read.
    """
    events: list[Event] = []
    damaged = 0
    try:
        with plain_file.opened(path) as file:
            while line := file.readline(_LONGEST):  # /dev/zero is one line without an end
                if not line.strip():
                    continue
                event = _event(line)
                if event is None:
                    damaged += 1
                elif event.get("type") != "poses":
                    events.append(event)
    except OSError as error:
        raise UserError(
            f"{path}: can't be read ({(error.strerror or str(error)).lower()})"
        ) from error
    return events, damaged


def _event(line: bytes) -> Event | None:
    try:
        value = jsonio.loads(line)
    except ValueError:
        return None
    is_event = isinstance(value, dict) and isinstance(value.get("type"), str)
    return value if is_event and isinstance(value.get("id", ""), str) else None


def distinct(events: Iterable[Event]) -> tuple[list[Event], int]:
    """Return every event once, and how many runs of a clip were left out.

    What has the id of an event before it is that event. A clip that is run again gives its events
    with other ids and times of day: a run whose events another run begins with is left out.
    """
    runs: dict[object, list[list[Event]]] = {}
    seen: set[object] = set()
    for event in events:
        if "id" in event and event["id"] in seen:
            continue
        seen.add(event.get("id"))
        of_device = runs.setdefault(str(event.get("device")), [[]])
        if of_device[-1] and _begins_run(event, of_device[-1]):
            of_device.append([])
        of_device[-1].append(event)
    kept = [run for of_device in runs.values() for run in _different(of_device)]
    return [e for run in kept for e in run], sum(map(len, runs.values())) - len(kept)


def _different(runs: Sequence[Sequence[Event]]) -> Iterator[Sequence[Event]]:
    """Yield runs that are not the beginning of another, in their order; of equal ones the first."""
    beginnings: set[bytes] = set()
    kept: list[int] = []
    for number in sorted(range(len(runs)), key=lambda number: -len(runs[number])):
        digests = list(_digests(runs[number]))
        if digests and digests[-1] not in beginnings:
            kept.append(number)
            beginnings.update(digests)
    return (runs[number] for number in sorted(kept))


def _digests(run: Sequence[Event]) -> Iterator[bytes]:
    """Yield a digest of the first event, of the first two, and so on."""
    digest = hashlib.sha256()
    for event in run:
        digest.update(repr(sorted(_apart_from_clock(event).items())).encode("utf-8", "replace"))
        yield digest.digest()


def _begins_run(event: Event, run: Sequence[Event]) -> bool:
    """Return whether a run begins again with an event: its clock goes back, or stands at 0."""
    first, last = run[0], run[-1]
    is_first = "frame_time" in event and _apart_from_clock(event) == _apart_from_clock(first)
    return is_first or _clip_time(event) < _clip_time(last)


def _clip_time(event: Event) -> float:
    value = event.get("frame_time")
    return float(value) if isinstance(value, (int, float)) and value > 0 else 0.0


def _apart_from_clock(event: Event) -> Event:
    return {key: value for key, value in event.items() if key not in ("id", "time")}
