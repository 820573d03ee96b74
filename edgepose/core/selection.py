"""Selection of the people who count: by position or size, inside a zone, or by track."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from edgepose.core.tracking import Observation, observe
from edgepose.errors import UserError, near_miss
from edgepose.skeleton import INDEX
from edgepose.types import Point, Pose, float32

Select = Literal["all", "largest", "center", "leftmost", "track"]

SELECTS: Final = ("all", "largest", "center", "leftmost", "track")
HYSTERESIS: Final = 0.05  # frame heights by which a newcomer must rank better: no flicker
MIN_SCORE: Final = 0.3  # of keypoints that size and position are measured with, as in tracking

_LEAST: Final = float32(MIN_SCORE)
_ANKLES: Final = (INDEX["left_ankle"], INDEX["right_ankle"])


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """Whose poses count.

    select: "all" in the model's order, "largest" by height and width, "center" nearest to the
    middle of the picture, "leftmost" as the camera sees it (not mirrored), "track" the largest,
    who then stays chosen when others come. max: how many are chosen.
    zone: corners of a polygon, normalised, in which people must stand (feet if seen, else the lower
    edge of the box); empty for everywhere. lock: seconds inside before a person counts.
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
        self._chosen: set[int] = set()

    def choose(self, poses: Sequence[Pose], time: float) -> tuple[Pose, ...]:
        """Return the poses that count, at most `max`, best first.

        poses: of one frame, with person ids. time: seconds, not before that of the last call.
        """
        seen = (
            [pose.once(observe, _LEAST) for pose in poses] if self._needs_positions(poses) else None
        )
        self._follow(poses, seen, time)
        ranked = [pose for pose in self._rank(poses, seen) if self._counts(pose.person)]
        if self._settings.select == "track":
            return self._with_chosen(ranked)
        chosen = tuple(ranked[: self._settings.max])
        self._chosen = {pose.person for pose in chosen}
        return chosen

    def _needs_positions(self, poses: Sequence[Pose]) -> bool:
        """Return whether positions and sizes matter for this frame."""
        settings = self._settings
        return bool(poses and (settings.zone or (len(poses) > 1 and settings.select != "all")))

    def _follow(
        self, poses: Sequence[Pose], seen: Sequence[Observation] | None, time: float
    ) -> None:
        """Note who is inside the zone; forget people who left it."""
        outside = self._outside(poses, seen)
        for pose in poses:
            if pose.person not in outside:
                visit = self._visits.get(pose.person)
                if visit is None:
                    visit = self._visits[pose.person] = _Visit(time, time)
                visit.last = time
        for person, visit in list(self._visits.items()):
            left = time - visit.last > self._settings.release
            if left or (person in outside and not self._counts(person)):
                del self._visits[person]

    def _outside(
        self, poses: Sequence[Pose], seen: Sequence[Observation] | None
    ) -> Collection[int]:
        """Return the ids of those who do not stand in the zone."""
        if seen is None or not self._settings.zone:
            return ()
        aspect = poses[0].size[1] / poses[0].size[0]
        return {
            pose.person
            for pose, (y, x) in zip(poses, map(_feet, seen), strict=True)
            if not _contains(self._settings.zone, (y, x / aspect))
        }

    def _counts(self, person: int) -> bool:
        visit = self._visits.get(person)
        return visit is not None and visit.last - visit.since >= self._settings.lock

    def _rank(self, poses: Sequence[Pose], seen: Sequence[Observation] | None) -> Sequence[Pose]:
        """Return the poses best first; people chosen before have a small advantage."""
        if seen is None or len(poses) < 2 or self._settings.select == "all":
            return poses
        merits = [
            _merit(self._settings.select, one, pose) + HYSTERESIS * (pose.person in self._chosen)
            for one, pose in zip(seen, poses, strict=True)
        ]
        order = sorted(range(len(poses)), key=lambda row: -merits[row])
        return [poses[row] for row in order]

    def _with_chosen(self, ranked: Sequence[Pose]) -> tuple[Pose, ...]:
        """Return the people chosen before, then newcomers up to `max`."""
        kept = {person for person in self._chosen if person in self._visits}
        old = [pose for pose in ranked if pose.person in kept]
        free = self._settings.max - len(kept)
        new = [pose for pose in ranked if pose.person not in kept][:free]
        self._chosen = kept | {pose.person for pose in new}
        return (*old, *new)


def _merit(select: Select, seen: Observation, pose: Pose) -> float:
    """Return how well somebody fits, in frame heights, higher is better."""
    top, left, bottom, right = seen.box
    y, x = (top + bottom) / 2, (left + right) / 2
    if select == "leftmost":
        return -x
    if select == "center":
        height, width = pose.size
        return -math.hypot(y - 0.5, x - width / height / 2)
    return math.sqrt(seen.area)


def _feet(seen: Observation) -> Point:
    """Return (y, x) where somebody stands: at sure ankles, else at the box's lower edge."""
    ankles = [point for index in _ANKLES if (point := seen.points[index])]
    if not ankles:
        _, left, bottom, right = seen.box
        return bottom, (left + right) / 2
    return sum(y for y, _ in ankles) / len(ankles), sum(x for _, x in ankles) / len(ankles)


def _contains(zone: Sequence[Point], point: Sequence[float]) -> bool:
    """Return whether a point lies in a polygon: a ray from it crosses the edges an odd number."""
    y, x = point
    odd = False
    for (y1, x1), (y2, x2) in zip(zone, (*zone[1:], zone[0]), strict=True):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) / (y2 - y1) * (x2 - x1):
            odd = not odd
    return odd
