"""Read pictures from files: one, a list, or all in a folder. No frame is lost."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import BeforeValidator, Field

from edgepose.errors import UserError
from edgepose.imaging import read_image
from edgepose.options import ExistingPath, Options, PositiveSeconds
from edgepose.sources.base import Source
from edgepose.types import Frame, Image

log = logging.getLogger(__name__)

ENDINGS: Final = frozenset(
    {".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2", ".jpe"}
    | {".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
"""Of the files that are tried in a folder; HEIC is named there by `read_image`, as not read."""


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


class ImagesOptions(Options):
    """Options of `images`: which pictures, and how long each is shown."""

    path: Annotated[
        tuple[ExistingPath, ...],
        BeforeValidator(_as_list, json_schema_input_type=Path | list[Path]),
        Field(min_length=1, description="picture, folder of pictures, or a list of them"),
    ]
    seconds: PositiveSeconds = Field(
        default=1.0, description="time from one picture to the next; nothing waits for it"
    )
    loop: bool = Field(default=False, description="start again at the end")

    def reads(self) -> tuple[Path, ...]:
        """Return the pictures and folders."""
        return self.path


class Images(Source):
    """Still pictures one after another, folders in natural order (2.png before 10.png).

    A picture in a folder that can't be read is left out with one warning; one that the
    configuration names raises UserError.
    """

    Options: ClassVar[type[Options]] = ImagesOptions
    live = False
    lossless = True

    def __init__(self, options: ImagesOptions) -> None:
        super().__init__()
        self._options = options
        self._seq = 0
        self._files: list[tuple[Path, bool]] = []
        self._index = 0
        self._has_read_none = True
        self._unreadable: set[Path] = set()

    def open(self) -> None:
        """List the files. Raises UserError if there is none."""
        self._files = [file for path in self._options.path for file in _listed(path)]
        self._index = 0
        self._has_read_none = True
        if not self._files:
            folders = ", ".join(str(path) for path in self._options.path)
            raise UserError(
                f"{folders}: expected pictures, found no {', '.join(sorted(ENDINGS))} file"
            )

    def read(self) -> Frame | None:
        """Return the next picture; None after the last."""
        while not self.interrupted.is_set() and self._has_next():
            image = self._image(*self._files[self._index])
            self._index += 1
            if image is not None:
                self._has_read_none = False
                self._seq += 1
                return Frame(image, (self._seq - 1) * self._options.seconds, self._seq - 1)
        return None

    def close(self) -> None:
        """Forget the files."""
        self._files = []
        super().close()

    def _has_next(self) -> bool:
        """Return whether there is a file to read; `loop` goes back to the first.

        Raises UserError when none of the files could be read.
        """
        if self._index < len(self._files):
            return True
        if self._files and self._has_read_none:
            raise UserError(f"{self._options.path[0]}: none of the pictures can be read")
        self._index = 0
        return self._options.loop and bool(self._files)

    def _image(self, path: Path, is_from_folder: bool) -> Image | None:
        try:
            return read_image(path)
        except UserError as error:
            if not is_from_folder:
                raise
            if path not in self._unreadable:
                log.warning("%s; it is left out.", error)
            self._unreadable.add(path)
            return None


def _listed(path: Path) -> list[tuple[Path, bool]]:
    """Return the files of a folder in natural order, or the file, with whether a folder has it.

    Raises UserError for a path that does not exist.
    """
    if path.is_dir():
        found = (file for file in path.iterdir() if file.suffix.lower() in ENDINGS)
        return [(file, True) for file in sorted(found, key=natural)]
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    return [(path, False)]


def natural(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names as numbers."""
    parts = re.split(r"(\d+)", path.name.lower())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
