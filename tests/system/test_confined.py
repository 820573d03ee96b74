"""Children that decode what strangers send: what they can't take away, and how their end is named.

What they inherit and may take is tried on the real ones, in `test_source_stream`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from edgepose.system import confined


@pytest.mark.parametrize("size", [0, 4095, 8192])
def test_shared_memory_keeps_its_size(size: int):
    """Its reader would be killed where it has become shorter."""
    memory = confined.shared_memory("test", 4096)
    try:
        with pytest.raises(PermissionError):
            os.ftruncate(memory, size)
        assert os.fstat(memory).st_size == 4096
    finally:
        os.close(memory)


def test_a_process_can_keep_its_secrets():
    """Its memory and environment are then root's alone to read."""
    code = (
        "import ctypes\nfrom edgepose.system import confined\nconfined.keep_secrets()\n"
        "print(ctypes.CDLL(None).prctl(3))"  # PR_GET_DUMPABLE
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "0\n"


def test_every_signal_has_a_name():
    """Real-time ones have none in Python's list."""
    assert confined.signal_name(signal.SIGSEGV) == "SIGSEGV"
    assert confined.signal_name(40) == "signal 40"
