"""edgepose: a camera, a pose model and a template become an event. See README.md."""

import os
from typing import Final

__version__: Final = "0.1.0"

# OpenCV reads it once, when it is loaded by whichever module comes first: `imaging.MAX_PIXELS`.
# It checks what its own decoder has found, which a damaged header can hide from `image_header`.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", "50000000")
