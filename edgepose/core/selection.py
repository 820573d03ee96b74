"""Selection of the people who count: by position or size, inside a zone, or by track."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from edgepose.core.tracking import Observations, observe
from edgepose.errors import UserError, near_miss
from edgepose.skeleton import INDEX
from edgepose.types import Pose

Select = Literal["all", "largest", "center", "leftmost", "track"]
Point = tuple[float, float]  # (y, x), normalised frame coordinates

SELECTS: Final = ("all", "largest", "center", "leftmost", "track")
HYSTERESIS: Final = 0.05  # frame heights by which a newcomer must rank better: no flicker
MIN_SCORE: Final = 0.3  # of keypoints that size and position are measured with, as in tracking

_ANKLES: Final = (INDEX["left_ankle"], INDEX["right_ankle"])


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Whose poses count.

    select: "all" in the model's order, "largest" by height and width, "center" nearest to the
    middle of the picture, "leftmost" as the camera sees it (not mirrored), "track" the largest,
    who then stays chosen when others come. max: how many are chosen.
    zone: corners of a polygon in which people must stand (feet if seen, else the lower edge of
    the box); empty for everywhere. lock: seconds inside before a person counts.
    release: seconds that a person who counts may be outside the zone or not detected; with
    "track" nobody else is chosen in the meantime.
    Raises UserError for values that make no sense.
    """

    select: Select = "largest"
    max: int = 1
    zone: tuple[Point, ...] = ()
    lock: float = 0.0
    release: float = 3.0

    def __post_init__(self) -> None:
        if self.select not in SELECTS:
            hint = near_miss(self.select, SELECTS)
            raise UserError(f"people.select: unknown choice '{self.select}'{hint}")
        if self.max < 1:
            raise UserError(f"people.max: expected 1 or more, found {self.max}")
        if self.zone and len(self.zone) < 3:
            raise UserError(
                f"people.zone: expected at least 3 corners [y, x], found {len(self.zone)}"
            )


@dataclass(slots=True)
class _Visit:
    """When a person entered the zone, and was last inside it."""

    since: float
    last: float


class Selection:
    """The choice among tracked people; it remembers who was chosen and since when they count."""

    def __init__(self, settings: SelectionSettings | None = None) -> None:
        self._settings = settings or SelectionSettings()
        self._visits: dict[int, _Visit] = {}
        self._chosen: frozenset[int] = frozenset()

    def choose(self, poses: Sequence[Pose], time: float) -> tuple[Pose, ...]:
        """Return the poses that count, at most `max`, best first.

        poses: of one frame, with person ids. time: seconds, not before that of the last call.
        """
        seen = observe(poses, MIN_SCORE) if self._needs_positions(poses) else None
        self._follow(poses, seen, time)
        ranked = [pose for pose in self._rank(poses, seen) if self._counts(pose.person)]
        if self._settings.select == "track":
            return self._with_chosen(ranked)
        chosen = tuple(ranked[: self._settings.max])
        self._chosen = frozenset(pose.person for pose in chosen)
        return chosen

    def _needs_positions(self, poses: Sequence[Pose]) -> bool:
        """Return whether positions and sizes matter for this frame."""
        settings = self._settings
        return bool(poses and (settings.zone or (len(poses) > 1 and settings.select != "all")))

    def _follow(self, poses: Sequence[Pose], seen: Observations | None, time: float) -> None:
        """Note who is inside the zone; forget people who left it."""
        inside = self._inside(poses, seen)
        for pose in poses:
            if pose.person in inside:
                self._visits.setdefault(pose.person, _Visit(time, time)).last = time
        passing = {pose.person for pose in poses} - inside
        for person, visit in list(self._visits.items()):
            left = time - visit.last > self._settings.release
            if left or (person in passing and not self._counts(person)):
                del self._visits[person]

    def _inside(self, poses: Sequence[Pose], seen: Observations | None) -> set[int]:
        """Return the ids of those who stand in the zone."""
        if seen is None or not self._settings.zone:
            return {pose.person for pose in poses}
        height, width = poses[0].size
        feet = _feet(seen) / (1.0, width / height)
        return {
            pose.person
            for pose, point in zip(poses, feet.tolist(), strict=True)
            if _contains(self._settings.zone, point)
        }

    def _counts(self, person: int) -> bool:
        visit = self._visits.get(person)
        return visit is not None and visit.last - visit.since >= self._settings.lock

    def _rank(self, poses: Sequence[Pose], seen: Observations | None) -> Sequence[Pose]:
        """Return the poses best first; people chosen before have a small advantage."""
        if seen is None or len(poses) < 2 or self._settings.select == "all":
            return poses
        merits = _merits(self._settings.select, seen, poses[0])
        merits += [HYSTERESIS * (pose.person in self._chosen) for pose in poses]
        return [poses[row] for row in np.argsort(-merits, kind="stable")]

    def _with_chosen(self, ranked: Sequence[Pose]) -> tuple[Pose, ...]:
        """Return the people chosen before, then newcomers up to `max`."""
        kept = frozenset(person for person in self._chosen if person in self._visits)
        old = [pose for pose in ranked if pose.person in kept]
        free = self._settings.max - len(kept)
        new = [pose for pose in ranked if pose.person not in kept][:free]
        self._chosen = kept | {pose.person for pose in new}
        return (*old, *new)


def _merits(select: Select, seen: Observations, pose: Pose) -> NDArray[np.float64]:
    """Return (n,) how well each fits, in frame heights, higher is better."""
    low, high = seen.boxes[:, :2].astype(float), seen.boxes[:, 2:].astype(float)
    centre = (low + high) / 2
    if select == "leftmost":
        return -centre[:, 1]
    if select == "center":
        height, width = pose.size
        return -np.hypot(*(centre - (0.5, width / height / 2)).T)
    return np.sqrt((high - low).prod(1))


def _feet(seen: Observations) -> NDArray[np.float64]:
    """Return (n, 2) of (y, x) where people stand: at sure ankles, else at the box's lower edge."""
    boxes = seen.boxes
    below = np.stack((boxes[:, 2], (boxes[:, 1] + boxes[:, 3]) / 2), 1)
    sure = seen.sure[:, _ANKLES, None]
    count = sure.sum(1)
    ankles = seen.keypoints[:, _ANKLES, :2].sum(1, where=sure) / np.maximum(count, 1)
    return np.where(count > 0, ankles, below).astype(np.float64)


def _contains(zone: Sequence[Point], point: Sequence[float]) -> bool:
    """Return whether a point lies in a polygon: a ray from it crosses the edges an odd number."""
    y, x = point
    odd = False
    for (y1, x1), (y2, x2) in zip(zone, (*zone[1:], zone[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            odd = not odd
    return odd
