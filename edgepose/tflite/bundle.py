"""MediaPipe's `.task` bundles: a zip file with the networks of one task.

A network in a bundle has a path of its own: `pose_landmarker_full.task/pose_detector.tflite`.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Final

from edgepose.errors import ModelError, error_text
from edgepose.system import plain_file
from edgepose.tflite.header import is_tflite

MARK: Final = b"PK\x03\x04"
DETECTOR: Final = "pose_detector.tflite"
LANDMARKS: Final = "pose_landmarks_detector.tflite"
MAX_BYTES: Final = 128 << 20  # of one network, far above any; a small zip may unpack to anything
_BOUNDED: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What MediaPipe uses. Of others `zipfile` unpacks everything, whatever size the directory says."""

_END: Final = struct.Struct("<4s8xI6x")  # of a zip without a comment: mark, bytes of the directory
_END_MARK: Final = b"PK\5\6"
_WIDE_MARK: Final = b"PK\6\7"  # of zip64, whose 20 bytes before the end count instead
_WIDE: Final = 20
MAX_DIRECTORY: Final = 64 << 10  # bytes; two networks have 200, and `zipfile` reads it whole


def is_bundle(path: Path) -> bool:
    """Return whether a file begins as a zip does; False for one that can't be read."""
    try:
        with plain_file.opened(path) as file:
            return file.read(len(MARK)) == MARK
    except OSError:
        return False


def is_member(path: Path) -> bool:
    """Return whether a path leads into a bundle."""
    return path.parent.is_file()


def members(path: Path) -> tuple[Path, Path]:
    """Return the paths of the person detector and the landmark network in a bundle.

    Raises ModelError for a damaged file, or the bundle of another task.
    """
    with _opened(path) as archive:
        names = archive.namelist()
    if not names:  # of a file cut short within a network that ends in a zip of its own
        raise ModelError(_damaged(path))
    if DETECTOR not in names or LANDMARKS not in names:
        found = ", ".join(sorted(names)[:4])
        raise ModelError(
            f"{path}: expected {DETECTOR} and {LANDMARKS} in the bundle, found {found}; "
            "use one of MediaPipe's pose_landmarker files"
        )
    return path / DETECTOR, path / LANDMARKS


def read_member(path: Path) -> bytes:
    """Return a network of a bundle. Raises ModelError where it is damaged or missing."""
    try:
        with _opened(path.parent) as archive:
            member = archive.getinfo(path.name)
            if member.file_size > MAX_BYTES:
                raise ModelError(f"{path}: expected at most {MAX_BYTES >> 20} MB; use another file")
            if member.compress_type not in _BOUNDED:
                raise ModelError(_damaged(path.parent))
            data = archive.read(member)
    except KeyError as error:
        raise ModelError(f"{path.parent}: no {path.name} in the bundle") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(_damaged(path.parent)) from error
    if not is_tflite(data):
        raise ModelError(_damaged(path.parent))
    return data


def bundle_fault(path: Path) -> str:
    """Return what a bundle of pose networks is instead, `""` when it is intact."""
    try:
        for member in members(path):
            read_member(member)
    except ModelError:
        return "a bundle that is damaged, cut short or of another task"
    return ""


def _opened(path: Path) -> zipfile.ZipFile:
    """Open a bundle. Raises ModelError for a file that is none, or has thousands of entries."""
    try:
        if not _has_small_directory(path):
            raise ModelError(_damaged(path))
        return zipfile.ZipFile(path)
    except OSError as error:
        raise ModelError(f"{path}: can't be read: {error_text(error)}") from error
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise ModelError(_damaged(path)) from error


def _has_small_directory(path: Path) -> bool:
    with plain_file.opened(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - _END.size - _WIDE, 0))
        tail = file.read()
    mark, directory = _END.unpack(tail[-_END.size :]) if len(tail) >= _END.size else (b"", 0)
    is_wide = tail[: -_END.size].startswith(_WIDE_MARK)
    return mark == _END_MARK and directory <= MAX_DIRECTORY and not is_wide


def _damaged(path: Path) -> str:
    return f"{path}: the bundle is damaged or cut short; fetch it again: edgepose models pull"
