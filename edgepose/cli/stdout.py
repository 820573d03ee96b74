"""Standard output that can't be written: a full disk behind it, or a reader that is gone."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

from edgepose.errors import error_text

_UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def fault(error: OSError) -> str:
    """Return what a failed write means, "" for another error."""
    is_write = error.filename is None and error.errno in _UNWRITABLE
    return f"the output can't be written ({error_text(error).lower()})" if is_write else ""


def discard() -> None:
    """Send what is buffered, and all that follows, nowhere: Python writes it at its end."""
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - what is buffered goes there
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
