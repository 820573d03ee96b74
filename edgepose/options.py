"""The strict pydantic base of every part's options, and the field types that they share.

An options class is the whole declaration of a part's options: checking, `--help`, the reference
configuration and `doctor` follow from it, so every field carries a description.
"""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from edgepose.errors import InvalidValue
from edgepose.skeleton import KEYPOINTS, LIMB_INDEX, keypoint_index
from edgepose.system.paths import expanded
from edgepose.system.urls import redacted_in

LONGEST_NAME: Final = 255  # bytes of a file's name, of every file system that Linux writes


class Options(BaseModel):
    """A part's options: unknown keys are errors, values don't change.

    What others need to know of a part's options they ask by a method; the answers here are those
    of a part to which it does not apply.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    def watches(self) -> tuple[str, ...]:
        """Return the names of the watches that the options mean."""
        return ()

    def claims(self) -> tuple[str, ...]:
        """Return what no other part can have at the same time: `port 8080`."""
        return ()

    def routines(self) -> tuple[str, ...]:
        """Return the names of the watches whose routines the options mean."""
        return ()

    def starts(self) -> tuple[str, ...]:
        """Return the names of the watches whose routines the output starts."""
        return ()

    def patience(self) -> float:
        """Return the seconds that a source may wait for a frame: its `timeout`, if it has one."""
        return float(getattr(self, "timeout", 0.0))

    def writes(self) -> tuple[Path, ...]:
        """Return the files that an output writes, as patterns where they have a date in them."""
        return ()

    def reads(self) -> tuple[Path, ...]:
        """Return the files that a source reads."""
        return ()

    def obstacles(self) -> tuple[str, ...]:
        """Return why an output can't write to its files as they are on the disk now."""
        return ()

    def url_hosts(self) -> tuple[str, ...]:
        """Return the hosts that an output or a source connects to by a URL."""
        return ()

    def longest_on(self) -> tuple[float, ...]:
        """Return how many seconds each pin may stay on, infinite where nothing limits it."""
        return ()

    def longest_unseen(self) -> tuple[float, ...]:
        """Return how many seconds each pin may stay on without a fresh picture of the person."""
        return ()

    def confined(self) -> Self:
        """Return options under which a source gets nothing from hosts that it does not name."""
        return self

    def remote_prefix(self) -> str | None:
        """Return the topic prefix under which pushes are taken, None where they are not."""
        return None

    def remote_broker(self) -> tuple[object, ...]:
        """Return how the broker is reached where pushes are taken, () where they are not."""
        return ()


def must_be_host(host: str) -> str:
    """Return a host's name or address. Raises ValueError for what no resolver takes."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ValueError(f"expected a host name or an address, found '{_shown(host)}'") from None
    if not host or not host.isprintable() or re.search(r"[\s/]|^[^:]+:\d+$", host):
        raise ValueError(f"expected a host name or an address alone, found '{_shown(host)}'")
    return host


def _shown(host: str) -> str:
    """Return a host without the login that somebody pasted with it."""
    return redacted_in(host).rpartition("@")[2]


Host = Annotated[str, AfterValidator(must_be_host)]
"""A host's name or address alone, for a socket."""


def must_be_web_url(url: str) -> str:
    """Return a URL that can be asked for as it is. Raises ValueError, which quotes none of it."""
    try:
        parts = urlsplit(url)
        must_be_host(parts.hostname or "")
        is_right = parts.scheme in ("http", "https")
        _ = parts.port
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError("expected a URL that begins with http:// or https:// and a host")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError("expected ASCII without blanks; write others as in %C3%BC and %20")
    return url


def _must_be_nameable(path: Path) -> Path:
    """Refuse what no file system takes for a name."""
    if "\0" in str(path) or any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        raise ValueError(f"expected names of at most {LONGEST_NAME} bytes in a path")
    return path


def _beside_config(path: Path, info: ValidationInfo) -> Path:
    """Resolve a relative path against the folder that the validation context names `base`."""
    path = expanded(path)
    context: dict[str, Any] = info.context or {}
    base = context.get("base")
    return path if base is None or path.is_absolute() else Path(base) / path


def exists(path: Path) -> bool:
    """Return whether a path exists. Raises ValueError for one that can't be checked."""
    try:
        return path.exists()
    except OSError as error:  # too long, not allowed
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"can't be checked ({reason}): {path}") from error


def _must_exist(path: Path) -> Path:
    if not exists(path):
        raise InvalidValue(f"no such file or folder: {path}{similar_file(path)}", "missing_file")
    if not path.is_file() and not path.is_dir():  # /dev/zero has no end, a pipe may never begin
        raise ValueError(f"expected a file or a folder, found a device, a pipe or a socket: {path}")
    return path


def similar_file(path: Path, *folders: Path, pattern: str = "*") -> str:
    """Return `; did you mean 'x'?` for the closest file name beside `path` or in folders."""
    try:
        known = {
            other.stem: other
            for folder in (*folders, path.parent)
            for other in folder.glob(pattern)
            if other != path
        }
    except OSError:
        return ""
    close = difflib.get_close_matches(path.stem, known, n=1)
    return f"; did you mean '{known[close[0]]}'?" if close else ""


ConfigPath = Annotated[Path, AfterValidator(_must_be_nameable), AfterValidator(_beside_config)]
"""A path; a relative one is relative to the configuration file."""

ExistingPath = Annotated[ConfigPath, AfterValidator(_must_exist)]
"""A ConfigPath that must exist when the configuration is read."""

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
"""A score or share, 0..1."""

LONGEST: Final = 366 * 24 * 3600.0  # seconds; sockets and clocks can't count much further


def _within_a_year(seconds: float) -> float:
    if seconds > LONGEST:
        raise ValueError(f"expected at most {LONGEST:.0f} seconds, a year, found {seconds:g}")
    return seconds


Seconds = Annotated[float, Field(ge=0.0, allow_inf_nan=False), AfterValidator(_within_a_year)]
"""A duration, 0 or more."""

Degrees = Annotated[float, Field(gt=0.0, le=180.0)]
"""A tolerance of an angle."""

Proportion = Annotated[float, Field(gt=0.0)]
"""A share or multiple of a length, more than 0."""

PositiveSeconds = Annotated[
    float, Field(gt=0.0, allow_inf_nan=False), AfterValidator(_within_a_year)
]
"""A duration of more than 0."""

DAY: Final = 86_400.0  # seconds; no exercise and no pause takes longer

OfADay = Annotated[float, Field(gt=0.0, le=DAY)]
"""Seconds, or a number of repetitions, that a day has room for."""

SizePixels = Annotated[tuple[int, int], Field(description="[height, width] in pixels")]
"""A picture size; sources check their own limits."""


def _by_language(value: Any) -> Any:
    return {"en": value} if isinstance(value, str) else value


Words = Annotated[
    dict[str, str], BeforeValidator(_by_language, json_schema_input_type=str | dict[str, str])
]
"""What people read: in one language (English), or by language."""


def canonical_keypoint(name: str) -> str:
    """Return a keypoint's name as COCO spells it; any other text as it is."""
    try:
        return KEYPOINTS[keypoint_index(name)]
    except KeyError:
        return name


if TYPE_CHECKING:  # a type checker can't read the names from the skeleton
    LimbName = str
    KeypointName = str
else:
    LimbName = Literal[tuple(LIMB_INDEX)]
    KeypointName = Annotated[Literal[KEYPOINTS], BeforeValidator(canonical_keypoint)]
