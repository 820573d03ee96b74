"""The shipped configurations: the generated reference and the examples."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as PilImage

import edgepose
from edgepose.config.loader import load
from edgepose.config.model_section import ModelSection
from edgepose.config.reference import WIDTH, reference_text
from edgepose.config.schema import PeopleSection, WatchSection
from edgepose.core.matching import match
from edgepose.definitions import template_file
from edgepose.errors import ConfigError
from edgepose.registry import KINDS, part
from edgepose.render.text import BUILT_IN
from edgepose.sources.synthetic.source import Synthetic

CONFIGS = Path(edgepose.__file__).resolve().parent.parent / "configs"
OPTION = re.compile(r"(?m)^( *)#([a-z_]+: .+)$")


def restored(block: str) -> str:
    """Return a commented block without the first `#` of each line, at its own margin."""
    lines = [re.sub(r"^( *)#", r"\1", line) for line in block.splitlines()]
    margin = len(lines[0]) - len(lines[0].lstrip())
    return "".join(line[margin:] + "\n" for line in lines)


def blocks(text: str) -> Iterator[str]:
    """Yield the commented blocks of the reference, restored."""
    for block in text.split("\n\n"):
        if re.match(r" *#(source|smoothing|[a-z_]+):\n", block):
            yield restored(block)


BLOCKS = list(blocks(reference_text()))


PARTNERS = {"user": "password", "password": "user"} | {
    "tls_client_cert": "tls_client_key",
    "tls_client_key": "tls_client_cert",
}  # options that go together only


def variants(text: str) -> Iterator[str]:
    """Yield the text, and once for each option that is only shown, with that one set."""
    yield text
    for found in OPTION.finditer(text):
        variant = text[: found.start()] + found[1] + found[2] + text[found.end() :]
        partner = PARTNERS.get(found[2].partition(":")[0])
        yield re.sub(rf"(?m)^( *)#({partner}: )", r"\1\2", variant) if partner else variant


def whole(block: str) -> str:
    """Return a configuration with one source, smoothing or output block in its place."""
    if block.startswith("source:"):
        return f"version: 1\n{block}"
    if not block.startswith("smoothing:"):
        block = "outputs:\n" + "".join(f"  {line}\n" for line in block.splitlines())
        watches = "arms_up: {template: templates/arms_up.yaml}, workout: {routine: morning}"
        block += f"watch: {{{watches}}}\n"
    return f"version: 1\nsource: {{type: synthetic}}\n{block}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that holds whatever the examples name, as does the environment."""
    for name in re.findall(r"\$\{(EDGEPOSE_\w+)\}", reference_text()):
        monkeypatch.setenv(name, "at-least-12-characters")
    shutil.copytree(CONFIGS / "templates", tmp_path / "templates")
    named = (
        "clip.mp4 path/to/it models/my_model.tflite pictures/one.png ca.crt client.crt client.key"
        " page.crt page.key camera.crt"
    )
    for name in named.split():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "fonts").mkdir()
    shutil.copy(BUILT_IN, tmp_path / "fonts" / "NotoSans-Bold.ttf")
    PilImage.new("RGB", (4, 4)).save(tmp_path / "logo.png")
    return tmp_path


def test_the_reference_is_current():
    """Run `python -m edgepose.config.reference > configs/reference.yaml` after a change."""
    assert (CONFIGS / "reference.yaml").read_text() == reference_text()


@pytest.mark.parametrize("name", ["reference", "demo", "arms_up"])
def test_a_shipped_file_can_be_used(name: str):
    """In a bare clone: no camera, no model and no clip is needed to check it."""
    assert load(CONFIGS / f"{name}.yaml").watches


def test_the_reference_says_the_defaults():
    """What it sets is what a file of two lines gets."""
    config = load(CONFIGS / "reference.yaml")
    assert config.model == ModelSection()
    assert config.people == PeopleSection()
    assert config.smoothing == "normal"
    bare = WatchSection(template=config.watches["arms_up"].template)
    assert config.watches["arms_up"] == bare
    assert config.source.options == Synthetic.Options()


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind in ("source", "output") for name in KINDS[kind]]
)
def test_the_reference_shows_every_option_of_every_part(kind: str, name: str):
    """Each source and output stands there with each of its keys."""
    half = reference_text().split("\n# outputs:")[0 if kind == "source" else 1]
    block = next(text for text in half.split("\n\n") if re.search(rf"type: {name}\b", text))
    options = part(kind, name).Options.model_fields
    assert not [key for key in options if not re.search(rf"(?m)^[ #]*{key}: ", block)]


def test_every_block_is_shown():
    """Five other sources, three filters and the other outputs."""
    assert len(BLOCKS) == len(KINDS["source"]) - 1 + 3 + len(KINDS["output"]) - 1


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: "-".join(re.findall(r"\w+", block)[:1]))
def test_a_commented_block_works_when_its_marks_are_deleted(block: str, folder: Path):
    """With each option that is only shown as well."""
    for text in variants(block):
        (folder / "kiosk.yaml").write_text(whole(text))
        assert load(folder / "kiosk.yaml").name


def test_an_option_that_is_only_shown_works_when_its_mark_is_deleted(folder: Path):
    """Each by itself: name and path of a model exclude each other; its options need a PoseNet."""
    texts = list(variants(reference_text()))
    assert len(texts) > 10
    for text in texts:
        fitting = text.replace("\n  options:", "\n  name: posenet-100-257-fp32\n  options:")
        (folder / "kiosk.yaml").write_text(fitting)
        assert load(folder / "kiosk.yaml").name


def test_no_line_is_too_wide_for_a_terminal():
    """Comments wrap; only marks of commented lines come on top."""
    assert max(map(len, reference_text().splitlines())) <= WIDTH + 4


def test_a_slip_in_the_reference_would_be_found(folder: Path):
    """The checks above have teeth."""
    (folder / "kiosk.yaml").write_text(reference_text().replace("  runtime:", "  runtmie:"))
    with pytest.raises(ConfigError, match="did you mean 'runtime'"):
        load(folder / "kiosk.yaml")


@pytest.mark.parametrize(
    ("motion", "shown"),
    [
        ("arms_up", True),
        ("jumping_jack", True),
        ("wave", False),
        ("squat", False),
        ("stand", False),
    ],
)
def test_the_shipped_template_is_met_by_raised_arms_only(motion: str, shown: bool):
    """With the default thresholds, on the mannequin's exact keypoints."""
    template = template_file.load(CONFIGS / "templates" / "arms_up.yaml")
    source = Synthetic(Synthetic.Options(motion=motion, seconds=4, pace="fast", size=(120, 160)))
    source.open()
    scores = []
    while (frame := source.read()) is not None:
        scores += [match(template, pose).score for pose in frame.truth]
    source.close()
    assert (max(scores) >= WatchSection.model_fields["enter"].default) is shown
