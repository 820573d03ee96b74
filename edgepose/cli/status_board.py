"""The rows of `edgepose status` on the board, and on how the last process ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

Row = tuple[str, str, str]  # name, state, reason


def stamp(unix: float) -> str:
    """Return a time for people, of this machine's zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))


def board_rows(health: Mapping[str, Any]) -> Iterator[Row]:
    """Yield heat, throttling, memory, disk and the last exit, as far as they are known."""
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
