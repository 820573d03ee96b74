"""edgepose classifier: learn classes from pictures, and test them."""

from __future__ import annotations

import errno
import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgepose.definitions.classifier_file import examples_of, load, load_labels, save

CLASSES = ("chair", "tree", "warrior")


@pytest.fixture
def pictures(media: Path, lightning: Path, tmp_path: Path) -> Path:
    """Return a folder per class with pictures of rendered people, and one file that is none."""
    for name in CLASSES:
        folder = tmp_path / "pictures" / name
        folder.mkdir(parents=True)
        for path in sorted((media / "stills" / "yoga_cg" / name).glob("g*1_*.jpg")):
            shutil.copy(path, folder)
        for path in sorted((media / "stills" / "yoga_cg" / name).glob("guy2_*.jpg")):
            shutil.copy(path, folder)
    (tmp_path / "pictures" / "tree" / "broken.jpg").write_text("no picture")
    (tmp_path / "pictures" / "notes").mkdir()
    return tmp_path / "pictures"


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    """Return a file with ten examples each of two drawn classes, far apart."""
    rng = np.random.default_rng(2)
    upright = np.linspace([10, 20, 0.9], [200, 80, 0.9], 17)
    bent = upright.copy()
    bent[7:11, 0] -= 150  # elbows and wrists up
    rows = [
        (name, f"{i}.jpg", base + rng.normal(0, 1, (17, 3)) * (1, 1, 0))
        for name, base in (("down", upright), ("up", bent))
        for i in range(10)
    ]
    save(tmp_path / "poses.csv", examples_of(rows))
    return tmp_path / "poses.csv"


def test_a_folder_of_pictures_becomes_examples(edgepose, pictures, tmp_path):
    """One bad picture is named and left out; an empty folder is no class."""
    out = tmp_path / "new" / "yoga.csv"
    said = edgepose("classifier", "learn", pictures, "--out", out)
    assert said.code == 0, said.err
    assert "6 examples of 3 classes: chair 2, tree 2, warrior 2" in said.out
    assert "left out:" in said.err
    assert "broken.jpg" in said.err
    assert load(out).classes == CLASSES
    assert load(out).files[0].startswith("chair/")


def test_what_was_learnt_classifies_photos(edgepose, pictures, media, tmp_path):
    """Pictures of other people, in folders by class."""
    edgepose("classifier", "learn", pictures, "--out", tmp_path / "yoga.csv")
    others = tmp_path / "others"
    for name in CLASSES:
        (others / name).mkdir(parents=True)
        for number in (1, 2):
            shutil.copy(media / "stills" / "yoga" / f"{name}{number}.jpg", others / name)
    said = edgepose("classifier", "test", tmp_path / "yoga.csv", others, "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["classes"] == list(CLASSES)
    assert np.sum(result["confusion"]) + result["unseen"] == result["poses"] == 6
    assert result["accuracy"] >= 0.5


def test_a_split_tests_with_what_is_held_out(edgepose, csv, tmp_path, monkeypatch):
    """A fifth of each class; the same seed gives the same split."""
    monkeypatch.chdir(tmp_path)
    first = edgepose("classifier", "test", csv, "--split", "0.2", "--json")
    result = json.loads(first.out)
    assert result["confusion"] == [[2, 0], [0, 2]]
    assert result["accuracy"] == result["recognised"] == 1.0
    assert not (tmp_path / "confusion.png").exists()


def test_the_confusion_matrix_is_drawn(edgepose, csv, tmp_path, monkeypatch):
    """Under its own name, or where it is wanted."""
    monkeypatch.chdir(tmp_path)
    said = edgepose("classifier", "test", csv, csv)
    assert "accuracy 1.000 of 20 poses" in said.out
    picture = cv2.imread(str(tmp_path / "confusion.png"))
    assert picture.shape[0] == picture.shape[1] > 150
    edgepose("classifier", "test", csv, csv, "--out", tmp_path / "m.png", "--json")
    assert (tmp_path / "m.png").is_file()


def test_swapped_axes_are_noticed(edgepose, media, tmp_path):
    """A real data set that calls x what is y."""
    path = media / "landmarks" / "yoga_train_data.csv"
    said = edgepose("classifier", "test", path, "--split", "0.02", "--json")
    assert "use --order yx" in said.err
    right = edgepose("classifier", "test", path, "--split", "0.02", "--json", "--order", "yx")
    assert right.err == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["test", "poses.csv"], "say what to test with: OTHER, or --split 0.2"),
        (["test", "poses.csv", "poses.csv", "--split", "0.2"], "say what to test with"),
        (["test", "pose.csv", "--split", "0.2"], "did you mean 'poses.csv'?"),
        (["test", "poses.csv", "other.csv"], "the classifier has no class 'upp'; did you mean"),
        (["test", "poses.csv", "empty"], "expected a folder of pictures for each class"),
        (["test", "poses.csv", "--split", "1"], "1.0 is not in the range 0.0<x<1.0"),
        (["learn", "empty", "--out", "x.csv"], "two classes or more, found 0"),
        (["learn", "nowhere", "--out", "x.csv"], "expected a folder with a folder for each class"),
    ],
)
def test_a_mistake_gets_one_sentence(edgepose, csv, monkeypatch, arguments, told):
    """Exit code 2, and no traceback."""
    tmp_path = csv.parent
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other.csv").write_text(csv.read_text().replace(",up\n", ",upp\n"))
    said = edgepose("classifier", *arguments)
    assert said.code == 2
    assert told in said.err
    assert "Traceback" not in said.err


def test_training_without_the_extra_says_what_to_install(edgepose, csv, monkeypatch):
    """Before anything takes long, and nothing is written."""
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    out = csv.with_suffix(".tflite")
    said = edgepose("train", "classifier", csv, "--out", out)
    assert said.code == 2
    assert "pip install 'edgepose[train]'" in said.err
    assert not out.exists()


def test_a_network_must_be_called_one(edgepose, csv):
    """A watch knows it by its ending."""
    said = edgepose("train", "classifier", csv, "--out", csv.with_name("yoga.net"))
    assert said.code == 2
    assert "expected a name that ends in .tflite, found yoga.net" in said.err


@pytest.mark.slow
def test_a_trained_network_names_its_own_examples(edgepose, media, tmp_path):
    """From examples to a file with its labels, and back."""
    pytest.importorskip("tensorflow", reason="training needs the extra 'train'")
    examples = media / "landmarks" / "yoga_train_data.csv"
    out = tmp_path / "new" / "yoga.tflite"
    said = edgepose("train", "classifier", examples, "--order", "yx", "--out", out)
    assert said.code == 0, said.err
    assert load_labels(out.with_suffix(".txt")) == load(examples).classes
    told = edgepose("classifier", "test", out, examples, "--other-order", "yx", "--json")
    result = json.loads(told.out)
    assert result["accuracy"] > 0.97
    assert result["mistaken"] < 0.01


def test_examples_never_replace_another_file(edgepose, pictures, tmp_path):
    """A configuration stays what it is, and so does a data set, unless it is meant."""
    config = tmp_path / "kiosk.yaml"
    config.write_text("version: 1\n")
    said = edgepose("classifier", "learn", pictures, "--out", config)
    assert said.code == 2
    assert "ends in .csv" in said.err
    mine = tmp_path / "mine.csv"
    mine.write_text("by hand")
    assert "--force replaces it" in edgepose("classifier", "learn", pictures, "--out", mine).err
    assert (config.read_text(), mine.read_text()) == ("version: 1\n", "by hand")
    assert edgepose("classifier", "learn", pictures, "--out", mine, "--force").code == 0


def test_a_disk_without_room_is_one_sentence(edgepose, pictures, tmp_path, monkeypatch):
    """No traceback, exit 2."""

    def full(path, examples):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("edgepose.definitions.classifier_file.save", full)
    said = edgepose("classifier", "learn", pictures, "--out", tmp_path / "a.csv")
    assert said.code == 2
    assert "can't be written (No space left on device)" in said.err
