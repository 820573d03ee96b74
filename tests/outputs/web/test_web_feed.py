"""One maker for many watchers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from aiohttp.web import HTTPServiceUnavailable

from edgepose.outputs.web.streams import Broadcaster, LatestScene
from edgepose.types import Scene


class Rig:
    """A feed that makes the scene's number of it. made: those numbers."""

    def __init__(self, executor: ThreadPoolExecutor) -> None:
        self.live = LatestScene()
        self.made: list[int] = []
        self.feed = Broadcaster(self.live, self._make, executor, fps=200.0, most=3)

    def _make(self, scene: Scene) -> bytes:
        self.made.append(scene.frame.seq)
        return str(scene.frame.seq).encode()

    async def see(self, number: int) -> tuple[int, bytes]:
        """Return the next edition; it must come."""
        edition = await self.feed.after(number, 5.0)
        assert edition is not None
        return edition.number, edition.data


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
        with rig.feed.watched() as number:
            await rig.see(number)
        rig.live.put(scene(2))
        assert rig.feed._task is not None
        await asyncio.wait_for(rig.feed._task, 5)
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
            numbers = [stack.enter_context(rig.feed.watched()) for _ in range(3)]
            with pytest.raises(HTTPServiceUnavailable), rig.feed.watched():
                pass
            seen = await asyncio.gather(*(rig.see(number) for number in numbers))
            assert [data for _, data in seen] == [b"7"] * 3
            assert await rig.feed.after(seen[0][0], 0.05) is None
        with rig.feed.watched():
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
        with rig.feed.watched() as number:
            await rig.see(number)
        assert rig.feed._task is not None
        await asyncio.wait_for(rig.feed._task, 5)
        rig.live.put(scene(2))
        with rig.feed.watched() as number:
            return (await rig.see(number))[1]

    assert asyncio.run(run()) == b"2"


def test_a_second_watcher_sees_a_picture_that_stands_still(
    executor: ThreadPoolExecutor, scene: Callable[..., Scene]
):
    """The camera is gone, the last picture is there."""

    async def run() -> bytes:
        rig = Rig(executor)
        rig.live.put(scene(1))
        with rig.feed.watched() as first:
            await rig.see(first)
            with rig.feed.watched() as second:
                return (await rig.see(second))[1]

    assert asyncio.run(run()) == b"1"


def test_a_slow_watcher_misses_editions(executor: ThreadPoolExecutor, scene: Callable[..., Scene]):
    """And gets the newest when it comes back."""

    async def run() -> bytes:
        rig = Rig(executor)
        with rig.feed.watched() as slow, rig.feed.watched() as quick:
            number = quick
            for seq in range(1, 6):
                rig.live.put(scene(seq))
                number, _ = await rig.see(number)
            return (await rig.see(slow))[1]

    assert asyncio.run(run()) == b"5"


def test_a_fault_in_the_maker_is_heard(executor: ThreadPoolExecutor, scene: Callable[..., Scene]):
    """It is a fault in the code, and must not look like a camera that stands."""

    def fails(scene: Scene) -> bytes:
        raise ZeroDivisionError

    async def run() -> None:
        live = LatestScene()
        live.put(scene(1))
        feed = Broadcaster(live, fails, executor, 200.0, 1)
        with feed.watched() as number:
            await feed.after(number, 0.3)

    with pytest.raises(ZeroDivisionError):
        asyncio.run(run())
