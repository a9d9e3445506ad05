"""Pictures at other sizes: fitted into a side, cut to a square."""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.vocabulary import resize


def fit(image: np.ndarray, side: int) -> np.ndarray:
    """A picture [H,W,...] scaled so that its longer side is at most `side`; unchanged if it is small enough."""
    height, width = image.shape[:2]
    if max(height, width) <= side:
        return image
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


def cut_square(image: np.ndarray) -> np.ndarray:
    """The central square of a picture [H,W,...], a view."""
    height, width = image.shape[:2]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return image[top : top + edge, left : left + edge]


def center_square(image: np.ndarray, side: int) -> np.ndarray:
    """The central square of a picture at `side`; see `vocabulary.resize`."""
    return np.ascontiguousarray(resize(cut_square(image), (side, side)))
