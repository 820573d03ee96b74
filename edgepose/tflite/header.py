"""Recognise TFLite files, and what other files under a model's name are, by the first bytes."""

from __future__ import annotations

from typing import Final

IDENTIFIER: Final = b"TFL3"  # at byte 4 of every TFLite file
HEAD_BYTES: Final = 512  # that `kind_of` reads

_KINDS: Final = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself"),
    (b"<!doctype html", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML document (often a download's error message)"),
    (b"{", "a JSON document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x89HDF", "a Keras model: convert it to TFLite first"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
)


def is_tflite(head: bytes) -> bool:
    """Return whether a file that begins with `head` (8 bytes or more) has TFLite's identifier."""
    return head[4:8] == IDENTIFIER


def kind_of(head: bytes) -> str:
    """Return what a file that begins with `head` probably is, as the end of a sentence."""
    if not head.strip(b"\0"):
        return "only zero bytes" if head else "an empty file"
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    known = (kind for mark, kind in _KINDS if start.startswith(mark.lower()))
    return next(known, "an unknown kind of file")
