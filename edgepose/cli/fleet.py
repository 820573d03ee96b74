"""edgepose fleet: manage many devices through their MQTT broker."""

from __future__ import annotations

import functools
import json
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from edgepose import jsonio
from edgepose.cli.command import CommandGroup
from edgepose.cli.fleet_options import with_fleet_client
from edgepose.cli.options import Numbers
from edgepose.cli.status import NOT_OURS, body
from edgepose.errors import DeviceError, UserError, counted
from edgepose.fleet.connection import FleetClient
from edgepose.fleet.devices import DeviceStatus, loads_plain
from edgepose.fleet.precheck import config_text, template_text
from edgepose.fleet.push import IN_TIME, Push, PushResult, select, send, summary

WIDE: Final = 200  # columns where no terminal limits them
LOGS_IN_TIME: Final = 10.0  # seconds for a device to send its log
STYLES: Final = {
    "online": "green", "offline": "red", "stopped": "yellow", "never seen": "dim",
    "accepted": "green", "refused": "red", "rolled back": "red", "no answer": "red",
    "waits": "yellow",
}  # fmt: skip
SHORT: Final = 7  # characters of a version that people can tell apart
COLUMNS: Final = ("Device", "State", "Version", "fps", "Model", "Templates", "Config", "Last event")

WIDE_ONLY: Final = ("Version", "Model", "Templates")
ROOMY: Final = 125  # columns of a terminal in which the whole table has room

_as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


def _push_options(kind: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add FILE, the devices, and how to wait; the command gets a client that is not connected."""
    added = (
        click.argument("file", type=click.Path(path_type=Path)),
        click.argument("devices", nargs=-1, metavar="DEVICE..."),
        click.option("--all", "everybody", is_flag=True, help="To every device ever seen."),
        click.option(
            "--timeout", type=Numbers(min=0.1), default=IN_TIME[kind], show_default=True,
            help="Seconds to wait for the answers of those that are online.", metavar="SECONDS",
        ),
        with_fleet_client,
        _as_json,
    )  # fmt: skip
    return lambda command: functools.reduce(lambda made, add: add(made), reversed(added), command)


@click.group(
    cls=CommandGroup,
    examples=[
        "edgepose fleet list --host broker.local",
        "edgepose fleet push-config kiosk.yaml lobby --host broker.local",
    ],
)
def fleet() -> None:
    """Manage many devices through their MQTT broker.

    The broker: options, EDGEPOSE_MQTT_HOST, _PORT, _USER, _PASSWORD, _TOPIC_PREFIX, or the file
    ~/.config/edgepose/fleet.yaml with the keys of the mqtt output. Devices accept pushes and send
    their log only with `remote: true` on their mqtt output.
    """


@fleet.command(
    "list",
    short_help="Every device: state, versions, speed, last event.",
    examples=["edgepose fleet list --host broker.local"],
)
@with_fleet_client
@_as_json
def list_(client: FleetClient, as_json: bool) -> None:
    """Show every device: its state, versions, speed and last event. Exit code 1 if there is none.

    A terminal of less than 125 columns leaves out versions, models and templates.
    """
    with client:
        found = list(client.devices.values())
    if as_json:
        for seen in found:
            click.echo(json.dumps(_row(seen)))
    elif found:
        console = _console()
        console.print(_table(found, time.time(), console.width))
    if not found:
        click.echo(f"No device has ever connected under '{client.prefix}/'.", err=True)
        sys.exit(1)


@fleet.command(
    short_help="The health document of one device, or of all.",
    examples=["edgepose fleet health lobby --host broker.local"],
)
@click.argument("device", required=False)
@with_fleet_client
@_as_json
def health(client: FleetClient, device: str | None, as_json: bool) -> None:
    """Show the latest health document of DEVICE, or of all.

    Exit code 1 when one is not online.
    """
    with client:
        found = select(client, [device] if device else [], everybody=device is None)
    for seen in found:
        if as_json:
            click.echo(json.dumps({"device": seen.name, "state": seen.state} | dict(seen.health)))
        else:
            click.echo(_health_page(seen, time.time()))
    if not all(seen.is_online for seen in found):
        sys.exit(1)


@fleet.command(
    "push-template",
    short_help="Install a template on devices.",
    examples=["edgepose fleet push-template wave.yaml lobby hall --host broker.local"],
)
@_push_options("template")
def push_template(
    client: FleetClient,
    file: Path,
    devices: tuple[str, ...],
    everybody: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Install the template FILE on devices; running watches use it from the next picture on.

    An offline device takes it when it is online again. Exit code 1 unless every device has it.
    """
    _some(devices, everybody)
    name, text = template_text(file)
    with client:
        targets = select(client, devices, everybody=everybody)
        push = Push(f"template/{name}", text, timeout)
        _show(_push(client, targets, push), as_json)


@fleet.command(
    "push-config",
    short_help="Install a configuration on devices.",
    examples=["edgepose fleet push-config kiosk.yaml --all --host broker.local"],
)
@_push_options("config")
def push_config(
    client: FleetClient,
    file: Path,
    devices: tuple[str, ...],
    everybody: bool,
    timeout: float,
    as_json: bool,
) -> None:
    """Install the configuration FILE on devices.

    It is checked here and on the device, and then on probation: a device that can't reach the
    broker with it within 120 s goes back to the one before. Without `name` each device keeps its
    own. An offline device takes it when it is online again. Exit code 1 unless every device has it.
    """
    _some(devices, everybody)
    config_text(file, devices)
    with client:
        targets = select(client, devices, everybody=everybody)
        text = config_text(file, [seen.name for seen in targets])
        _show(_push(client, targets, Push("config", text, timeout)), as_json)


@fleet.command(
    short_help="The latest lines of a device's log.",
    examples=["edgepose fleet logs lobby --lines 50 --host broker.local"],
)
@click.argument("device")
@click.option("-n", "--lines", default=100, show_default=True, type=click.IntRange(1, 500))
@with_fleet_client
@_as_json
def logs(client: FleetClient, device: str, lines: int, as_json: bool) -> None:
    """Show the latest lines of DEVICE's log, at most 500, within 10 s."""
    with client:
        (seen,) = select(client, [device], everybody=False)
        if not seen.is_online:
            raise DeviceError(f"{device} is {seen.state}; its log is available when it is online")
        answer = _log_of(client, device, lines)
    for line in answer["lines"]:
        click.echo(json.dumps(line) if as_json else _log_line(line))
    if answer.get("older"):
        click.echo(f"{answer['older']} older lines: --lines", err=True)


def _log_of(client: FleetClient, device: str, count: int) -> dict[str, Any]:
    """Return the log that a device sends. Raises DeviceError if it refuses, or doesn't answer."""
    own = secrets.token_hex(8)
    client.send(device, "logs/ask", jsonio.dumps({"id": own, "lines": count}), retain=False)
    client.wait(
        lambda: jsonio.loads_object(client.payload(device, "logs")).get("id") == own, LOGS_IN_TIME
    )
    answer = loads_plain(client.payload(device, "logs"))
    if answer.get("id") != own:
        raise DeviceError(f"{device}: no answer within {LOGS_IN_TIME:.0f} s")
    if answer.get("error"):
        raise DeviceError(f"{device}: {answer['error']}")
    lines = answer.get("lines")
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise DeviceError(f"{device}: expected lines of a log, found something else")
    return answer


def _some(devices: tuple[str, ...], everybody: bool) -> None:
    if bool(devices) == everybody:
        raise UserError("expected names of devices, or --all" + (", not both" * everybody))


def _push(client: FleetClient, targets: list[DeviceStatus], push: Push) -> list[PushResult]:
    with _console(stderr=True).status("Sending ...") as status:
        return send(
            client, targets, push,
            lambda done, total: status.update(
                f"{done} of {total} online devices have answered; waiting up to "
                f"{push.seconds:.0f} s"
            ),
        )  # fmt: skip


def _show(results: list[PushResult], as_json: bool) -> None:
    """Print the results of a push; exit with 1 unless all succeeded."""
    if as_json:
        for result in results:
            click.echo(json.dumps(asdict(result)))
    else:
        _console().print(_result_table(results))
        click.echo(f"{counted(len(results), 'device')}: {', '.join(summary(results))}")
    if not all(result.state == "accepted" for result in results):
        sys.exit(1)


def _console(stderr: bool = False) -> Console:
    """Return the console for tables; in a file or a pipe no line is folded."""
    console = Console(highlight=False, stderr=stderr)
    return console if console.is_terminal else Console(highlight=False, stderr=stderr, width=WIDE)


def _row(seen: DeviceStatus) -> dict[str, Any]:
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


def _table(found: Iterable[DeviceStatus], now: float, width: int) -> Table:
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


def _health_page(seen: DeviceStatus, now: float) -> str:
    """Return a device's health in the form of `edgepose status`, with its age."""
    name = click.style(seen.name, bold=True)
    state = click.style(seen.state, STYLES[seen.state].replace("dim", "bright_black"))
    if not seen.health:
        return f"{name} is {state}; it has sent no health document"
    try:
        uptime = timedelta(seconds=int(seen.health.get("uptime", 0)))
        age = ago(now - float(seen.health.get("time", now)))
        rows = list(body(seen.health))
    except NOT_OURS:
        return f"{name} is {state}; its health document is not one of edgepose's"
    head = f"{name} is {state}; this is from {age}, after running for {uptime}"
    return "\n".join([f"{head} (edgepose {seen.health.get('version', '?')})", *rows])


def _result_table(results: Iterable[PushResult]) -> Table:
    """Return the table of the devices' answers."""
    made = Table("Device", "Answer", "", box=box.SIMPLE_HEAD, pad_edge=False)
    made.columns[0].no_wrap = made.columns[1].no_wrap = True
    for result in results:
        state = Text(result.state, STYLES.get(result.state, ""))
        made.add_row(Text(result.device), state, Text(result.text))
    return made


def _log_line(line: Mapping[str, Any]) -> str:
    """Return one line of a device's log."""
    try:
        at = datetime.fromtimestamp(float(line.get("time", 0.0))).strftime("%Y-%m-%d %H:%M:%S")
    except (TypeError, ValueError, OverflowError, OSError):
        at = "at no known time"
    return f"{at} {line.get('level', ''):<7} {line.get('logger', '')}: {line.get('text', '')}"
