"""The first bytes tell a model from what is downloaded instead of it."""

from __future__ import annotations

import pytest

from edgepose.tflite.header import is_tflite, kind_of


def test_the_mark_stands_at_byte_four() -> None:
    """TFL3 at byte 4 makes a TFLite file, anywhere else it does not."""
    assert is_tflite(b"\x1c\0\0\0TFL3\0\0")
    assert not is_tflite(b"TFL3\0\0\0\0")
    assert not is_tflite(b"")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\n  <!DOCTYPE html><html>", "a web page"),
        (b"\xef\xbb\xbf<HTML>", "a web page"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchKey", "an XML document"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b'{"error": 404}', "JSON"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"", "an empty file"),
        (bytes(40), "only zero bytes"),
        (b"\x01\x02\x03", "an unknown kind of file"),
    ],
)
def test_what_came_instead_is_named(head: bytes, kind: str) -> None:
    """A message can say what the file is, not only what it is not."""
    assert kind in kind_of(head)
