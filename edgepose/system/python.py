"""The Python that runs child processes of ours."""

from __future__ import annotations

import sys
from typing import Final

CHILD: Final = (sys.executable, "-P")
"""Without the current folder among those of modules: anybody may have left a `numpy.py` there, and
root's `doctor` is started in folders of the service's user."""
