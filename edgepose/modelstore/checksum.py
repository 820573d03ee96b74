"""Whether a file on disk is the model of the manifest."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from edgepose.modelstore.manifest import Entry
from edgepose.tflite.bundle import bundle_fault, is_bundle
from edgepose.tflite.header import HEAD_BYTES, is_tflite, kind_of

_BLOCK: Final = 1 << 20


def sha256(path: Path) -> str:
    """Return the file's sha256 in hex."""
    return _digest(path, hashlib.sha256())


def git_blob(path: Path) -> str:
    """Return the id that git gives the file: sha1 of "blob SIZE NUL" and the content."""
    return _digest(path, hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False))


def _digest(path: Path, digest: hashlib._Hash) -> str:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def has_checksum_of(path: Path, entry: Entry) -> bool:
    """Return whether the file has a known checksum of the model; False when none is known."""
    if entry.size and path.stat().st_size != entry.size:
        return False
    return (bool(entry.sha256) and sha256(path) == entry.sha256) or (
        bool(entry.git_blob) and git_blob(path) == entry.git_blob
    )


def fault(path: Path, entry: Entry) -> str:
    """Return what is wrong with a model file, `""` when nothing is.

    Without a known checksum only the kind of file and the size are checked.
    """
    if is_bundle(path):
        return _difference(path, entry) or bundle_fault(path)
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if not is_tflite(head):
        return f"no TFLite model but {kind_of(head)}"
    return _difference(path, entry)


def _difference(path: Path, entry: Entry) -> str:
    """Return how a file differs from the one in the manifest, `""` when it does not."""
    size = path.stat().st_size
    if entry.size and size != entry.size:
        return f"{size:,} bytes instead of {entry.size:,}"
    if entry.has_checksum and not has_checksum_of(path, entry):
        return "another file: its checksum is not the one in the manifest"
    return ""
