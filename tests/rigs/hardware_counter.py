"""The processor's own counter of instructions, as Linux gives it to a process (perf_event_open).

After Linux's include/uapi/linux/perf_event.h. Many virtual machines have no such counter.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import struct
from typing import Final

HARDWARE, INSTRUCTIONS = 0, 1  # PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS
SOFTWARE, TASK_CLOCK = 1, 1  # PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK, nanoseconds

_CALL: Final = {"x86_64": 298, "aarch64": 241, "armv7l": 364}
_SIZE: Final = 112  # PERF_ATTR_SIZE_VER5
_FLAGS: Final = 1 << 0 | 1 << 1 | 1 << 5 | 1 << 6  # disabled, inherit, no kernel, no hypervisor
_ENABLE, _DISABLE = 0x2400, 0x2401


class Counter:
    """What this thread, and those that it starts from now on, do between `begin` and `end`.

    Raises OSError where the machine has no such counter, or keeps it from its users.
    """

    def __init__(self, kind: int = HARDWARE, event: int = INSTRUCTIONS) -> None:
        wanted = bytearray(_SIZE)
        struct.pack_into("=IIQ", wanted, 0, kind, _SIZE, event)
        struct.pack_into("=Q", wanted, 40, _FLAGS)
        libc = ctypes.CDLL(None, use_errno=True)
        given = (ctypes.c_char * _SIZE).from_buffer(wanted)
        self._file = libc.syscall(_CALL[platform.machine()], given, 0, -1, -1, 0)
        if self._file < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"the processor's counter can't be used: {os.strerror(number)}")

    def begin(self) -> None:
        """Count from now on."""
        fcntl.ioctl(self._file, _ENABLE)

    def end(self) -> int:
        """Stop counting; return the count so far."""
        fcntl.ioctl(self._file, _DISABLE)
        return int.from_bytes(os.read(self._file, 8), "little")

    def close(self) -> None:
        """Give the counter back."""
        os.close(self._file)
