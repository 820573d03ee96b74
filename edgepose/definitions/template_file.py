"""Read and write pose templates as YAML that people edit by hand.

A file holds the poses that the template was taught from, in pixels of their pictures, and the
tolerances. Reading is strict: every problem names file, line and key, all of them at once.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
import yaml
from pydantic import Field

from edgepose.core.templates import Array, LimbRule, Template
from edgepose.errors import KeyPath, TemplateError, UserError
from edgepose.options import KeypointName, LimbName, Options, canonical_keypoint
from edgepose.skeleton import KEYPOINTS, LIMB_INDEX, NUM_LIMBS
from edgepose.system import atomic, plain_file
from edgepose.yamldoc.document import MAX_BYTES, Document, parse_yaml, read_yaml
from edgepose.yamldoc.validation import Problems, validate

VERSION: Final = 1
UNSEEN: Final = "unseen"
FARTHEST: Final = 1e6  # pixels; no picture is larger
LONGEST_NAME: Final = 200  # bytes; file systems take 255, a draft beside the file needs some more
_NAME: Final = re.compile(r"[\w-]{1,64}")


def load(path: Path | str) -> Template:
    """Return the template of a file. Raises TemplateError for whatever is wrong with it."""
    return _template(read_yaml(path, TemplateError))


def loads(content: str, name: str) -> Template:
    """Return the template of YAML text that came from `name`. Raises TemplateError as `load`."""
    return _template(parse_yaml(content, name, TemplateError))


def must_be_name(name: object) -> str:
    """Return the name of a template, which its file is called after. Raises UserError."""
    if isinstance(name, str) and _NAME.fullmatch(name) and len(name.encode()) <= LONGEST_NAME:
        return name
    raise UserError(f"expected a name of letters, digits, - and _, at most 64, found {name!r:.80}")


def save(path: Path | str, template: Template, note: str = "") -> None:
    """Write a template; the file is there whole or not at all, its folder is made if need be.

    note: a line of comment for the head, such as where the pose was taken from.
    Raises TemplateError when the place can't be written to.
    """
    path = Path(path)
    try:
        atomic.write_text(path, dumps(template, note))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TemplateError(f"{path}: can't be written ({reason}); choose another place") from None


def must_be_taught(path: Path) -> None:
    """Raise TemplateError for a file that is there and was not written by `save` with a note."""
    try:
        if path.exists() and f"\n{TAUGHT}" not in _content(path):
            raise TemplateError(f"{path} was not taught but written; choose another name")
    except OSError as error:
        raise TemplateError(f"{path}: can't be read ({error.strerror})") from None


def _content(path: Path) -> str:
    """Return what a file holds as text. Raises OSError, also for a pipe and one without end."""
    return plain_file.read(path, MAX_BYTES).decode("utf-8", errors="replace")


def is_tuned(path: Path, template: Template) -> bool:
    """Return whether a template's file holds more than `save` writes for one just taught.

    That is other settings, or comments. Raises TemplateError when it can't be read.
    """
    try:
        content = _content(path)
    except OSError as error:
        raise TemplateError(f"{path}: can't be read ({error.strerror})") from None
    head, _, poses = content.partition("\nposes:\n")
    written = set(dumps(template).splitlines())
    own = [line for line in head.splitlines() if not line.startswith(TAUGHT)]
    return "#" in poses or any(line not in written for line in own)


TAUGHT: Final = "# Taught "

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
{visible}   # limbs that must be seen
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
    head = [_head(note), _settings(template), *_limbs(template)]
    return "".join([*head, _POSES, *map(_pose, template.points)])


def _head(note: str) -> str:
    names = list(LIMB_INDEX)
    limbs = ",\n#   ".join([", ".join(names[:6]), ", ".join(names[6:])])
    lines = ["".join(c if c.isprintable() else "?" for c in line) for line in note.splitlines()]
    return _HEAD.format(limbs=limbs) + "".join(f"# {line}\n" for line in lines)


def _settings(template: Template) -> str:
    mark = "# " if template.min_visible is None else ""
    return _SETTINGS.format(
        name=_quoted(template.name),
        angle=template.angle_deviation,
        size=template.size_deviation,
        visible=f"{mark}min_visible: {template.required}",
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
    given = {key: value for key, value in asdict(rule).items() if value is not None}
    return "{" + ", ".join(f"{key}: {value:g}" for key, value in given.items()) + "}"


def _pose(points: Array) -> str:
    lines = [
        f"{name}: {UNSEEN}" if math.isnan(y) else f"{name}: {{y: {y:.2f}, x: {x:.2f}}}"
        for name, (y, x) in zip(KEYPOINTS, points.tolist(), strict=True)
    ]
    return "  - " + "\n    ".join(lines) + "\n"


Number = Annotated[float, Field(strict=True)]  # not "1": no text comes from the environment here
Pixels = Annotated[Number, Field(ge=-FARTHEST, le=FARTHEST)]
AboveZero = Annotated[Number, Field(gt=0.0)]


class Place(Options):
    """A keypoint's place in the picture."""

    y: Pixels = Field(description="pixels from the top")
    x: Pixels = Field(description="pixels from the left")


class LimbRuleSection(Options):
    """What differs for one limb."""

    weight: Annotated[Number, Field(ge=0.0)] | None = None
    angle_deviation: AboveZero | None = None
    size_deviation: AboveZero | None = None


class TemplateFile(Options):
    """The keys of a template's file."""

    version: Literal[1] = Field(examples=[VERSION])
    name: Annotated[str, Field(pattern=r"\S")] = Field(
        description="what the pose is called", examples=["arms_up"]
    )
    unit: Literal["pixels"] = Field(examples=["pixels"])
    angle_deviation: AboveZero = Field(default=20.0, description="degrees a limb may be off")
    size_deviation: AboveZero = Field(default=1.0, description="shoulder widths it may be off")
    min_visible: Annotated[int, Field(strict=True, ge=1, le=NUM_LIMBS)] | None = Field(
        default=None, description="limbs that must be seen"
    )
    mirror: Annotated[bool, Field(strict=True)] = False
    compat: Literal["kunyankin"] | None = None
    ignore: tuple[LimbName, ...] | None = Field(
        default=None, title="a list of limbs, such as [left_shin, right_shin]"
    )
    limbs: dict[LimbName, LimbRuleSection] | None = Field(
        default=None, title="limbs with what differs, such as {left_shin: {weight: 2}}"
    )
    poses: tuple[dict[KeypointName, Place | Literal["unseen"]], ...] = Field(
        min_length=1,
        title="a list of poses, each with the 17 keypoints by name",
        description="`edgepose template capture` makes such a file",
    )

    def template(self) -> Template:
        """Return what is matched. Raises TemplateError for what does not go together."""
        rest = {"angle_deviation", "size_deviation", "min_visible", "mirror"}
        return Template(
            self.name,
            np.array([_points(pose) for pose in self.poses]),
            limbs={limb: LimbRule(**dict(rule)) for limb, rule in (self.limbs or {}).items()},
            ignore=frozenset(self.ignore or ()),
            compat=self.compat or "",
            **self.model_dump(include=rest),
        )


def _points(pose: Mapping[str, Place | str]) -> list[tuple[float, float]]:
    """Return (y, x) of the 17 keypoints, NaN for those that are unseen."""
    places = [pose[name] for name in KEYPOINTS]
    return [(p.y, p.x) if isinstance(p, Place) else (math.nan, math.nan) for p in places]


def _template(document: Document) -> Template:
    """Return the template of a document. Raises TemplateError with every problem."""
    problems = Problems(document)
    file = validate(TemplateFile, document.data, (), problems)
    poses = document.data.get("poses")
    for i, pose in enumerate(poses if isinstance(poses, list) else ()):
        if isinstance(pose, dict) and not problems.is_full:
            _check_keypoints(pose, ("poses", i), problems)
    problems.raise_any(TemplateError)
    assert file is not None
    try:
        return file.template()
    except TemplateError as error:
        raise TemplateError(f"{document.name}: {error}") from None


def _check_keypoints(pose: Mapping[str, Any], path: KeyPath, problems: Problems) -> None:
    """Report keypoints that a pose has twice, or not at all and not under a misspelled name."""
    written: dict[str, str] = {}
    for name in pose:
        first = written.setdefault(canonical_keypoint(name), name)
        if first != name:
            twice = f"the same keypoint as '{first}'; keep one"
            problems.add((*path, name), twice, "duplicate_key")
    absent = [name for name in KEYPOINTS if name not in written]
    unknown = written.keys() - set(KEYPOINTS)
    slips = {slip for key in unknown for slip in difflib.get_close_matches(key, absent, n=1)}
    absent = [name for name in absent if name not in slips]
    if absent:
        way_out = f"write `{absent[0]}: {UNSEEN}` for what can't be seen"
        problems.add(path, f"missing: {', '.join(absent)}; {way_out}", "missing_key")
