"""The templates and exercises of a device: list them with their pictures, rename, delete, watch."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np
from numpy.typing import NDArray

from edgepose.config.edit import Edits, save_edits, save_text
from edgepose.config.file_cache import cached
from edgepose.config.loader import Config
from edgepose.core.watches.movement import Exercise
from edgepose.definitions import exercise_file, exercise_learning, library, template_file
from edgepose.errors import ConfigError, EdgeposeError, TemplateError, UserError, error_text
from edgepose.language import in_language, title_of
from edgepose.yamldoc.document import read_text

Kind = Literal["template", "exercise"]

KINDS: Final[tuple[Kind, ...]] = ("template", "exercise")
MOST: Final = 200  # of a kind that are listed, by name
_TALL: Final = 1000.0  # of a figure: whole numbers then suffice
_NAME_LINE: Final = {
    "template": re.compile(r"^name:.*$", re.MULTILINE),
    "exercise": re.compile(r"^exercise:.*$", re.MULTILINE),
}

_template = cached(template_file.load)
_exercise = cached(exercise_file.load)


@dataclass(frozen=True, slots=True)
class Collection:
    """The templates and exercises beside a configuration, and those that are shipped."""

    config: Config

    def document(self) -> dict[str, Any]:
        """Return what there is, as plain values; see `Controls.library`."""
        return {f"{kind}s": list(self._entries(kind)) for kind in KINDS}

    def rename(self, value: Any) -> str:
        """Rename one that was taught here: {"kind", "name", "to"}; watches follow it.

        Raises UserError where that can't be.
        """
        kind, old = self._taught(value, "to")
        new = self._path(kind, value["to"])
        if new.exists() or new.with_suffix(".png").exists():
            raise UserError(f"{new.stem}: is there already; choose another name")
        edits = self._edits(kind, old, new)
        text = read_text(old, TemplateError)
        save_text(new, _NAME_LINE[kind].sub(_name_line(kind, new.stem), text, count=1))
        try:
            if edits:
                save_edits(self.config.path, edits)
        except ConfigError:
            new.unlink()
            raise
        _move_picture(old, new)
        _remove(old)
        return f"{kind} '{old.stem}' is called '{new.stem}' now"

    def delete(self, value: Any) -> str:
        """Delete one that was taught here and that nothing uses: {"kind", "name"}."""
        kind, path = self._taught(value)
        if users := self._users(path):
            raise UserError(
                f"{path.stem}: {', '.join(users)} uses it; take it out of the configuration first"
            )
        _remove(path)
        _remove(path.with_suffix(".png"))
        return f"{kind} '{path.stem}' is deleted"

    def watch(self, value: Any) -> str:
        """Add a watch for a template or an exercise to the file: {"kind", "name"}."""
        kind, name = _asked(value)
        if name not in library.known(kind, self.config.base):
            raise UserError(f"no {kind} '{name}'")
        watch = _free(name, self.config)
        save_edits(self.config.path, {("watch", watch): {kind: name}})
        return f"'{name}' is watched for"

    def is_watched(self, kind: Kind, name: str) -> bool:
        """Return whether a watch uses one that lies beside the configuration."""
        return bool(self._users(self._path(kind, name)))

    def _entries(self, kind: Kind) -> Iterator[dict[str, Any]]:
        for name, path in list(library.known(kind, self.config.base).items())[:MOST]:
            is_own = path.parent == self.config.base / f"{kind}s"
            users = self._users(path)
            entry = {"name": name, "own": is_own, "users": users}
            try:
                entry |= self._template(path) if kind == "template" else self._exercise(path)
            except EdgeposeError as error:
                entry["error"] = str(error.public)
            yield entry | {"taught": is_own and _is_taught(kind, path)}

    def _template(self, path: Path) -> dict[str, Any]:
        found = _template(path)
        return {"match": found.name, "figures": [_figure(points) for points in found.points[:1]]}

    def _exercise(self, path: Path) -> dict[str, Any]:
        found: Exercise = _exercise(path)
        language = self.config.language.name
        return {
            "title": in_language(found.title, language) or title_of(path.stem),
            "figures": _pair(*found.figure.points) if found.figure else [],
        }

    def _users(self, path: Path) -> list[str]:
        """Return the watches that use a file: by themselves or in a routine."""
        config, real = self.config, path.resolve()
        used = {
            name: [*section.templates, *filter(None, (section.exercise,))]
            for name, section in config.watches.items()
        }
        for name, routine in config.routines.items():
            used[name] += map(Path, routine.files)
        return [name for name, files in used.items() if real in [file.resolve() for file in files]]

    def _edits(self, kind: Kind, old: Path, new: Path) -> Edits:
        """Return what to write so that every watch finds the new name. Raises UserError."""
        edits: dict[tuple[str, ...], Any] = {}
        for name in self._users(old):
            section = self.config.watches[name]
            used = getattr(section, kind)
            if not isinstance(used, Path) or used.resolve() != old.resolve():
                raise UserError(
                    f"{old.stem}: watch '{name}' uses it in a list or a routine; "
                    "rename it in the files"
                )
            edits["watch", name, kind] = os.path.relpath(new, self.config.base)
        return edits

    def _taught(self, value: Any, *more: str) -> tuple[Kind, Path]:
        """Return kind and file of one that was taught here. Raises UserError."""
        kind, name = _asked(value, *more)
        path = self._path(kind, name)
        if not path.is_file():
            raise UserError(f"no {kind} '{name}' beside the configuration")
        if not _is_taught(kind, path):
            raise UserError(f"{name}: was written by hand; change it in its file")
        return kind, path

    def _path(self, kind: Kind, name: Any) -> Path:
        return self.config.base / f"{kind}s" / f"{template_file.must_be_name(name)}.yaml"


def _asked(value: Any, *more: str) -> tuple[Kind, str]:
    """Return kind and name of a command. Raises UserError."""
    keys = {"kind", "name", *more}
    if not isinstance(value, dict) or value.keys() != keys or value["kind"] not in KINDS:
        raise UserError(f'expected {", ".join(sorted(keys))}; kind: "template" or "exercise"')
    return cast(Kind, value["kind"]), template_file.must_be_name(value["name"])


def _free(name: str, config: Config) -> str:
    """Return a name for a new watch: that of what it looks for, with a number where it is taken."""
    number, free = 1, name
    while free in config.watches:
        number += 1
        free = f"{name}_{number}"
    return free


def _is_taught(kind: Kind, path: Path) -> bool:
    if kind == "exercise":
        return exercise_learning.is_learned(path)
    try:
        template_file.must_be_taught(path)
    except TemplateError:
        return False
    return True


def _name_line(kind: Kind, name: str) -> str:
    return f"{'name' if kind == 'template' else 'exercise'}: {json.dumps(name, ensure_ascii=False)}"


def _move_picture(old: Path, new: Path) -> None:
    picture = old.with_suffix(".png")
    if picture.is_file() and not picture.is_symlink():
        picture.replace(new.with_suffix(".png"))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"{path}: can't be deleted ({error_text(error).lower()})") from error


def _figure(points: NDArray[Any]) -> list[list[int] | None]:
    """Return (17, 2) as whole numbers, _TALL from top to bottom; None for what is not there."""
    return _pair(points)[0]


def _pair(*figures: NDArray[Any]) -> list[list[list[int] | None]]:
    """Return figures of one scale: they share the place on which they stand."""
    everything = np.concatenate(figures)
    least, most = np.nanmin(everything, axis=0), np.nanmax(everything, axis=0)
    scaled = (np.array(figures) - least) * (_TALL / max(float((most - least).max()), 1e-9))
    return [
        [None if np.isnan(point).any() else [round(y) for y in point.tolist()] for point in figure]
        for figure in scaled
    ]
