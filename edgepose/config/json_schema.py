"""JSON schemas of the YAML files, for editors that complete and check while one types.

They are generated from the options classes, as the reference configuration is. A schema knows less
than `edgepose check-config`: it sees neither files nor what two options mean together.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from edgepose.config.schema import Root
from edgepose.config.smoothing import FILTERS
from edgepose.core.smoothing import PRESETS
from edgepose.definitions.exercise_sections import ExerciseSection
from edgepose.definitions.routine_file import RoutineSection
from edgepose.definitions.template_file import TemplateFile
from edgepose.options import Options
from edgepose.registry import KINDS, part

Schema = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = "#/$defs/{model}"
_VARIABLE: Final[Schema] = {"type": "string", "pattern": r"\$\{\w+\}"}
_KINDS: Final = ("source", "output")
_SCALARS: Final = ("number", "integer", "boolean")


def config_schema() -> Schema:
    """Return the schema of a configuration; a scalar may also be `${NAME}`, a variable."""
    parts = {kind: {name: part(kind, name).Options for name in KINDS[kind]} for kind in _KINDS}
    models = [Root, *parts["source"].values(), *parts["output"].values(), *FILTERS.values()]
    names, whole = _of_models(models)

    def choice(key: str, options: Mapping[str, type[Options]]) -> Schema:
        return _choice(key, {value: _typed(whole, names[o], key) for value, o in options.items()})

    filters = choice("filter", FILTERS)
    root = whole["$defs"].pop(names[Root])
    keys = root["properties"]
    keys["source"] |= choice("type", parts["source"])
    keys["outputs"]["additionalProperties"] = choice("type", parts["output"])
    keys["smoothing"] |= {
        "if": {"type": "string"},
        "then": {"enum": list(PRESETS)},
        "else": filters,
    }
    for key in ("watch", "profiles", "outputs"):  # commented out: nothing to YAML
        keys[key]["type"] = ["object", "null"]
    for key in ("model", "rate", "people", "limits"):
        keys[key] = {"if": {"type": "null"}, "else": keys[key]}
    return _with_variables(_titled("edgepose configuration", root, whole["$defs"]))


def file_schema(title: str, section: type[Options]) -> Schema:
    """Return the schema of a file that one options class declares."""
    names, whole = _of_models([section])
    return _titled(title, whole["$defs"].pop(names[section]), whole["$defs"])


SCHEMAS: Final[Mapping[str, Callable[[], Schema]]] = {
    "config": config_schema,
    "exercise": lambda: file_schema("edgepose exercise", ExerciseSection),
    "routine": lambda: file_schema("edgepose routine", RoutineSection),
    "template": lambda: file_schema("edgepose template", TemplateFile),
}


def text(name: str) -> str:
    """Return the text of a schema file."""
    return json.dumps(SCHEMAS[name](), indent=1, ensure_ascii=False) + "\n"


def _of_models(models: list[type[Options]]) -> tuple[dict[type[Options], str], Schema]:
    """Return the name of each model's definition, and all definitions."""
    found, whole = models_json_schema(
        [(model, "validation") for model in models], ref_template=_REFERENCE
    )
    names = {model: schema["$ref"].rpartition("/")[2] for (model, _), schema in found.items()}
    return names, whole  # type: ignore[return-value]


def _typed(whole: Schema, name: str, key: str) -> Schema:
    """Allow the key that chooses a part in its definition; return a reference to it."""
    made = whole["$defs"][name]
    made["properties"] = {key: {"type": "string"}} | made.get("properties", {})
    return {"$ref": _REFERENCE.format(model=name)}


def _choice(key: str, options: Mapping[str, Schema]) -> Schema:
    """Return a mapping whose options depend on one of its values, so that each has its place."""
    return {
        "type": "object",
        "required": [key],
        "properties": {key: {"enum": list(options)}},
        "allOf": [
            {"if": {"properties": {key: {"const": value}}, "required": [key]}, "then": schema}
            for value, schema in options.items()
        ],
    }


def _titled(title: str, root: Schema, definitions: Schema) -> Schema:
    return {"$schema": _DIALECT, **root, "title": title, "$defs": definitions}


def _with_variables(value: Any) -> Any:
    """Let a variable of the environment stand wherever a number, a word or a switch may."""
    if isinstance(value, list):
        return [_with_variables(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _with_variables(item) for key, item in value.items()}
    if made.get("type") not in _SCALARS and not ("enum" in made and "const" not in made):
        return made
    about = {key: made.pop(key) for key in ("description", "default", "title") if key in made}
    return about | {"anyOf": [made, _VARIABLE]}


def main(folder: Path) -> None:
    """Write all schemas into a folder."""
    for name in SCHEMAS:
        (folder / f"{name}.json").write_text(text(name), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
