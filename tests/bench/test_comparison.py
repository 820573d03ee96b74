"""Models are compared on the same pictures in turn, and one sentence says which to take."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from edgepose.bench.comparison import (
    SHOTS,
    Entrant,
    Row,
    Sheet,
    advise,
    compare,
    longest_run,
)
from edgepose.engine.perception import Detector
from edgepose.errors import UserError
from edgepose.imaging import write_image
from edgepose.types import Frame, Pose

NAN = float("nan")


class Scripted:
    """Find somebody in bright pictures, and write down whose turn it was."""

    def __init__(self, name: str, turns: list[str], threshold: float) -> None:
        self._name, self._turns, self._threshold = name, turns, threshold

    def reset(self) -> None:
        """Do nothing: there is no region."""

    def detect(self, frame: Frame) -> tuple[Pose, ...]:
        """Return one pose where the picture is bright enough."""
        self._turns.append(self._name)
        keypoints = np.full((17, 3), 0.5, np.float32)
        seen = frame.image.mean() > self._threshold
        return (Pose(keypoints, 0.9, frame.size),) if seen else ()


def entrants(turns: list[str], **thresholds: float) -> list[Entrant]:
    """Return scripted entrants by name."""
    return [
        Entrant(name, cast(Detector, Scripted(name, turns, threshold)))
        for name, threshold in thresholds.items()
    ]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Return a folder with a dark, a grey and two bright pictures, one of them further down."""
    for name, grey in (("a", 10), ("b", 100), ("c", 200), ("in/d", 200)):
        path = tmp_path / "pictures" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_image(path, np.full((12, 16, 3), grey, np.uint8))
    return tmp_path / "pictures"


def test_every_picture_goes_to_each_model_in_turn(pictures: Path):
    """So that a busy moment slows all alike; what nobody is found in is counted."""
    turns: list[str] = []
    rows = compare(entrants(turns, keen=50, picky=150), pictures, None, Sheet(["keen", "picky"]))
    assert turns == ["keen", "picky"] * 4
    assert [(row.model, row.count, row.figures["missed"]) for row in rows] == [
        ("keen", 4, 0.25), ("picky", 4, 0.5),
    ]  # fmt: skip
    assert all(np.isnan(row.figures["oks"]) and row.figures["ms"] > 0 for row in rows)
    assert rows[0].to_dict()["oks"] is None


def test_the_sheet_has_a_column_for_each_model(pictures: Path):
    """And a row for each picture, or SHOTS of many."""
    sheet = Sheet(["keen", "picky"])
    compare(entrants([], keen=50, picky=150), pictures, None, sheet)
    assert len(sheet.rows) == 4
    assert sheet.image().shape == (4 * 240 + 28, 2 * 320, 3)
    for number in range(40):
        write_image(pictures / f"more{number}.png", np.full((12, 16, 3), 9, np.uint8))
    many = Sheet(["keen", "picky"])
    compare(entrants([], keen=50, picky=150), pictures, None, many)
    assert SHOTS // 2 <= len(many.rows) <= SHOTS


def test_a_folder_without_pictures_is_named(tmp_path: Path):
    """Nothing to compare on is a mistake, and no table of nothing."""
    with pytest.raises(UserError, match="no picture in this folder"):
        compare(entrants([], one=1, two=2), tmp_path, None, Sheet(["one", "two"]))


@pytest.mark.parametrize(
    ("flags", "run"),
    [([], (0, 0)), ([False], (0, 0)), ([True], (0, 1)), ([True, False, True, True], (2, 4)),
     ([True, True, False, True], (0, 2))],
)  # fmt: skip
def test_the_longest_run_is_found(flags: list[bool], run: tuple[int, int]):
    """The first of equally long ones; none where nothing is true."""
    found = longest_run(flags)
    assert (found.start, found.stop) == run


def row(model: str, oks: float, missed: float, ms: float, count: int = 500, **more: Any) -> Row:
    """Return a row of one data set."""
    figures = {"oks": oks, "pck@0.2": NAN, "missed": missed, "jitter": NAN, "ms": ms}
    return Row(more.get("data", "d"), model, count, figures)


@pytest.mark.parametrize(
    ("rows", "advice"),
    [
        ([row("a", 0.9, 0.0, 10), row("b", 0.7, 0.1, 20)],
         "Take a: OKS 0.90, 0% missed, and none is clearly faster."),
        ([row("a", 0.90, 0.0, 30), row("b", 0.89, 0.01, 10)],
         "Take b: as good as a here (OKS 0.89, 1% missed against OKS 0.90, 0% missed), at 10.0 ms "
         "instead of 30.0."),
        ([row("a", 0.9, 0.0, 30), row("b", 0.7, 0.2, 10)],
         "Take a (OKS 0.90, 0% missed) where 30.0 ms a frame are affordable, else b: 10.0 ms, but "
         "OKS 0.70, 20% missed."),
        ([row("a", NAN, 0.3, 10), row("b", NAN, 0.0, 11)],
         "Take b: 0% missed, and none is clearly faster."),
        ([row("a", 0.9, 0.0, 10, 6), row("b", 0.7, 0.1, 20, 6)],
         "Take a: OKS 0.90, 0% missed, and none is clearly faster; 6 people or frames are too few "
         "to be sure."),
        ([row("a", 0.5, 0.0, 10), row("a", 0.9, 0.0, 10, 9000, data="e"),
          row("b", 0.8, 0.0, 10), row("b", 0.8, 0.0, 10, 9000, data="e")],
         "Take b: OKS 0.80, 0% missed, and none is clearly faster."),
    ],
)  # fmt: skip
def test_one_sentence_says_which_model_to_take(rows: list[Row], advice: str):
    """The better one, or a faster one that is as good; small data is called so."""
    assert advise(rows) == advice
