"""Find templates, exercises and routines by name: beside the configuration, then shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BeforeValidator, ValidationInfo

from edgepose.errors import (
    DocumentError,
    ExerciseError,
    InvalidValue,
    RoutineError,
    TemplateError,
    UserError,
    near_miss,
)
from edgepose.system.paths import expanded, folders

MOST: Final = 500  # files of a kind on a device; past that they are only replaced

Kind = Literal["template", "exercise", "routine"]

_ERRORS: Final[dict[Kind, type[DocumentError]]] = {
    "template": TemplateError, "exercise": ExerciseError, "routine": RoutineError
}  # fmt: skip


def known(kind: Kind, base: Path | None = None) -> dict[str, Path]:
    """Return the files of a kind by name; those beside the configuration come first."""
    places = [(base or Path()) / f"{kind}s", *folders("configs", f"{kind}s")]
    files: dict[str, Path] = {}
    for folder in places:
        for path in sorted(folder.glob("*.y*ml")):
            files.setdefault(path.stem, path)
    return files


def must_have_room(path: Path) -> None:
    """Raise UserError where a new file would be one too many in its folder.

    Who may teach, or push, may not fill the disk.
    """
    if not path.exists() and len(list(path.parent.glob("*.yaml"))) >= MOST:
        raise UserError(f"{path.parent} holds {MOST} files; remove some, or replace one")


def find(kind: Kind, name: str, base: Path | None = None) -> Path:
    """Return the file of a name, or of a path relative to `base`, the configuration's folder.

    Raises the error of the kind, with the near miss, if there is none.
    """
    base = base or Path()
    found = known(kind, base)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = base / expanded(name)
        if not path.is_file():
            raise _ERRORS[kind](f"no such {kind} file: {path}{near_miss(path.stem, found)}")
        return path
    if name not in found:
        raise _ERRORS[kind](f"unknown {kind} '{name}'{near_miss(name, found)}")
    return found[name]


def by_name(kind: Kind) -> BeforeValidator:
    """Return the check of an option that turns a name, or a path, into the file that it means."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, (str, Path)):
            return value
        base = (info.context or {}).get("base")
        try:
            return find(kind, str(value), None if base is None else Path(base))
        except DocumentError as error:
            raise InvalidValue(str(error), "unknown_definition") from error

    return BeforeValidator(check, json_schema_input_type=str)
