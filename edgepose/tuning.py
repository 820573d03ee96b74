"""Watches as they are tuned while they run, beside how the configuration file has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from edgepose import app, template_files
from edgepose.config import Config
from edgepose.config_edit import save_watches
from edgepose.config_sections import WatchSection
from edgepose.config_templates import adapt, load_templates
from edgepose.core.templates import teach
from edgepose.engine.perception import Watch
from edgepose.errors import UserError, near_miss
from edgepose.types import Pose

TUNABLE: Final = ("enter", "exit", "hold", "release", "cooldown", "angle_deviation")
TAUGHT_FROM: Final = 15  # latest poses, about half a second, whose middle is the template
DECIMALS: Final = 4  # of a threshold; a slider has two
_NAME: Final = re.compile(r"[\w-]{1,64}")


class Tuning:
    """Check and apply what somebody changes about the watches of a configuration.

    Every change is whole or refused with UserError, and takes effect in the running `watches`
    that are handed in. sections: by name, as they are now.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.sections: dict[str, WatchSection] = dict(config.watches)

    @property
    def is_unsaved(self) -> bool:
        """Tell whether anything differs from the file."""
        return self.sections != dict(self.config.watches)

    def state(self) -> dict[str, dict[str, float | None]]:
        """Return the thresholds of each watch."""
        return {
            name: {key: getattr(section, key) for key in TUNABLE}
            for name, section in self.sections.items()
        }

    def tune(self, value: Any, watches: Iterable[Watch]) -> str:
        """Change thresholds: {"watch", "enter" ...}; say what was changed."""
        name, changes = self._watch_and_changes(value, TUNABLE)
        for key, number in changes.items():
            if isinstance(number, bool) or not isinstance(number, (int, float, type(None))):
                raise UserError(f"{name}.{key}: expected a number, found {number!r}")
            if isinstance(
                number, float
            ):  # as it will stand in the file: what runs is what is saved
                changes[key] = round(number, DECIMALS)
        self._apply(name, changes, watches)
        told = ", ".join(f"{key} {number:g}" for key, number in changes.items() if number)
        return f"{name}: {told or 'unchanged'}; not saved yet"

    def use_template(self, value: Any, watches: Iterable[Watch]) -> str:
        """Let a watch look for another template: {"watch", "template": name}."""
        name, changes = self._watch_and_changes(value, ("template",))
        path = self._template_path(changes.get("template"))
        if not path.is_file():
            known = [found.stem for found in path.parent.glob("*.yaml")]
            raise UserError(
                f"no template '{path.stem}' in {path.parent}{near_miss(path.stem, known)}"
            )
        self._apply(name, {"template": path}, watches)
        return f"{name}: looks for template '{path.stem}' now; not saved yet"

    def teach(self, value: Any, poses: Sequence[Pose], known_score: float) -> str:
        """Write a template of the latest poses: {"name"}."""
        path = self._template_path(value.get("name") if isinstance(value, dict) else value)
        if len(poses) < TAUGHT_FROM // 2:
            raise UserError("nobody has been in view for the last half second; try again")
        taught = teach(path.stem, poses, known_score)
        template_files.save(path, taught, "Taught standing at the camera.")
        return f"template '{path.stem}' is written to {path}"

    def save(self) -> list[str]:
        """Write what differs into the file; return the names of the watches that did."""
        before = self.config.watches
        changed = {n: s for n, s in self.sections.items() if s != before[n]}
        if changed:
            save_watches(self.config.path, before, changed)
        return list(changed)

    def retune(self, watches: Iterable[Watch]) -> None:
        """Let running watches go on with the sections as they are."""
        for watch in watches:
            section = self.sections[watch.name]
            watch.tune(adapt(load_templates(section), section), app.thresholds(section))

    def _apply(self, name: str, changes: Mapping[str, Any], watches: Iterable[Watch]) -> None:
        """Check a watch with some values changed, and let it go on with them."""
        before = self.sections[name]
        try:
            changed = before.model_dump(exclude_unset=True) | dict(changes)
            self.sections[name] = WatchSection.model_validate(changed)
            self.retune(watch for watch in watches if watch.name == name)
        except ValueError as error:  # pydantic's, or a UserError about the template
            self.sections[name] = before
            raise UserError(f"{name}: {_first_problem(error)}") from error

    def _watch_and_changes(self, value: Any, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
        if not isinstance(value, dict) or not isinstance(value.get("watch"), str):
            raise UserError('expected an object with "watch" and what to change')
        name = value["watch"]
        if name not in self.sections:
            raise UserError(f"no watch '{name}'{near_miss(name, self.sections)}")
        for key in value.keys() - {"watch", *keys}:
            raise UserError(f"{name}: can't change '{key}'{near_miss(str(key), keys)}")
        return name, {key: value[key] for key in keys if key in value}

    def _template_path(self, name: Any) -> Path:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UserError(
                f"expected a name of letters, digits, - and _, at most 64, found {name!r}"
            )
        return self.config.base / "templates" / f"{name}.yaml"


def _first_problem(error: ValueError) -> str:
    problems: list[dict[str, Any]] = getattr(error, "errors", list)()
    if not problems:
        return str(error)
    place = ".".join(map(str, problems[0]["loc"]))
    text = str(problems[0]["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}" if place else text
