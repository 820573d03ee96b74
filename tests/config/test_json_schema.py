"""Editors get the same picture of the YAML files as `check-config` has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from edgepose.config.json_schema import SCHEMAS, text

CONFIGS = Path(__file__).parents[2] / "configs"
FILES = [
    (kind, path)
    for kind, pattern in {
        "config": "*.yaml", "exercise": "exercises/*.yaml", "routine": "routines/*.yaml",
        "template": "templates/*.yaml",
    }.items()
    for path in sorted(CONFIGS.glob(pattern))
]  # fmt: skip
MODELINE = "# yaml-language-server: $schema="


def problems(kind: str, document: Any) -> list[str]:
    """Return what an editor would underline: the path of each problem."""
    schema = jsonschema.Draft202012Validator(SCHEMAS[kind]())
    return [error.json_path for error in schema.iter_errors(document)]


@pytest.mark.parametrize("kind", SCHEMAS)
def test_the_shipped_schema_is_what_the_code_declares(kind):
    """`python -m edgepose.config.json_schema configs/schemas` writes it; it is a valid schema."""
    assert (CONFIGS / "schemas" / f"{kind}.json").read_text(encoding="utf-8") == text(kind)
    jsonschema.Draft202012Validator.check_schema(json.loads(text(kind)))


@pytest.mark.parametrize(("kind", "path"), FILES, ids=[path.stem for _, path in FILES])
def test_every_shipped_file_fits_its_schema_and_names_it(kind, path):
    """The first line tells an editor which schema to take."""
    first, _, _ = path.read_text(encoding="utf-8").partition("\n")
    schema = path.parent / first.removeprefix(MODELINE)
    assert first.startswith(MODELINE)
    assert schema.resolve() == CONFIGS / "schemas" / f"{kind}.json"
    assert problems(kind, yaml.safe_load(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "text",
    [
        "source: {type: v4l2, size: [480, 640]}",
        "{source: {type: synthetic}, smoothing: {filter: one_euro, beta: 2}}",
        "{source: {type: synthetic}, smoothing: soft, model: null, watch: null, limits: null}",
        "{source: {type: images, path: a.jpg}, watch: {up: {template: arms_up, title: Up!}}}",
        "{source: {type: synthetic}, outputs: {bus: {type: mqtt, host: h, port: '${PORT}'}}}",
        "{source: {type: synthetic}, profiles: {day: {watch: {up: null}}, all: null}}",
    ],
)
def test_what_the_check_takes_is_not_underlined(text):
    """Short forms, sections without content, and variables where a number belongs."""
    assert problems("config", {"version": 1, **yaml.safe_load(text)}) == []


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("source: {type: v4l2, widht: 640}", "$.source"),
        ("source: {type: webcam}", "$.source.type"),
        ("{source: {type: synthetic}, smoothing: srong}", "$.smoothing"),
        (
            "{source: {type: synthetic}, outputs: {bus: {type: mqtt, port: many}}}",
            "$.outputs.bus.port",
        ),
        ("{source: {type: synthetic}, watch: {up: {template: a, enter: 2}}}", "$.watch.up.enter"),
        ("{source: {type: synthetic}, wach: {}}", "$"),
    ],
)
def test_a_slip_is_underlined_where_it_is(text, place):
    """An unknown option, a type that is not there, a value out of range."""
    assert place in problems("config", {"version": 1, **yaml.safe_load(text)})
