"""The pages for newcomers are true: their commands run in order, their YAML is valid.

A fence says what it is: `sh` is run line by line unless `skip=REASON` follows, `yaml` is a whole
configuration unless `fragment` follows, `yaml NAME` is written to that file first.
"""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import click
import numpy as np
import pytest

from edgepose.cli import cli
from edgepose.config.loader import load
from edgepose.definitions import classifier_file
from edgepose.yamldoc.document import read_yaml

ROOT = Path(__file__).parent.parent
PAGES = [
    path
    for folder in ("start", "recipes", "choose", "operate", "extend")
    for path in sorted((ROOT / "docs" / folder).glob("*.md"))
]
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
README = (ROOT / "README.md").read_text()  # its commands are run by tests/test_readme.py


def fences(page: Path) -> list[tuple[str, str, str]]:
    """Return language, the word after it, and the text of each fence."""
    return [(name, info.strip(), body) for name, info, body in FENCE.findall(page.read_text())]


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch) -> Path:
    """Return a folder as a reader of these pages has it, who has taught what they name."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    shutil.copytree(ROOT / "configs" / "templates", tmp_path / "templates")
    (tmp_path / "logo.png").write_bytes((ROOT / "docs" / "stages.png").read_bytes())
    shape = np.random.default_rng(0).uniform(100, 300, (17, 3)).astype(np.float32)
    classes = ("tree", "warrior", "chair", "other")
    examples = [(classes[n % 4], f"{n}.jpg", shape + n) for n in range(8)]
    classifier_file.save(tmp_path / "yoga.csv", classifier_file.examples_of(examples))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEPOSE_MQTT_PASSWORD", "secret")
    monkeypatch.delenv("EDGEPOSE_MODEL_PATH", raising=False)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_works_as_written(page: Path, edgepose_command, visitor):
    """Its configurations are valid, and its commands end with exit code 0, in their order."""
    for language, info, body in fences(page):
        if language == "yaml" and not info.startswith(("fragment", "skip=")):
            path = visitor / (info or f"{page.stem}.yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body)
            if "\nsource:" in body:
                assert load(path).source
        if language == "sh" and "skip=" not in info and body not in README:
            for line in filter(None, body.splitlines()):
                program, *arguments = shlex.split(line, comments=True)
                assert program == "edgepose", f"what is this: {line}"
                said = edgepose_command(*arguments)
                assert said.code == 0, f"{line}\n{said.err}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_what_is_not_run_says_why(page: Path):
    """`skip` alone is no reason."""
    for _, info, _ in fences(page):
        assert "skip" not in info or re.search(r"skip=[a-z-]{5,}", info), info


def test_the_forms_for_issues_ask_for_commands_that_there_are():
    """Whoever reports a fault can run what the form names."""
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    text = "".join(path.read_text() for path in forms if read_yaml(path).data)
    named = re.findall(r"`edgepose ([a-z-]+)(?: CONFIG)?((?: --[a-z-]+)?)", text)
    assert ("run", " --record") in named
    for name, option in named:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None, name
        options = [flag for parameter in command.params for flag in parameter.opts]
        assert not option or option.strip() in options, option
