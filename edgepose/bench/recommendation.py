"""Which model to use on this machine: each one measured in turns, and the published accuracies."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from edgepose.core.families.others import NO_POSE_MODELS
from edgepose.modelstore.manifest import Entry

if TYPE_CHECKING:
    from edgepose.engine.perception import Detector
    from edgepose.types import Frame

ROUNDS: Final = 15  # inferences with each model, in turns
SECONDS: Final = 2.0  # after which a slow model has been measured enough
SHARE: Final = (
    0.75  # of a frame's time that the model may take: reading and drawing need the others
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """One model that may be used here.

    accuracy: published mAP, None where none is comparable. seconds: from picture to pose, None
    where it is not known. is_estimated: from another model's time. fault: why it can't be run.
    """

    name: str
    needs: str
    is_here: bool
    accuracy: float | None
    seconds: float | None = None
    is_estimated: bool = False
    fault: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, with milliseconds."""
        seconds = self.seconds
        row = {key: value for key, value in asdict(self).items() if key != "seconds"}
        return row | {"ms": None if seconds is None else round(seconds * 1e3, 2)}


def is_candidate(entry: Entry, known: Mapping[str, Entry], is_here: bool, has_tpu: bool) -> bool:
    """Return whether a known model could be used here: it is here, or compares by its accuracy."""
    if entry.family in NO_POSE_MODELS or (entry.needs == "edgetpu" and not has_tpu):
        return False
    return is_here or (accuracy(entry, known) is not None and bool(entry.urls))


def accuracy(entry: Entry, known: Mapping[str, Entry]) -> float | None:
    """Return the published accuracy; a build for the Edge TPU has that of its CPU build."""
    return known[entry.cpu].accuracy if entry.cpu else entry.accuracy


def measure(
    detectors: Mapping[str, Detector],
    frame: Frame,
    clock: Callable[[], float] = time.perf_counter,
    progress: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Return the median seconds from picture to pose by model, ROUNDS in turns.

    In turns, so that a busy moment slows all alike. progress: called after each round.
    """
    taken: dict[str, list[float]] = {name: [] for name in detectors}
    for detector in detectors.values():
        detector.detect(frame)  # the first one prepares buffers
    for _ in range(ROUNDS):
        for name, detector in detectors.items():
            if sum(taken[name]) < SECONDS:
                start = clock()
                detector.detect(frame)
                taken[name].append(clock() - start)
        progress()
    return {name: statistics.median(times) for name, times in taken.items()}


def with_estimates(choices: Sequence[ModelChoice], known: Mapping[str, Entry]) -> list[ModelChoice]:
    """Return the choices, with an estimate for what is not here, by the cost of the nearest."""
    measured = {
        choice.name: choice.seconds / cost
        for choice in choices
        if choice.seconds is not None and (cost := known[choice.name].cost)
    }
    if not measured:
        return list(choices)
    return [_estimated(choice, known[choice.name].cost, measured, known) for choice in choices]


def _estimated(
    choice: ModelChoice,
    cost: float | None,
    measured: Mapping[str, float],
    known: Mapping[str, Entry],
) -> ModelChoice:
    if choice.seconds is not None or choice.fault or cost is None:
        return choice
    nearest = min(measured, key=lambda name: abs((known[name].cost or 0.0) - cost))
    return replace(choice, seconds=measured[nearest] * cost, is_estimated=True)


def recommended(choices: Sequence[ModelChoice], fps: float) -> ModelChoice | None:
    """Return the most accurate model that keeps `fps` here, else the fastest; None without any."""
    timed = [(choice.seconds, choice) for choice in choices if choice.seconds is not None]
    quick = [
        (choice.accuracy, not choice.is_estimated, choice)
        for seconds, choice in timed
        if seconds * fps <= SHARE and choice.accuracy is not None
    ]
    if quick:
        return max(quick, key=lambda row: row[:2])[2]
    return min(timed, key=lambda row: row[0])[1] if timed else None
