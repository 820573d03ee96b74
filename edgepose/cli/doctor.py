"""edgepose doctor: what works on this machine, what does not, and the remedy."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.text import Text

from edgepose.cli.command import Command
from edgepose.cli.options import set_option
from edgepose.doctor.checks import Group, examine
from edgepose.doctor.finding import Finding, read_intent
from edgepose.doctor.system import System

STYLES: Final = {"ok": "green", "warn": "yellow", "fail": "bold red"}
SERVICES: Final = Path("/etc/edgepose")  # where install.sh puts the configurations of services
INDENT: Final = 20  # columns of status and name
WIDEST: Final = 100  # columns that are still read with ease


@click.command(
    cls=Command, examples=["edgepose doctor", "edgepose doctor /etc/edgepose/edgepose.yaml"]
)
@click.argument("config", required=False, type=click.Path(path_type=Path), metavar="[CONFIG]")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def doctor(ctx: click.Context, config: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Examine this machine, and whether it can run CONFIG.

    Each line is ok, warn or fail, with the one step that repairs it. Exit code 1 when a check
    fails. Nothing is changed; pins and screens are not touched.
    """
    console = Console(highlight=False)
    plan, about = read_intent(config, sets)
    first = [Group("Configuration", (about,))] if about else []
    with console.status("Examining ..."):
        groups = _report(console, chain(first, examine(System(), plan)), as_json)
    if as_json:
        click.echo(json.dumps(as_dict(groups), ensure_ascii=False))
    else:
        console.print(summary(groups))
        if config is None:
            example = next(map(str, sorted(SERVICES.glob("*.yaml"))), "CONFIG")
            console.print(f"More is examined with a configuration: edgepose doctor {example}")
    ctx.exit(1 if _count(groups)["fail"] else 0)


def as_dict(groups: Sequence[Group]) -> dict[str, object]:
    """Return the findings as plain values: `ok` when nothing fails, counts and checks."""
    counts = _count(groups)
    checks = [
        {"group": group.title, **asdict(finding)} for group in groups for finding in group.findings
    ]
    numbers = {status: counts[status] for status in STYLES}
    return {"ok": not counts["fail"], "counts": numbers, "checks": checks}


def summary(groups: Sequence[Group]) -> Text:
    """Return the result in one line."""
    counts = _count(groups)
    fails = _number(counts["fail"], "failure") if counts["fail"] else "nothing fails"
    warnings = _number(counts["warn"], "warning")
    worst = next(status for status in ("fail", "warn", "ok") if counts[status] or status == "ok")
    return Text(f"{counts['ok']} ok, {warnings}, {fails}.", style=STYLES[worst])


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _count(groups: Iterable[Group]) -> Counter[str]:
    return Counter(finding.status for group in groups for finding in group.findings)


def _report(console: Console, groups: Iterator[Group], is_quiet: bool) -> list[Group]:
    """Print each group as soon as it is examined; return all."""
    seen = []
    for group in groups:
        seen.append(group)
        if not is_quiet:
            console.print(Text(group.title, style="bold cyan"))
            for finding in group.findings:
                _print(console, finding)
            console.print()
    return seen


def _print(console: Console, finding: Finding) -> None:
    """Print status, name and sentence, and the remedy on one line, to copy."""
    width = max(min(console.width, WIDEST) - INDENT, 30)
    first, *more = textwrap.wrap(finding.sentence, width, break_on_hyphens=False) or [""]
    line = Text("  ")
    line.append(f"{finding.status:<4}", style=STYLES[finding.status])
    line.append(f"  {finding.name:<{INDENT - 8}}{first}")
    lines = [Text(" " * INDENT + text) for text in more]
    if finding.remedy:
        lines.append(Text(f"{' ' * INDENT}-> {finding.remedy}", style="cyan"))
    for text in (line, *lines):
        console.print(text, soft_wrap=True)
