"""What can be asked of a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from edgepose.config.loader import load
from edgepose.errors import ConfigError
from edgepose.outputs.gpio.output import GpioOptions


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"mode": "level", "pulse": 0.5}, "`pulse` has no meaning in mode level"),
        ({"pulse": 0.5, "blink": 1.0}, "`blink` has no meaning in mode pulse"),
        ({"when": "person", "interlock": 0}, "`when: person` needs `interlock`"),
        ({"events": "rep", "mode": "blink"}, "`events` has no meaning in mode blink"),
        ({"events": "rep", "when": "person"}, "`events` are of a watch"),
        ({"events": "reps"}, "Input should be"),
        ({"pulse": 0.0}, "greater than or equal to 0.01"),
        ({"line": -1}, "greater than or equal to 0"),
    ],
)
def test_options_that_contradict_each_other_are_errors(values: dict[str, Any], words: str):
    """Each with what to do about it."""
    with pytest.raises(ValidationError, match=words):
        GpioOptions.model_validate({"line": 17, "when": "arms_up"} | values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({}, "level"),
        ({"pulse": 0.5}, "pulse"),
        ({"blink": 1}, "blink"),
        ({"mode": "pulse"}, "pulse"),
    ],
)
def test_a_length_implies_the_mode(values: dict[str, Any], kind: str):
    """`pulse: 0.5` is all that has to be written."""
    assert GpioOptions.model_validate({"line": 17, "when": "x"} | values).kind == kind


@pytest.mark.parametrize(
    ("when", "problem"),
    [("arms_up", ""), ("person", ""), ("persn", "expected the name of a watch, found 'persn'")],
)
def test_when_is_checked_with_the_watches(tmp_path: Path, when: str, problem: str):
    """A watch of the file, or `person`; the promised line of the README is taken."""
    template = Path(__file__).parents[3] / "configs" / "templates" / "arms_up.yaml"
    path = tmp_path / "lobby.yaml"
    path.write_text(
        "version: 1\nsource: {type: synthetic}\n"
        f"watch: {{arms_up: {{template: {template}}}}}\n"
        f"outputs:\n  relay: {{type: gpio, line: 17, when: {when}, pulse: 0.5}}\n"
    )

    if problem:
        with pytest.raises(ConfigError, match=problem):
            load(path)
    else:
        assert load(path).outputs["relay"].options.pulse == 0.5
