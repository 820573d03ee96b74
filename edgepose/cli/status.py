"""edgepose status: how the services of this machine are, as they last said themselves."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Final

import click

from edgepose.engine import status_file
from edgepose.engine.status_file import Report

COLOURS: Final = {"running": "green", "degraded": "yellow", "backing off": "yellow"}
Row = tuple[str, str, str]  # name, state, reason


@click.command()
@click.argument("instance", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line and service.")
def status(instance: str | None, as_json: bool) -> None:
    """Show how the running service is, or each of several, or the INSTANCE of edgepose@.service.

    Exit code 0 when all run, 1 when none does, or one has stopped reporting.
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
    if not found or not all(report.is_running for report in found):
        sys.exit(1)


def _page(report: Report) -> Iterator[str]:
    """Yield the lines of one service."""
    yield _headline(report)
    yield from body(report.health)


def body(health: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each part and figure of a health document."""
    rows = [*_parts(health), *_figures(health)]
    width = max(len(name) for name, _, _ in rows)
    for name, state, reason in rows:
        padded = f"{state:<12}" if reason else state
        yield f"  {name:<{width}}  {click.style(padded, COLOURS.get(state))} {reason}".rstrip()


def _headline(report: Report) -> str:
    name = click.style(str(report.health.get("name", report.instance)), bold=True)
    if not report.is_alive:
        return f"{name} {click.style('is not running', 'red')}: process {report.pid} is gone"
    if not report.is_running:
        silent = click.style("does not report", "red")
        return f"{name} {silent}: nothing for {report.age:.0f} s from process {report.pid}"
    uptime = timedelta(seconds=int(report.health.get("uptime", 0)))
    version = report.health.get("version", "?")
    return f"{name} is running for {uptime} (edgepose {version}, process {report.pid})"


def _parts(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield what can fail: source, model, outputs, and whatever hangs."""
    runtime = health.get("runtime", {})
    parts = {
        f"source {health.get('source', {}).get('type', '')}".rstrip(): health.get("source", {}),
        f"model {runtime.get('model', '')}".rstrip(): runtime,
        **{f"output {name}": part for name, part in health.get("outputs", {}).items()},
    }
    for name, part in parts.items():
        yield name, part.get("state", "unknown"), part.get("reason", "")
    for name, reason in health.get("hung", {}).items():
        yield name, "hangs", reason


def _figures(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield what is worth knowing besides."""
    yield "backend", health.get("runtime", {}).get("backend", "unknown"), ""
    yield "speed", _speed(health), ""
    yield "watches", ", ".join(health.get("watches", {})) or "none", ""
    if not health.get("detect", True):
        yield "detection", "off", "switched off by a command"
    yield "last event", _event(health.get("last_event")), ""
    yield from _counts(health)
    yield from _config(health.get("config", {}))


def _speed(health: Mapping[str, Any]) -> str:
    rate = f"{health.get('fps', 0.0):.1f} fps"
    age = health.get("stats", {}).get("stages", {}).get("age")
    if age is None:
        return rate
    return f"{rate}, camera to result {age['p50_ms']:.0f} ms, p99 {age['p99_ms']:.0f} ms"


def _event(event: Mapping[str, Any] | None) -> str:
    if event is None:
        return "none yet"
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
    return f"{event['name']} {event['type']}, {at}"


def _counts(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield restarts and drops, where there were any."""
    counts = health.get("stats", {}).get("counts", {})
    for prefix, name in (("restarts:", "restarts"), ("dropped:", "dropped")):
        told = [
            f"{key.removeprefix(prefix)} {n}"
            for key, n in counts.items()
            if key.startswith(prefix) and n
        ]
        if told:
            yield name, ", ".join(told), ""


def _config(config: Mapping[str, Any]) -> Iterator[Row]:
    yield "configuration", config.get("path", "unknown"), ""
    if config.get("error"):
        yield "", "not taken over", config["error"]
