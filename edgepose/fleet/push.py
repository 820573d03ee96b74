"""Lay something on the broker for devices, and listen to what each answers."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import UserError, near_miss
from edgepose.fleet.connection import FleetClient
from edgepose.fleet.devices import FINAL, DeviceStatus

IN_TIME: Final = {"template": 15.0, "config": 150.0}  # seconds; a configuration is tried for 120


Progress = Callable[[int, int], None]
"""Be told how many of how many devices have answered."""


@dataclass(frozen=True, slots=True)
class Push:
    """Hold what is pushed: `config` or `template/NAME`, and its text. seconds: for the answers."""

    key: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PushResult:
    """Say what became of a push to one device.

    state: one of FINAL, `waits` for a device that is not there, or `no answer`.
    """

    device: str
    state: str
    text: str

    @property
    def is_well(self) -> bool:
        """Tell whether the device has it."""
        return self.state == "accepted"


def chosen(station: FleetClient, names: Iterable[str], *, everybody: bool) -> list[DeviceStatus]:
    """Return the devices that were named, or all. Raises UserError where one is not known."""
    known = station.devices
    if everybody:
        found = [seen for seen in known.values() if seen.available]
        if not found:
            raise UserError(f"no device has ever connected under '{station.prefix}/'")
        return found
    for name in names:
        if name not in known or not known[name].available:
            seen = [other for other, device in known.items() if device.available]
            raise UserError(f"no device '{name}' has ever connected{near_miss(name, seen)}")
    return [known[name] for name in dict.fromkeys(names)]


def push(
    station: FleetClient, targets: Iterable[DeviceStatus], parcel: Push, progress: Progress
) -> list[PushResult]:
    """Push to devices and wait for their answers; what was refused is taken back.

    What was not answered stays on the broker, retained: the device takes it when it is back.
    """
    targets = list(targets)
    ids = {seen.name: f"{time.time():.3f}-{secrets.token_hex(3)}" for seen in targets}
    online = {seen.name: ids[seen.name] for seen in targets if seen.is_online}
    for name, own in ids.items():
        payload = jsonio.dumps({"id": own, "text": parcel.text})
        station.say(name, f"push/{parcel.key}", payload, retain=True)
    station.finish()
    _listen(station, online, parcel, progress)
    known = station.devices
    outcomes = [_outcome(station, known[name], own, parcel) for name, own in ids.items()]
    _take_back(station, outcomes, parcel.key)
    return outcomes


def _listen(station: FleetClient, ids: Mapping[str, str], parcel: Push, progress: Progress) -> None:
    waiting = dict(ids)

    def is_through() -> bool:
        for name, own in ids.items():
            if name in waiting and _answer(station, name, own, parcel.key) is not None:
                del waiting[name]
        progress(len(ids) - len(waiting), len(ids))
        return not waiting

    station.wait(is_through, parcel.seconds)


def _answer(station: FleetClient, name: str, own: str, key: str) -> Mapping[str, Any] | None:
    """Return the last word of a device on a push, None while there is none."""
    payload = station.payload(name, f"push/{key}/state")
    if own.encode() not in payload:  # as of most of a large fleet at most times
        return None
    answer = jsonio.loads_object(payload)
    return answer if answer.get("id") == own and answer.get("state") in FINAL else None


def _outcome(station: FleetClient, seen: DeviceStatus, own: str, parcel: Push) -> PushResult:
    name, answer = seen.name, _answer(station, seen.name, own, parcel.key)
    if answer is not None:
        return PushResult(name, str(answer["state"]), str(answer.get("text", "")))
    latest = seen.answers.get(parcel.key, {})
    if latest.get("id") == own:
        said = f"after {parcel.seconds:.0f} s it is still {latest.get('state')}"
        return PushResult(name, "no answer", said)
    if seen.is_online:
        return PushResult(name, "no answer", f"nothing for {parcel.seconds:.0f} s")
    return PushResult(name, "waits", f"it is {seen.state}; it takes it when it is back")


def _take_back(station: FleetClient, outcomes: Iterable[PushResult], key: str) -> None:
    for outcome in outcomes:
        if outcome.state in ("refused", "rolled back"):
            station.say(outcome.device, f"push/{key}", b"", retain=True)
    station.finish()


def counted(outcomes: Iterable[PushResult]) -> Iterator[str]:
    """Yield `3 accepted` and the like, in order of appearance."""
    states = [outcome.state for outcome in outcomes]
    for state in dict.fromkeys(states):
        yield f"{states.count(state)} {state}"
