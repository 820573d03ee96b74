"""Drive perception in one thread: nothing is dropped, and the same input gives the same bits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from edgepose.engine.perception import Interpreter, Perception
from edgepose.sources.base import Source
from edgepose.types import Frame, Pose, Scene


def replay_poses(
    recorded: Iterable[tuple[Frame, Sequence[Pose]]], interpreter: Interpreter
) -> Iterator[Scene]:
    """Yield the scene of each recorded frame, and last one with the events that end the run."""
    return _with_end(
        (interpreter.interpret(frame, poses) for frame, poses in recorded), interpreter
    )


def replay_source(source: Source, perception: Perception) -> Iterator[Scene]:
    """Yield the scene of each frame of a source that ends, each frame processed.

    The source is opened here and closed when the iterator ends or is dropped. Raises what the
    source and the runtime raise: a replay recovers from nothing.
    """
    try:
        source.open()
        frames = iter(source.read, None)
        yield from _with_end(
            (perception.step(frame) for frame in frames if frame is not None),
            perception.interpreter,
        )
    finally:
        source.close()


def _with_end(scenes: Iterable[Scene], interpreter: Interpreter) -> Iterator[Scene]:
    last: Scene | None = None
    for last in scenes:
        yield last
    events = interpreter.finish(last.frame.time) if last is not None else ()
    if last is not None and events:
        yield replace(last, events=events)
