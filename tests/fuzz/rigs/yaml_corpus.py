"""Real configurations and templates to damage, and trees made from what each part can be told."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any, Final

import scribble
import yaml
from pydantic.fields import FieldInfo

from edgepose.config.model_section import ModelSection
from edgepose.config.schema import LimbSection, PeopleSection, WatchSection
from edgepose.config.smoothing import FILTERS
from edgepose.options import Options
from edgepose.registry import KINDS, part
from edgepose.yamldoc.describe import field_takes

ROOT: Final = Path(__file__).parents[3]
_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def configs() -> list[bytes]:
    """Return the configurations of the checkout: shipped ones, the README's, the reference's."""
    shipped = [path.read_bytes() for path in sorted((ROOT / "configs").glob("*.yaml"))]
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    blocks = [
        b for page in pages for b in re.findall(r"```yaml[^\n]*\n(.*?)```", page.read_text(), re.S)
    ]
    return shipped + [block.encode() for block in blocks]


def templates() -> list[bytes]:
    """Return the shipped templates."""
    return [path.read_bytes() for path in sorted((ROOT / "configs" / "templates").glob("*.yaml"))]


def trees(texts: list[bytes]) -> list[Any]:
    """Return what the texts say."""
    return [yaml.safe_load(text) for text in texts]


def dumped(random: Random, tree: Any) -> bytes:
    """Return a tree as YAML, in one of its styles; what YAML can't write becomes text."""
    style = random.choice((None, False, True))
    text = yaml.dump(
        _speakable(tree),
        Dumper=_DUMPER,
        default_flow_style=style,
        allow_unicode=True,
        sort_keys=False,
    )
    return text.encode("utf-8", "surrogatepass")


def _speakable(value: Any) -> Any:
    return value if isinstance(value, dict | list) else {"value": value}


def schema_tree(random: Random, paths: list[str]) -> dict[str, Any]:
    """Return a configuration made from the options that parts declare, mostly well-formed."""
    return {
        "version": 1,
        "name": "lobby",
        "source": _part(random, "source", paths),
        "model": _options(random, ModelSection, paths),
        "smoothing": random.choice(("none", "soft", "normal", "fast", _smoothing(random))),
        "people": _options(random, PeopleSection, paths),
        "watch": {n: _watch(random, paths) for n in random.sample(_NAMES, random.randint(0, 3))},
        "outputs": {f"o{i}": _part(random, "output", paths) for i in range(random.randint(0, 3))},
    }


_NAMES: Final = ["arms_up", "hands", "squat", "on", "käse", "a b", "x" * 64]


def _watch(random: Random, paths: list[str]) -> dict[str, Any]:
    limbs = {limb: _options(random, LimbSection, paths) for limb in ("hips", "left_shin")}
    return (
        {"template": random.choice(paths[:2] if random.random() < 0.95 else paths)}
        | _options(random, WatchSection, paths, ("exercise", "template", "limbs"))
        | ({"limbs": limbs} if random.random() < 0.2 else {})
    )


def _smoothing(random: Random) -> dict[str, Any]:
    name = random.choice(list(FILTERS))
    return {"filter": name} | _options(random, FILTERS[name], [])


def _part(random: Random, kind: str, paths: list[str]) -> dict[str, Any]:
    name = random.choice(list(KINDS[kind]))
    return {"type": name} | _options(random, part(kind, name).Options, paths)


def _options(
    random: Random, options: type[Options], paths: list[str], without: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the required options and a few of the others, each mostly as it may be."""
    given = {}
    for name, field in options.model_fields.items():
        if name not in without and (field.is_required() or random.random() < 0.15):
            given[name] = scribble.url(random) if name == "url" else _value(random, field, paths)
    return given


def _value(random: Random, field: FieldInfo, paths: list[str]) -> Any:
    chance = random.random()
    if chance < 0.03:
        return scribble.any_value(random)
    if chance < 0.06:
        return random.choice((0, 0.5, 1, 2, 3.5, 10, 640, [480, 640], "x", *paths, True))
    default = field.get_default(call_default_factory=True)
    plain = isinstance(default, bool | int | float | str | list)
    fits = field.examples[0] if field.examples else default if plain else None
    return _fitting(random, field_takes(field), paths) if fits is None else fits


def _fitting(random: Random, takes: str, paths: list[str]) -> Any:
    """Return a value by how the options say in words what they take."""
    if takes.startswith("one of "):
        return random.choice(takes.removeprefix("one of ").split(", "))
    return next((value for words, value in _BY_WORDS if words in takes), None)


_BY_WORDS: Final = (
    ("path", "clip.mp4"),
    ("list of 2", [480, 640]),
    ("number", 1),
    ("true", True),
    ("URL", "http://127.0.0.1:9/"),
    ("text", "arms_up"),
    ("list", []),
    ("mapping", {}),
)
