"""Where the files that edgepose brings along stand: configs/ and models/.

They are at the top of a checkout (also of an editable install), and inside the package of an
installed wheel.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).resolve().parents[1]


def folders(*parts: str) -> tuple[Path, ...]:
    """Return the folders of that name that exist, e.g. `folders("configs", "templates")`."""
    places = (_PACKAGE / "assets" / Path(*parts), _PACKAGE.parent / Path(*parts))
    return tuple(place for place in places if place.is_dir())
