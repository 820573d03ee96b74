"""The README is true: its commands run, its YAML is valid, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest

from edgepose.config.loader import load

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text()
DOCUMENTS = [*README.parent.glob("*.md"), *README.parent.glob("docs/**/*.md")]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, without those that say why they are skipped."""
    return [
        body for name, info, body in BLOCK.findall(TEXT) if name == language and "skip=" not in info
    ]


@pytest.fixture
def visitor(tmp_path: Path, media: Path, monkeypatch) -> Path:
    """Return a folder as a reader has it: a photo, a clip and nothing else."""
    shutil.copy(media / "stills" / "depthai_standing.jpg", tmp_path / "photo.jpg")
    shutil.copy(media / "clips" / "tfjs_pose_squats.mp4", tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEPOSE_MQTT_PASSWORD", "secret")
    return tmp_path


def test_the_commands_run_from_top_to_bottom(edgepose_command, visitor, lightning):
    """Every command of the README, in its order, ends with exit code 0."""
    (visitor / "hands_up.yaml").write_text(blocks("yaml")[0])
    commands = [line for body in blocks("sh") for line in body.splitlines() if line.strip()]
    assert len(commands) > 8
    for line in commands:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "edgepose", f"what is this: {line}"
        said = edgepose_command(*arguments)
        assert said.code == 0, f"{line}\n{said.err}"
    assert (visitor / "annotated.mp4").is_file()


def test_three_commands_count_an_exercise_of_ones_own(edgepose_command, tmp_path, monkeypatch):
    """As after `scripts/demo`: with the model and the clip in the box, nothing else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEPOSE_MODEL_PATH", raising=False)
    shutil.copy(README.parent / "models" / "demo" / "demo.mp4", tmp_path / "clip.mp4")
    (block,) = (body for body in blocks("sh") if "exercise learn" in body)
    said = [edgepose_command(*line.split()[1:]) for line in block.splitlines()]
    assert [one.code for one in said] == [0, 0, 0]
    assert "4 repetitions of my_exercise" in said[-1].out
    assert (tmp_path / "curve.png").is_file()


def test_every_yaml_block_is_a_valid_configuration(edgepose_command, visitor, lightning):
    """A reader can copy any of them."""
    edgepose_command("template", "capture", "hands_up", "--image", "photo.jpg")
    for number, body in enumerate(blocks("yaml")):
        path = visitor / f"block-{number}.yaml"
        path.write_text(body)
        assert load(path).source


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_links_and_pictures_exist(document: Path):
    """Every link within the checkout leads to a file, in every document."""
    for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_skipped_blocks_say_why():
    """A block that is not run carries its reason."""
    for name, info, _ in BLOCK.findall(TEXT):
        if name == "sh" and "skip" in info:
            assert re.search(r"skip=[a-z-]{5,}", info), info
