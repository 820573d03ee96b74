"""Push a configuration or a template to devices, and wait for their answers."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from edgepose import jsonio
from edgepose.errors import UserError, near_miss
from edgepose.fleet.connection import FleetClient
from edgepose.fleet.devices import FINAL, DeviceStatus
from edgepose.yamldoc.marks import one_line

IN_TIME: Final = {"template": 15.0, "config": 150.0}  # seconds; probation lasts 120


Progress = Callable[[int, int], None]
"""Called with how many devices of how many have answered."""


@dataclass(frozen=True, slots=True)
class Push:
    """A push: `config` or `template/NAME`, and its text. seconds: to wait for the answers."""

    key: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class PushResult:
    """The result of a push to one device.

    state: one of FINAL, `waits` for a device that is not connected, or `no answer`.
    """

    device: str
    state: str
    text: str


def select(client: FleetClient, names: Iterable[str], *, everybody: bool) -> list[DeviceStatus]:
    """Return the named devices, or all. Raises UserError for an unknown one."""
    known = client.devices
    if everybody:
        found = [seen for seen in known.values() if seen.available]
        if not found:
            raise UserError(f"no device has ever connected under '{client.prefix}/'")
        return found
    for name in names:
        if name not in known or not known[name].available:
            seen = [other for other, device in known.items() if device.available]
            raise UserError(f"no device '{name}' has ever connected{near_miss(name, seen)}")
    return [known[name] for name in dict.fromkeys(names)]


def send(
    client: FleetClient, targets: Iterable[DeviceStatus], push: Push, progress: Progress
) -> list[PushResult]:
    """Push to devices and wait for their answers; a refused push is withdrawn.

    An unanswered push stays retained on the broker until the device is back.
    """
    targets = list(targets)
    ids = {seen.name: f"{time.time():.3f}-{secrets.token_hex(3)}" for seen in targets}
    online = {seen.name: ids[seen.name] for seen in targets if seen.is_online}
    for name, own in ids.items():
        payload = jsonio.dumps({"id": own, "text": push.text})
        client.send(name, f"push/{push.key}", payload, retain=True)
    client.flush()
    _await_answers(client, online, push, progress)
    known = client.devices
    results = [_result_of(client, known[name], own, push) for name, own in ids.items()]
    _withdraw(client, results, push.key)
    return results


def _await_answers(
    client: FleetClient, ids: Mapping[str, str], push: Push, progress: Progress
) -> None:
    waiting = dict(ids)

    def is_through() -> bool:
        for name, own in ids.items():
            if name in waiting and _answer(client, name, own, push.key) is not None:
                del waiting[name]
        progress(len(ids) - len(waiting), len(ids))
        return not waiting

    client.wait(is_through, push.seconds)


def _answer(client: FleetClient, name: str, own: str, key: str) -> Mapping[str, Any] | None:
    """Return a device's final answer to a push, None while there is none."""
    payload = client.payload(name, f"push/{key}/state")
    if own.encode() not in payload:  # true of most devices at most times
        return None
    answer = jsonio.loads_object(payload)
    return answer if answer.get("id") == own and answer.get("state") in FINAL else None


def _result_of(client: FleetClient, seen: DeviceStatus, own: str, push: Push) -> PushResult:
    name, answer = seen.name, _answer(client, seen.name, own, push.key)
    if answer is not None:
        lines = str(answer.get("text", "")).splitlines()
        return PushResult(name, str(answer["state"]), "\n".join(map(one_line, lines)))
    latest = seen.answers.get(push.key, {})
    if latest.get("id") == own:
        text = f"after {push.seconds:.0f} s it is still {latest.get('state')}"
        return PushResult(name, "no answer", text)
    if seen.is_online:
        return PushResult(name, "no answer", f"nothing for {push.seconds:.0f} s")
    return PushResult(name, "waits", f"it is {seen.state}; it receives it when it is back")


def _withdraw(client: FleetClient, results: Iterable[PushResult], key: str) -> None:
    for result in results:
        if result.state in ("refused", "rolled back"):
            client.send(result.device, f"push/{key}", b"", retain=True)
    client.flush()


def summary(results: Iterable[PushResult]) -> Iterator[str]:
    """Yield counts such as `3 accepted`, in order of appearance."""
    for state, count in Counter(result.state for result in results).items():
        yield f"{count} {state}"
