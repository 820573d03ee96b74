"""Search of a model on disk, by name, file name or content."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgepose.errors import ModelError, did_you_mean, error_text
from edgepose.modelstore.checksum import has_checksum_of
from edgepose.modelstore.folders import is_folder, search_path, unreadable
from edgepose.modelstore.manifest import SEE_LIST, Entry, manifest
from edgepose.system.paths import expanded


class MissingModel(ModelError):
    """A known model that is not on the search path. fault: the message without the way out."""

    def __init__(self, fault: str, way_out: str) -> None:
        super().__init__(f"{fault}; {way_out}")
        self.fault = fault


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file on disk; entry is None for a file that the manifest does not know."""

    path: Path
    entry: Entry | None = None

    @property
    def name(self) -> str:
        """Return the model's name, or the file's when it is not a known model."""
        return self.entry.name if self.entry else self.path.name


def find(name_or_path: str | Path) -> ModelFile:
    """Return the model file for a name of the manifest, a file name or a path.

    Raises ModelError, with the searched folders and how to get the file.
    """
    try:
        return _find(name_or_path)
    except OSError as error:
        raise ModelError(f"{error.filename or name_or_path}: {error_text(error)}") from error


def _find(name_or_path: str | Path) -> ModelFile:
    if isinstance(name_or_path, str) and name_or_path in manifest():
        return _find_known(manifest()[name_or_path])
    path = expanded(name_or_path)
    if path.is_file():
        return ModelFile(path, identify(path))
    return _find_file(path)


def locate(entry: Entry) -> Path | None:
    """Return the known model's file, None when it is not on the search path.

    A file with one of its names must have the right size; its content is not read. Failing that,
    any .tflite file of the right size and checksum is used. What can't be read is passed over.
    """
    for path in _named(entry.files):
        if not entry.size or path.stat().st_size == entry.size:
            return path
    return next((path for path in _candidates(entry.size) if _is_of(path, entry)), None)


def _is_of(path: Path, entry: Entry) -> bool:
    try:
        return has_checksum_of(path, entry)
    except OSError:  # another user's
        return False


def identify(path: Path) -> Entry | None:
    """Return the known model that a file is, by checksum, else by name; else None."""
    size = path.stat().st_size
    same_size = [known for known in manifest().values() if known.size in (0, size)]
    by_checksum = (
        known for known in same_size if known.has_checksum and has_checksum_of(path, known)
    )
    by_name = (known for known in same_size if not known.has_checksum and path.name in known.files)
    return next(by_checksum, None) or next(by_name, None)


def _find_known(entry: Entry) -> ModelFile:
    path = locate(entry)
    if path is None:
        raise _missing(entry)
    return ModelFile(path, entry)


def _find_file(path: Path) -> ModelFile:
    """Return a file given by its bare name from the search path."""
    found = next(_named([path.name]), None) if path.parent == Path() else None
    if found is not None:
        return ModelFile(found, identify(found))
    if path.suffix in (".tflite", ".task") or path.parent != Path():
        elsewhere = f", neither here nor in {_places()}" if path.parent == Path() else ""
        raise ModelError(f"{path}: no such model file{elsewhere}")
    raise ModelError(f"unknown model '{path}'{did_you_mean(path, manifest()) or SEE_LIST}")


def _named(names: Iterable[str]) -> Iterator[Path]:
    """Yield the files on the search path that have one of these names."""
    names = tuple(names)
    paths = (folder / name for folder in search_path() for name in names)
    return (path for path in paths if _is_file(path))


def _candidates(size: int) -> Iterator[Path]:
    """Yield the .tflite files of `size` bytes on the search path; none for an unknown size."""
    folders = [folder for folder in search_path() if size and is_folder(folder)]
    paths = (path for folder in folders for path in sorted(folder.glob("*.tflite")))
    return (path for path in paths if _is_file(path) and path.stat().st_size == size)


def _is_file(path: Path) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - `Path.is_file` raises where it may not look


def _missing(entry: Entry) -> MissingModel:
    damaged = next(_named(entry.files), None)
    if damaged is not None:
        found = f"{damaged.stat().st_size:,} bytes instead of {entry.size:,}"
        way_out = f"fetch it again: edgepose models pull {entry.name}"
        return MissingModel(f"model {entry.name}: {damaged} has {found}", way_out)
    fault = f"model {entry.name}: no {entry.file} in {_places()}"
    if entry.urls:
        return MissingModel(fault, f"fetch it: edgepose models pull {entry.name}")
    note = f" ({entry.note})" if entry.note else ""
    return MissingModel(f"{fault}; it is published nowhere", f"copy it into one of them{note}")


def _places() -> str:
    faults = unreadable()
    folders = (
        f"{f} (can't be read: {faults[f]})" if f in faults else str(f) for f in search_path()
    )
    return ", ".join(folders)
