"""The README is true: its commands run, its YAML is valid, its links lead somewhere."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from edgepose.config.loader import load

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text()
DOCUMENTS = [*README.parent.glob("*.md"), *README.parent.glob("docs/**/*.md")]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def blocks(language: str) -> list[tuple[str, str]]:
    """Return file name and text of the fences of a language, without those to be skipped."""
    found = BLOCK.findall(TEXT)
    return [(info.strip(), body) for name, info, body in found if name == language
            and "skip=" not in info]  # fmt: skip


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch) -> Path:
    """Return a fresh checkout as `scripts/demo` leaves it: what is in the box, nothing else."""
    (tmp_path / "models").symlink_to(README.parent / "models")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEPOSE_MODEL_PATH", raising=False)
    monkeypatch.setenv("EDGEPOSE_MQTT_PASSWORD", "secret")
    for name, body in blocks("yaml"):
        (tmp_path / name).write_text(body)
    return tmp_path


def test_the_commands_run_from_top_to_bottom(edgepose_command, visitor):
    """Every command of the README, in its order, ends with exit code 0 and does what it says."""
    commands = [line for _, body in blocks("sh") for line in body.splitlines() if line.strip()]
    assert len(commands) > 8
    said = {}
    for line in commands:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "edgepose", f"what is this: {line}"
        said[" ".join(arguments[:3])] = answer = edgepose_command(*arguments)
        assert answer.code == 0, f"{line}\n{answer.err}"
    assert "4 repetitions of squat" in said["exercise test squat"].out
    assert "4 repetitions of my_exercise" in said["exercise test my_exercise"].out
    events = [json.loads(line) for line in (visitor / "events.jsonl").read_text().splitlines()]
    assert [event["type"] for event in events].count("rep") == 4
    assert ("hands_up", "start") in {(event["name"], event["type"]) for event in events}
    assert (visitor / "annotated.mp4").is_file()
    assert (visitor / "curve.png").is_file()


def test_every_yaml_block_is_a_valid_configuration(visitor):
    """A reader can copy any of them."""
    for name, _ in blocks("yaml"):
        assert load(visitor / name).source


def test_it_is_short():
    """What takes longer stands in docs/."""
    assert len(TEXT.splitlines()) < 250


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_links_and_pictures_exist(document: Path):
    """Every link within the checkout leads to a file, in every document."""
    for target in re.findall(r"\]\(([^)\s]+)", document.read_text()):
        place, _, anchor = target.partition("#")
        if "://" in place:
            continue
        path = document.parent / place if place else document
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings as forges and the site make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {words.strip().replace(" ", "-") for words in plain}


def test_skipped_blocks_say_why():
    """A block that is not run carries its reason."""
    for name, info, _ in BLOCK.findall(TEXT):
        if name == "sh" and "skip" in info:
            assert re.search(r"skip=[a-z-]{5,}", info), info
