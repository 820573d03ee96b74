"""What an options class says of itself in words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from edgepose.options import ConfigPath, ExistingPath, Fraction, Options, PositiveSeconds, Seconds
from edgepose.yamldoc.describe import accepts, at, choices_at, keys_at, takes, takes_at


class Inner(Options):
    """Stand below something."""

    weight: float = 1.0


class Outer(Options):
    """Hold one of each."""

    mode: Literal["auto"] | Annotated[int, Field(ge=1, le=8)] = "auto"
    kind: Literal["a", "b"] = "a"
    inner: Inner = Inner()
    limbs: dict[Literal["left", "right"], Inner] = Field({})
    zone: tuple[tuple[Fraction, Fraction], ...] | None = None
    flag: bool = False
    anything: Any = None
    class_: int = Field(1, alias="class")


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (bool, "true or false"),
        (int, "a whole number"),
        (str, "text"),
        (ConfigPath, "a path"),
        (ExistingPath | None, "a path"),
        (Fraction, "a number from 0 to 1"),
        (Seconds, "a number, 0 or more"),
        (PositiveSeconds, "a number above 0"),
        (Annotated[float, Field(gt=0, le=240)], "a number above 0, at most 240"),
        (Annotated[float, Field(lt=3)], "a number, below 3"),
        (Literal["auto"], "'auto'"),
        (Literal["a", "b"], "one of a, b"),
        (Literal["auto"] | int, "'auto' or a whole number"),
        (tuple[int, int], "a list of 2 whole numbers"),
        (list[str], "a list of texts"),
        (tuple[Path, ...] | Path, "a list of paths or a path"),
        (
            Annotated[tuple[Fraction, ...], Field(min_length=3)],
            "a list of at least 3 numbers from 0 to 1",
        ),
        (Inner, "a mapping such as {weight: ...}"),
        (list[Inner], "a list of entries that are each a mapping such as {weight: ...}"),
        (dict[str, Any], "`name: ...` lines, each with its options"),
        (dict[str, Inner], "`name: ...` lines, each with a mapping such as {weight: ...}"),
        (Annotated[str, Field(min_length=1)], "text"),
        (Annotated[str, Field(min_length=8)], "text, 8 or more long"),
        (int | float, "a whole number or a number"),
        (Any, "any value"),
        (bytes, "another value"),
        (type(None), "nothing"),
    ],
)  # fmt: skip
def test_every_kind_of_value_has_its_words(annotation: Any, words: str):
    """Nothing is what an option may always be, so it is only said where nothing else is."""
    assert takes(annotation) == words


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("mode",), "'auto' or a whole number from 1 to 8"),
        (("inner", "weight"), "a number"),
        (("limbs", "left", "weight"), "a number"),
        (("zone", 3, 1), "a number from 0 to 1"),
        (("anything", "at", "all"), "any value"),
        (("nowhere",), "nothing"),
    ],
)
def test_a_path_leads_to_what_may_stand_there(path: tuple[str | int, ...], words: str):
    """Through models, mappings, lists and alternatives."""
    assert takes_at(Outer, path) == words


def test_known_words_and_names_are_found():
    """For near misses."""
    assert choices_at(Outer, ("kind",)) == ("a", "b")
    assert choices_at(Outer, ("mode",)) == ("auto",)
    assert keys_at(Outer, ("inner",)) == ("weight",)
    assert keys_at(Outer, ("limbs",)) == ("left", "right")
    assert keys_at(Outer, ("flag",)) == ()
    assert keys_at(Outer, ())[-1] == "class"
    assert takes_at(Outer, ("class",)) == "a whole number"


def test_true_and_false_are_meant_only_where_the_class_says_so():
    """Pydantic would take them for 1 and 0."""
    assert accepts(Outer, ("flag",), bool)
    assert accepts(Outer, ("anything",), bool)
    assert not accepts(Outer, ("mode",), bool)
    assert not accepts(Outer, ("inner", "weight"), bool)


def test_any_pydantic_model_will_do():
    """Nothing here needs the base of our own options."""

    class Foreign(BaseModel):
        """Come from elsewhere."""

        size: int

    assert at(Foreign, ("size",)) == ((int, []),)
