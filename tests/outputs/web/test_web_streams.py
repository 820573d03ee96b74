"""Messages made once for many clients."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from aiohttp.web import HTTPServiceUnavailable

from edgepose.outputs.web.streams import Broadcaster, Inbox, LatestScene
from edgepose.types import Scene


class Rig:
    """A broadcaster whose message is the number of the scene. made: those numbers."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.live = LatestScene()
        self.made: list[int] = []
        self.broadcaster = Broadcaster(self.live, self._make, executor, fps=200.0, most=3)

    def _make(self, scene: Scene) -> bytes:
        self.made.append(scene.frame.seq)
        return str(scene.frame.seq).encode()

    async def see(self, inbox: Inbox) -> bytes:
        """Return the next message; it must come."""
        message = await self.broadcaster.next(inbox, 5.0)
        assert message is not None
        return message


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    """Return one worker."""
    with ThreadPoolExecutor(1) as made:
        yield made


def test_nothing_is_made_while_nobody_watches(
    executor: ThreadPoolExecutor, scene: Callable[..., Scene]
):
    """Before the first watcher and after the last one."""

    async def run() -> list[int]:
        rig = Rig(executor)
        rig.live.put(scene(1))
        await asyncio.sleep(0.02)
        assert rig.made == []
        with rig.broadcaster.subscribed() as inbox:
            await rig.see(inbox)
        rig.live.put(scene(2))
        assert rig.broadcaster._task is not None
        await asyncio.wait_for(rig.broadcaster._task, 5)
        return rig.made

    assert asyncio.run(run()) == [1]


def test_many_watchers_cost_as_much_as_one(
    executor: ThreadPoolExecutor, scene: Callable[..., Scene]
):
    """All get the same, made once; the same scene is not made again."""

    async def run() -> list[int]:
        rig = Rig(executor)
        rig.live.put(scene(7))
        with ExitStack() as stack:
            inboxes = [stack.enter_context(rig.broadcaster.subscribed()) for _ in range(3)]
            with pytest.raises(HTTPServiceUnavailable), rig.broadcaster.subscribed():
                pass
            seen = await asyncio.gather(*(rig.see(inbox) for inbox in inboxes))
            assert seen == [b"7"] * 3
            assert await rig.broadcaster.next(inboxes[0], 0.05) is None
        with rig.broadcaster.subscribed():
            pass
        return rig.made

    assert asyncio.run(run()) == [7]


def test_a_late_watcher_sees_the_newest_and_nothing_old(
    executor: ThreadPoolExecutor, scene: Callable[..., Scene]
):
    """What was made for somebody else long ago is not shown, not even for a moment."""

    async def run() -> bytes:
        rig = Rig(executor)
        rig.live.put(scene(1))
        with rig.broadcaster.subscribed() as inbox:
            await rig.see(inbox)
        assert rig.broadcaster._task is not None
        await asyncio.wait_for(rig.broadcaster._task, 5)
        rig.live.put(scene(2))
        with rig.broadcaster.subscribed() as inbox:
            return await rig.see(inbox)

    assert asyncio.run(run()) == b"2"


def test_a_second_watcher_sees_a_picture_that_stands_still(
    executor: ThreadPoolExecutor, scene: Callable[..., Scene]
):
    """The camera is gone, the last picture is there."""

    async def run() -> bytes:
        rig = Rig(executor)
        rig.live.put(scene(1))
        with rig.broadcaster.subscribed() as first:
            await rig.see(first)
            with rig.broadcaster.subscribed() as second:
                return await rig.see(second)

    assert asyncio.run(run()) == b"1"


def test_a_slow_watcher_misses_editions(executor: ThreadPoolExecutor, scene: Callable[..., Scene]):
    """And gets the newest when it comes back."""

    async def run() -> bytes:
        rig = Rig(executor)
        with rig.broadcaster.subscribed() as slow, rig.broadcaster.subscribed() as quick:
            for seq in range(1, 6):
                rig.live.put(scene(seq))
                await rig.see(quick)
            return await rig.see(slow)

    assert asyncio.run(run()) == b"5"


def test_a_fault_in_the_maker_is_heard(executor: ThreadPoolExecutor, scene: Callable[..., Scene]):
    """It is a fault in the code, and must not look like a camera that stands."""

    def fails(scene: Scene) -> bytes:
        raise ZeroDivisionError

    async def run() -> None:
        live = LatestScene()
        live.put(scene(1))
        feed = Broadcaster(live, fails, executor, 200.0, 1)
        with feed.subscribed() as inbox:
            await feed.next(inbox, 0.3)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
