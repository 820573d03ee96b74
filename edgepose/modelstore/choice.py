"""Choose PoseNet's file as tfjs-models chooses its weights: by options, or by `modelUrl`.

An option that is given has to fit the file; where several files fit, the one nearest to tfjs'
defaults is taken. What is installed has no part in it: a configuration means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from edgepose.core.families.posenet.build import CHOOSING, WEIGHT_BYTES, PoseNetBuild, shown
from edgepose.core.families.posenet.options import PoseNetOptions
from edgepose.errors import UserError
from edgepose.modelstore.manifest import Entry, manifest

_DEFAULTS: Final[Mapping[str, float]] = {"multiplier": 1.0, "outputStride": 16, "quantBytes": 4}
_DEFAULT_SIDE: Final = 257
_SHA256: Final = "#sha256="


class NoSuchBuild(UserError):
    """A combination of options that no file has. option: the one that leaves none."""

    def __init__(self, option: str, message: str) -> None:
        super().__init__(message)
        self.option = option


def is_choice(options: Mapping[str, Any]) -> bool:
    """Return whether options choose a file."""
    return any(name in options for name in CHOOSING)


def build_of(entry: Entry) -> PoseNetBuild | None:
    """Return what the manifest knows of a PoseNet file, None for another family's."""
    if not entry.build:
        return None
    return PoseNetBuild(
        {**entry.build, "quantBytes": WEIGHT_BYTES[entry.quantisation]}, entry.input
    )


def choose(options: Mapping[str, Any]) -> Entry:
    """Return the PoseNet file for the CPU that has every given option, else of MobileNetV1.

    Raises NoSuchBuild where there is none, UserError for values that no PoseNet build has.
    """
    PoseNetOptions.from_tfjs(options)
    options = {"architecture": "MobileNetV1", **options}
    left = [(entry, build) for entry in manifest().values() if (build := _cpu_build(entry))]
    given: list[str] = []
    for name in (name for name in CHOOSING if name in options):
        fitting = [one for one in left if one[1].fits(name, options[name])]
        if not fitting:
            raise NoSuchBuild(name, _none(name, options, given, left))
        given.append(name)
        left = fitting
    return min(left, key=lambda one: _distance(*one))[0]


def _cpu_build(entry: Entry) -> PoseNetBuild | None:
    return None if entry.needs == "edgetpu" else build_of(entry)


def _distance(entry: Entry, build: PoseNetBuild) -> tuple[Any, ...]:
    """Return how far a file is from tfjs' defaults; one that nobody publishes comes last."""
    numbers = (abs(build.facts[name] - default) for name, default in _DEFAULTS.items())
    height, width = entry.input or (0, 0)
    away = abs(height - _DEFAULT_SIDE) + abs(width - _DEFAULT_SIDE)
    return (not entry.urls, *numbers, away)


def _none(
    name: str,
    options: Mapping[str, Any],
    given: Sequence[str],
    left: Sequence[tuple[Entry, PoseNetBuild]],
) -> str:
    """Return that no file has an option beside those before it, and which values there are."""
    beside = " and ".join(f"{other} {shown(options[other])}" for other in given)
    values: dict[str, str] = {}
    for entry, build in left:
        values.setdefault(build.fact(name), entry.name)
    known = ", ".join(f"{value} ({file})" for value, file in sorted(values.items()))
    return (
        f"no PoseNet file has {name} {shown(options[name])}{f' with {beside}' if beside else ''}; "
        f"there is {known}"
    )


def url_entry(url: str) -> Entry:
    """Return the file at a URL that ends in its checksum, as the manifest would have it.

    Its name on disk begins with the checksum, so that two files of one name stay apart.
    """
    place, _, sha256 = url.partition(_SHA256)
    file = PurePosixPath(unquote(urlsplit(place).path)).name or "model.tflite"
    return Entry(
        name=file,
        family="",
        files=(f"{sha256[:12].lower()}-{file}",),
        quantisation="",
        licence="unknown",
        sha256=sha256.lower(),
        urls=(place,),
    )
