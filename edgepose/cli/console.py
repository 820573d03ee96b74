"""Terminal output of `edgepose run`: a line an event, a summary at the end."""

from __future__ import annotations

import click

from edgepose.engine.stats import Snapshot
from edgepose.outputs.base import Output
from edgepose.types import Event, Scene


class Console(Output):
    """Events as lines on stderr."""

    internal = True

    def show(self, scene: Scene) -> None:
        """Print the scene's events."""
        for event in scene.events:
            click.echo(line(event), err=True)


def line(event: Event) -> str:
    """Return an event as text: `  12.40 s  arms_up  start  score 0.93`."""
    details = [f"score {event.score:.2f}" if event.type == "start" and event.score else ""]
    if event.type == "end" and event.held is not None:
        details.append(f"held {event.held:.2f} s")
    details += _of_effort(event)
    details += [limb.text for limb in event.deviated if limb.text]
    tail = ", ".join(detail for detail in details if detail)
    return f"{event.frame_time:9.2f} s  {event.name}  {event.type:<5}  {tail}".rstrip()


def _of_effort(event: Event) -> list[str]:
    """Return what there is to tell of a repetition, an attempt or a set."""
    effort = event.effort
    if effort is None:
        return []
    details = [f"{event.count}"] if event.count else []
    if effort.seconds is not None:
        details.append(f"{effort.seconds:.1f} s")
    if effort.range is not None:
        details.append("range {:.4g} to {:.4g}".format(*effort.range))
    return [*details, effort.reason or "", *(effort.faults or ())]


def summary(figures: Snapshot) -> str:
    """Return the figures of a run in one line."""
    counts = figures.counts
    dropped = sum(n for name, n in counts.items() if name.startswith("dropped:"))
    parts = [f"{counts.get('scenes', 0)} frames perceived"]
    if dropped:
        parts.append(f"{dropped} dropped because newer ones had come")
    if figures.fps:
        parts.append(f"{figures.fps:.1f} fps at the end")
    if "age" in figures.stages:
        parts.append(f"capture to event {figures.stages['age'].p50 * 1e3:.0f} ms (median)")
    parts.append(f"{counts.get('events', 0)} events")
    return "edgepose: " + ", ".join(parts)
