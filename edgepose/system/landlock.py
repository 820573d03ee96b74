"""Landlock: a process gives up files, and other processes, for good.

Kernel documentation, userspace-api/landlock. From Linux 5.13 on where it is switched on, as in
Debian; elsewhere nothing happens.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from typing import Final

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on every processor
_VERSION: Final = 1  # flag of _CREATE: return the version of the interface
_BENEATH: Final = 1  # kind of a rule: a path and all below it
_EXECUTE, _READ_FILE, _READ_FOLDER = 1, 4, 8
_RIGHTS: Final = ((1, (1 << 13) - 1), (2, 1 << 13), (3, 1 << 14))  # since which version, on files
_SCOPES: Final = 6, 3  # since which version: no abstract sockets and no signals to others


def version() -> int:
    """Return the version of the kernel's interface, 0 where there is none."""
    return max(_call(_CREATE, None, 0, _VERSION), 0)


def read_only(paths: Iterable[str]) -> None:
    """Let this thread, and what it starts, read these files and folders, and nothing else.

    What is open stays open. Other processes can't be looked into, nor sent signals, any more.
    Paths that do not exist are passed over. Needs PR_SET_NO_NEW_PRIVS.
    """
    known = version()
    if not known:
        return
    rights = sum(bits for since, bits in _RIGHTS if since <= known)
    scopes = _SCOPES[1] if known >= _SCOPES[0] else 0
    attributes = struct.pack("QQQ", rights, 0, scopes)  # of the net none
    rules = _call(_CREATE, attributes, len(attributes) if scopes else 8, 0)
    if rules < 0:
        return
    for path in paths:
        _allow(rules, path)
    _call(_RESTRICT, rules, 0)
    os.close(rules)


def _allow(rules: int, path: str) -> None:
    """Add the rule that a path may be read."""
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    is_folder = os.path.isdir(path)  # noqa: PTH112
    rights = _EXECUTE | _READ_FILE | (_READ_FOLDER if is_folder else 0)
    _call(_ADD, rules, _BENEATH, struct.pack("=Qi", rights, place), 0)
    os.close(place)


def _call(number: int, *arguments: int | bytes | None) -> int:
    return int(ctypes.CDLL(None).syscall(number, *arguments))
