"""Compile what stands in for a library, or gets between a program and one."""

from __future__ import annotations

import subprocess
from pathlib import Path


def compiled(folder: Path, source: Path, *flags: str) -> Path:
    """Return a shared library of a C file; needs a compiler. flags: more of the compiler's."""
    made = folder / f"{source.stem}.so"
    command = ["cc", "-shared", "-fPIC", "-w", "-o", str(made), str(source), *flags]
    subprocess.run(command, check=True)
    return made
