"""Files that edgepose keeps between two starts: read without trust, since a disk can fail.

Whatever stands in such a file's place, a start must not hang on it or end by it: a pipe, a device,
a file without an end, text that is none, JSON nested too deep are all OSError or ValueError.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from edgepose import jsonio
from edgepose.system import plain_file

LARGEST: Final = 64 << 20  # bytes; the longest in use, a history of years, has under 10 MB


def read_text(path: Path) -> str:
    """Return the text of a file. Raises OSError or ValueError."""
    return plain_file.read(path, LARGEST).decode("utf-8")


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds. Raises OSError or ValueError."""
    value = jsonio.loads(read_text(path))
    if not isinstance(value, dict):
        raise ValueError(f"holds {jsonio.kind(value)} instead of an object")
    return value
