"""Thresholds, templates and profiles changed while running; the latest poses to teach from."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from edgepose.appliance import assembly
from edgepose.appliance.exercises import REMEMBERED
from edgepose.config.edit import Edits, Place, save_edits
from edgepose.config.loader import Config
from edgepose.config.profiles import OverrideSection, ProfileSection, overlaid
from edgepose.config.schema import WatchSection
from edgepose.config.templates import adapt, load_templates
from edgepose.core.teaching import FRAMES
from edgepose.core.trigger import TUNABLE
from edgepose.core.watches.trace import Seen
from edgepose.definitions import template_file
from edgepose.engine.perception import Watch
from edgepose.errors import UserError, near_miss
from edgepose.options import Options
from edgepose.outputs.base import Output
from edgepose.system import atomic, state_file
from edgepose.system.paths import state_folder
from edgepose.types import Pose, Scene
from edgepose.yamldoc.describe import takes_at

log = logging.getLogger(__name__)

Section = TypeVar("Section", bound=Options)

DECIMALS: Final = 4  # of a threshold; a slider has two


class Tuning:
    """Changes to the watches of a configuration while it runs.

    Every change is whole or refused with UserError, and takes effect in the running `watches`
    that are handed in. sections: by name, as they are now, whatever the profile says.
    profile: the one to begin with, if the configuration has it.
    """

    def __init__(self, config: Config, profile: str = "") -> None:
        self.config = config
        self.sections: dict[str, WatchSection] = dict(config.watches)
        self._profiles = Profiles(config.name, config.profiles, profile)

    @property
    def profile(self) -> str:
        """Return the profile in use, "" where there are none."""
        return self._profiles.active

    @property
    def is_unsaved(self) -> bool:
        """Return whether anything differs from the file."""
        return bool(self._edits())

    def state(self) -> dict[str, dict[str, Any]]:
        """Return the thresholds that hold for each watch, its template, and whether it counts."""
        return {name: self._watch_state(name) for name in self.sections}

    def _watch_state(self, name: str) -> dict[str, Any]:
        section, is_on = self._in_profile(name)
        stems = [path.stem for path in section.templates]
        has_score = section.exercise is None and section.routine is None
        state: dict[str, Any] = {key: getattr(section, key) for key in TUNABLE if has_score}
        state["exercise"] = section.exercise.stem if section.exercise else ""
        return state | {"template": stems[0] if len(stems) == 1 else stems, "is_on": is_on}

    def use_profile(self, value: Any, watches: Iterable[Watch]) -> str:
        """Switch to another profile: its name."""
        name, before = self._profiles.known(value), self.profile
        self._profiles.active = name
        try:
            self.retune(watches)
        except UserError:
            self._profiles.active = before
            raise
        self._profiles.remember()
        on = [watch for watch in self.sections if self._in_profile(watch)[1]]
        return f"profile '{name}' is in use: watching {', '.join(on) or 'nothing'}"

    def tune(self, value: Any, watches: Iterable[Watch]) -> str:
        """Change thresholds: {"watch", "enter" ...}; return what was changed."""
        name, changes = self._watch_and_changes(value, TUNABLE)
        changes = {  # as they will be in the file, so that what runs is what is saved
            key: round(number, DECIMALS) if isinstance(number, float) else number
            for key, number in changes.items()
        }
        self._apply(name, changes, watches)
        done = ", ".join(f"{key} {number:g}" for key, number in changes.items() if number)
        return f"{name}: {done or 'unchanged'}; not saved yet"

    def use_template(self, value: Any, watches: Iterable[Watch]) -> str:
        """Change the template of a watch: {"watch", "template": name}."""
        name, changes = self._watch_and_changes(value, ("template",))
        path = self.template_path(changes.get("template"))
        if not path.is_file():
            known = [found.stem for found in path.parent.glob("*.yaml")]
            raise UserError(
                f"no template '{path.stem}' in {path.parent}{near_miss(path.stem, known)}"
            )
        self._apply(name, {"template": path}, watches)
        return f"{name}: looks for template '{path.stem}' now; not saved yet"

    def watch_for(self, name: str) -> None:
        """Write into the file that a watch looks for the template `name`: its own, or a new one.

        What was changed and not saved is written, too. Raises UserError where that can't be.
        """
        path, place = self.template_path(name), ("watch", name)
        edits = self._edits()
        if name in self.sections:
            edits = {**edits, (*place, "template"): path}
        else:
            edits = {**edits, place: {"template": os.path.relpath(path, self.config.base)}}
        save_edits(self.config.path, edits)

    def save(self) -> list[str]:
        """Write what differs into the file; return the names of the watches that did."""
        edits = self._edits()
        if edits:
            save_edits(self.config.path, edits)
        return list(dict.fromkeys(place[place.index("watch") + 1] for place in edits))

    def _edits(self) -> Edits:
        """Return what differs from the file, by its place there."""
        edits: dict[Place, Any] = {}
        for name, section in self.sections.items():
            edits |= _changes(("watch", name), self.config.watches[name], section)
        for profile, changed in self._profiles.sections.items():
            for name, override in (changed.watch or {}).items():
                before = self.config.profiles[profile].of(name)
                edits |= _changes(("profiles", profile, "watch", name), before, override)
        return edits

    def retune(self, watches: Iterable[Watch], *, is_read: bool = False) -> None:
        """Apply the sections to running watches, all or none.

        is_read: templates are used as they were read with the configuration; else they are read
        again, which raises TemplateError.
        """
        ready = [(watch, *self._in_profile(watch.name)) for watch in watches]
        own = {w.name: self.config.templates[w.name] if is_read else load_templates(s)
               for w, s, _ in ready}  # fmt: skip
        for watch, section, is_on in ready:
            watch.tune(adapt(own[watch.name], section), assembly.thresholds(section))
            watch.is_on = is_on

    def _in_profile(self, name: str) -> tuple[WatchSection, bool]:
        """Return a watch as the profile in use has it, and whether it counts there."""
        override = self._profiles.override(name)
        if override is None:
            return self.sections[name], False
        return overlaid(self.sections[name], override), True

    def _apply(self, name: str, changes: Mapping[str, Any], watches: Iterable[Watch]) -> None:
        """Check a watch with some values changed, and apply them.

        What the profile in use overrides is changed there, everything else in the watch.
        """
        override = self._profiles.override(name) or OverrideSection()
        section, profiles = self.sections[name], dict(self._profiles.sections)
        of_profile = {key: value for key, value in changes.items() if key in override.changes}
        try:
            numbers = {key: value for key, value in changes.items() if key in TUNABLE}
            OverrideSection.model_validate(numbers, strict=True)  # neither "1" nor true is a number
            own = {key: value for key, value in changes.items() if key not in of_profile}
            self.sections[name] = _changed(section, own)
            if of_profile:
                override = _changed(override, of_profile)
                self._profiles.sections[self.profile] = self._profiles.with_override(name, override)
            self.retune(watch for watch in watches if watch.name == name)
        except ValueError as error:  # pydantic's, or a UserError about the template
            self.sections[name], self._profiles.sections = section, profiles
            raise UserError(f"{name}: {_sentence(error)}") from error

    def _watch_and_changes(self, value: Any, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
        if not isinstance(value, dict) or not isinstance(value.get("watch"), str):
            raise UserError('expected an object with "watch" and what to change')
        name = value["watch"]
        if name not in self.sections:
            raise UserError(f"no watch '{name[:40]}'{near_miss(name, self.sections)}")
        for key in value.keys() - {"watch", *keys}:
            raise UserError(f"{name}: can't change '{key:.40}'{near_miss(str(key), keys)}")
        changes = {key: value[key] for key in keys if key in value}
        if not changes:
            raise UserError(f"{name}: expected one of {', '.join(keys)}, found none")
        return name, changes

    def template_path(self, name: Any) -> Path:
        """Return the file of a template by name. Raises UserError for what can't be one."""
        return self.config.base / "templates" / f"{template_file.must_be_name(name)}.yaml"


def _changed(section: Section, changes: Mapping[str, Any]) -> Section:
    """Return a section with other values. Raises ValueError (pydantic's)."""
    return section.model_validate(section.model_dump(exclude_unset=True) | dict(changes))


def _changes(place: Place, before: Options | None, after: Options) -> dict[Place, Any]:
    """Return the values that differ, by their place in the file."""
    values = {key: getattr(after, key) for key in type(after).model_fields}
    return {(*place, k): v for k, v in values.items() if v != getattr(before, k, None)}


def _sentence(error: ValueError) -> str:
    """Return the first problem: the key, what was expected, what was found."""
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    place = first["loc"][:1]
    if first["type"] == "value_error":
        text = str(first["ctx"]["error"])
    else:
        text = f"expected {takes_at(WatchSection, place)}, found {first['input']!r:.40}"
    return f"{place[0]}: {text}" if place else text


class Profiles:
    """The profiles of a device as they are now, and the name of the one in use.

    sections: by name, as they are now. active: a name, "" where there are no profiles.
    """

    def __init__(self, device: str, sections: Mapping[str, ProfileSection], active: str) -> None:
        """Begin with `active`, else with the last choice, else with the first."""
        self.sections = dict(sections)
        self._memory = _memory(device)
        known = (name for name in (active, self._remembered()) if name in self.sections)
        self.active = next(known, next(iter(self.sections), ""))

    def override(self, watch: str) -> OverrideSection | None:
        """Return what differs for a watch at present, None where it does not count."""
        section = self.sections.get(self.active)
        return OverrideSection() if section is None else section.of(watch)

    def with_override(self, watch: str, override: OverrideSection) -> ProfileSection:
        """Return the profile in use with something else for a watch."""
        section = self.sections[self.active]
        return section.model_copy(update={"watch": {**(section.watch or {}), watch: override}})

    def known(self, name: Any) -> str:
        """Return the name of a profile. Raises UserError, with the near miss, if there is none."""
        if not self.sections:
            raise UserError("there are no `profiles` in the configuration")
        if not isinstance(name, str) or name not in self.sections:
            shown = str(name)[:40]
            raise UserError(f"no profile '{shown}'{near_miss(shown, self.sections)}")
        return name

    def remember(self) -> None:
        """Keep the choice for the next start, if the disk can be written."""
        try:
            atomic.write_text(self._memory, self.active)
        except OSError as error:
            reason = error.strerror or error
            log.warning("%s: can't be written (%s): a restart forgets it.", self._memory, reason)

    def _remembered(self) -> str:
        try:
            return state_file.read_text(self._memory) if self.sections else ""
        except (OSError, UnicodeDecodeError):
            return ""


def _memory(device: str) -> Path:
    return state_folder() / "profile" / quote(device, safe=" ")


class Recent(Output):
    """The latest poses of the closest person, for `capture` and `learn`, and the latest event."""

    internal = True

    def __init__(self) -> None:
        self.last_event: dict[str, Any] | None = None
        self._seq = 0
        self._poses: deque[Pose] = deque(maxlen=FRAMES)
        self._seen: deque[tuple[float, Pose | None]] = deque()  # tracked and smoothed

    def show(self, scene: Scene) -> None:
        """Note the first person and the event; forget the poses when nobody is there."""
        for event in scene.events:
            self.last_event = {"name": event.name, "type": event.type, "time": event.time}
        self._remember(scene)
        if scene.raw_poses:
            self._poses.append(scene.raw_poses[0])
        else:
            self._poses.clear()

    def _remember(self, scene: Scene) -> None:
        now = scene.frame.time
        if self._seen and (now < self._seen[-1][0] or scene.frame.seq < self._seq):
            self._seen.clear()  # another source
            self._poses.clear()
        self._seq = scene.frame.seq
        pose = next(iter(scene.poses), None)
        # Without what watches made of it, ten times its own size: 8 MB in a minute.
        self._seen.append((now, pose and pose.with_keypoints(pose.keypoints)))
        while now - self._seen[0][0] > REMEMBERED:
            self._seen.popleft()

    def seen(self, seconds: float) -> Seen:
        """Return times and poses of the last seconds, None where nobody was seen."""
        latest = tuple(self._seen)
        return [one for one in latest if latest[-1][0] - one[0] <= seconds]

    def poses(self) -> list[Pose]:
        """Return the latest poses, oldest first."""
        return list(self._poses)
