"""edgepose pose: keypoints of pictures."""

from __future__ import annotations

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from full_disk import fill, needs_root, small_disk

from edgepose.imaging import read_image
from edgepose.skeleton import KEYPOINTS


def test_json_has_the_promised_form_and_true_keypoints(edgepose, media, lightning):
    """Each picture comes with 17 named keypoints in pixels, near the truth."""
    folder = media / "stills" / "tfexamples"
    pictures = [folder / "image1.png", folder / "image2.jpeg"]
    said = edgepose("pose", *pictures, "--json", "--model", lightning)
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert [entry["image"] for entry in found] == [str(path) for path in pictures]
    with (folder / "pose_landmark_truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    for entry, real in zip(found, truth, strict=True):
        (pose,) = entry["poses"]
        assert [point["name"] for point in pose["keypoints"]] == list(KEYPOINTS)
        errors = [
            np.hypot(p["y"] - float(real[f"{p['name']}_y"]), p["x"] - float(real[f"{p['name']}_x"]))
            for p in pose["keypoints"]
        ]
        assert max(errors) < 25
        assert np.mean(errors) < 10


def test_an_empty_picture_has_an_empty_list(edgepose, media, lightning):
    """Nobody there is no error, and nobody is invented."""
    picture = media / "stills" / "no_person" / "landscape1.jpg"
    assert json.loads(edgepose("pose", picture, "--json").out)[0]["poses"] == []
    assert "no person" in edgepose("pose", picture).out


def test_draw_writes_the_picture_with_a_skeleton(edgepose, media, lightning, tmp_path):
    """The drawn picture has the size of the original, and differs where the person is."""
    source = media / "stills" / "tfexamples" / "image1.png"
    target = tmp_path / "out.png"
    assert edgepose("pose", source, "--draw", target).code == 0
    before, after = read_image(source), read_image(target)
    assert after.shape == before.shape
    assert (before != after).any(-1).mean() > 0.005


def test_several_drawn_pictures_get_numbers(edgepose, media, lightning, tmp_path):
    """No picture overwrites another."""
    source = media / "stills" / "tfexamples" / "image1.png"
    edgepose("pose", source, source, "--draw", tmp_path / "out.png")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-1.png", "out-2.png"]


@pytest.mark.usefixtures("lightning")
@pytest.mark.parametrize("names", [["p.png"], ["p.png", "p-1.png"]])
def test_no_picture_that_is_read_is_drawn_over(edgepose, media, tmp_path, names):
    """Whatever its name is made of."""
    source = (media / "stills" / "tfexamples" / "image1.png").read_bytes()
    pictures = [tmp_path / name for name in names]
    for picture in pictures:
        picture.write_bytes(source)
    (tmp_path / "sub").mkdir()
    said = edgepose("pose", *pictures, "--draw", tmp_path / "sub" / ".." / "p.png")
    assert said.code == 2
    assert "is a picture to read; name another file" in said.err
    assert all(picture.read_bytes() == source for picture in pictures)


@needs_root
def test_a_full_disk_leaves_no_half_picture(edgepose, media, lightning, tmp_path):
    """The one from before stays as it was."""
    source = media / "stills" / "tfexamples" / "image1.png"
    with small_disk(tmp_path / "disk") as disk:
        (disk / "old.png").write_bytes(b"before")
        fill(disk)
        for name in ("new.png", "old.png"):
            said = edgepose("pose", source, "--draw", disk / name)
            assert said.code == 2
            assert f"{name}: can't be written: No space left" in said.err
        assert sorted(path.name for path in disk.iterdir()) == ["filler", "old.png"]
        assert (disk / "old.png").read_bytes() == b"before"


def test_a_bad_picture_or_model_is_one_sentence(edgepose, tmp_path, lightning):
    """Wrong files end with exit code 2 and no traceback."""
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"not a picture")
    page = tmp_path / "model.tflite"
    page.write_text("<!doctype html><p>Not here any more")
    for said in (edgepose("pose", broken), edgepose("pose", broken, "--model", page)):
        assert said.code == 2
        assert "Traceback" not in said.err
    assert "web page" in edgepose("pose", broken, "--model", page).err


def test_a_bad_picture_does_not_hide_the_others(edgepose, media, tmp_path, lightning):
    """Those that can be read are printed; the one that can't is reported, with exit code 2."""
    good = media / "stills" / "tfexamples" / "image1.png"
    said = edgepose("pose", tmp_path / "gone.png", good)
    assert said.code == 2
    assert f"{good}: 1 person" in said.out
    assert "gone.png: can't be read" in said.err


def test_pose_imports_nothing_of_watches_and_outputs():
    """What only a configuration needs is not loaded for one picture: it would double the start."""
    code = (
        "import sys, edgepose.cli.pose\n"
        "parts = ('edgepose.core.watches', 'edgepose.outputs', 'edgepose.definitions', 'av')\n"
        "surplus = [name for name in sys.modules if name.startswith(parts)]\n"
        "assert not surplus, surplus"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("/nowhere/x.tflite", "no such file or folder: /nowhere/x.tflite"),
        ("x.tflite", "no such model file, neither here nor in"),
        ("movnet-lightning-int8", "did you mean 'movenet-lightning-int8'"),
        ("/tmp", "expected a .tflite or .task file, found the folder /tmp"),
    ],
)
def test_a_model_that_there_is_not_is_one_sentence(edgepose_command, media, model, says):
    """By path, by file name or by name: exit code 2 and no traceback."""
    said = edgepose_command("pose", media / "stills/tfexamples/image1.png", "--model", model)
    assert said.code == 2
    assert says in said.err
    assert "Traceback" not in said.err
