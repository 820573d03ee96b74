"""The topics of one device, and the payloads of its state topics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from edgepose.outputs.poses_json import poses_json
from edgepose.types import Scene, WatchKind, WatchState

ON: Final = "ON"
OFF: Final = "OFF"
ONLINE: Final = "online"
OFFLINE: Final = "offline"  # the last will
STOPPED: Final = "stopped"  # an orderly end
DISABLED: Final = "disabled"  # detection is switched off

SCORE_EVERY: Final = 1.0  # seconds of the source between two scores of a watch
SHALLOW: Final = 0.25
"""Share of the way to the target below which nobody is on the way yet: the number sways around the
start threshold while a person stands, and each change would be a message."""
IDLE: Final = "idle"  # of a phase, and of a routine's step
KINDS: Final[Mapping[str, WatchKind]] = {}  # of watches that are all poses
_ALWAYS: Final = ("pose/+", "pose/+/score", "count/+")
_MORE: Final[dict[WatchKind, tuple[str, ...]]] = {
    "exercise": ("phase/+",),
    "hold": ("phase/+", "held/+"),
    "routine": ("phase/+", "held/+", "step/+"),
}  # topics of states, + for the name of the watch, besides those that every kind has
COMMANDS: Final = {
    "detect": "detect/set",
    "profile": "profile/set",
    "template": "template/set",
    "thresholds": "thresholds/set",
    "routine": "routine/set",
    "capture": "capture",
    "save": "save",
    "reload": "reload",
    "restart": "restart",
}  # command -> its topic


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics below `prefix/node`; node is the device's name."""

    prefix: str
    node: str

    def of(self, *parts: str) -> str:
        """Return `prefix/node/...`."""
        return "/".join((self.prefix, self.node, *parts))

    @property
    def available(self) -> str:
        """Return the topic of `online`, `offline` or `stopped`."""
        return self.of("available")

    @property
    def events(self) -> str:
        """Return the topic of events."""
        return self.of("events")

    @property
    def claim(self) -> str:
        """Return the topic of the device's name claim."""
        return self.of("device")

    @property
    def commands(self) -> dict[str, str]:
        """Return the commands by their topics."""
        return {self.of(path): command for command, path in COMMANDS.items()}

    @property
    def every_watch(self) -> list[str]:
        """Return filters for the states of all watches that this device has or ever had."""
        patterns = dict.fromkeys((*_ALWAYS, *(p for more in _MORE.values() for p in more)))
        return [self.of(pattern) for pattern in patterns]

    def is_of_watch(self, topic: str) -> bool:
        """Return whether a topic is of the state of a watch, be it one that is gone."""
        return any(topic.startswith(pattern.partition("+")[0]) for pattern in self.every_watch)

    def of_watches(
        self, watches: Iterable[str], kinds: Mapping[str, WatchKind] = KINDS
    ) -> frozenset[str]:
        """Return the topics of the states of some watches. kinds: of those that are no poses."""
        return frozenset(
            self.of(pattern.replace("+", watch))
            for watch in watches
            for pattern in (*_ALWAYS, *_MORE.get(kinds.get(watch, "pose"), ()))
        )

    def reply(self, command: str) -> str:
        """Return the topic of replies to a command."""
        return self.of(command, "reply")


class States:
    """The payloads of state topics: `pose/<watch>`, `count/<watch>`, `persons` and so on.

    Exercises have `phase/<watch>`, holds `held/<watch>` in whole seconds, routines `step/<watch>`.
    A score is sent at most every SCORE_EVERY seconds of the source, and when ON or OFF changes: it
    moves with every frame and is meant for a gauge, not for a recording.
    """

    def __init__(self, watches: Sequence[str] = (), kinds: Mapping[str, WatchKind] = KINDS) -> None:
        """Take the names of all watches; one that a scene lacks is off. kinds: by name."""
        self._watches = watches
        self._kinds = kinds
        self._sent: dict[str, tuple[float, str]] = {}  # watch -> time of its score, ON or OFF

    def of(self, scene: Scene) -> dict[str, str]:
        """Return payloads by topic part, without scores that were sent just now."""
        states = {"persons": str(len(scene.poses))}
        for watch in scene.watches:
            states |= self._watch(watch, scene.frame.time)
        seen = {watch.name for watch in scene.watches}
        return states | self._off(name for name in self._watches if name not in seen)

    def empty(self) -> dict[str, str]:
        """Return the states of a device that sees nothing."""
        return {"persons": "0"} | self._off(self._watches)

    def _off(self, watches: Iterable[str]) -> dict[str, str]:
        states: dict[str, str] = {}
        for watch in watches:
            self._sent.pop(watch, None)
            states |= {f"pose/{watch}": OFF, f"pose/{watch}/score": "0.00"}
            states |= self._of_kind(WatchState(watch))
        return states

    def _watch(self, watch: WatchState, time: float) -> dict[str, str]:
        pose = ON if watch.phase in ("active", "releasing") else OFF
        states = {f"pose/{watch.name}": pose, f"count/{watch.name}": str(watch.count)}
        sent_at, sent = self._sent.get(watch.name, (-SCORE_EVERY, ""))
        if pose != sent or not 0.0 <= time - sent_at < SCORE_EVERY:
            self._sent[watch.name] = time, pose
            states[f"pose/{watch.name}/score"] = f"{watch.score:.2f}"
        return states | self._of_kind(watch)

    def _of_kind(self, watch: WatchState) -> dict[str, str]:
        """Return the states that only some kinds have."""
        step = watch.step
        title = step.title if step and step.number else IDLE
        is_swaying = watch.phase == "going" and watch.score < SHALLOW
        values = {
            "phase": "ready" if is_swaying else watch.phase,
            "held": f"{watch.held:.0f}",
            "step": title,
        }
        topics = _MORE.get(self._kinds.get(watch.name, "pose"), ())
        return {
            pattern.replace("+", watch.name): values[pattern.partition("/")[0]]
            for pattern in topics
        }


def keypoints(scene: Scene) -> bytes:
    """Return the payload of `keypoints`: all poses, in pixels of the source frame."""
    return f"{{{poses_json(scene.frame, scene.poses)}}}".encode()
