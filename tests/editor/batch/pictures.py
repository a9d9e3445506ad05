"""A photograph, its mask and its strokes, for edits of files."""

from __future__ import annotations

import numpy as np


def noise_photo(seed: int = 0, height: int = 48, width: int = 64) -> np.ndarray:
    """Noise, [height,width,3] uint8."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


MASK = np.zeros((48, 64), np.uint8)
MASK[10:40, 20:50] = 255
STROKES = {
    "size": [64, 48],
    "strokes": [
        {"layer": "mask", "points": [[22, 12], [48, 12], [48, 38], [22, 38]], "fill": True},
        {"layer": "sketch", "points": [[25, 20], [45, 20]], "width": 1},
        {"layer": "color", "points": [[25, 30], [45, 30]], "width": 5, "color": [250, 0, 0]},
    ],
}
