"""What the page is told of a scene."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgepose.correction import Correction
from edgepose.jsonio import dumps
from edgepose.outputs.web.payloads import SceneSummary
from edgepose.skeleton import LIMB_INDEX, NUM_LIMBS
from edgepose.types import DEVIATED, OK, Match, Scene, WatchState


def compared(**off: float) -> Match:
    """Return a match in which these limbs are off by so many degrees."""
    states, degrees = np.full(NUM_LIMBS, OK, np.int8), np.zeros(NUM_LIMBS, np.float32)
    asked = []
    for limb, turn in off.items():
        states[LIMB_INDEX[limb]], degrees[LIMB_INDEX[limb]] = DEVIATED, turn
        side = limb.partition("_")[0]
        asked.append(
            Correction("raise", f"{side}_hand" if "arm" in limb else f"{side}_leg", (limb,))
        )
    return Match(
        "arms_up", 0.7, states, degrees, np.zeros(NUM_LIMBS, np.float32), lambda: tuple(asked)
    )


def watching(match: Match | None) -> WatchState:
    """Return a watch that is being held."""
    return WatchState("arms_up", "holding", 0.7, 0.5, 1.0, 2, 1, lambda: match)


def test_it_says_which_limb_is_off_and_by_how_much(scene: Callable[..., Scene]):
    """In words and degrees, with the state of every limb."""
    told = SceneSummary().of(scene(3, watches=(watching(compared(left_forearm=-25.04)),)))

    watch = told["watches"][0]
    assert watch["off"] == [
        {"limb": "left_forearm", "degrees": -25.0, "text": "raise your left hand"}
    ]
    assert watch["limbs"]["left_forearm"] == "deviated"
    assert watch["limbs"]["right_forearm"] == "ok"
    assert watch["advice"] == ["raise your left hand"]


def test_it_says_how_a_watch_stands(scene: Callable[..., Scene]):
    """Phase, score, hold and count; how many people are there."""
    told = SceneSummary().of(scene(3, watches=(watching(compared()),)))

    assert (told["seq"], told["people"]) == (3, 1)
    watch = told["watches"][0]
    assert [watch[key] for key in ("name", "phase", "score", "progress", "count", "advice")] == [
        "arms_up", "holding", 0.7, 0.5, 2, [],
    ]  # fmt: skip


def test_nobody_is_compared_with_nothing(nobody: Callable[..., Scene]):
    """A watch without match has no limbs."""
    told = SceneSummary().of(nobody(1))
    assert told["people"] == 0

    lonely = SceneSummary()._watch(watching(None), 0.0)
    assert "limbs" not in lonely


def test_advice_can_be_read(scene: Callable[..., Scene]):
    """Words stay though degrees change in every frame; they are chosen anew after a while."""
    narrator = SceneSummary()

    def advice(time: float, **off: float) -> list[str]:
        told = narrator.of(scene(0, time=time, watches=(watching(compared(**off)),)))
        return told["watches"][0]["advice"]

    assert advice(0.0, left_forearm=30) == ["raise your left hand"]
    assert advice(0.1, left_forearm=31, left_thigh=50) == ["raise your left hand"]
    assert len(advice(1.0, left_forearm=31, left_thigh=50)) == 2


def test_no_part_of_a_picture_is_in_it(scene: Callable[..., Scene]):
    """The same words for any pixels."""
    dark, bright = scene(0), scene(0)
    object.__setattr__(bright.frame, "image", np.full((48, 64, 3), 255, np.uint8))

    assert dumps(SceneSummary().of(dark)) == dumps(SceneSummary().of(bright))
