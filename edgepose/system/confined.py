"""Child processes that decode what strangers send: what they inherit, and what they may take.

A decoder may be taken over by what it decodes. `environment` keeps the device's secrets from it,
`shared_memory` can't be taken away from its parent, and `confine` is the child's first call.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from edgepose.system import landlock

MEMORY: Final = 1 << 30  # bytes that such a process may take, without shared memory

_KEPT: Final = (
    "PATH", "HOME", "TMPDIR", "TZ", "LANG", "LD_LIBRARY_PATH", "GLIBC_TUNABLES",
    "http_proxy", "https_proxy", "no_proxy",
)  # fmt: skip
_KEPT_KINDS: Final = ("LC_", "PYTHON", "SSL_CERT_")  # beginnings of names
_ETC: Final = (
    "gai.conf", "host.conf", "hosts", "ld.so.cache", "localtime", "nsswitch.conf", "pki",
    "protocols", "resolv.conf", "services", "ssl",
)  # fmt: skip
_NETWORK: Final = (
    "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/NetworkManager", "/run/resolvconf",
    "/run/connman", "/dev/null", "/dev/urandom", *(f"/etc/{name}" for name in _ETC),
)  # fmt: skip
_DIE_WITH_PARENT: Final = 1  # PR_SET_PDEATHSIG
_DUMPABLE: Final = 4  # PR_SET_DUMPABLE
_NO_NEW_PRIVILEGES: Final = 38  # PR_SET_NO_NEW_PRIVS
_SEALS: Final = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def environment() -> dict[str, str]:
    """Return the variables that a child inherits: no secret of the configuration."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in _KEPT or name.startswith(_KEPT_KINDS)
    }
    return kept | {"OPENBLAS_NUM_THREADS": "1"}  # each thread takes memory for itself


def shared_memory(name: str, size: int) -> int:
    """Return the descriptor of zeros that keep their size: a smaller one would kill its readers."""
    memory = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(memory, size)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, _SEALS)
    except OSError:
        os.close(memory)
        raise
    return memory


def confine(parent: int) -> None:
    """End with the parent, leave signals of the terminal to it, and take no memory without end.

    parent: the process id of who started this one.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def keep_network_files(*more: str) -> None:
    """Give up all files but those that names, certificates and libraries are read from.

    more: further ones. To be called after `confine`, when everything else is imported and read.
    """
    landlock.read_only((*_NETWORK, *filter(None, sys.path), *more))


def keep_no_files() -> None:
    """Give up all files. To be called after `confine`, when everything is imported."""
    landlock.read_only(())


def keep_secrets() -> None:
    """Let no other process of the same user read this one's memory and environment."""
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)


def signal_name(number: int) -> str:
    """Return the name of the signal that ended a process."""
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
