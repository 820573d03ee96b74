"""What the C library keeps of memory that was freed."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from edgepose.system import malloc

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc: nothing to share or trim"
)

CROWD = """
import ctypes, sys, threading
from edgepose.system import malloc
if sys.argv[2] == "shared":
    malloc.limit_arenas()
together, libc = threading.Barrier(6), ctypes.CDLL(None)
libc.malloc.restype = libc.fopen.restype = ctypes.c_void_p
def allocate():
    together.wait()
    for _ in range(20_000):
        libc.malloc(64)
    together.wait()
crowd = [threading.Thread(target=allocate) for _ in range(6)]
[thread.start() for thread in crowd]
[thread.join() for thread in crowd]
file = libc.fopen(sys.argv[1].encode(), b"w")
libc.malloc_info(0, ctypes.c_void_p(file))
libc.fclose(ctypes.c_void_p(file))
"""


def test_threads_share_two_heaps(tmp_path):
    """By the account of glibc, of six threads that allocate at once; else they have more."""
    counts = {}
    for how in ("shared", "plain"):
        command = [sys.executable, "-c", CROWD, str(tmp_path / how), how]
        subprocess.run(command, check=True, timeout=50)
        counts[how] = (tmp_path / how).read_text().count("<heap ")

    assert counts["shared"] <= malloc.ARENAS < counts["plain"]


HOLES = """
import ctypes, resource
from edgepose.system import malloc
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
places = [libc.malloc(100_000) for _ in range(300)]
for place in places:
    ctypes.memset(place, 1, 100_000)
for place in places[:-1]:
    libc.free(place)
before = resident()
malloc.trim()
print(before - resident())
"""


def test_what_is_freed_in_the_midst_is_given_back():
    """Thirty megabytes below something that stays: glibc keeps them, until it is asked."""
    run = subprocess.run(
        [sys.executable, "-c", HOLES], check=True, timeout=50, capture_output=True, text=True
    )
    assert int(run.stdout) > 25e6
