"""edgepose status: the state of this machine's services, from their last report."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping, Set
from datetime import timedelta
from typing import Any, Final

import click

from edgepose.cli.command import Command
from edgepose.system import status_file
from edgepose.system.status_file import StatusReport

COLOURS: Final = {
    "running": "green", "degraded": "yellow", "backing off": "yellow", "hung": "red",
    "refused": "red",
}  # fmt: skip
SHOWN: Final = 3  # latest restarts of a part
NOT_OURS: Final = (TypeError, ValueError, AttributeError, LookupError, OverflowError, OSError)
"""What a document raises that edgepose did not write, when it is shown."""


@click.command(cls=Command, examples=["edgepose status", "edgepose status hall --json"])
@click.argument("instance", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and service.")
def status(instance: str | None, as_json: bool) -> None:
    """Show the state of the running services, or of one INSTANCE of edgepose@.service.

    Exit code 0 when all run; 1 when none does, or one waits for its configuration or is silent.
    """
    found = status_file.reports()
    if instance is not None:
        found = tuple(report for report in found if report.instance == instance)
    if as_json:
        for document in status_file.documents(found):
            click.echo(json.dumps(document))
    else:
        for report in found:
            click.echo("\n".join(_page(report)))
    if not found:
        what = f"edgepose@{instance}" if instance else "edgepose"
        click.echo(f"{what} is not running; start it: systemctl start {what}", err=True)
    if not found or not all(report.is_running and not is_standby(report) for report in found):
        sys.exit(1)


def is_standby(report: StatusReport) -> bool:
    """Return whether a service is up without a configuration that it can run."""
    return report.health.get("state") == "waiting"


def _page(report: StatusReport) -> list[str]:
    """Return the lines of one service."""
    try:
        return [_headline(report), *body(report.health)]
    except NOT_OURS:  # any account may leave a report in the folder for temporary files
        return [f"process {report.pid}: its report is not one of edgepose's"]


def body(health: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each component and figure of a health document."""
    if health.get("state") == "waiting":
        rows = [*_troubles(health, {"config"}), *_config(health.get("config", {}))]
    else:
        shown = {"source", "runtime", "config", *health.get("outputs", {})}
        rows = [*_parts(health), *_troubles(health, shown), *_figures(health), *board_rows(health)]
    width = max(len(name) for name, _, _ in rows)
    for name, state, reason in rows:
        padded = f"{state:<12}" if reason else state
        yield f"  {name:<{width}}  {click.style(padded, COLOURS.get(state))} {reason}".rstrip()


def _headline(report: StatusReport) -> str:
    name = click.style(str(report.health.get("name", report.instance)), bold=True)
    if not report.is_alive:
        return f"{name} {click.style('is not running', 'red')}: process {report.pid} is gone"
    if not report.is_running:
        silent = click.style("does not report", "red")
        return f"{name} {silent}: nothing for {report.age:.0f} s from process {report.pid}"
    if is_standby(report):
        mistake = report.health.get("config", {}).get("error")
        what = "a configuration that can be used" if mistake else "what it needs to run"
        why = click.style(f"waits for {what}", "red")
        return f"{name} {why} (process {report.pid})"
    uptime = timedelta(seconds=int(report.health.get("uptime", 0)))
    version = report.health.get("version", "?")
    return f"{name} is running for {uptime} (edgepose {version}, process {report.pid})"


def _parts(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the components: source, model and outputs, with their queues and restarts."""
    runtime = health.get("runtime", {})
    parts = {
        f"source {health.get('source', {}).get('type', '')}".rstrip(): health.get("source", {}),
        f"model {runtime.get('model', '')}".rstrip(): runtime,
        **{f"output {name}": part for name, part in health.get("outputs", {}).items()},
    }
    for name, part in parts.items():
        yield name, part.get("state", "unknown"), part.get("reason", "")
        yield from _page_of(part)
        yield from _waiting(part)
        for restart in part.get("restarts", {}).get("latest", [])[-SHOWN:]:
            yield "", f"restarted {stamp(restart['time'])}: {restart['reason']}", ""


def _page_of(part: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the address of an output's page and where its token is, never the token itself."""
    if part.get("url"):
        file = part.get("token_file")
        yield "", part["url"], ""
        yield "", f"token: sudo cat {file}" if file else "token: in the configuration", ""


def _waiting(part: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the events that an output has not sent, if any."""
    queue = part.get("queue", {})
    if queue.get("events"):
        yield "", f"{queue['events']} events wait, the oldest for {queue['age']:.0f} s", ""
    if part.get("waiting"):
        yield "", f"{part['waiting']} events in the outbox", ""
    if part.get("dropped"):
        yield "", f"{part['dropped']} events dropped from a full outbox, ever", ""


def _troubles(health: Mapping[str, Any], shown: Set[str]) -> Iterator[Row]:
    """Yield the troubles except those of components that are shown already."""
    for trouble in health.get("troubles", ()):
        if trouble["name"] not in shown:
            yield trouble["name"], trouble["state"], trouble["reason"]


def _figures(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield the other figures."""
    runtime = health.get("runtime", {})
    why = f" ({runtime['why']})" if runtime.get("why") else ""
    yield "backend", runtime.get("backend", "unknown") + why, ""
    yield "speed", _speed(health), ""
    if health.get("profile"):
        yield "profile", health["profile"], ""
    watches = health.get("watches", {}).items()
    on = [name for name, watch in watches if watch.get("is_on", True)]
    yield "watches", ", ".join(on) or "none", ""
    if not health.get("detect", True):
        yield "detection", "off", "switched off by a command"
    yield "last event", _event(health.get("last_event")), ""
    yield from _counts(health)
    yield from _config(health.get("config", {}))


def _speed(health: Mapping[str, Any]) -> str:
    rate = f"{health.get('fps', 0.0):.1f} fps"
    age = health.get("stats", {}).get("stages", {}).get("age")
    newest = health.get("source", {}).get("age")
    if age is not None:
        rate += f", camera to result {age['p50_ms']:.0f} ms, p99 {age['p99_ms']:.0f} ms"
    mode = health.get("rate", {}).get("mode", "full")
    reasons = {"idle": ", reduced: nobody is there", "cooling": ", reduced: heat"}
    rate += reasons.get(mode, "")
    return rate if newest is None else f"{rate}, newest frame {newest:.1f} s old"


def _event(event: Mapping[str, Any] | None) -> str:
    if event is None:
        return "none yet"
    return f"{event['name']} {event['type']}, {stamp(event['time'])}"


def _counts(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield restarts and drops, if any."""
    counts = health.get("stats", {}).get("counts", {})
    for prefix, name in (("restarts:", "restarts"), ("dropped:", "dropped")):
        counted = [
            f"{key.removeprefix(prefix)} {n}"
            for key, n in counts.items()
            if key.startswith(prefix) and n
        ]
        if counted:
            yield name, ", ".join(counted), ""


def _config(config: Mapping[str, Any]) -> Iterator[Row]:
    digest = f" ({config['digest']})" if config.get("digest") else ""
    yield "configuration", _which(config) + digest, ""
    for path in config.get("not_read", ()):
        yield "", "not read", f"{path}: rename it to end in .yaml alone"
    for line in config.get("error", "").splitlines():
        yield "", "not taken over", line


def _which(config: Mapping[str, Any]) -> str:
    """Return the configuration in use: a file, perhaps one that comes before another, or a copy."""
    path, files = config.get("path", "unknown"), config.get("files", [])
    if not path:
        return "none yet"
    if config.get("is_copy"):
        return f"the last good copy of {path}"
    return f"{path}, which comes before {files[-1]}" if path in files[:-1] else path


Row = tuple[str, str, str]  # name, state, reason


def stamp(unix: float) -> str:
    """Return a time in this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))


def board_rows(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield temperature, throttling, memory, disk and the last exit, as far as known."""
    board = health.get("board", {})
    if board.get("temperature") is not None:
        yield "temperature", f"{board['temperature']:.0f} °C", ""
    if board.get("throttled"):
        yield "power", _power(board["throttled"]), ""
    memory = board.get("memory") or {}
    if memory.get("rss_mb") is not None:
        yield "memory", f"{memory['rss_mb']} MB, {memory['available_mb']} MB left", ""
    if board.get("disk"):
        yield "disk", _disk(board["disk"]), ""
    last = health.get("process", {}).get("last_exit")
    if last:
        at = "" if last["time"] is None else f"{stamp(last['time'])}: "
        yield "last exit", at + last["reason"], ""


def _power(flags: Mapping[str, bool]) -> str:
    now = [flag.replace("_", " ") for flag, is_on in flags.items() if is_on]
    return ", ".join(now) or "good, nothing is throttled"


def _disk(disk: Mapping[str, Any]) -> str:
    state = "read-only" if disk["read_only"] else f"{disk['free_mb']} MB free"
    return f"{state} ({disk['path']})"
