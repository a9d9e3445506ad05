"""Photographs and styles to restyle with, and a parser that finds hair in what is dark."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch import systems
from tfsketch.conditions import regions


def grey_photo(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    """Grey about the middle, so that nothing clips."""
    return np.random.default_rng(seed).integers(100, 156, (height, width, 3)).astype(np.uint8)


def style_picture(seed: int = 9) -> np.ndarray:
    """Bright, with stripes."""
    style = np.full((40, 30, 3), (250, 30 + seed, 90), np.uint8)
    style[::4] = 0
    return style


def mask_of(height: int = 48, width: int = 64) -> np.ndarray:
    """A rectangle that reaches nearly to the right side, 1 inside."""
    mask = np.zeros((height, width), np.uint8)
    mask[height // 4 : height // 2 + 1, width // 3 : width - 2] = 1
    return mask


class Parser:
    """Finds hair in what is dark, and background everywhere else."""

    experiment = systems.parse("{system: face_parser, image_size: 32}")

    def __init__(self):
        self.image = np.zeros(0)

    def __call__(self, batch):
        self.image = batch["image"].numpy()[0]
        dark = tf.cast(tf.reduce_mean(batch["image"], axis=-1) < 0.0, tf.float32)
        shares = tf.one_hot(tf.cast(dark * regions.REGIONS.index("hair"), tf.int32), len(regions.REGIONS))
        return {"probabilities": shares, "regions": tf.argmax(shares, axis=-1)[..., None]}
