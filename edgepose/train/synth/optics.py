"""Effects of a cheap camera: blur, exposure, white balance, noise, JPEG."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edgepose.train.synth.things import Picture

Rng = np.random.Generator


def _blurred(rng: Rng, picture: Picture) -> Picture:
    """Return the picture out of focus, shaken or sharp."""
    kind = rng.random()
    if kind < 0.2:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.4, 1.8))))
    if kind < 0.27:
        length = int(rng.integers(3, 9))
        kernel = np.zeros((length, length), np.float32)
        start, end = ((0, length // 2), (length - 1, length // 2))
        if rng.random() < 0.5:
            start, end = (length // 2, 0), (length // 2, length - 1)
        cv2.line(kernel, start, end, 1.0 / length)
        return np.asarray(cv2.filter2D(picture, -1, kernel))
    return picture


def _exposed(rng: Rng, picture: Picture) -> Picture:
    """Return the picture with another gamma, white balance and black level."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** rng.uniform(0.65, 1.5)
    curves = levels * 255 * rng.uniform(0.88, 1.12, 3) + rng.uniform(-14, 14)
    table = np.clip(curves, 0, 255).astype(np.uint8)[None]
    return np.asarray(cv2.LUT(np.clip(picture, 0, 255).astype(np.uint8), table), np.float32)


def _noisy(rng: Rng, picture: Picture) -> Picture:
    """Return the picture with the noise of a small sensor after denoising: coarse grain."""
    size = picture.shape[0]
    small = rng.standard_normal((size // 2, size // 2, 3), dtype=np.float32)
    return picture + cv2.resize(small, (size, size)) * np.float32(rng.uniform(1, 11))


def photograph(rng: Rng, picture: Picture) -> NDArray[np.uint8]:
    """Return uint8 RGB as a camera would give it; `picture` is float RGB 0..255."""
    picture = _exposed(rng, _blurred(rng, picture))
    if rng.random() < 0.55:
        picture = _noisy(rng, picture)
    image = np.clip(picture, 0, 255).astype(np.uint8)
    if rng.random() < 0.06:
        image = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)
    if rng.random() < 0.4:
        image = jpeg(image, int(rng.integers(25, 92)))
    return image


def jpeg(image: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return the image after JPEG at `quality` 1..100 (channel order does not matter)."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
