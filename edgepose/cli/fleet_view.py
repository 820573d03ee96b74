"""Output of `edgepose fleet`: rows for JSON, tables and pages for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import click
from rich import box
from rich.table import Table
from rich.text import Text

from edgepose.cli.status import body
from edgepose.fleet.devices import DeviceStatus
from edgepose.fleet.push import PushResult

STYLES: Final = {
    "online": "green", "offline": "red", "stopped": "yellow", "never seen": "dim",
    "accepted": "green", "refused": "red", "rolled back": "red", "no answer": "red",
    "waits": "yellow",
}  # fmt: skip
SHORT: Final = 7  # characters of a version that people can tell apart
COLUMNS: Final = ("Device", "State", "Version", "fps", "Model", "Templates", "Config", "Last event")

WIDE_ONLY: Final = ("Version", "Model", "Templates")
ROOMY: Final = 125  # columns of a terminal in which the whole table has room


def row(seen: DeviceStatus) -> dict[str, Any]:
    """Return the JSON row of one device in `list --json`."""
    health = seen.health
    return {
        "device": seen.name,
        "state": seen.state,
        "seen": health.get("time"),
        "ails": seen.degraded,
        "version": health.get("version"),
        "fps": health.get("fps"),
        "model": _inner(health, "runtime", "model"),
        "templates": health.get("templates"),
        "config": _config_version(seen),
        "remote": health.get("remote"),
        "last_event": health.get("last_event"),
        "waiting": seen.pending,
    }


def table(found: Iterable[DeviceStatus], now: float, width: int) -> Table:
    """Return the table of all devices; now: unix seconds; width: of the terminal, characters.

    A narrow terminal gets only the columns that show problems.
    """
    shown = [i for i, name in enumerate(COLUMNS) if width >= ROOMY or name not in WIDE_ONLY]
    made = Table(*(COLUMNS[i] for i in shown), box=box.SIMPLE_HEAD, pad_edge=False)
    for column in made.columns:
        column.overflow = "fold"
    made.columns[0].no_wrap = True
    for seen in found:
        cells = _cells(seen, now)
        made.add_row(*(cells[i] for i in shown))
    return made


def _cells(seen: DeviceStatus, now: float) -> list[Text | str]:
    health = seen.health
    fps = health.get("fps")
    return [
        Text(seen.name),
        _state(seen, now),
        Text(str(health.get("version", ""))),
        f"{fps:.1f}" if seen.is_online and isinstance(fps, int | float) else "",
        Text(str(_inner(health, "runtime", "model") or "")),
        Text(_templates(seen)),
        Text(_config(seen)),
        Text(_event(health.get("last_event"), now)),
    ]


def _state(seen: DeviceStatus, now: float) -> Text:
    text = Text(seen.state, STYLES[seen.state])
    if seen.is_online and seen.degraded:
        text = Text(f"degraded: {', '.join(seen.degraded)}", "yellow")
    written = seen.health.get("time")
    if not seen.is_online and isinstance(written, int | float):
        text.append(f" {ago(now - written)}")
    return text


def _templates(seen: DeviceStatus) -> str:
    known = seen.health.get("templates")
    versions = known if isinstance(known, Mapping) else {}
    texts = [f"{name} {str(version)[:SHORT]}" for name, version in versions.items()]
    texts += [f"{key.partition('/')[2]} waits" for key in seen.pending if key != "config"]
    return ", ".join(texts)


def _config(seen: DeviceStatus) -> str:
    version = str(_config_version(seen) or "")[:SHORT]
    pushed = seen.answers.get("config", {}).get("state")
    state = "push waits" if "config" in seen.pending else str(pushed or "")
    return f"{version} {'' if state == 'accepted' else state}".strip()


def _config_version(seen: DeviceStatus) -> Any:
    """Return the digest of the running file; for an older edgepose, the version pushed last."""
    return _inner(seen.health, "config", "digest") or seen.answers.get("config", {}).get("version")


def _inner(health: Mapping[str, Any], part: str, key: str) -> Any:
    value = health.get(part)
    return value.get(key) if isinstance(value, Mapping) else None


def _event(event: Any, now: float) -> str:
    if not isinstance(event, Mapping) or not isinstance(event.get("time"), int | float):
        return ""
    return f"{event.get('name')} {event.get('type')}, {ago(now - event['time'])}"


def ago(seconds: float) -> str:
    """Return a duration as `12 min ago`."""
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit} ago"
    return f"{max(0.0, seconds):.0f} s ago"


def health_page(seen: DeviceStatus, now: float) -> str:
    """Return a device's health in the form of `edgepose status`, with its age."""
    name = click.style(seen.name, bold=True)
    state = click.style(seen.state, STYLES[seen.state].replace("dim", "bright_black"))
    if not seen.health:
        return f"{name} is {state}; it has sent no health document"
    try:
        uptime = timedelta(seconds=int(seen.health.get("uptime", 0)))
        age = ago(now - float(seen.health.get("time", now)))
        rows = list(body(seen.health))
    except (TypeError, ValueError, AttributeError, LookupError, OverflowError):
        return f"{name} is {state}; its health document is not one of edgepose's"
    head = f"{name} is {state}; this is from {age}, after running for {uptime}"
    return "\n".join([f"{head} (edgepose {seen.health.get('version', '?')})", *rows])


def result_table(results: Iterable[PushResult]) -> Table:
    """Return the table of the devices' answers."""
    made = Table("Device", "Answer", "", box=box.SIMPLE_HEAD, pad_edge=False)
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for result in results:
        state = Text(result.state, STYLES.get(result.state, ""))
        made.add_row(Text(result.device), state, Text(result.text))
    return made


def log_lines(line: Mapping[str, Any]) -> str:
    """Return one line of a device's log."""
    try:
        at = datetime.fromtimestamp(float(line.get("time", 0.0))).strftime("%Y-%m-%d %H:%M:%S")
    except (TypeError, ValueError, OverflowError, OSError):
        at = "at no known time"
    return f"{at} {line.get('level', ''):<7} {line.get('logger', '')}: {line.get('text', '')}"
