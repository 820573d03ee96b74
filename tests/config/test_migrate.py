"""Files of older versions: read as they are, rewritten on demand, comments and all."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml.comments import CommentedMap

from edgepose.config import loader, schema
from edgepose.config import migrate as migration
from edgepose.config.loader import load
from edgepose.config.migrate import migrate
from edgepose.errors import ConfigError

OLD = """\
# Of the museum's lobby.
version: 1   # written in spring
camera: {type: synthetic}   # the one at the door
people:
    max: 2
"""


@pytest.fixture
def next_version(monkeypatch):
    """Let this be an edgepose of version 2, in which `camera` is called `source`."""

    def rename(data):
        at, value = list(data).index("camera"), data.pop("camera")
        if isinstance(data, CommentedMap):
            data.insert(at, "source", value)
        else:
            data["source"] = value

    monkeypatch.setattr(migration, "STEPS", {**migration.STEPS, 1: rename})
    for module in (migration, loader, schema):
        monkeypatch.setattr(module, "VERSION", 2)


def test_a_file_of_the_present_version_stays_as_it_is():
    """To the byte: nothing is read and written again."""
    text = "version:   1\nsource: {type:   v4l2}\n"
    assert migrate(text, "a.yaml") == text


def test_a_file_that_says_no_version_gets_one():
    """At its top, below the comment that opens it."""
    text = "# Mine.\nsource: {type: v4l2}   # at the door\n"
    assert migrate(text, "a.yaml") == "# Mine.\nversion: 1\nsource: {type: v4l2}   # at the door\n"


def test_steps_lead_from_one_version_to_the_next(next_version):
    """Keys change as the steps say; comments, order and what else there is stay."""
    after = migrate(OLD, "a.yaml")
    assert after.splitlines()[:3] == [
        "# Of the museum's lobby.",
        "version: 2   # written in spring",
        "source: {type: synthetic}   # the one at the door",
    ]
    assert "max: 2" in after
    assert migrate(after, "a.yaml") == after
    assert migrate(OLD.replace("version: 1   # written in spring\n", ""), "a.yaml").startswith(
        "# Of the museum's lobby.\nversion: 2\nsource:"
    )


def test_an_older_file_runs_as_it_is(next_version, tmp_path: Path):
    """An upgrade finds nobody there who could rewrite it."""
    path = tmp_path / "a.yaml"
    path.write_text(OLD)
    loaded = load(path)
    assert (loaded.source.type, loaded.people.max) == ("synthetic", 2)
    assert loaded.is_outdated
    assert path.read_text() == OLD


@pytest.mark.parametrize("version", ["3", "yes", "first", "-1", "1.0"])
def test_a_version_that_nobody_knows_is_an_error(version):
    """With file and line, and what would be right."""
    with pytest.raises(ConfigError, match=r"a\.yaml line 1: version: expected 1"):
        migrate(f"version: {version}\nsource: {{type: v4l2}}\n", "a.yaml")


def test_a_newer_file_is_refused_with_its_line(tmp_path: Path):
    """Problems with its other keys would only mislead."""
    path = tmp_path / "a.yaml"
    path.write_text("version: 2\nsource: {kind: camera}\n")
    with pytest.raises(ConfigError, match=r"a\.yaml line 1: version: .*found 2; update edgepose$"):
        load(path)
