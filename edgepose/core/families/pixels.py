"""Hand the picture itself to models that normalise it on their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from edgepose.types import Image, Tensor


def picture_tensor(pixels: Image, dtype: np.dtype[Any]) -> Tensor:
    """Return (1, height, width, 3) of 0..255 in the input's dtype; int8 is shifted down by 128.

    Quantisation parameters are not asked: the picture is the input's own range.
    """
    tensor = pixels[np.newaxis]
    if dtype == np.int8:
        return (tensor ^ np.uint8(0x80)).view(np.int8)
    return tensor.astype(dtype, copy=False)
