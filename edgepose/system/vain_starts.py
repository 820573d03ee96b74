"""How often one configuration was started in vain: the process crashed, one time after another.

Native code of a runtime can end the process without a word, so the count is on disk before it is
tried. The folder is a tmpfs that outlives a restart of the service and not one of the machine.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from edgepose.system import last_exit

log = logging.getLogger(__name__)

NAME: Final = "vain-starts"  # "DIGEST NUMBER"
IN_ORDER: Final = "success"


class VainStarts:
    """Count starts by the digest of what is started. folder: None where there is none."""

    def __init__(self, folder: Path | None) -> None:
        """Look how the process before this one ended."""
        self._file = folder / NAME if folder else None
        end = last_exit.read(folder)
        self._crashed = end is not None and end["result"] != IN_ORDER
        self._digest, self._before = "", 0

    def count(self, digest: str) -> int:
        """Note a start, once in a process; return how many before it ended in a crash."""
        if digest != self._digest:
            told, number = self._read()
            self._before = number if self._crashed and told == digest else 0
            self._digest = digest
            self._write(f"{digest} {self._before + 1}")
        return self._before

    def _read(self) -> tuple[str, int]:
        try:
            digest, number = self._file.read_text().split() if self._file else ("", "0")
            return digest, int(number)
        except (OSError, ValueError):
            return "", 0

    def _write(self, text: str) -> None:
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(text)
        except OSError as error:
            log.warning("%s: can't be written: %s", self._file, error.strerror or error)
