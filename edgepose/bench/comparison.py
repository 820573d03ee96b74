"""Compare models side by side on the same pictures and clips, each shown to every model in turn.

With annotations or a clip's truth there are OKS and PCK; without, there is who was missed, how much
the keypoints shake, and the time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from edgepose import imaging
from edgepose.core import metrics
from edgepose.engine.perception import Detector
from edgepose.errors import UserError
from edgepose.sources.images import ENDINGS
from edgepose.sources.video import clip_frames
from edgepose.train.contact_sheets import contact_sheet
from edgepose.train.data.annotations import Picture, read_annotations
from edgepose.train.evaluation import (
    NOWHERE,
    Scored,
    Truth,
    pose_pixels,
    read_truth,
    score_crops,
    score_followed,
    summarise,
)
from edgepose.types import Frame, Image, Pose, Scene

FIGURES: Final = ("oks", "pck@0.2", "missed", "jitter", "ms")
CELL: Final = (240, 320)  # (height, width) of a picture on the sheet
SHOTS: Final = 8  # rows of the sheet that one data set has at most
MOVING: Final = frozenset({".gif"})  # a picture among others in a folder, a clip alone
NEAR_OKS: Final = 0.02  # less is within the noise of a few hundred people
NEAR_MISSED: Final = 0.02
NEAR_MS: Final = 1.15
ENOUGH: Final = 100  # people or frames, below which a figure may be chance
_TITLE: Final = 28  # rows above the sheet


class Entrant:
    """One of the models that are compared: what it finds, and the seconds that each frame took."""

    def __init__(self, name: str, detector: Detector) -> None:
        self.name = name
        self.seconds: list[float] = []
        self.last: tuple[Image, tuple[Pose, ...]] | None = None
        self._detector = detector

    def estimate(self, image: Image) -> tuple[Pose, ...]:
        """Return everyone in one picture, found in one pass over the whole of it."""
        self._detector.reset()
        return self.follow(Frame(image, 0.0, 0))

    def follow(self, frame: Frame) -> tuple[Pose, ...]:
        """Return the poses of the next frame of a clip: crop, inference and decoding are timed."""
        start = time.perf_counter()
        poses = self._detector.detect(frame)
        self.seconds.append(time.perf_counter() - start)
        self.last = frame.image, poses
        return poses

    def begin(self) -> None:
        """Begin with new data: no region to follow, no times."""
        self._detector.reset()
        self.seconds = []
        self.last = None

    @property
    def ms(self) -> float:
        """Return the median milliseconds of a frame; NaN before the first."""
        return statistics.median(self.seconds) * 1e3 if self.seconds else float("nan")


@dataclass(frozen=True, slots=True)
class Row:
    """One model on one data set. count: people, or frames; figures: by FIGURES, NaN unknown."""

    data: str
    model: str
    count: int
    figures: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; what could not be measured is null."""
        plain = {k: round(v, 6) if np.isfinite(v) else None for k, v in self.figures.items()}
        return {"data": self.data, "model": self.model, "count": self.count, **plain}


@dataclass
class Sheet:
    """Rows of a contact sheet, spread evenly over however many pictures there are."""

    models: Sequence[str]
    rows: list[list[Image]] = field(default_factory=list)

    def gather(self) -> Gathering:
        """Return a collector for one data set."""
        return Gathering(self.rows)

    def image(self) -> Image:
        """Return the sheet: a column for each model with its name above."""
        if not self.rows:
            raise UserError("--sheet: the data holds no picture to draw")
        body = contact_sheet([cell for row in self.rows for cell in row], len(self.models))
        title = np.zeros((_TITLE, body.shape[1], 3), np.uint8)
        for column, name in enumerate(self.models):
            place = (column * CELL[1] + 6, _TITLE - 9)
            white = (255, 255, 255)
            cv2.putText(title, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, white, 1, cv2.LINE_AA)
        return np.vstack([title, body])


class Gathering:
    """A collector of at most SHOTS rows: when it is full, every second one goes."""

    def __init__(self, rows: list[list[Image]]) -> None:
        self._rows, self._kept = rows, list[list[Image]]()
        self._seen, self._step = 0, 1

    def offer(self, draw: Callable[[], list[Image]]) -> None:
        """Take the next picture's cells, drawn only if they are kept."""
        if self._seen % self._step == 0:
            self._kept.append(draw())
            if len(self._kept) > SHOTS:
                self._kept = self._kept[::2]
                self._step *= 2
        self._seen += 1

    def close(self) -> None:
        """Put what was kept on the sheet."""
        self._rows += self._kept


def compare(
    entrants: Sequence[Entrant],
    data: Path,
    images: Path | None,
    sheet: Sheet,
    advance: Callable[[], None] = lambda: None,
) -> list[Row]:
    """Return a row for each model on one data set: a JSON file, a clip, a picture or a folder.

    images: the folder of annotated pictures. advance: called after each picture or frame.
    """
    for entrant in entrants:
        entrant.begin()
    shots = sheet.gather()

    def shown() -> None:
        advance()
        drawn = [entrant.last for entrant in entrants if entrant.last is not None]
        if len(drawn) == len(entrants):
            shots.offer(lambda: [_cell(*last) for last in drawn])

    found = _measured(entrants, data, images, shown)
    shots.close()
    return [
        Row(str(data), entrant.name, count, figures | {"ms": entrant.ms})
        for entrant, (count, figures) in zip(entrants, found, strict=True)
    ]


Measured = tuple[int, dict[str, float]]
Shown = Callable[[], None]


def _measured(
    entrants: Sequence[Entrant], data: Path, images: Path | None, shown: Shown
) -> list[Measured]:
    if data.suffix.lower() in (".json", ".mat"):
        return _on_people(entrants, read_annotations(data, images), shown)
    if data.is_dir() or data.suffix.lower() in ENDINGS - MOVING:
        return _on_pictures(entrants, _pictures(data), shown)
    return _on_clip(entrants, data, shown)


def _pictures(data: Path) -> list[Path]:
    """Return a picture, or those of a folder and the folders in it. Raises UserError for none."""
    if not data.is_dir():
        return [data]
    found = sorted(path for path in data.rglob("*") if path.suffix.lower() in ENDINGS)
    if not found:
        raise UserError(f"{data}: no picture in this folder ({', '.join(sorted(ENDINGS))})")
    return found


def _on_people(
    entrants: Sequence[Entrant], pictures: Sequence[Picture], shown: Shown
) -> list[Measured]:
    """Return figures of annotated people, each in a crop of their own."""
    scored: dict[str, list[Scored]] = {entrant.name: [] for entrant in entrants}
    for picture in pictures:
        for entrant in entrants:
            entrant.last = None
            scored[entrant.name] += score_crops(entrant.estimate, [picture])[0]
        shown()
    return [_of_people(found) for found in scored.values()]


def _of_people(scored: Sequence[Scored]) -> Measured:
    report = summarise(scored, [([one.found], [one.person]) for one in scored])
    missed = [float(np.max(one.found.keypoints)) == NOWHERE for one in scored]
    figures = _known(report.totals | {"missed": float(np.mean(missed))})
    return report.people, figures


def _on_pictures(
    entrants: Sequence[Entrant], pictures: Sequence[Path], shown: Shown
) -> list[Measured]:
    """Return in how many pictures nobody was found."""
    missed: dict[str, list[bool]] = {entrant.name: [] for entrant in entrants}
    for path in pictures:
        image = imaging.read_image(path)
        for entrant in entrants:
            missed[entrant.name].append(not entrant.estimate(image))
        shown()
    return [(len(found), _known({"missed": float(np.mean(found))})) for found in missed.values()]


def _on_clip(entrants: Sequence[Entrant], data: Path, shown: Shown) -> list[Measured]:
    """Return figures of a clip that is followed; with OKS where its truth lies beside it."""
    times: list[float] = []
    found: dict[str, list[tuple[Pose, ...]]] = {entrant.name: [] for entrant in entrants}
    size = (1, 1)
    for frame in clip_frames(data):
        times.append(frame.time)
        size = frame.size
        for entrant in entrants:
            found[entrant.name].append(entrant.follow(frame))
        shown()
    if not times:
        raise UserError(f"{data}: holds no frames")
    path = data.with_suffix(".truth.json")
    truth = read_truth(path) if path.is_file() else None
    return [_of_clip(poses, times, size, truth) for poses in found.values()]


def _of_clip(
    found: Sequence[tuple[Pose, ...]],
    times: Sequence[float],
    size: tuple[int, int],
    truth: Truth | None,
) -> Measured:
    missed = float(np.mean([not poses for poses in found]))
    figures = {} if truth is None else score_followed(found, size, truth).totals
    run = longest_run([bool(poses) for poses in found])
    track = np.array([pose_pixels(poses, size) for poses in found[run]]).reshape(-1, 17, 2)
    shake = metrics.jitter(track, np.array(times[run]))
    return len(found), _known(figures | {"missed": missed, "jitter": shake})


def longest_run(flags: Sequence[bool]) -> slice:
    """Return where the longest run of true flags is."""
    best, start = slice(0, 0), 0
    for index, flag in enumerate([*flags, False]):
        if not flag:
            best = slice(start, index) if index - start > best.stop - best.start else best
            start = index + 1
    return best


def _known(figures: dict[str, float]) -> dict[str, float]:
    return {name: float(figures.get(name, float("nan"))) for name in FIGURES}


def _cell(image: Image, poses: tuple[Pose, ...]) -> Image:
    """Return a picture with its skeletons, fitted into a cell."""
    from edgepose.render import Renderer
    from edgepose.render.renderer import Placement

    drawn = Renderer().draw(Scene(Frame(image, 0.0, 0), poses, poses))
    return Placement.fit((drawn.shape[0], drawn.shape[1]), CELL).show(drawn)


@dataclass(frozen=True, slots=True)
class Standing:
    """One model over all data: means over the data sets, and the slowest median time.

    Every data set counts the same: the many frames of a clip resemble each other.
    """

    model: str
    oks: float
    missed: float
    ms: float
    count: int


def standings(rows: Sequence[Row]) -> list[Standing]:
    """Return how each model stands over all data."""
    return [_standing(name, [row for row in rows if row.model == name]) for name in _names(rows)]


def _names(rows: Sequence[Row]) -> Iterator[str]:
    return iter(dict.fromkeys(row.model for row in rows))


def _standing(name: str, rows: Sequence[Row]) -> Standing:
    judged = [row for row in rows if np.isfinite(row.figures["oks"])]
    return Standing(
        name,
        _mean("oks", judged),
        _mean("missed", rows),
        max(row.figures["ms"] for row in rows),
        sum(row.count for row in judged or rows),
    )


def _mean(figure: str, rows: Sequence[Row]) -> float:
    """Return the mean over data sets; NaN without any."""
    return float(np.mean([row.figures[figure] for row in rows])) if rows else float("nan")


def advise(rows: Sequence[Row]) -> str:
    """Return one sentence: which model to take, and why."""
    table = standings(rows)
    has_truth = all(np.isfinite(one.oks) for one in table)

    def merit(one: Standing) -> tuple[float, ...]:
        return (one.oks if has_truth else 0.0, -one.missed, -one.ms)

    best = max(table, key=merit)
    as_good = [one for one in table if _is_near(one, best, has_truth=has_truth)]
    quick = min(as_good, key=lambda one: one.ms)
    faster = [one for one in table if best.ms > one.ms * NEAR_MS]
    doubt = f"; {best.count} people or frames are too few to be sure" if best.count < ENOUGH else ""
    if quick in faster:
        what = f"as good as {best.model} here ({_merit(quick)} against {_merit(best)})"
        return f"Take {quick.model}: {what}, at {quick.ms:.1f} ms instead of {best.ms:.1f}{doubt}."
    if not faster:
        return f"Take {best.model}: {_merit(best)}, and none is clearly faster{doubt}."
    other = max(faster, key=merit)
    return (
        f"Take {best.model} ({_merit(best)}) where {best.ms:.1f} ms a frame are affordable, else "
        f"{other.model}: {other.ms:.1f} ms, but {_merit(other)}{doubt}."
    )


def _is_near(one: Standing, best: Standing, *, has_truth: bool) -> bool:
    behind = best.oks - one.oks if has_truth else 0.0
    return behind <= NEAR_OKS and one.missed - best.missed <= NEAR_MISSED


def _merit(one: Standing) -> str:
    missed = f"{one.missed:.0%} missed"
    return f"OKS {one.oks:.2f}, {missed}" if np.isfinite(one.oks) else missed
