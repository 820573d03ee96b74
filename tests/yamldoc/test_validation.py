"""The one check of every YAML file: a model's errors with file, line, key path and a way out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import AfterValidator, Field, ValidationInfo

from edgepose.errors import (
    MOST_PROBLEMS,
    ConfigError,
    DocumentError,
    InvalidValue,
    Problem,
    TemplateError,
)
from edgepose.options import Options
from edgepose.yamldoc.document import parse_yaml
from edgepose.yamldoc.validation import Problems, check, leaves, read_checked, validate


def absent(name: str, info: ValidationInfo) -> str:
    """Refuse a name as a missing file, unless the context knows it."""
    if name not in (info.context or {}):
        raise InvalidValue(f"no such file: {name}", "missing_file")
    return name


class Signal(Options):
    """One angle."""

    angle: tuple[str, str, str]
    side: Literal["left", "right"] = "left"


class Exercise(Options):
    """What a file of this test holds."""

    name: str = Field(description="what it is called", examples=["squat"])
    signal: Signal
    seconds: Annotated[float, Field(gt=0.0)] = Field(1.0, description="seconds that it takes")
    picture: Annotated[str, AfterValidator(absent)] | None = None


GOOD = "name: squat\nsignal: {angle: [hip, knee, ankle]}\n"


def problems(text: str) -> list[Problem]:
    """Return what is wrong with a text."""
    with pytest.raises(DocumentError) as caught:
        check(parse_yaml(text, "a.yaml"), Exercise, DocumentError)
    return list(caught.value.problems)


def test_a_good_file_is_a_model(tmp_path: Path):
    """Read and checked in one call."""
    file = tmp_path / "a.yaml"
    file.write_text(GOOD)
    assert read_checked(file, Exercise, DocumentError).signal.angle == ("hip", "knee", "ankle")


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"extra_{n}: 1\n" for n in range(500)),
        f"{GOOD}seconds: [{'{}, ' * 500}]\n" + "".join(f"n{n}: true\n" for n in range(500)),
        "name: squat\n" * 500,
        "".join(f"{n}: !tag x\n" for n in range(500)),
    ],
)
def test_a_file_full_of_mistakes_is_not_checked_to_its_end(text: str):
    """Whoever sent 187 kB of them kept a device busy for seconds; nobody reads 2,000."""
    *found, last = problems(text)
    assert len(found) == MOST_PROBLEMS
    assert last.kind == "unchecked"
    assert last.text == "a.yaml: 50 mistakes so far; the rest is not checked"


@pytest.mark.parametrize("error", [ConfigError, TemplateError])
@pytest.mark.parametrize("text", ["name: 3\n", "- a\n", "a: [\n", None])
def test_the_caller_chooses_the_error(tmp_path: Path, error: type[DocumentError], text: str):
    """Whether the file is missing, no YAML, or not as the model wants it."""
    file = tmp_path / "a.yaml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(error, match=r"a\.yaml"):
        read_checked(file, Exercise, error)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            GOOD.replace("name", "nmae"),
            Problem(
                "a.yaml line 1: nmae: unknown option; did you mean 'name'?",
                ("nmae",), 1, "unknown_key",
            ),
        ),
        (
            GOOD.replace("name: squat\n", ""),
            Problem(
                "a.yaml line 1: name: missing; add `name: squat` (what it is called)",
                ("name",), 1, "missing_key",
            ),
        ),
        (
            GOOD.replace("[hip, knee, ankle]", "[hip, knee]"),
            Problem(
                "a.yaml line 2: signal.angle: expected a list of 3 texts, found [hip, knee]",
                ("signal", "angle"), 2, "value",
            ),
        ),
        (
            GOOD + "seconds: .inf\n",
            Problem(
                "a.yaml line 3: seconds: expected a finite number, found .inf",
                ("seconds",), 3, "value",
            ),
        ),
        (
            GOOD + "seconds: yes\n",
            Problem(
                "a.yaml line 3: seconds: expected a number above 0 (seconds that it takes), "
                "found `yes`, which YAML reads as true",
                ("seconds",), 3, "value",
            ),
        ),
        (
            GOOD + "picture: a.png\n",
            Problem(
                "a.yaml line 3: picture: no such file: a.png", ("picture",), 3, "missing_file"
            ),
        ),
    ],
)  # fmt: skip
def test_a_problem_has_sentence_place_and_kind(text: str, expected: Problem):
    """Expected, found and the way out for people; path, line and kind for code."""
    assert problems(text) == [expected]


def test_all_problems_come_at_once_in_the_order_of_the_file():
    """Whichever the model checks first."""
    found = problems("seconds: 0\nsignal: {side: up}\nnmae: squat\n")
    assert [(p.line, p.kind) for p in found] == [
        (1, "value"),
        (2, "missing_key"),
        (2, "value"),
        (3, "unknown_key"),
    ]


def test_validators_get_the_context():
    """Such as the folder that paths are relative to."""
    document = parse_yaml(GOOD + "picture: a.png\n", "a.yaml")
    assert check(document, Exercise, DocumentError, {"a.png": 1}).picture == "a.png"


def test_a_section_is_checked_with_its_whole_path():
    """For files of which several models describe one part each."""
    document = parse_yaml("signal: {angle: knee}\n", "a.yaml")
    found = Problems(document)
    assert validate(Signal, document.data["signal"], ("signal",), found) is None
    assert found.about(("signal", "angle"))
    assert not found.about(("name",))


def test_a_value_with_an_unset_variable_has_no_other_problem():
    """Nobody knows what it will be."""
    found = Problems(parse_yaml("a: '${A}${B}'\n", "a.yaml"))
    for name in "AB":
        found.add(("a",), f"{name} is not set", "unset_variable")
    found.add(("a",), "expected a number")
    with pytest.raises(DocumentError) as caught:
        found.raise_any(DocumentError)
    assert caught.value.problems == (
        Problem("a.yaml line 1: a: A is not set; B is not set", ("a",), 1, "unset_variable"),
    )


def test_leaves_are_all_plain_values():
    """With their paths; empty mappings and lists hold none."""
    data = {"a": [1, {"b": None}], "c": {}, "d": "x"}
    assert dict(leaves(data)) == {("a", 0): 1, ("a", 1, "b"): None, ("d",): "x"}


@pytest.mark.parametrize(
    "slip",
    [
        "url:rtsp://me:s3cret@cam/live: 1",
        "signal: {url:rtsp://me:s3cret@cam/live}",
        "url:me:s3cret@cam/live: 1",
        "cam/live/user=me&password=s3cret: 1",
    ],
)
def test_a_url_that_became_a_key_is_redacted(slip: str):
    """Without the space after `url:` the address of a camera is a name, which a message quotes."""
    found = problems(f"name: squat\n{slip}\n")
    assert not [problem.text for problem in found if "s3cret" in problem.text]
    assert any("cam/live" in problem.text for problem in found)
