"""Measure what docs/classifier.md says of classifiers: by hand, minutes.

    python tests/rigs/classifier_figures.py yoga_train_data.csv yoga_test_data.csv

Both files are of github.com/nntruong1907/MoveNet_Yoga; the second has a person who is not in the
first. A plain k-NN, to compare with, has the embedding of TensorFlow's tutorial, no mirror images
and equal votes. Frames of people who do something else: tests/test_classifier_real.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from edgepose.appliance.evaluation import ENTER
from edgepose.core.watches.embedding import embed, is_enough
from edgepose.definitions.classifier_file import MIN_SCORE, Examples, load
from edgepose.train.classify.network import probabilities, train
from edgepose.train.classify.nobody import draw_others

Guess = Callable[[Examples, Examples], NDArray[np.float64]]
"""Given examples and poses, return (poses, classes) of how likely each class is."""

OTHERS = 2000  # people who do something else, at least, as in `train classifier`


def plain(count: int) -> Guess:
    """Return a plain k-NN with so many neighbours."""

    def guess(known: Examples, poses: Examples) -> NDArray[np.float64]:
        examples, vectors = tutorial(known), tutorial(poses)
        far = np.abs(vectors[:, None] - examples[None]).mean(-1)
        near = known.owners[np.argsort(far, 1, kind="stable")[:, :count]]
        return (near[..., None] == np.arange(len(known.classes))).mean(1)

    return guess


def tutorial(poses: Examples) -> NDArray[np.float64]:
    """Return (n, 34): about the hips, over the larger of 2.5 torsos and the farthest keypoint."""
    points = poses.keypoints[..., :2].astype(np.float64)
    hips = points[:, [11, 12]].mean(1, keepdims=True)
    torso = 2.5 * np.linalg.norm(points[:, [5, 6]].mean(1, keepdims=True) - hips, axis=-1)
    size = np.maximum(torso, np.linalg.norm(points - hips, axis=-1).max(1, keepdims=True))
    return ((points - hips) / size[..., None]).reshape(len(points), -1)


def votes(known: Examples, poses: Examples) -> NDArray[np.float64]:
    """Return the votes of the nearest examples, as `classifier test` does."""
    neighbours = known.neighbours(MIN_SCORE)
    return np.array([neighbours.vote(points)[0] for points in poses.points])


def sure(known: Examples, poses: Examples) -> NDArray[np.float64]:
    """Return the probabilities by which a watch fires."""
    neighbours = known.neighbours(MIN_SCORE)
    return np.array([neighbours.of_points(points) for points in poses.points])


def network(seed: int) -> Guess:
    """Return a network trained as `train classifier` does."""

    def guess(known: Examples, poses: Examples) -> NDArray[np.float64]:
        seen = known.take(np.flatnonzero(is_enough(embed(known.points))))
        points = seen.keypoints[..., :2].astype(np.float64)
        count = max(OTHERS, 4 * len(seen))
        others = draw_others(points, seen.neighbours(MIN_SCORE), count, seed)
        layers = train(points, seen.owners, others, seed)
        return probabilities(layers, poses.keypoints[..., :2].astype(np.float64))

    return guess


def right(guess: Guess, known: Examples, poses: Examples) -> NDArray[np.bool_]:
    """Return whether the likeliest class of each pose is its own; unseen ones are wrong."""
    likely = guess(known, poses)
    return likely.any(1) & (likely.argmax(1) == poses.owners)


def few(guess: Guess, known: Examples, poses: Examples, count: int, draws: int) -> float:
    """Return the mean share of right ones over draws of so many examples a class."""
    seen = is_enough(embed(known.points))
    shares = []
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        rows = [
            rng.choice(np.flatnonzero((known.owners == owner) & seen), count, replace=False)
            for owner in range(len(known.classes))
        ]
        shares.append(right(guess, known.take(np.concatenate(rows)), poses).mean())
    return float(np.mean(shares))


def left_out(guess: Guess, known: Examples) -> Iterator[str]:
    """Yield how many of each person's poses are right by the others' examples, by class."""
    people = np.array([re.sub(r".*/(guy(?=1?_)|[a-z]+\d).*", r"\1", file) for file in known.files])
    everybody, eye_level = [], []
    for who in sorted(set(people)):
        theirs = known.take(np.flatnonzero(people == who))
        hits = right(guess, known.take(np.flatnonzero(people != who)), theirs)
        everybody += hits.tolist()
        eye_level += hits.tolist() if who != "girl3" else []
        cells = [
            f"{name} {hits[mine].sum()} of {mine.sum()}"
            for i, name in enumerate(known.classes)
            for mine in [theirs.owners == i]
        ]
        yield f"    {who}: {hits.mean():.3f}; {', '.join(cells)}"
    shares = f"{np.mean(everybody):.3f}, without girl3 {np.mean(eye_level):.3f}"
    yield f"  each of the five left out: {shares}"


def figures(name: str, guess: Guess, known: Examples, poses: Examples, draws: int) -> Iterator[str]:
    """Yield the figures of one classifier."""
    yield f"{name}: a new person {right(guess, known, poses).mean():.3f}"
    for count in (8, 3):
        yield f"  {count} examples a class: {few(guess, known, poses, count, draws):.3f}"
    yield from left_out(guess, known)


def recognised(guess: Guess, known: Examples, poses: Examples) -> str:
    """Return how many poses make a watch of their own class fire, and of another one."""
    fires = guess(known, poses) >= ENTER
    own = fires[np.arange(len(poses)), poses.owners]
    fires[np.arange(len(poses)), poses.owners] = False
    return f"  recognised {own.mean():.3f}, mistaken {fires.any(1).mean():.4f}"


@click.command()
@click.argument("examples", type=click.Path(path_type=Path, exists=True))
@click.argument("new_person", type=click.Path(path_type=Path, exists=True))
def main(examples: Path, new_person: Path) -> None:
    """Print every figure."""
    known, poses = load(examples, "yx"), load(new_person, "yx")
    for count in (1, 5):
        for line in figures(f"plain, {count} neighbours", plain(count), known, poses, 20):
            click.echo(line)
    for line in figures("nearest examples", votes, known, poses, 20):
        click.echo(line)
    click.echo(recognised(sure, known, poses))
    for seed in (1, 2, 3):
        click.echo(recognised(network(seed), known, poses))
    for line in figures("network", network(1), known, poses, 5):
        click.echo(line)


if __name__ == "__main__":
    main()
