"""edgepose: a camera, a pose model and a template become an event. See README.md."""

from typing import Final

__version__: Final = "0.1.0"
