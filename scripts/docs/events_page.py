"""The page of events, from the class that is sent."""

from __future__ import annotations

from typing import Any, Final

import md

from edgepose import jsonio
from edgepose.outputs.mqtt.entities import EVENT_TYPES
from edgepose.types import Effort, Event, LimbMatch

_TYPES: Final = {
    "start": "the pose was held long enough, or the hold has begun",
    "end": "it is over; `held` has the seconds",
    "rep": "a repetition is complete",
    "partial": "a repetition turned back too early; `reason` says what was missing",
    "set": "the goal is reached, or nobody moved for `rest` seconds",
    "goal": "it was held for `goal` seconds",
    "routine": "the routine has begun",
    "step": "a step has begun",
    "timeout": "the time of a step is up",
    "finished": "the routine is done",
    "abandoned": "the routine ended early; `reason` says why",
}
_KEYS: Final = {
    "id": "the same when an event is sent again: at least once means that it may be",
    "type": "one of the types above",
    "name": "of the watch",
    "device": "the `name` of the configuration",
    "time": "Unix time in seconds",
    "frame_time": "seconds in the source",
    "person": "number of the track, from 1",
    "score": "0 to 1",
    "held": "seconds that a pose or a hold lasted",
    "count": "how often a pose began; repetitions of this set; the number of a step",
    "seconds": "of a repetition, a set or a routine, from its begin to its end",
    "down": "seconds from the start of a repetition to its target",
    "up": "seconds from the target back",
    "range": "the least and the greatest value of the exercise's signal",
    "faults": "sentences for the person, in the device's language",
    "reason": "why it was not counted, or what ended a step or a routine",
    "goal": "repetitions or seconds to reach",
    "step": "name of the step of a routine that it is about",
    "steps": "how many steps the routine has; at its end, how many were done",
    "deviated": "limbs that are off though the score suffices: `limb`, `degrees`, `text`",
}


def pages() -> dict[str, str]:
    """Return the page by its place below `docs`. Raises AssertionError where the code has more."""
    known = {one for types in EVENT_TYPES.values() for one in types}
    assert known == set(_TYPES), known ^ set(_TYPES)
    full = _full().to_dict()
    assert set(full) == set(_KEYS), set(full) ^ set(_KEYS)
    kinds = {one: [kind for kind, types in EVENT_TYPES.items() if one in types] for one in _TYPES}
    text = md.page(
        "Events",
        "An event is one JSON object. It goes to every output: a line of `jsonl`, a message on "
        "MQTT's `events`, the body of a `webhook`, the page's stream; `edgepose run` prints it.",
        "Which output keeps an event over a fault is in "
        "[what becomes of an event](../health.md#what-becomes-of-an-event).",
        "## Types",
        md.table(
            ("type", "when", "kinds of watch"),
            [(md.code(one), text, ", ".join(kinds[one])) for one, text in _TYPES.items()],
        ),
        "A routine passes on the events of its steps under its own name.",
        "## Keys",
        "A key that does not apply is left out.",
        md.table(
            ("key", "meaning", "example"),
            [(md.code(key), text, md.code(_json(full[key]))) for key, text in _KEYS.items()],
        ),
        "## As they are sent",
        md.fence("\n".join(_json(one.to_dict()) for one in _examples()), "json"),
        "More about each kind is in [Poses, counts, routines](../counting.md#events).",
    )
    return {"reference/events.md": text}


def _json(value: Any) -> str:
    return jsonio.dumps(value).decode()


def _full() -> Event:
    """Return an event with every key."""
    limb = LimbMatch("left_forearm", "deviated", 31.0, 0.0, "raise your left arm")
    effort = Effort(
        seconds=2.1, down=1.1, up=1.0, range=(84.5, 172.1), faults=("keep your chest up",),
        reason="go deeper: 112°, needs 100°", goal=12.0, step="squat", steps=9,
    )  # fmt: skip
    return Event(
        "1795900000.120000-k3x9ab", "rep", "squats", "gym", 1795900000.12, 41.2, 1, 0.93, 2.7, 3,
        (limb,), effort,
    )  # fmt: skip


def _examples() -> list[Event]:
    def event(type: str, name: str, **more: Any) -> Event:
        return Event(f"1795900000.120000-{type[:6]:x<6}", type, name, "gym", 1795900000.12, 41.2,
                     1, **more)  # fmt: skip

    rep = Effort(seconds=2.1, down=1.1, up=1.0, range=(84.5, 172.1), faults=())
    return [
        event("start", "hands_up", score=0.97, held=1.0, count=1),
        event("rep", "squats", count=3, effort=rep),
        event("partial", "squats", count=3, effort=Effort(
            range=(112.0, 171.0), reason="go deeper: 112°, needs 100°")),
        event("set", "squats", count=12, effort=Effort(seconds=41.3, goal=12)),
        event("step", "workout", count=2, effort=Effort(goal=10, step="squat", steps=9)),
    ]  # fmt: skip
