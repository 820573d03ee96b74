"""One thing that a person should change about their pose, and the English words for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "turn_to_face": "turn to face me",
        "turn_away": "turn your back to me",
        "turn_around": "turn around",
        "turn_sideways": "turn sideways",
        "turn_left": "turn to your left",
        "turn_right": "turn to your right",
        "step_back": "step back until I see your feet",
        "lie_down": "lie down",
        "get_up": "get up",
        "straighten_up": "straighten your back",
        "lean_left": "lean to your left",
        "lean_right": "lean to your right",
        "lean_forward": "lean forward",
        "lean_back": "lean back",
        "level_shoulders": "level your shoulders",
        "level_hips": "level your hips",
        "stand_wider": "stand wider",
        "stand_closer": "bring your feet together",
        "raise": "raise {part}",
        "lower": "lower {part}",
        "out": "move {part} out to the side",
        "in": "bring {part} in",
        "forward": "move {part} forward",
        "back": "move {part} back",
        "bend": "bend {part}",
        "straighten": "straighten {part}",
        "left_shoulder": "your left shoulder",
        "right_shoulder": "your right shoulder",
        "left_arm": "your left arm",
        "right_arm": "your right arm",
        "arms": "your arms",
        "left_elbow": "your left elbow",
        "right_elbow": "your right elbow",
        "elbows": "your elbows",
        "left_hand": "your left hand",
        "right_hand": "your right hand",
        "hands": "your hands",
        "left_hip": "your left hip",
        "right_hip": "your right hip",
        "left_leg": "your left leg",
        "right_leg": "your right leg",
        "legs": "your legs",
        "left_knee": "your left knee",
        "right_knee": "your right knee",
        "knees": "your knees",
        "left_foot": "your left foot",
        "right_foot": "your right foot",
        "feet": "your feet",
    }
)
"""By key: actions, then body parts, which stand in the place of `{part}`."""


WHOLE_BODY: Final = frozenset(
    {
        "turn_to_face", "turn_away", "turn_around", "turn_sideways", "turn_left", "turn_right",
        "step_back", "lie_down", "get_up",
    }
)  # fmt: skip
"""Actions that move the whole person; what single limbs should do is seen after them."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One thing to change: an action, and the body part of those actions that have one.

    action, part: keys of ENGLISH, or of the same table in another language. limbs: names of those
    that it is about. degrees: how far the worst of them is off; orders corrections.
    """

    action: str
    part: str = ""
    limbs: tuple[str, ...] = ()
    degrees: float = 0.0

    def text(self, texts: Mapping[str, str] = ENGLISH) -> str:
        """Return the words for it, of a table that has every key of ENGLISH."""
        return texts[self.action].format(part=texts[self.part] if self.part else "")
