"""The reference configuration: every key with its default, and what it takes as a comment.

It is generated from the options classes, so a new source or output appears in it by itself.
"""

from __future__ import annotations

import re
import textwrap
from typing import Any, Final

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined, to_jsonable_python

from edgepose.config.limits import LimitsSection
from edgepose.config.model_section import ModelSection
from edgepose.config.schema import PeopleSection, RateSection, Root, WatchSection
from edgepose.config.smoothing import FILTERS
from edgepose.core.smoothing import PRESETS
from edgepose.options import Options
from edgepose.registry import KINDS, part
from edgepose.yamldoc.describe import field_takes
from edgepose.yamldoc.marks import flow

WIDTH: Final = 96
COMMENT_AT: Final = 36  # column of the comments where key and value leave room

_HEAD: Final = """\
# yaml-language-server: $schema=schemas/config.json
# Every option of edgepose with its default. Copy what you need into a file of your own: only
# `version` and `source` must be there. Lines with a `#` right before a key show what could be
# written. `edgepose check-config FILE` finds every mistake and names its line.
#
# Paths are relative to the file. ${NAME} takes the environment variable NAME ($${ stays a plain
# ${). YAML reads on, off, yes and no as true or false: quote them where a name is meant.
#
# Generated from the code with `python -m edgepose.config.reference`; edits here get lost.
"""

_ACTIVE: Final = {"source": "synthetic", "output": "jsonl"}  # they run anywhere
_EXAMPLES: Final[dict[tuple[str, str], Any]] = {
    ("model", "name"): "movenet-lightning-int8",
    ("model", "path"): "models/my_model.tflite",
    ("model", "min_score"): 0.2,
    ("source images", "path"): "pictures",
    ("source picamera2", "lores"): [240, 320],
    ("source picamera2", "controls"): {"AfMode": 2},
    ("source video", "path"): "clip.mp4",
    ("source stream", "url"): "rtsp://192.168.1.20/live",
    ("source synthetic", "seconds"): 60.0,
    ("output video", "fps"): 15.0,
    ("one_euro", "threshold_cutoff"): 0.5,
    ("watch", "template"): "templates/arms_up.yaml",
    ("watch", "mirror"): True,
    ("watch", "min_visible"): 6,
    ("watch", "angle_deviation"): 20.0,
    ("watch", "size_deviation"): 1.0,
    ("watch", "limbs"): {
        "left_forearm": {"weight": 2.0, "angle_deviation": 30.0},
        "left_shin": {"ignore": True},
    },
}  # where there is no default to show; parts give theirs with Field(examples=[...])
_PROFILES: Final = """\
profiles:
  morning: {watch: {arms_up}}       # only these watches count
  evening:
    watch:
      arms_up: {enter: 0.9, hold: 2.0}  # with thresholds of its own: enter, exit, hold, release,
                                    # cooldown, angle_deviation
  everything: {}                    # all watches, as they are
"""
_BY_KIND: Final = {"a path": "path/to/it", "text": "text"}
_CLASSIFIER: Final = """\
  # Instead of `template`, a watch can have a classifier; see docs/classifier.md:
  #   tree: {classifier: yoga.csv, class: tree, hold: 2.0}
  #   dog: {classifier: yoga.tflite, class: dog, labels: yoga.txt, order: xy}
"""
_EXERCISE: Final = """\
  # Or an exercise, whose repetitions or seconds are counted; `edgepose exercise list` shows them:
  #   squats: {exercise: squat, goal: 12, rest: 5.0}
  #   plank: {exercise: plank, goal: 30}
"""
_ROUTINE: Final = """\
  # Or a routine, a list of steps in a file of its own; see docs/counting.md:
  #   workout: {routine: morning}
"""
_OF_EXERCISES: Final = {("watch", key) for key in ("exercise", "goal", "rest")}
_OF_CLASSIFIERS: Final = {("watch", key) for key in ("classifier", "class", "labels", "order")}
_LEFT_OUT: Final = _OF_EXERCISES | _OF_CLASSIFIERS | {("watch", "routine")}  # shown by themselves
_SHOWN: Final = {("watch", "template"), ("output button", "watch")}


def reference_text() -> str:
    """Return the text of configs/reference.yaml."""
    blocks = (
        _HEAD,
        _line("version", 1, _about("version"), ""),
        _line("name", "lobby", _about("name"), "", "#"),
        _titled("source", _part("source", "source", "")),
        _others("source", ""),
        _titled("model", "model:\n" + _fields(ModelSection, "model", "  ")),
        _titled("smoothing", _line("smoothing", "normal", f"one of {', '.join(PRESETS)}", "")),
        *(_commented(_filter(name)) for name in FILTERS),
        _titled("rate", "rate:\n" + _fields(RateSection, "rate", "  ")),
        _titled("people", "people:\n" + _fields(PeopleSection, "people", "  ")),
        _titled("watch", "watch:\n  arms_up:\n" + _fields(WatchSection, "watch", "    ")),
        _CLASSIFIER,
        _EXERCISE,
        _ROUTINE,
        _titled("profiles", _commented(_PROFILES)),
        "\n" + _line("language", "en", _about("language"), ""),
        "\n" + _line("frames", "full", _about("frames"), ""),
        "\n" + _line("commands", ["detect", "profile"], _about("commands"), "", "#"),
        _titled("limits", "limits:\n" + _fields(LimitsSection, "limits", "  ")),
        _titled("outputs", "outputs:\n" + _part("output", "log", "  ")),
        _others("output", "  "),
    )
    return "".join(blocks)


def _about(key: str) -> str:
    return str(Root.model_fields[key].description)


def _titled(key: str, block: str) -> str:
    return f"\n# {key}: {_about(key)}\n{block}"


def _part(kind: str, key: str, indent: str) -> str:
    """Return the block of the part that runs anywhere."""
    return _block(kind, _ACTIVE[kind], key, indent)


def _others(kind: str, indent: str) -> str:
    """Return the blocks of all other parts of a kind, commented out."""
    others = [name for name in KINDS[kind] if name != _ACTIVE[kind]]
    blocks = [_block(kind, name, name if kind == "output" else kind, indent) for name in others]
    return "".join("\n" + _commented(block, indent) for block in blocks)


def _block(kind: str, name: str, key: str, indent: str) -> str:
    made = part(kind, name)
    head = f"{indent}{key}:\n" + _line("type", name, _first_sentence(made), indent + "  ")
    return head + _fields(made.Options, f"{kind} {name}", indent + "  ")


def _filter(name: str) -> str:
    section = FILTERS[name]
    head = "smoothing:\n" + _line("filter", name, _first_sentence(section), "  ")
    return "\n" + head + _fields(section, name, "  ")


def _first_sentence(made: type[Any]) -> str:
    """Return how a class describes itself, up to the first stop."""
    text = re.split(r"[.;]\s|\n\n", (made.__doc__ or "").strip() + "\n\n", maxsplit=1)[0]
    words = " ".join(text.split()).rstrip(".")
    return words if words[:2].isupper() else words[:1].lower() + words[1:]  # HTTP stays


def _fields(options: type[Options], group: str, indent: str) -> str:
    return "".join(
        _field(key, field, group, indent)
        for key, field in options.model_fields.items()
        if (group, key) not in _LEFT_OUT
    )


def _field(key: str, field: FieldInfo, group: str, indent: str) -> str:
    """Return the line of one option; commented out where its default is nothing."""
    default = field.get_default(call_default_factory=True)
    unset = default in (None, PydanticUndefined, {}, ())
    about, limits = field.description or key, _limits(field)
    comment = f"{about} ({limits})" if limits else about
    value = _example(key, field, group) if unset else to_jsonable_python(default)
    shown = not unset or field.is_required() or (group, key) in _SHOWN
    return _line(key, value, comment, indent, "" if shown else "#")


def _limits(field: FieldInfo) -> str:
    """Return what a field takes beyond what its value shows: `from 0 to 1`, `one of a, b`."""
    takes = re.sub(r"a (whole )?number,? ?", "", field_takes(field))
    plain = takes in ("true or false", "a path", "text") or re.search("list|mapping|lines", takes)
    return "" if plain else takes


def _example(key: str, field: FieldInfo, group: str) -> Any:
    """Return a value to show for an option without default."""
    if field.examples:
        return field.examples[0]
    if (group, key) in _EXAMPLES:
        return _EXAMPLES[group, key]
    takes = field_takes(field)
    return next((shown for words, shown in _BY_KIND.items() if takes.startswith(words)), 1)


def _line(key: str, value: Any, comment: str, indent: str, mark: str = "") -> str:
    """Return `key: value  # comment`, the comment above where the line gets too long.

    mark: `#` for an option that is only shown, not set.
    """
    text = f"{indent}{mark}{key}: {flow(value)}"
    line = f"{text:<{COMMENT_AT - 2}}  # {comment}"
    if len(line) <= WIDTH:
        return line + "\n"
    above = textwrap.fill(
        comment, WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# "
    )
    return f"{above}\n{text}\n"


def _commented(block: str, indent: str = "") -> str:
    """Return a block that isn't set: deleting the first `#` of each line brings it back."""
    return re.sub(rf"(?m)^{indent}(?=.)", f"{indent}#", block)


if __name__ == "__main__":
    print(reference_text(), end="")  # noqa: T201
