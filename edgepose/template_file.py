"""Read and write pose templates as YAML that people edit by hand.

A file holds the poses that the template was taught from, in pixels of their pictures, and the
tolerances. Reading is strict: every complaint names file, line and key, all of them at once.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from edgepose.core.templates import Array, LimbRule, Template
from edgepose.errors import KeyPath, TemplateError, near_miss
from edgepose.skeleton import (
    KEYPOINTS,
    LIMB_INDEX,
    NUM_KEYPOINTS,
    NUM_LIMBS,
    keypoint_index,
)
from edgepose.system import atomic
from edgepose.yaml_values import (
    Checklist,
    Reader,
    above_zero,
    flag,
    not_negative,
    number,
    one_of,
    text,
    whole,
)
from edgepose.yamldoc.document import Document, parse_yaml, read_yaml

VERSION: Final = 1
UNSEEN: Final = "unseen"
FARTHEST: Final = 1e6  # pixels; no picture is larger


def load(path: Path | str) -> Template:
    """Return the template of a file. Raises TemplateError for whatever is wrong with it."""
    return _template(read_yaml(path, TemplateError))


def loads(content: str, name: str) -> Template:
    """Return the template of YAML text that came from `name`. Raises TemplateError as `load`."""
    return _template(parse_yaml(content, name, TemplateError))


def save(path: Path | str, template: Template, note: str = "") -> None:
    """Write a template; the file is there whole or not at all, its folder is made if need be.

    note: a line of comment for the head, such as where the pose was taken from.
    Raises TemplateError when the place can't be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(path, dumps(template, note))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TemplateError(f"{path}: can't be written ({reason}); choose another place") from None


_HEAD: Final = """\
# A pose template of edgepose. Left and right are the person's own.
# A limb is right up to angle_deviation degrees; its score falls to 0 at three times that.
# size_deviation: how much longer or shorter it may look, in shoulder widths, before it is marked.
# Limbs: {limbs}.
"""

_SETTINGS: Final = """\
version: 1
name: {name}
angle_deviation: {angle:g}
size_deviation: {size:g}
{visible}
mirror: {mirror}   # true: the mirror image counts as well
"""

_POSES: Final = """
# y runs down and x to the right; only angles and proportions count, not place and size.
# `unseen` marks a keypoint that the picture does not show. Further poses are further pictures.
unit: pixels
poses:
"""


def dumps(template: Template, note: str = "") -> str:
    """Return the text of a template's file."""
    return "".join(
        [
            _head(note),
            _settings(template),
            *_limbs(template),
            _POSES,
            *(_pose(points) for points in template.points),
        ]
    )


def _head(note: str) -> str:
    names = list(LIMB_INDEX)
    limbs = ",\n#   ".join([", ".join(names[:6]), ", ".join(names[6:])])
    lines = ["".join(c if c.isprintable() else "?" for c in line) for line in note.splitlines()]
    return _HEAD.format(limbs=limbs) + "".join(f"# {line}\n" for line in lines)


def _settings(template: Template) -> str:
    if template.min_visible is None:
        visible = f"# min_visible: {template.required}   # limbs that must be seen"
    else:
        visible = f"min_visible: {template.min_visible}   # limbs that must be seen"
    return _SETTINGS.format(
        name=_quoted(template.name),
        angle=template.angle_deviation,
        size=template.size_deviation,
        visible=visible,
        mirror=str(template.mirror).lower(),
    )


def _quoted(name: str) -> str:
    """Return a name as YAML text; `on` and what might be a number (`1e3`) in quotes."""
    style = None if re.fullmatch(r"[^\W\d][\w-]*", name) else '"'
    line = yaml.safe_dump(name, default_style=style, width=math.inf, allow_unicode=True)
    return str(line).removesuffix("...\n").strip()


def _limbs(template: Template) -> list[str]:
    """Return the lines of compat, ignored limbs and rules for single limbs."""
    lines = [f"compat: {template.compat}\n"] if template.compat else []
    lines += [f"ignore: [{', '.join(sorted(template.ignore))}]   # limbs that don't count\n"]
    if template.limbs:
        lines += ["limbs:\n", *(f"  {name}: {_rule(r)}\n" for name, r in template.limbs.items())]
    return lines


def _rule(rule: LimbRule) -> str:
    given = {key: getattr(rule, key) for key in _RULE if getattr(rule, key) is not None}
    return "{" + ", ".join(f"{key}: {value:g}" for key, value in given.items()) + "}"


def _pose(points: Array) -> str:
    lines = [
        f"{name}: {UNSEEN}" if math.isnan(y) else f"{name}: {{y: {y:.2f}, x: {x:.2f}}}"
        for name, (y, x) in zip(KEYPOINTS, points.tolist(), strict=True)
    ]
    return "  - " + "\n    ".join(lines) + "\n"


def _pixels(value: Any) -> float:
    if abs(number(value)) > FARTHEST:
        raise ValueError(f"expected pixels, at most {FARTHEST:.0f}")
    return number(value)


_RULE: Final[dict[str, Reader]] = {
    "weight": not_negative,
    "angle_deviation": above_zero,
    "size_deviation": above_zero,
}
_SETTING: Final[dict[str, Reader]] = {
    "angle_deviation": above_zero,
    "size_deviation": above_zero,
    "min_visible": whole(1, NUM_LIMBS),
    "mirror": flag,
    "compat": one_of("kunyankin"),
}
_HEADER: Final[dict[str, Reader]] = {
    "version": one_of(VERSION),
    "name": text,
    "unit": one_of("pixels"),
}
_KEYS: Final = (*_HEADER, *_SETTING, "ignore", "limbs", "poses")
_PLACE: Final[dict[str, Reader]] = {"y": _pixels, "x": _pixels}
_PLACE_EXAMPLE: Final = f"{{y: 120, x: 80}} or {UNSEEN}"
_REQUIRED: Final = {
    "version": f"write `version: {VERSION}`",
    "name": "write what the pose is called, such as `name: arms_up`",
    "unit": "write `unit: pixels`",
    "poses": "write the keypoints, or make the file with `edgepose template capture`",
}


def _template(document: Document) -> Template:
    """Return the template of a document. Raises TemplateError with every complaint."""
    check = Checklist(document)
    data = document.data
    check.known((), data, _KEYS, "key")
    check.require((), data, _REQUIRED)
    header = check.fields((), {key: data[key] for key in _HEADER if key in data}, _HEADER)
    settings = check.fields((), {key: data[key] for key in _SETTING if key in data}, _SETTING)
    ignore = _ignored(check, data.get("ignore"))
    limbs = _rules(check, data.get("limbs"))
    points = _poses(check, data.get("poses", []))
    if check.problems:
        raise TemplateError(*check.problems)
    try:
        return Template(header["name"], points, ignore=ignore, limbs=limbs, **settings)
    except TemplateError as error:
        raise TemplateError(f"{document.name}: {error}") from None


def _ignored(check: Checklist, listed: Any) -> frozenset[str]:
    """Return the limbs that don't count."""
    if listed is None:
        return frozenset()
    if not isinstance(listed, list):
        check.complain(("ignore",), "expected a list of limbs, such as [left_shin, right_shin]")
        return frozenset()
    for i, limb in enumerate(listed):
        if limb not in list(LIMB_INDEX):
            check.complain(("ignore", i), f"unknown limb '{limb}'{near_miss(limb, LIMB_INDEX)}")
    return frozenset(limb for limb in listed if isinstance(limb, str))


def _rules(check: Checklist, given: Any) -> dict[str, LimbRule]:
    """Return what differs for single limbs."""
    if given is None:
        return {}
    limbs = check.mapping(("limbs",), given, "limbs, such as left_shin: {weight: 2}")
    rules = {}
    for limb in check.known(("limbs",), limbs, LIMB_INDEX, "limb"):
        path = ("limbs", limb)
        rule = check.mapping(path, limbs[limb], "what differs, such as {weight: 2}")
        rules[limb] = LimbRule(**check.fields(path, rule, _RULE))
    return rules


def _poses(check: Checklist, listed: Any) -> Array:
    """Return (n, 17, 2) points of (y, x)."""
    if not isinstance(listed, list) or not listed:
        if "poses" in check.document.data:
            check.complain(("poses",), "expected a list of poses, each with the 17 keypoints")
        return np.empty((0, NUM_KEYPOINTS, 2))
    return np.array([_read_pose(check, ("poses", i), pose) for i, pose in enumerate(listed)])


def _read_pose(check: Checklist, path: KeyPath, value: Any) -> Array:
    """Return (17, 2) points of one pose, NaN for those that are unseen."""
    points = np.full((NUM_KEYPOINTS, 2), np.nan)
    written: dict[int, str] = {}
    for name, place in check.mapping(path, value, "the 17 keypoints by name").items():
        try:
            index = keypoint_index(name)
        except KeyError:
            check.complain((*path, name), f"unknown keypoint{near_miss(name, KEYPOINTS)}")
            continue
        if index in written:
            check.complain((*path, name), f"the same keypoint as '{written[index]}'; keep one")
        written[index] = name
        points[index] = _read_place(check, (*path, name), place)
    if isinstance(value, dict):
        _complain_absent(
            check, path, [key for key in value if key not in written.values()], written
        )
    return points


def _complain_absent(
    check: Checklist, path: KeyPath, unknown: list[str], written: Mapping[int, str]
) -> None:
    """Complain about keypoints that are not there, unless they are there misspelt."""
    absent = [name for i, name in enumerate(KEYPOINTS) if i not in written]
    slips = {slip for key in unknown for slip in difflib.get_close_matches(key, absent, n=1)}
    absent = [name for name in absent if name not in slips]
    if absent:
        what = f"missing: {', '.join(absent)}"
        check.complain(path, f"{what}; write `{absent[0]}: {UNSEEN}` for what can't be seen")


def _read_place(check: Checklist, path: KeyPath, value: Any) -> tuple[float, float]:
    """Return (y, x) of a keypoint, NaN when it is unseen or after a complaint."""
    if value == UNSEEN:
        return math.nan, math.nan
    given = check.mapping(path, value, _PLACE_EXAMPLE)
    if given:
        check.require(path, given, dict.fromkeys(_PLACE, f"expected {_PLACE_EXAMPLE}"))
    place = check.fields(path, given, _PLACE)
    y, x = place.get("y"), place.get("x")
    return (math.nan, math.nan) if y is None or x is None else (y, x)
