"""edgepose template: teach, list, show and try poses."""

from __future__ import annotations

import json
import subprocess
import sys

import av
import numpy as np
import pytest

from edgepose import imaging
from edgepose.definitions import template_file
from edgepose.render.style import Palette, rgb
from edgepose.skeleton import LIMB_GROUPS


@pytest.fixture
def photo(media, lightning):
    """Return a photo of one person."""
    return media / "stills" / "tfexamples" / "image1.png"


def test_a_pose_taught_from_a_photo_fits_that_photo(edgepose, photo, tmp_path, monkeypatch):
    """Captured, the template stands in templates/NAME.yaml and scores 1 on its own picture."""
    monkeypatch.chdir(tmp_path)
    said = edgepose("template", "capture", "tree", "--image", photo)
    assert said.code == 0, said.err
    assert "templates/tree.yaml" in said.out
    (row,) = json.loads(edgepose("template", "test", "tree", photo, "--json").out)
    assert row["score"] == 1.0
    assert row["deviated"] == []


def test_capture_names_its_model_and_leaves_a_drawing(edgepose, photo, lightning, tmp_path):
    """A skeleton beside the template, and a note where the model is the small one."""
    out = tmp_path / "t.yaml"
    said = edgepose("template", "capture", "t", "--image", photo, "--out", out)
    assert "model: movenet-lightning-int8" in said.err
    assert "note:" not in said.err
    assert imaging.read_image(out.with_suffix(".png")).any()
    small = edgepose("template", "test", out, photo, "--model", "edgepose-nano")
    assert "note: edgepose-nano is the small model" in small.err
    assert "edgepose models pull movenet-lightning-int8" in small.err


def test_only_some_limbs_count(edgepose, photo, lightning, tmp_path):
    """Named by groups or one by one, and written into the file."""
    out = tmp_path / "t.yaml"
    capture = ("template", "capture", "t", "--image", photo, "--out", out)
    said = edgepose(*capture, "--only", "arms", "--only", "trunk", "--ignore", "hips")
    assert "7 of 12 limbs count" in said.out
    assert template_file.load(out).ignore == LIMB_GROUPS["legs"] | {"hips"}
    assert "did you mean 'arms'" in edgepose(*capture, "--only", "armz").err


def test_pictures_that_differ_propose_tolerances(edgepose, media, lightning, tmp_path):
    """Three people in one pose: what differs between them may differ."""
    photos = [media / "stills" / "yoga" / f"tree{n}.jpg" for n in (1, 2, 3)]
    images = [part for photo in photos for part in ("--image", photo)]
    out = tmp_path / "t.yaml"
    assert edgepose("template", "capture", "t", *images, "--mirror", "--out", out).code == 0
    taught = template_file.load(out)
    assert len(taught.points) == 3
    assert any(rule.angle_deviation for rule in taught.limbs.values())


def test_another_persons_pose_scores_less_and_says_why(edgepose, photo, media, tmp_path):
    """A different pose has deviated limbs with words."""
    out = tmp_path / "t.yaml"
    edgepose("template", "capture", "t", "--image", photo, "--out", out)
    other = media / "stills" / "tfjs_pose_warrior2.jpg"
    (row,) = json.loads(edgepose("template", "test", out, other, "--json").out)
    assert row["score"] < 0.7
    assert all(limb["text"] for limb in row["deviated"])


def test_a_test_leaves_a_picture_with_what_is_off(edgepose, photo, media, tmp_path):
    """Matching limbs and those that are off have their colours; several pictures get numbers."""
    out, drawn = tmp_path / "t.yaml", tmp_path / "seen.png"
    edgepose("template", "capture", "t", "--image", photo, "--out", out)
    other = media / "stills" / "tfjs_pose_warrior2.jpg"
    assert edgepose("template", "test", out, photo, other, "--draw", drawn).code == 0
    matching, deviating = rgb(Palette().matching), rgb(Palette().deviating)
    own, others = (imaging.read_image(tmp_path / f"seen-{n}.png") for n in (1, 2))
    assert colour_of(own, matching) > 500
    assert colour_of(own, deviating) == 0
    assert colour_of(others, deviating) > 500


def colour_of(image, colour) -> int:
    """Return how many pixels have a colour, nearly."""
    return int((np.abs(image.astype(int) - colour).max(2) < 12).sum())


def test_of_a_clip_the_best_moment_is_drawn(edgepose, squats, squat_config, tmp_path):
    """As large as the clip; a picture that is tested is never written over."""
    template, drawn = squat_config.with_name("squat.yaml"), tmp_path / "best.png"
    assert edgepose("template", "test", template, squats, "--draw", drawn).code == 0
    assert colour_of(imaging.read_image(drawn), rgb(Palette().matching)) > 500
    refused = edgepose("template", "test", template, drawn, "--draw", drawn)
    assert refused.code == 2
    assert "is a picture to read; name another file" in refused.err


def test_a_clip_is_tried_frame_by_frame(edgepose, squats, squat_config):
    """Every frame of a clip gets a score with its time."""
    template = squat_config.with_name("squat.yaml")
    rows = json.loads(edgepose("template", "test", template, squats, "--json").out)
    assert len(rows) > 55
    at_two = next(row for row in rows if row["frame_time"] == 2.0)
    assert at_two["score"] > 0.95


def test_list_and_show_speak_of_what_is_there(edgepose, photo, tmp_path, monkeypatch):
    """A captured template is listed; a broken one is listed as such."""
    monkeypatch.chdir(tmp_path)
    edgepose("template", "capture", "tree", "--image", photo)
    (tmp_path / "templates" / "bad.yaml").write_text("version: 1\n")
    rows = {row["name"]: row for row in json.loads(edgepose("template", "list", "--json").out)}
    assert rows["tree"]["limbs"] == 12
    assert "bad.yaml" in rows["bad"]["problem"]
    assert "tree" in edgepose("template", "list").out
    shown = json.loads(edgepose("template", "show", "tree", "--json").out)
    assert len(shown["limbs"]) == 12
    assert "left_shin" in edgepose("template", "show", "tree").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "expected a source of the pose"),
        (["--video", "clip.mp4"], "--video and --time go together"),
        (["--image", "a.png", "--config", "c.yaml"], "expected a source of the pose"),
    ],
)
def test_capture_wants_one_way_to_see_the_pose(edgepose, arguments, words):
    """Too little or too much said is a usage error."""
    said = edgepose("template", "capture", "x", *arguments)
    assert said.code == 2
    assert words in said.err


def test_a_picture_without_people_teaches_nothing(edgepose, media, lightning, tmp_path):
    """Nobody in the picture is said, and no file is left."""
    picture = media / "stills" / "no_person" / "landscape1.jpg"
    said = edgepose("template", "capture", "x", "--image", picture, "--out", tmp_path / "x.yaml")
    assert said.code == 2
    assert "nobody" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_time_past_the_end_says_where_the_clip_ends(edgepose, squats, lightning, tmp_path):
    """A wrong time is answered with the right ones."""
    said = edgepose(
        "template", "capture", "x", "--video", squats, "--time", 99, "--out", tmp_path / "x"
    )
    assert said.code == 2
    assert "it ends at 12.80 s" in said.err


def test_live_capture_takes_the_camera_of_a_configuration(edgepose, lightning, tmp_path):
    """Standing at the camera: a countdown, then the median of some frames."""
    config = tmp_path / "c.yaml"
    config.write_text("version: 1\nsource: {type: synthetic, motion: stand, seconds: 5}\n")
    out = tmp_path / "live.yaml"
    said = edgepose(
        "template", "capture", "me", "--config", config, "--countdown", 1, "--out", out,
        "--model", "edgepose-nano",  # MoveNet is unsure of a drawn figure
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "Take the pose: 1" in said.err
    assert out.is_file()


def test_an_unknown_template_gets_the_near_miss(edgepose, tmp_path, monkeypatch):
    """A slip in the name is told."""
    monkeypatch.chdir(tmp_path)
    said = edgepose("template", "show", "arms_upp")
    assert said.code == 2
    assert "did you mean 'arms_up'?" in said.err


@pytest.fixture
def blank_clip(tmp_path):
    """Return a function that writes a clip of `count` blank frames of 720p."""

    def write(count):
        path = tmp_path / f"blank{count}.mp4"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg4", rate=30)
            stream.height, stream.width, stream.pix_fmt = 720, 1280, "yuv420p"
            for _ in range(count):
                container.mux(stream.encode(av.VideoFrame(1280, 720, "yuv420p")))
            container.mux(stream.encode())
        return path

    return write


def test_a_tuned_template_is_not_overwritten(edgepose, photo, tmp_path):
    """Tolerances and comments that somebody wrote survive a second capture, unless forced."""
    out = tmp_path / "t.yaml"
    capture = ("template", "capture", "t", "--image", photo, "--out", out)
    assert edgepose(*capture).code == 0
    assert edgepose(*capture).code == 0  # nothing of anybody's is in it
    fresh = out.read_text()
    for tuned in (
        fresh.replace("angle_deviation: 20", "angle_deviation: 12"),
        fresh.replace("ignore: []", "ignore: [hips]"),
        fresh.replace("version: 1", "# ask Anna before changing this\nversion: 1"),
        "nothing that can be read: [",
    ):
        assert tuned != fresh
        out.write_text(tuned)
        said = edgepose(*capture)
        assert said.code == 2
        assert "--force" in said.err
        assert out.read_text() == tuned
    assert edgepose(*capture, "--force").code == 0
    assert out.read_text() == fresh


def test_one_photo_that_cannot_be_used_does_not_hide_the_others(edgepose, photo, media, tmp_path):
    """Scores are printed, what can't be used is reported, and the exit code says so."""
    out = tmp_path / "t.yaml"
    edgepose("template", "capture", "t", "--image", photo, "--out", out)
    empty = media / "stills" / "no_person" / "landscape1.jpg"
    said = edgepose("template", "test", out, empty, photo, tmp_path / "gone.png")
    assert said.code == 2
    assert f"{photo}  score 1.00" in said.out
    assert "landscape1.jpg: nobody" in said.err
    assert "gone.png: can't be read" in said.err


def test_a_clip_is_tried_without_keeping_it_in_memory(blank_clip, lightning):
    """Six times as many frames take the same memory, to within some frames."""
    peaks = []
    for count in (20, 120):
        code = (
            "import resource, sys; from edgepose.cli import cli; "
            f"cli(['template', 'test', 'arms_up', {str(blank_clip(count))!r}], "
            "standalone_mode=False); "
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 60_000  # kilobytes; 100 frames more are 276,000


def test_a_clip_of_any_name_is_tried_as_a_clip(edgepose, squats, squat_config, tmp_path):
    """What a file holds decides, not its ending: transport streams and raw streams are clips."""
    copy = tmp_path / "clip.ts"
    copy.write_bytes(squats.read_bytes())
    template = squat_config.with_name("squat.yaml")
    rows = json.loads(edgepose("template", "test", template, copy, "--json").out)
    assert len(rows) > 55
