"""Feed a clip to a v4l2loopback camera, again and again, at a rate of its own.

Usage: clip_camera.py CLIP DEVICE FPS. Runs in the virtual machine, with edgepose's own Python.
"""

from __future__ import annotations

import fcntl
import itertools
import struct
import sys
import time
from pathlib import Path

import av

VIDIOC_S_FMT = 0xC0D05605
OUTPUT, YUYV, PROGRESSIVE = 2, b"YUYV", 1
HEIGHT, WIDTH = 288, 512


def set_format(device: int) -> None:
    """Tell the driver what is going to be written: struct v4l2_format of <linux/videodev2.h>."""
    format_ = struct.pack("=IxxxxII4sIII", OUTPUT, WIDTH, HEIGHT, YUYV, PROGRESSIVE, 2 * WIDTH,
                          2 * WIDTH * HEIGHT)  # fmt: skip
    fcntl.ioctl(device, VIDIOC_S_FMT, format_.ljust(208, b"\0"))


def pictures(clip: str) -> list[bytes]:
    """Return every second frame of the clip, as the camera gives it."""
    with av.open(clip) as container:
        frames = itertools.islice(container.decode(video=0), 0, None, 2)
        return [bytes(frame.reformat(WIDTH, HEIGHT, "yuyv422").planes[0]) for frame in frames]


def main() -> None:
    """Feed for ever; a late frame is not made up for."""
    clip, path, rate = sys.argv[1:]
    made = pictures(clip)
    with Path(path).open("wb", buffering=0) as device:
        set_format(device.fileno())
        for picture in itertools.cycle(made):
            device.write(picture)
            time.sleep(1 / float(rate))


if __name__ == "__main__":
    main()
