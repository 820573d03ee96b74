"""The fake that tests and benchmarks look into."""

from __future__ import annotations

from collections.abc import Callable

from edgepose.outputs.base import Device
from edgepose.outputs.memory import Memory, MemoryOptions
from edgepose.types import Scene


def test_the_newest_scenes_and_events_are_kept(device: Device, scene: Callable[..., Scene]):
    """Scenes are many and large, events few; what is let go leaves nothing behind."""
    output = Memory(MemoryOptions(keep=2, events=4), device)
    output.open()
    for seq in (0, 1, 1, 2, 3, 4):
        output.show(scene(seq, seq))

    assert [kept.frame.seq for kept in output.scenes] == [3, 4]
    assert [event.id for event in output.events] == [f"id-{seq}" for seq in range(1, 5)]
    assert output.shown == 6


def test_it_says_whether_it_is_open(device: Device):
    """A test can see that a pipeline closed its outputs."""
    output = Memory(MemoryOptions(), device)

    output.open()
    assert output.is_open
    output.close()
    assert not output.is_open
