"""Exercises on the screen: a big number in a ring for everybody, and the end of a set."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import cv2
import numpy as np

from edgepose.language import Language, title_of
from edgepose.render.panels import draw_arc, draw_pill
from edgepose.render.sprites import Sprite, blend, panel, ring
from edgepose.render.style import INK, MUTED, PANEL, Rgb
from edgepose.render.text import MARGIN, PADDING, Page
from edgepose.types import Event, WatchState

DIGITS: Final = 176  # units of the font: digits are 0.73 of it, more than a sixth of the 720
_RING: Final = 320  # units: holds two digits, and the goal below them
_WIDER: Final = 1.32  # of the number's width, where it has three digits
_THICKNESS: Final = 0.06  # of the ring
_BELOW_STATS: Final = 46  # units
_BELOW_RING: Final = 100  # units: the title
_TIGHT: Final = 300  # units: a ring around two digits
_FULLEST: Final = 1.5  # scale beyond which a number grows inside its ring
_MOST: Final = 4  # people with numbers of their own

SET_SHOWN: Final = 4.0  # seconds
FINISHED_SHOWN: Final = 10.0
_LATE: Final = 10.0  # seconds left of a step, from which they are in the accent's colour
_WELL: Final = 0.8  # score of a routine that is worth a party
_FILLED: Final = 0.78  # share of a ring that a number may take
_DIMMED: Final = 0.3
_SET_RING: Final = 430  # units
_SET_DIGITS: Final = 250
SEPARATOR: Final = " · "
_ENDING: Final = 46  # units: words below the number
_ENDING_ROOM: Final = 0.9  # of the width
_CONFETTI: Final = 90
_FALL: Final = 0.45  # of the height, a second


@dataclass(frozen=True, slots=True, eq=False)
class Wording:
    """What is needed to write about exercises: the language, and the titles of watches by name."""

    language: Language = field(default_factory=Language)
    titles: Mapping[str, str] = field(default_factory=dict)

    def title(self, watch: str) -> str:
        """Return what people call a watch."""
        return self.titles.get(watch) or title_of(watch)

    def heading(self, state: WatchState) -> str:
        """Return the title above what is done: of a routine, that of its step with its place."""
        step = state.step
        if step is None:
            return self.title(state.name)
        return f"{step.title} · {step.number}/{step.steps}" if step.number else step.title


def draw_counters(
    page: Page,
    wording: Wording,
    everybody: Sequence[WatchState],
    places: Mapping[int, float],
    above: int = 0,
) -> Sequence[WatchState]:
    """Draw everybody's number, those on the picture's left first; return whose they are.

    places: x of people in canvas pixels, by person. above: pixels over everybody's head, which a
    number may fill on an upright screen.
    """
    shown = sorted(everybody, key=lambda state: -_weight(state))[:_MOST]
    shown.sort(key=lambda state: (places.get(state.person, math.inf), state.person))
    sprites = [_number(page, state) for state in shown]
    fits = _room(page) / sum(_diameter(page, sprite, 1.0) for sprite in sprites)
    scale = min(_largest(page, above), fits)
    for i, state in enumerate(shown):
        tile = Tile.of(page, wording, state, scale)
        _draw_tile(page, tile, _left(page, tile.ring, i, len(shown)))
    return shown


def _largest(page: Page, above: int) -> float:
    """Return the scale of one number: its digits are a sixth of the height where that has room."""
    height, width = page.size
    free = above - page.px(MARGIN + _BELOW_STATS + _BELOW_RING)
    return max(min(height / min(height, width), free / page.px(_TIGHT)), 1.0)


def _weight(state: WatchState) -> float:
    return state.count + state.score + state.held


def _room(page: Page) -> float:
    return page.size[1] - 3.0 * page.px(MARGIN)


def _left(page: Page, width: int, number: int, of: int) -> int:
    """Return where a tile begins: one alone at the right, several spread from left to right."""
    free = page.size[1] - width - 2 * page.px(MARGIN)
    return page.px(MARGIN) + round(free * (number / (of - 1) if of > 1 else 1.0))


def _number(page: Page, state: WatchState, scale: float = 1.0, colour: Rgb = INK) -> Sprite:
    return page.type.text(str(_amount_now(state)), page.px(DIGITS * scale), colour)


def _amount_now(state: WatchState) -> int:
    """Return repetitions, seconds held, or of a rest the seconds that are left."""
    if state.kind == "rest":
        return math.ceil(max(state.hold - state.held, 0.0))
    return state.count if state.kind == "exercise" else int(state.held)


def _share_now(state: WatchState) -> float:
    """Return how full the ring is: the present repetition, or the part of a goal in seconds."""
    if state.kind == "exercise":
        return min(max(state.score, 0.0), 1.0)
    whole = state.goal or state.hold
    return min(state.held / whole, 1.0) if whole else 0.0


def _diameter(page: Page, number: Sprite, scale: float) -> int:
    return max(page.px(_RING * min(scale, _FULLEST)), round(_WIDER * number.size[1]))


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """The ring of one person: the number, the goal, and the title below."""

    state: WatchState
    ring: int  # diameter in pixels
    number: Sprite
    goal: Sprite | None
    title: str
    left: str
    scale: float

    @classmethod
    def of(cls, page: Page, wording: Wording, state: WatchState, scale: float) -> Tile:
        """Return the tile of a state; `scale` 1 is full size."""
        colour = page.accent if _share_now(state) >= 1 else INK
        number = _number(page, state, scale, colour)
        words = goal_words(wording.language, state)
        goal = page.type.text(words, page.px(42 * min(scale, _FULLEST)), MUTED) if words else None
        diameter = _diameter(page, number, scale)
        title, left = wording.heading(state), time_left(wording.language, state)
        return cls(state, diameter, number, goal, title, left, scale)


def goal_words(language: Language, state: WatchState) -> str:
    """Return "of 12", for a hold "of 30 s" or "s"."""
    unit = "" if state.kind == "exercise" else " s"
    whole = state.goal or (state.hold if state.kind == "pose" else 0.0)
    return language.text("of_goal", goal=f"{whole:g}") + unit if whole else unit.strip()


def time_left(language: Language, state: WatchState) -> str:
    """Return "42 s left" of a step with a limit, `""` without one."""
    if state.step is None or state.step.left is None:
        return ""
    return language.text("time_left", seconds=math.ceil(state.step.left))


def _draw_tile(page: Page, tile: Tile, x: int) -> None:
    y = page.px(MARGIN + _BELOW_STATS)
    middle = x + tile.ring // 2
    blend(page.canvas, panel((tile.ring, tile.ring), tile.ring // 2, PANEL, 0.8), y, x)
    thickness = max(round(_THICKNESS * tile.ring), 1)
    blend(page.canvas, ring(tile.ring, thickness, INK, 0.2), y, x)
    share = _share_now(tile.state)
    if share > 0:
        centre = (middle, y + tile.ring // 2)
        draw_arc(page, centre, (tile.ring - thickness) // 2, thickness, share)
    lift = page.px(16 * tile.scale) if tile.goal else 0
    top = y + (tile.ring - tile.number.size[0]) // 2 - lift
    blend(page.canvas, tile.number, top, middle - tile.number.size[1] // 2)
    if tile.goal:
        below = y + round(0.7 * tile.ring)
        blend(page.canvas, tile.goal, below, middle - tile.goal.size[1] // 2)
    text = page.type.fitting(tile.title, page.px(max(34 * tile.scale, 24)), INK, tile.ring)
    bottom = y + tile.ring + page.px(8) + text.size[0] + page.px(PADDING)
    draw_pill(page, text, bottom, PANEL, 0.8, middle=middle)
    if tile.left:
        _draw_time_left(page, tile, bottom, middle)


def _draw_time_left(page: Page, tile: Tile, y: int, middle: int) -> None:
    """Write the time that a step has left below its title."""
    is_late = tile.state.step is not None and (tile.state.step.left or 0.0) < _LATE
    colour = page.accent if is_late else INK
    text = page.type.fitting(tile.left, page.px(max(34 * tile.scale, 24)), colour, tile.ring)
    draw_pill(page, text, y + text.size[0] + page.px(PADDING + 8), PANEL, 0.8, middle=middle)


@dataclass(frozen=True, slots=True)
class Ending:
    """What fills the screen at the end of a set or a routine.

    number: as large as possible, with its unit below. share: of the ring that is full. words: what
    is written below it. is_reached: whether it is worth a party. seed: of the confetti.
    """

    title: str
    number: str
    words: str
    unit: str = ""
    share: float = 1.0
    is_reached: bool = True
    seed: float = 0.0


def ending_of(wording: Wording, event: Event, kind: str) -> Ending:
    """Return the ending that an event is about. kind: of its watch, "exercise" or "hold"."""
    title, seed = wording.title(event.name), event.frame_time
    if event.type == "finished":
        score = event.score or 0.0
        words = routine_words(wording.language, event)
        return Ending(title, f"{100 * score:.0f}", words, "%", score, score >= _WELL, seed)
    return Ending(
        title,
        str(_amount(event, kind)),
        set_words(wording.language, event, kind),
        "s" if kind == "hold" else "",
        _share(event, kind),
        reached_goal(event, kind),
        seed,
    )


def draw_ending(page: Page, ending: Ending, since: float) -> None:
    """Fill the page with the end of a set or a routine. since: seconds."""
    cv2.convertScaleAbs(page.canvas, dst=page.canvas, alpha=_DIMMED)
    if ending.is_reached:
        _draw_confetti(page, ending.seed, since)
    height, width = page.size
    diameter, middle = page.px(_SET_RING), width // 2
    x, y = middle - diameter // 2, (height - diameter) // 2
    thickness = max(diameter // 14, 1)
    sweep = min(since / 0.5, 1.0) if ending.is_reached else ending.share
    blend(page.canvas, panel((diameter, diameter), diameter // 2, PANEL, 0.85), y, x)
    blend(page.canvas, ring(diameter, thickness, INK, 0.2), y, x)
    if sweep > 0:
        draw_arc(page, (middle, height // 2), (diameter - thickness) // 2, thickness, sweep)
    _draw_ending_number(page, ending, diameter)
    title = page.fitting(ending.title, 54, INK, 0.9)
    draw_pill(page, title, y - page.px(8), PANEL, 0.8)
    _draw_ending_words(page, ending, y + diameter + page.px(18))


def _draw_ending_words(page: Page, ending: Ending, y: int) -> None:
    """Write the words from y on, in one pill; on a narrow screen one a part."""
    is_narrow = len(page.lines(ending.words, _ENDING, _ENDING_ROOM)) > 1
    colour = page.accent if ending.is_reached else INK
    for words in ending.words.split(SEPARATOR) if is_narrow else (ending.words,):
        text = page.fitting(words, _ENDING, colour, _ENDING_ROOM)
        draw_pill(page, text, y + text.size[0], PANEL, 0.8)
        y += text.size[0] + page.px(PADDING + 8)


def _draw_ending_number(page: Page, ending: Ending, diameter: int) -> None:
    """Write the number into the ring, smaller where it has three digits, and its unit below."""
    (height, width), size = page.size, page.px(_SET_DIGITS)
    number = page.type.text(ending.number, size, INK)
    if number.size[1] > _FILLED * diameter:
        number = page.type.text(ending.number, int(size * _FILLED * diameter / number.size[1]), INK)
    lift = page.px(16) if ending.unit else 0
    y = (height - number.size[0]) // 2 - lift
    blend(page.canvas, number, y, (width - number.size[1]) // 2)
    if ending.unit:
        unit = page.text(ending.unit, 52, MUTED)
        below = (height + diameter) // 2 - page.px(110)
        blend(page.canvas, unit, below, (width - unit.size[1]) // 2)


def routine_words(language: Language, event: Event) -> str:
    """Return "finished, well done · 4 steps · 5:12 min"; who did little is not praised."""
    effort = event.effort
    is_praised = (event.score or 0.0) >= _WELL
    parts = [language.text("finished" if is_praised else "is_over")]
    if effort and (effort.steps or 0) > 1:
        parts.append(language.text("steps_done", count=effort.steps))
    if effort and effort.seconds:
        minutes, seconds = divmod(round(effort.seconds), 60)
        parts.append(f"{minutes}:{seconds:02d} min")
    return SEPARATOR.join(parts)


def set_words(language: Language, event: Event, kind: str) -> str:
    """Return "12 repetitions · 34 seconds · well done"."""
    effort = event.effort
    parts = []
    if kind == "hold":
        parts.append(language.text("seconds", seconds=_amount(event, kind)))
    else:
        parts.append(language.text("set_done", count=event.count or 0))
        if effort and effort.seconds:
            parts.append(language.text("seconds", seconds=round(effort.seconds)))
    if reached_goal(event, kind):
        parts.append(language.text("goal_reached"))
    return SEPARATOR.join(parts)


def reached_goal(event: Event, kind: str) -> bool:
    """Return whether a set or a hold was as long as it should be."""
    goal = event.effort.goal if event.effort else None
    return bool(goal) and _amount(event, kind) >= (goal or 0)


def _share(event: Event, kind: str) -> float:
    goal = event.effort.goal if event.effort else None
    return min(_amount(event, kind) / goal, 1.0) if goal else 0.0


def _amount(event: Event, kind: str) -> int:
    return int(event.held or 0) if kind == "hold" else event.count or 0


def _draw_confetti(page: Page, seed: float, since: float) -> None:
    """Let coloured paper fall; the same event gives the same pieces."""
    random = np.random.default_rng(int(abs(seed) * 1000))
    height, width = page.size
    places = random.uniform(0, 1, (_CONFETTI, 4))
    colours = (page.accent, INK, MUTED)
    for i, (x, start, speed, turn) in enumerate(places):
        y = start * 1.2 - 1.0 + _FALL * since * (0.7 + 0.9 * speed) + 0.25
        angle = 2 * math.pi * (turn + since * (0.3 + speed))
        side = page.px(7 + 6 * turn)
        flat = side * (0.35 + 0.65 * abs(math.cos(angle)))
        corners = np.array([[-side, -flat], [side, -flat], [side, flat], [-side, flat]]) / 2
        cos, sin = math.cos(angle), math.sin(angle)
        spun = corners @ np.array([[cos, sin], [-sin, cos]]) + (x * width, y * height)
        cv2.fillConvexPoly(page.canvas, np.rint(spun).astype(np.int32), colours[i % 3], cv2.LINE_AA)
