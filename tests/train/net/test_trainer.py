"""Training: learns, resumes to the same weights, refuses another recipe's checkpoint."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgepose.errors import UserError
from edgepose.train.data.batches import Batches
from edgepose.train.net.trainer import Trainer, load_weights, save_weights
from edgepose.train.recipe import Recipe, parse_phases
from edgepose.train.synth.people import VISIBLE, Sample

torch = pytest.importorskip("torch", reason="training needs the extra 'train'")

RECIPE = Recipe(net="cpm2", phases=parse_phases("32:6"), batch=4, warm_up=1, seed=3)


def dot(seed: int) -> Sample:
    """Return a dark picture with a bright square where all keypoints are."""
    rng = np.random.default_rng(seed)
    y, x = rng.integers(10, 38, 2)
    image = np.full((48, 48, 3), 20, np.uint8)
    image[y - 3 : y + 4, x - 3 : x + 4] = 240
    return Sample(image, np.full((17, 2), (y, x), np.float32), np.full(17, VISIBLE, np.int8))


SAMPLES = [dot(seed) for seed in range(12)]


class Here(Trainer):
    """Train without another process."""

    def _loader(self, batches: Batches) -> object:
        return (tuple(map(torch.from_numpy, batches[i])) for i in range(len(batches)))


def trained(recipe: Recipe, folder: Path, steps: int | None = None) -> Trainer:
    """Return a trainer that has run, all steps or some."""
    trainer = Here(recipe, folder, "cpu", low_precision=False)

    def stop(progress: object) -> None:
        if trainer.step == steps:
            trainer.save()
            raise InterruptedError

    with contextlib.suppress(InterruptedError):
        trainer.run(SAMPLES, report=stop)
    return trainer


def weights(trainer: Trainer) -> np.ndarray:
    """Return all averaged weights as one row."""
    return torch.cat([v.flatten().float() for v in trainer.average.state_dict().values()]).numpy()


def test_the_loss_falls(tmp_path: Path) -> None:
    """A few dozen steps on bright dots more than halve the loss."""
    recipe = replace(RECIPE, phases=parse_phases("32:60"), batch=8)
    losses: list[float] = []
    Here(recipe, tmp_path, "cpu", low_precision=False).run(
        SAMPLES, report=lambda progress: losses.append(progress.loss)
    )
    assert len(losses) == 60
    assert losses[-1] < 0.5 * losses[0]


def test_an_interrupted_run_ends_at_the_same_weights(tmp_path: Path) -> None:
    """Stopped after two steps and resumed, it equals the run that was left alone."""
    whole = trained(RECIPE, tmp_path / "whole")
    trained(RECIPE, tmp_path / "parts", steps=2)
    resumed = trained(RECIPE, tmp_path / "parts")
    assert resumed.step == 6
    np.testing.assert_allclose(weights(resumed), weights(whole), rtol=1e-4, atol=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(tmp_path: Path) -> None:
    """Nothing but recipe and data decides."""
    first, second = (trained(RECIPE, tmp_path / name) for name in "ab")
    other = trained(replace(RECIPE, seed=4), tmp_path / "c")
    np.testing.assert_allclose(weights(first), weights(second), rtol=1e-4, atol=1e-6)
    assert np.abs(weights(first) - weights(other)).max() > 1e-3


def test_another_recipes_checkpoint_is_refused(tmp_path: Path) -> None:
    """Going on with other options would be neither run: the message names the way out."""
    trained(RECIPE, tmp_path)
    with pytest.raises(UserError, match=r"another recipe.*--out"):
        Here(replace(RECIPE, rate=1.0), tmp_path, "cpu")


def test_a_run_starts_from_given_weights(tmp_path: Path) -> None:
    """`start` names a checkpoint; its averaged weights are where the new run begins."""
    first = trained(RECIPE, tmp_path / "first")
    recipe = replace(RECIPE, start=str(first.checkpoint), seed=9)
    second = Here(recipe, tmp_path / "second", "cpu")
    np.testing.assert_array_equal(weights(second), weights(first))
    with pytest.raises(UserError, match="no such checkpoint"):
        load_weights(tmp_path / "none.pt")


def test_weights_are_kept_as_halves(tmp_path: Path) -> None:
    """They come back to three digits, counters exactly, and a run begins from them."""
    first = trained(RECIPE, tmp_path / "first")
    save_weights(load_weights(first.checkpoint), tmp_path / "small.npz")
    second = Here(replace(RECIPE, start=str(tmp_path / "small.npz")), tmp_path / "second", "cpu")
    np.testing.assert_allclose(weights(second), weights(first), rtol=1e-3, atol=1e-6)
    assert (tmp_path / "small.npz").stat().st_size < first.checkpoint.stat().st_size / 6


def test_the_loader_prepares_batches_in_another_process(tmp_path: Path) -> None:
    """The real loader gives what the batches say, in order."""
    trainer = Trainer(replace(RECIPE, phases=parse_phases("32:2")), tmp_path, "cpu")
    batches = Batches(trainer.recipe, SAMPLES)
    for index, arrays in enumerate(trainer._loader(batches)):
        for found, expected in zip(arrays, batches[index], strict=True):
            np.testing.assert_array_equal(found.numpy(), expected)
