"""A process that decodes one picture of a format whose decoder knows no bounds; both ends of it.

A TIFF, JPEG 2000, AVIF, WebP or GIF of a few hundred bytes may take gigabytes: by its tiles,
components and frames, whatever size its header says. The child reads the file on its standard
input, and writes the pixels into shared memory.
"""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
import sys
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.system import confined
from edgepose.system.python import CHILD

SECONDS: Final = 20.0  # that a picture may take; with the start of the process, 0.3 s here

_HEAD: Final = struct.Struct("<II")  # rows and columns, in front of the pixels


def pixels(data: bytes, flags: int) -> NDArray[Any] | None:
    """Return what OpenCV decodes, uint8 (height, width, 3), None if it can't. flags: of cv2."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # what OpenCV's own checks refuse, and memory that it does not get
        return None
    return None if image is None else np.asarray(image, np.uint8)


def pixels_apart(data: bytes, flags: int, most: int) -> NDArray[Any] | None:
    """Return the same as `pixels`, decoded in a process of its own.

    None also for a picture of more than `most` pixels, and for one that takes longer than SECONDS
    or more memory than `confined.MEMORY`.
    """
    try:
        memory = confined.shared_memory("edgepose-picture", _HEAD.size + 3 * most)
    except OSError:
        return None
    try:
        subprocess.run(
            [*CHILD, "-m", __name__, str(memory), str(flags), str(os.getpid())],
            input=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(memory,),
            env=confined.environment(),
            timeout=SECONDS,
            check=True,
        )
        return _copied(memory, most)
    except (OSError, subprocess.SubprocessError):
        return None
    finally:
        os.close(memory)


def _copied(memory: int, most: int) -> NDArray[Any] | None:
    """Return the picture in shared memory; its size is checked, a stranger may have written it."""
    rows, columns = _HEAD.unpack(os.pread(memory, _HEAD.size, 0))
    if not 0 < rows * columns <= most:
        return None
    shared = mmap.mmap(memory, _HEAD.size + 3 * rows * columns, prot=mmap.PROT_READ)
    image = np.frombuffer(shared, np.uint8, offset=_HEAD.size)
    return image.reshape(rows, columns, 3).copy()


def main() -> None:
    """Decode the picture on standard input."""
    memory, flags, parent = (int(text) for text in sys.argv[1:])
    confined.confine(parent)
    confined.keep_no_files()
    image = pixels(sys.stdin.buffer.read(), flags)
    if image is None:
        sys.exit(1)
    with mmap.mmap(memory, 0) as shared:
        shared[: _HEAD.size] = _HEAD.pack(*image.shape[:2])
        shared[_HEAD.size : _HEAD.size + image.size] = image.tobytes()


if __name__ == "__main__":
    main()
