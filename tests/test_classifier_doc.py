"""docs/classifier.md is true: its commands run in order, its YAML is valid."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

DOC = Path(__file__).parent.parent / "docs" / "classifier.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```", re.M | re.S)
OTHERS = ("chair1", "tree1", "warrior1")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of a language, without those that say why they are skipped."""
    found = BLOCK.findall(DOC.read_text())
    return [body for name, info, body in found if name == language and "skip=" not in info]


def test_the_recipe_works_from_top_to_bottom(
    edgepose_command, media: Path, lightning: Path, tmp_path: Path, monkeypatch
):
    """Pictures of rendered people, tested with photos, watched for."""
    monkeypatch.chdir(tmp_path)
    for name in ("chair", "tree", "warrior"):
        shutil.copytree(media / "stills" / "yoga_cg" / name, tmp_path / "pictures" / name)
    for name in OTHERS:
        folder = tmp_path / "others" / name.rstrip("1")
        folder.mkdir(parents=True)
        shutil.copy(media / "stills" / "yoga" / f"{name}.jpg", folder)
    (tmp_path / "kiosk.yaml").write_text(blocks("yaml")[0])
    commands = [line for body in blocks("sh") for line in body.splitlines() if line.strip()]
    assert len(commands) == 4
    for line in commands:
        program, *arguments = shlex.split(line, comments=True)
        assert program == "edgepose"
        said = edgepose_command(*arguments)
        assert said.code == 0, f"{line}\n{said.err}"
    assert (tmp_path / "confusion.png").is_file()
    assert "class tree of yoga.csv" in said.out
