"""Watches with a classifier: what a configuration may say, and what is wrong with it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgepose.config.classifiers import Network
from edgepose.config.loader import Config, load
from edgepose.definitions.classifier_file import examples_of, save
from edgepose.errors import ConfigError

NETWORK = "yoga_pose_classifier_51in_5class_DERIVED.tflite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the examples `yoga.csv` of two classes."""
    upright = np.linspace([10, 20, 0.9], [200, 80, 0.9], 17)
    save(tmp_path / "yoga.csv", examples_of([("tree", "a", upright), ("dog", "b", upright)]))
    return tmp_path


@pytest.fixture
def network(folder: Path, models: Path) -> Path:
    """Return the folder with the network of somebody else, and its labels under another name."""
    shutil.copy(models / NETWORK, folder / "yoga.tflite")
    shutil.copy(models / "yoga_labels.txt", folder / "poses.txt")
    return folder


def read(folder: Path, watch: str) -> Config:
    """Return the configuration with one watch."""
    path = folder / "kiosk.yaml"
    path.write_text(f"version: 1\nsource: {{type: synthetic}}\nwatch:\n  pose: {{{watch}}}\n")
    return load(path)


def problem(folder: Path, watch: str) -> str:
    """Return what is said about a watch."""
    with pytest.raises(ConfigError) as caught:
        read(folder, watch)
    return str(caught.value).replace(f"{folder}/", "")


def test_examples_are_read_once_until_they_change(folder):
    """The same object as long as the file is as it was: nothing has to be restarted."""
    first = read(folder, "classifier: yoga.csv, class: tree, hold: 2.0")
    assert first.classifiers["pose"].classes == ("dog", "tree")
    assert first.watches["pose"].class_name == "tree"
    assert read(folder, "classifier: yoga.csv, class: dog").classifiers == first.classifiers
    os.utime(folder / "yoga.csv", (1, 1))
    assert read(folder, "classifier: yoga.csv, class: dog").classifiers != first.classifiers


@pytest.mark.parametrize(
    ("watch", "told"),
    [
        ("classifier: yoga.csv, class: tre", "no class 'tre' in yoga.csv; did you mean 'tree'?"),
        ("classifier: yoga.csv, class: squat", "no class 'squat' in yoga.csv; known: dog, tree"),
        ("classifier: yoga.csv", "`class` is missing; write one of the classifier's: dog, tree"),
        ("classifier: yga.csv, class: tree", "yga.csv; did you mean 'yoga.csv'?"),
        ("class: tree", "`class` is one of a classifier; add `classifier: NAME.csv`"),
        ("classifier: yoga.csv, class: tree, mirror: true", "`mirror` is of a template"),
        ("classifier: yoga.csv, class: tree, template: yoga.csv", "found both; remove one"),
        ("classifier: yoga.csv, class: tree, labels: yoga.csv", "`labels` are of a network"),
        ("classifier: yoga.csv, class: tree, order: zx", "expected one of xy, yx, found 'zx'"),
        ("classifier: yoga.csv, class: tree, exit: 0.9", "expected `exit` below `enter`"),
        ("classifier: kiosk.yaml, class: tree", "kiosk.yaml line 1: no column nose_x"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(folder, watch, told):
    """Place, expected, found, way out."""
    assert told in problem(folder, watch)


def test_wrong_lines_are_counted(folder):
    """The first stands there, and how many more there are."""
    with (folder / "yoga.csv").open("a") as file:
        file.write("x,y\nx,y\n")
    told = problem(folder, "classifier: yoga.csv, class: tree")
    assert "can't be used: yoga.csv line 4: expected 54 fields, found 2" in told
    assert "(and 1 more)" in told


def test_a_network_of_somebody_else_is_taken_as_it_is(network):
    """With its labels named, or beside it under its own name."""
    named = read(network, "classifier: yoga.tflite, labels: poses.txt, class: dog, order: yx")
    found = named.classifiers["pose"]
    assert isinstance(found, Network)
    assert found.classes == ("chair", "cobra", "dog", "tree", "warrior")
    assert found.order == "yx"
    (network / "poses.txt").rename(network / "yoga_labels.txt")
    assert read(network, "classifier: yoga.tflite, class: dog").classifiers["pose"].classes


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (None, "no labels beside it; write its classes into yoga.txt, one a line"),
        ("a\nb\n", "expected as many classes as yoga.tflite has outputs (1 x 5), found 2"),
        ("a\nb\nc\nd\ne\n", "no class 'dog' in yoga.tflite; known: a, b, c, d, e"),
    ],
)
def test_labels_must_fit_the_network(network, labels, told):
    """One a line, as many as it has outputs."""
    if labels:
        (network / "yoga.txt").write_text(labels)
    assert told in problem(network, "classifier: yoga.tflite, class: dog")


def test_a_network_for_pictures_is_refused(network, lightning):
    """A pose model is no classifier; a text is no network."""
    shutil.copy(lightning, network / "pose.tflite")
    told = problem(network, "classifier: pose.tflite, class: dog")
    assert "expected a network with 51 inputs, 17 keypoints of x, y and score" in told
    (network / "text.tflite").write_text("no network")
    told = problem(network, "classifier: text.tflite, class: dog")
    assert "expected a TFLite model" in told
