"""A pool of rendered pictures on disk: rendered once by all cores, read through the page cache.

Decided by (seed, size, shard): the same command gives the same files, and an interrupted one
continues with the missing shards.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edgepose.errors import UserError
from edgepose.system import atomic
from edgepose.train.recipe import SCHEMES
from edgepose.train.synth.avatars.cast import Cast
from edgepose.train.synth.people import People, Sample

SHARD: Final = 2048  # pictures in a file: 226 MB at 192 px
_FIELDS: Final = ("keypoints", "visible", "images")  # images last: its file marks a whole shard


def _path(folder: Path, field: str, shard: int) -> Path:
    return folder / f"{field}-{shard:04d}.npy"


def _write(path: Path, array: Any) -> None:
    """Write an array so that an interruption leaves no half file under its name."""
    with atomic.replacing(path) as file:
        np.save(file, array)


def render_shard(
    folder: Path, shard: int, count: int, seed: int, avatars: Path | None = None, **people: Any
) -> int:
    """Render `count` pictures into one shard unless it exists; return the shard.

    avatars: a folder of rigged people; None for drawn ones. people: arguments of `People`.
    """
    if _path(folder, "images", shard).exists():
        return shard
    cv2.setNumThreads(1)
    own_seed = int(np.random.SeedSequence((seed, shard)).generate_state(1)[0])
    draw = (
        People(own_seed, **people) if avatars is None else Cast(own_seed, avatars, people["size"])
    )
    samples = [draw() for _ in range(count)]
    for name in _FIELDS:
        key = "image" if name == "images" else name
        _write(_path(folder, name, shard), np.stack([getattr(s, key) for s in samples]))
    return shard


def render_pool(
    folder: Path,
    pictures: int,
    seed: int,
    size: int = 192,
    *,
    scheme: str = "coco",
    avatars: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Pool:
    """Render the missing shards of a pool with `workers` processes and return the pool.

    avatars: a folder as `Cast` takes it, for pictures of rigged people instead of drawn ones.
    progress: called with the number of pictures of each finished shard.
    """
    folder.mkdir(parents=True, exist_ok=True)
    counts = [min(SHARD, pictures - start) for start in range(0, pictures, SHARD)]
    spawn = multiprocessing.get_context("spawn")  # forked, OpenCV's threads would hang
    with ProcessPoolExecutor(workers or os.cpu_count(), mp_context=spawn) as executor:
        jobs = [
            executor.submit(
                render_shard, folder, shard, count, seed, avatars, size=size, scheme=scheme
            )
            for shard, count in enumerate(counts)
        ]
        for job in jobs:
            progress(counts[job.result()])
    pool = Pool.open(folder, len(counts))
    if pool.keypoints.shape[1] != len(SCHEMES[scheme]):
        raise UserError(
            f"{folder}: holds {pool.keypoints.shape[1]} keypoints a person, "
            f"{scheme} has {len(SCHEMES[scheme])}; give another --pool folder"
        )
    return pool


@dataclass(frozen=True, slots=True)
class Pool:
    """Samples by index, read from shards on disk; another process opens them again."""

    folder: Path
    images: Sequence[Any]
    keypoints: Any
    visible: Any
    starts: Any

    @classmethod
    def open(cls, folder: Path, shards: int | None = None) -> Pool:
        """Open the first `shards` (all by default) of a rendered pool; raise UserError for none."""
        count = len(list(folder.glob("images-*.npy"))) if shards is None else shards
        if not count:
            raise UserError(f"{folder}: expected rendered pictures, found none")

        def load(field: str, mode: Any = None) -> list[Any]:
            return [np.load(_path(folder, field, i), mmap_mode=mode) for i in range(count)]

        images = load("images", "r")
        keypoints, visible = np.concatenate(load("keypoints")), np.concatenate(load("visible"))
        return cls(folder, images, keypoints, visible, np.cumsum([0, *map(len, images)]))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as a folder: the pictures themselves would be copied."""
        return Pool.open, (self.folder, len(self.images))

    def __len__(self) -> int:
        """Return the number of pictures."""
        return int(self.starts[-1])

    def __getitem__(self, index: int) -> Sample:
        """Return one sample; its picture is a view into the file."""
        shard = int(np.searchsorted(self.starts, index, side="right")) - 1
        image = self.images[shard][index - self.starts[shard]]
        return Sample(image, self.keypoints[index], self.visible[index])
