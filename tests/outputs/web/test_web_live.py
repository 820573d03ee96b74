"""Scenes and events on their way from the pipeline to the page."""

from __future__ import annotations

from collections.abc import Callable

from edgepose.outputs.web.streams import LatestScene
from edgepose.types import Scene


def ids(live: LatestScene, number: int) -> list[str]:
    """Return the ids of the events after a number."""
    return [event.id for event in live.events_after(number)[1]]


def test_only_the_newest_scene_is_kept(scene: Callable[..., Scene]):
    """Nothing piles up while nobody looks."""
    live = LatestScene()
    assert live.scene is None

    newest = scene(2)
    live.put(scene(1))
    live.put(newest)
    assert live.scene is newest


def test_every_event_is_told_once(scene: Callable[..., Scene]):
    """Those since the last time; one that is given again is not told again."""
    live = LatestScene()
    live.put(scene(0, 1))
    seen, _ = live.events_after(0)
    live.put(scene(1, 1, 2))
    live.put(scene(2))

    assert ids(live, seen) == ["id-2"]
    assert ids(live, live.events_after(0)[0]) == []
    assert ids(live, 0) == ["id-1", "id-2"]


def test_the_latest_events_are_remembered(scene: Callable[..., Scene]):
    """For a page that is opened later; the oldest go."""
    live = LatestScene()
    for number in range(220):
        live.put(scene(number, number))

    assert ids(live, 0) == [f"id-{number}" for number in range(20, 220)]
    assert ids(live, 218) == ["id-218", "id-219"]
