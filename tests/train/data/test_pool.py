"""The pool of rendered pictures: whole files only, opened anew in other processes."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from edgepose.train.data import pool
from edgepose.train.data.pool import Pool, render_shard

pytest.importorskip("numba", reason="rendering needs the extra 'train'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a pool of two small shards."""
    for shard in range(2):
        render_shard(tmp_path, shard, 3, seed=1, size=48)
    return tmp_path


def test_samples_are_read_across_shards(folder: Path) -> None:
    """Index 3 is the first picture of the second shard."""
    opened = Pool.open(folder)
    assert len(opened) == 6
    assert opened[3].image.shape == (48, 48, 3)
    np.testing.assert_array_equal(opened[3].image, np.load(folder / "images-0001.npy")[0])


def test_a_shard_that_is_there_is_not_rendered_again(folder: Path) -> None:
    """Going on after an interruption leaves finished files alone."""
    before = (folder / "images-0000.npy").stat().st_mtime_ns
    render_shard(folder, 0, 3, seed=1, size=48)
    assert (folder / "images-0000.npy").stat().st_mtime_ns == before
    assert not list(folder.glob("*.part"))


def test_shards_differ_and_repeat_by_seed(folder: Path, tmp_path: Path) -> None:
    """Two shards hold different people; the same shard rendered again holds the same."""
    opened = Pool.open(folder)
    assert (opened[0].image != opened[3].image).any()
    again = tmp_path / "again"
    again.mkdir()
    render_shard(again, 1, 3, seed=1, size=48)
    np.testing.assert_array_equal(Pool.open(folder)[4].image, np.load(again / "images-0001.npy")[1])


def test_a_pool_travels_as_its_folder(folder: Path) -> None:
    """Pickled for another process it is small, and reads the same."""
    opened = Pool.open(folder)
    data = pickle.dumps(opened)
    assert len(data) < 500
    np.testing.assert_array_equal(pickle.loads(data)[5].image, opened[5].image)


def test_a_pool_is_rendered_in_shards_with_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five pictures in shards of two make three files and three reports."""
    monkeypatch.setattr(pool, "SHARD", 2)
    done: list[int] = []
    opened = pool.render_pool(tmp_path, 5, 1, 48, workers=1, progress=done.append)
    assert done == [2, 2, 1]
    assert len(opened) == 5
