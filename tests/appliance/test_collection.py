"""The templates and exercises of a device: listed, renamed, deleted, watched for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgepose.appliance.collection import Collection
from edgepose.config.loader import load
from edgepose.core.templates import Template
from edgepose.definitions import template_file
from edgepose.errors import UserError

ARMS_UP = Path(__file__).parents[2] / "configs" / "templates" / "arms_up.yaml"
CONFIG = """\
version: 1
name: lobby
source: {type: synthetic}
watch:
  waving: {template: mine}   # comments stay
  squats: {exercise: squat}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a configuration, a template taught here and one written by hand."""
    (tmp_path / "templates").mkdir()
    shutil.copy(ARMS_UP, tmp_path / "templates" / "hand.yaml")
    points = template_file.load(ARMS_UP).points
    for name in ("mine", "spare"):
        path = tmp_path / "templates" / f"{name}.yaml"
        template_file.save(path, Template(name, points), "Taught standing at the camera.")
        path.with_suffix(".png").write_bytes(b"picture")
    (tmp_path / "kiosk.yaml").write_text(CONFIG)
    return tmp_path


def collection(folder: Path) -> Collection:
    """Return what there is beside the configuration."""
    return Collection(load(folder / "kiosk.yaml"))


def entry(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    """Return one that is listed."""
    return next(one for one in document[kind] if one["name"] == name)


def test_everything_is_listed_with_its_figure(folder: Path):
    """One's own and the shipped ones; who uses them; a figure has 17 points."""
    document = collection(folder).document()
    mine = entry(document, "templates", "mine")
    assert (mine["taught"], mine["own"], mine["users"]) == (True, True, ["waving"])
    assert np.shape(mine["figures"]) == (1, 17, 2)
    assert not entry(document, "templates", "hand")["taught"]
    squat = entry(document, "exercises", "squat")
    assert (squat["title"], squat["users"], squat["taught"]) == ("Squat", ["squats"], False)
    assert np.shape(squat["figures"]) == (2, 17, 2)


def test_a_damaged_file_is_listed_with_its_reason(folder: Path):
    """One file that can't be read hides no other."""
    (folder / "templates" / "hand.yaml").write_text("version: 9")
    document = collection(folder).document()
    assert entry(document, "templates", "hand")["error"]
    assert entry(document, "templates", "mine")["figures"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["templates", "exercises"])
def test_a_pipe_among_the_files_holds_nothing_up(folder: Path, kind: str):
    """Nor does a file without an end; the page waits for the list, and so does a stop."""
    (folder / kind).mkdir(exist_ok=True)
    os.mkfifo(folder / kind / "pipe.yaml")
    (folder / kind / "zero.yaml").symlink_to("/dev/zero")
    document = collection(folder).document()
    for name in ("pipe", "zero"):
        found = entry(document, kind, name)
        assert found["error"]
        assert not found["taught"]


def test_a_renamed_template_is_still_watched_for(folder: Path):
    """File, picture, its own name and the watch; comments of the configuration stay."""
    collection(folder).rename({"kind": "template", "name": "mine", "to": "wave"})
    assert load(folder / "kiosk.yaml").templates["waving"][0].name == "wave"
    assert "# comments stay" in (folder / "kiosk.yaml").read_text()
    assert not (folder / "templates" / "mine.yaml").exists()
    assert (folder / "templates" / "wave.png").read_bytes() == b"picture"


def test_a_deleted_template_is_gone_with_its_picture(folder: Path):
    """What nothing uses."""
    collection(folder).delete({"kind": "template", "name": "spare"})
    assert not list((folder / "templates").glob("spare.*"))


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"kind": "template", "name": "mine"}, "waving uses it"),
        ({"kind": "template", "name": "hand"}, "written by hand"),
        ({"kind": "template", "name": "arms_up"}, "no template 'arms_up'"),
        ({"kind": "exercise", "name": "squat"}, "no exercise 'squat'"),
        ({"kind": "template", "name": "../kiosk"}, "expected a name"),
        ({"kind": "config", "name": "kiosk"}, "expected kind, name"),
        ({"kind": "template"}, "expected kind, name"),
        (["template", "mine"], "expected kind, name"),
    ],
)
def test_what_is_not_taught_here_or_in_use_is_not_deleted(folder: Path, order: Any, words: str):
    """Nothing of the folder changes."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(UserError, match=words):
        collection(folder).delete(order)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    ("to", "words"), [("hand", "is there already"), ("a/b", "expected a name"), (7, "expected a")]
)
def test_a_new_name_must_be_free_and_a_name(folder: Path, to: Any, words: str):
    """Nothing is written over, and nothing leaves the folder."""
    with pytest.raises(UserError, match=words):
        collection(folder).rename({"kind": "template", "name": "mine", "to": to})
    assert (folder / "templates" / "mine.yaml").is_file()


def test_a_template_in_a_list_is_not_renamed(folder: Path):
    """The way out is named, and the file stays."""
    text = CONFIG.replace("{template: mine}", "{template: [mine, hand]}")
    (folder / "kiosk.yaml").write_text(text)
    with pytest.raises(UserError, match="in a list"):
        collection(folder).rename({"kind": "template", "name": "mine", "to": "wave"})
    assert (folder / "kiosk.yaml").read_text() == text


def test_a_shipped_exercise_gets_a_watch(folder: Path):
    """Under its own name, with a number where that is taken."""
    order = {"kind": "exercise", "name": "push_up"}
    for _ in range(2):
        collection(folder).watch(order)
    watches = load(folder / "kiosk.yaml").watches
    assert {"push_up", "push_up_2"} < watches.keys()
    with pytest.raises(UserError, match="no exercise 'pish_up'"):
        collection(folder).watch({"kind": "exercise", "name": "pish_up"})
