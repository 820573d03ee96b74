"""The body of a posed skeleton: chains of ellipsoids for trunk, head, hair, limbs, hands, feet.

Sizes are metres at stature 1.75 m, half widths and half depths, from anthropometric means.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.looks import (
    BOTTOM,
    EXTRA,
    HAIR,
    NUM_MATERIALS,
    SHOE,
    SKIN,
    TOP,
    Appearance,
)
from edgepose.train.synth.raster import CHAIN_COLUMNS, FACE_COLUMNS
from edgepose.train.synth.skeleton3d import Build, Matrix, PosedSkeleton, Vector

_NO_BORDER: Final = 9.0  # beyond the second end: all of the first material


@dataclass(frozen=True, slots=True)
class BodyShape:
    """The thickness of a chain: (half width, half depth) at both ends, bulge, overhang."""

    start: tuple[float, float]
    end: tuple[float, float]
    bulge: float = 0.0
    overhang: float = 0.35

    def scaled(self, factor: float) -> BodyShape:
        """Return the shape `factor` times as thick."""
        start = (self.start[0] * factor, self.start[1] * factor)
        return BodyShape(
            start, (self.end[0] * factor, self.end[1] * factor), self.bulge, self.overhang
        )


@dataclass(slots=True)
class Chains:
    """The chains of one person in world axes. person: which set of materials and face."""

    person: int
    stature: float
    rows: list[NDArray[np.float64]] = field(default_factory=list)

    def add(
        self,
        start: Vector,
        end: Vector,
        side: Vector,
        shape: BodyShape,
        first: int,
        *,
        second: int | None = None,
        border: float = _NO_BORDER,
        face: bool = False,
    ) -> None:
        """Add one chain from `start` to `end`, `first` material up to `border`, then `second`."""
        row = np.empty(CHAIN_COLUMNS)
        row[:3], row[3:6], row[6:9] = start, end, side
        row[9:11], row[11:13] = shape.start, shape.end
        row[9:13] *= self.stature
        row[13], row[14] = shape.bulge, shape.overhang
        offset = self.person * NUM_MATERIALS
        row[15] = offset + first
        row[16] = offset + (first if second is None else second)
        row[17] = border
        row[18] = self.person if face else -1
        self.rows.append(row)

    def ball(self, centre: Vector, radius: float, material: int) -> None:
        """Add a round thing."""
        end = centre + np.array([0.0, 0.01, 0.0])
        shape = BodyShape((radius, radius), (radius, radius))
        self.add(centre, end, np.array([1.0, 0.0, 0.0]), shape, material)


@dataclass(frozen=True, slots=True)
class BodyModel:
    """A person without a pose."""

    build: Build
    look: Appearance


def _trunk(chains: Chains, person: BodyModel, figure: PosedSkeleton) -> None:
    look, build, girth = person.look, person.build, person.build.girth
    points, frames, size = figure.points, figure.frames, build.stature
    pelvis, middle, trunk = frames["pelvis"], frames["middle"], frames["trunk"]
    seat = pelvis @ np.array([0.0, -0.05, -0.015]) * size
    hips = pelvis @ np.array([0.0, 0.06, 0.0]) * size
    waist, top = points["waist"], points["top"]
    chest = waist + (top - waist) * 0.62
    hem = BOTTOM if look.top_length < 0.3 else TOP
    cloth = SKIN if look.midriff else TOP
    wide = girth * look.loose
    hip = BodyShape((0.13 + 0.2 * build.hip, 0.115), (0.155, 0.108), 0.04, 0.9).scaled(wide)
    chains.add(seat, hips, pelvis[:, 0], hip, BOTTOM, second=hem, border=1.0 - look.top_length)
    belly = BodyShape(
        (0.150, 0.108), (0.133 - 0.008 * look.bosom, 0.1 + 0.03 * (girth - 1)), 0, 0.6
    )
    chains.add(hips, waist, middle[:, 0], belly.scaled(wide), hem, second=cloth, border=0.4)
    ribs = BodyShape(belly.end, (0.158 - 0.01 * look.bosom, 0.115), 0.02, 0.6)
    chains.add(waist, chest, trunk[:, 0], ribs.scaled(wide), cloth, second=TOP, border=0.35)
    yoke = BodyShape((0.158 - 0.01 * look.bosom, 0.115), (0.118, 0.078), 0.06, 0.6)
    chains.add(chest, top + trunk @ np.array([0, 0.005, 0]), trunk[:, 0], yoke.scaled(wide), TOP)
    shoulders = BodyShape((0.058, 0.06), (0.058, 0.06), 0.25, 0.2)
    bar = build.limb_girth * look.loose
    left, right = points["l_shoulder"], points["r_shoulder"]
    chains.add(left, right, trunk[:, 1], shoulders.scaled(bar), TOP)
    _bosom(chains, person, chest, trunk)


def _bosom(chains: Chains, person: BodyModel, chest: Vector, trunk: Matrix) -> None:
    build, bosom = person.build, person.look.bosom
    for side in (1.0, -1.0) if bosom else ():
        centre = chest + trunk @ np.array([side * 0.072, 0.02, 0.068]) * build.stature
        chains.ball(centre, 0.062 * build.girth * (0.75 + 0.3 * bosom), TOP)


def _neck_and_head(chains: Chains, person: BodyModel, figure: PosedSkeleton) -> None:
    build, look = person.build, person.look
    points, head = figure.points, figure.frames["head"]
    size = build.head * build.stature
    centre = points["head"]
    collar = points["top"] + figure.frames["trunk"] @ np.array([0, -0.01, 0]) * build.stature
    neck = BodyShape((0.06, 0.06), (0.054, 0.056), 0.0, 0.3).scaled(build.limb_girth)
    above = centre + head @ np.array([0, -0.04, -0.02]) * size
    chains.add(collar, above, head[:, 0], neck, HAIR if look.hood else SKIN)

    def at(x: float, y: float, z: float) -> Vector:
        return centre + head @ np.array([x, y, z]) * size

    skull = BodyShape((0.076, 0.096), (0.054, 0.060), 0.03, 0.95).scaled(build.head)
    chains.add(at(0, 0.05, -0.012), at(0, -0.075, 0.028), head[:, 0], skull, SKIN, face=True)
    nose = BodyShape((0.011, 0.012), (0.017, 0.016), 0.0, 0.6).scaled(build.head)
    chains.add(at(0, 0.012, 0.086), at(0, -0.025, 0.102), head[:, 0], nose, SKIN)
    ear = BodyShape((0.009, 0.02), (0.008, 0.014), 0.0, 0.9).scaled(build.head)
    for side in (1.0, -1.0) if look.hair != "long" else ():
        ends = at(side * 0.077, 0.018, -0.01), at(side * 0.074, -0.022, -0.004)
        chains.add(*ends, head[:, 0], ear, SKIN)
    if look.mask:
        mouth = BodyShape((0.045, 0.03), (0.042, 0.032), 0.1, 0.8).scaled(build.head)
        chains.add(at(0, -0.025, 0.072), at(0, -0.08, 0.066), head[:, 0], mouth, EXTRA)
    _hair(chains, person, figure)


def _hair(chains: Chains, person: BodyModel, figure: PosedSkeleton) -> None:
    look, head = person.look, figure.frames["head"]
    size, centre = person.build.head * person.build.stature, figure.points["head"]

    def strand(start: list[float], end: list[float], thick: tuple[float, float]) -> None:
        shape = BodyShape((thick[0],) * 2, (thick[1],) * 2, 0.0, 0.9).scaled(person.build.head)
        ends = centre + head @ np.array(start) * size, centre + head @ np.array(end) * size
        chains.add(*ends, head[:, 0], shape, EXTRA if look.hood else HAIR)

    if look.hair in ("full", "long", "tail") or look.hood:
        strand([0, 0.05, -0.02], [0, 0.0, -0.04], (0.089, 0.085))
    if look.hair == "long":
        strand([0, 0.0, -0.05], [0, -0.2, -0.075], (0.088, 0.07))
    if look.hair == "tail":
        strand([0, 0.07, -0.1], [0, -0.14, -0.15], (0.042, 0.024))
    if look.hat:
        brim = BodyShape((0.094, 0.1), (0.07, 0.05), 0.0, 0.9).scaled(person.build.head)
        ends = [0, 0.075, -0.015], [0, 0.055, 0.1]
        start, end = (centre + head @ np.array(place) * size for place in ends)
        chains.add(start, end, head[:, 0], brim, EXTRA)


def _sleeve(reach: float, loose: float) -> tuple[int, float, float]:
    """Return (material at the start, border, width factor) of a limb half with cloth to `reach`."""
    if reach <= 0.02:
        return SKIN, _NO_BORDER, 1.0
    return TOP, reach if reach < 0.97 else _NO_BORDER, 1.0 + 0.9 * (loose - 1.0) + 0.06


def _arm(chains: Chains, person: BodyModel, figure: PosedSkeleton, letter: str) -> None:
    look, girth, points = person.look, person.build.limb_girth, figure.points
    trunk = figure.frames["trunk"]
    shoulder, elbow, wrist = (points[f"{letter}_{n}"] for n in ("shoulder", "elbow", "wrist"))
    cloth, border, wide = _sleeve(look.sleeve, look.loose)
    upper = BodyShape((0.056, 0.056), (0.040, 0.041), 0.1, 0.5).scaled(girth * wide)
    chains.add(shoulder, elbow, trunk[:, 2], upper, cloth, second=SKIN, border=border)
    cloth, border, wide = _sleeve(look.sleeve - 1.0, look.loose)
    fore = BodyShape((0.041, 0.041), (0.028, 0.025), 0.14, 0.5).scaled(girth * wide)
    chains.add(elbow, wrist, trunk[:, 2], fore, cloth, second=SKIN, border=border)
    _hand(chains, person, figure, letter)


def _hand(chains: Chains, person: BodyModel, figure: PosedSkeleton, letter: str) -> None:
    look, girth = person.look, person.build.limb_girth
    wrist, tip = figure.points[f"{letter}_wrist"], figure.points[f"{letter}_tip"]
    side = figure.frames["trunk"][:, 2]
    knuckles = wrist + (tip - wrist) * 0.5
    end = wrist + (tip - wrist) * (0.5 + 0.5 * look.fist)
    chains.add(
        wrist, knuckles, side, BodyShape((0.03, 0.022), (0.041, 0.02), 0.1).scaled(girth), SKIN
    )
    chains.add(knuckles, end, side, BodyShape((0.04, 0.019), (0.026, 0.012)).scaled(girth), SKIN)
    if look.held == "ball" and letter == "l":
        chains.ball(knuckles, 0.11, EXTRA)
    if look.held == "bar":
        reach = side * 0.16
        thin = BodyShape((0.022, 0.022), (0.022, 0.022), -0.2)
        chains.add(knuckles - reach, knuckles + reach, figure.frames["trunk"][:, 0], thin, EXTRA)


def _leg(chains: Chains, person: BodyModel, figure: PosedSkeleton, letter: str) -> None:
    look, build, points = person.look, person.build, figure.points
    hip, knee, ankle = (points[f"{letter}_{name}"] for name in ("hip", "knee", "ankle"))
    across = figure.frames["pelvis"][:, 0]
    bare = look.leg < 0.97
    wide = 1.0 if look.leg <= 0.4 else 0.5 + 0.5 * look.loose + 0.04
    thigh = BodyShape((0.089, 0.095), (0.058, 0.060), 0.06, 0.5).scaled(build.girth**0.6 * wide)
    border = look.leg if bare else _NO_BORDER
    chains.add(hip, knee, across, thigh, BOTTOM, second=SKIN, border=border)
    cloth = SKIN if bare else BOTTOM
    border = look.leg - 1.0 if look.leg < 1.93 else _NO_BORDER
    wide = 1.0 if bare else 0.5 + 0.5 * look.loose + 0.06
    hem = 0.040 * (look.flare if look.leg > 1.8 else 1.0)
    shin = BodyShape((0.056, 0.058), (hem, hem), 0.16, 0.5).scaled(build.limb_girth * wide)
    chains.add(knee, ankle, across, shin, cloth, second=SKIN, border=border)
    heel, toe = points[f"{letter}_heel"], points[f"{letter}_toe"]
    chains.add(ankle, heel, across, BodyShape((0.038, 0.042), (0.036, 0.046), 0, 0.6), SHOE)
    chains.add(heel, toe, across, BodyShape((0.038, 0.04), (0.04, 0.026), 0.06, 0.9), SHOE)


def _skirt(chains: Chains, person: BodyModel, figure: PosedSkeleton) -> None:
    look, points = person.look, figure.points
    if not look.skirt:
        return
    hips = (points["l_hip"] + points["r_hip"]) / 2
    knees = (points["l_knee"] + points["r_knee"]) / 2
    spread = float(np.linalg.norm(points["l_knee"] - points["r_knee"])) / 2
    hem = max(0.17, 0.09 + spread * min(look.skirt, 1.0))
    shape = BodyShape((0.16, 0.13), (hem, 0.15), 0.0, 0.3).scaled(person.build.girth)
    end = hips + (knees - hips) * look.skirt
    chains.add(hips, end, figure.frames["pelvis"][:, 0], shape, BOTTOM)


def body_chains(person: BodyModel, figure: PosedSkeleton, index: int = 0) -> NDArray[np.float64]:
    """Return the chains (n, columns) of a posed person in world axes; index: which person."""
    chains = Chains(index, person.build.stature)
    _trunk(chains, person, figure)
    _neck_and_head(chains, person, figure)
    for letter in "lr":
        _arm(chains, person, figure, letter)
        _leg(chains, person, figure, letter)
    _skirt(chains, person, figure)
    return np.stack(chains.rows)


def face_row(person: BodyModel, figure: PosedSkeleton, index: int = 0) -> NDArray[np.float64]:
    """Return the painted face (columns,) of a posed person in world axes."""
    look, row = person.look, np.zeros(FACE_COLUMNS)
    row[:3] = figure.points["head"]
    row[3:12] = figure.frames["head"].T.ravel()
    row[12] = person.build.head * person.build.stature
    row[13] = look.hairline
    row[14:18] = look.hair != "bald", look.hair == "long", look.beard, look.glasses
    row[18], row[19] = index * NUM_MATERIALS + SKIN, index * NUM_MATERIALS + HAIR
    return row
