"""Classifiers of the configuration at work: real networks, real examples, real poses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgepose.appliance import assembly, reconfigure
from edgepose.appliance.classifier import Dense
from edgepose.appliance.model import load_model
from edgepose.cli.template_capture import poses_of, still
from edgepose.config.classifiers import Network
from edgepose.config.loader import load
from edgepose.config.model_section import ModelSection
from edgepose.core.watches.classifier import ClassifierWatch
from edgepose.definitions import classifier_file
from edgepose.types import Pose, blank_frame

NETWORK = "yoga_pose_classifier_51in_5class_DERIVED.tflite"
PHOTOS = ("chair1", "dog3", "tree1", "warrior2")


@pytest.fixture(scope="module")
def photographed(media: Path, lightning: Path) -> dict[str, Pose]:
    """Return the poses of some photos."""
    loaded = load_model(ModelSection(path=lightning))
    paths = {name: media / "stills" / "yoga" / f"{name}.jpg" for name in PHOTOS}
    poses = {name: poses_of(loaded, still(path), name)[-1] for name, path in paths.items()}
    loaded.close()
    return poses


@pytest.fixture(scope="module")
def network(models: Path) -> Network:
    """Return the network of somebody else; it was trained on columns whose x and y are swapped."""
    return Network(models / NETWORK, classifier_file.load_labels(models / "yoga_labels.txt"), "yx")


@pytest.mark.parametrize("name", ["chair1", "dog3", "warrior2"])  # it takes tree1 for a cobra
def test_a_network_names_what_photos_show(network, photographed, name):
    """People that it has never seen."""
    scores = Dense(network)(photographed[name])
    assert name.startswith(network.classes[int(scores.argmax())])
    assert scores.sum() == pytest.approx(1.0, abs=1e-3)


def test_the_order_of_the_inputs_matters(network, photographed):
    """The wrong way round nobody's pose is what it is."""
    wrong = Dense(replace(network, order="xy"))
    names = [network.classes[int(wrong(pose).argmax())] for pose in photographed.values()]
    assert not any(map(str.startswith, photographed, names))


def test_a_network_says_nothing_of_half_a_person(network, photographed):
    """Where a leg and more is out of sight, all probabilities are 0."""
    pose = photographed["tree1"]
    keypoints = pose.keypoints.copy()
    keypoints[11:, 2] = 0
    assert not Dense(network)(Pose(keypoints, pose.score, pose.size)).any()


def test_a_watch_fires_on_the_pose_and_on_no_other(media, tmp_path, photographed):
    """From the file to the event: the tree holds, the dog does not."""
    path = tmp_path / "kiosk.yaml"
    examples = media / "landmarks" / "yoga_train_data.csv"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\nsmoothing: none\nwatch:\n"
        f"  tree: {{classifier: {examples}, order: yx, class: tree, hold: 1.0}}\n"
        f"  dog: {{classifier: {examples}, order: yx, class: dog, hold: 1.0}}\n"
    )
    interpreter = assembly.new_interpreter(load(path))
    first, second = interpreter.watches
    assert isinstance(first, ClassifierWatch)
    assert isinstance(second, ClassifierWatch)
    made = [
        event
        for i in range(20)
        for event in interpreter.interpret(
            blank_frame((480, 640), i / 10, i), [photographed["tree1"]]
        ).events
    ]
    assert [(event.name, event.type) for event in made] == [("tree", "start")]
    assert made[0].frame_time == pytest.approx(1.0)
    assert made[0].score > 0.85


def test_examples_tell_photos_apart(media, photographed):
    """The rendered people of the data set are enough for real ones."""
    examples = classifier_file.load(media / "landmarks" / "yoga_train_data.csv", "yx")
    knn = examples.neighbours(0.15)
    found = {
        name: examples.classes[int(np.argmax(knn(pose)))] for name, pose in photographed.items()
    }
    assert found == {"chair1": "chair", "dog3": "dog", "tree1": "tree", "warrior2": "warrior"}


@pytest.mark.parametrize(
    ("change", "is_new"), [(("class: tree", "class: dog"), True), (("hold: 1", "hold: 2"), False)]
)
def test_another_class_is_taken_over_while_running(media, lightning, tmp_path, change, is_new):
    """A class and a file need other watches, thresholds do not."""
    path = tmp_path / "kiosk.yaml"
    examples = media / "landmarks" / "yoga_train_data.csv"
    text = (
        f"version: 1\nsource: {{type: synthetic}}\nmodel: {{path: {lightning}}}\n"
        f"watch: {{pose: {{classifier: {examples}, class: tree, hold: 1}}}}\n"
    )
    path.write_text(text)
    before = load(path)
    path.write_text(text.replace(*change))
    model = load_model(before.model)
    plan = reconfigure.plan(before, load(path), model, controls=None)
    model.close()
    assert (plan.interpreter is not None) is is_new
