"""Large holes: one side of the picture, an ellipse over the face, everything but a border, everything but a patch.

Each is the level set of a smooth function (a plane, or a distance from a point), whose level is the quantile that gives
the sampled share, so that the share is exact.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from tfsketch.conditions import regions as regions_lib
from tfsketch.config import MaskConfig
from tfsketch.errors import ConfigError


def large_hole(
    rng: np.random.Generator, size: tuple[int, int], config: MaskConfig, regions: np.ndarray | None
) -> np.ndarray:
    """A large hole, [H,W] uint8 in {0,1}; its covered share lies in `large_share`. Arguments as of `masks.free_form`.

    Raises:
      ConfigError: an unknown kind of hole.
    """
    height, width = size
    total = height * width
    lower, upper = config.large_share
    most = math.floor(upper * total)
    pixels = int(np.clip(round(rng.uniform(lower, upper) * total), min(math.ceil(lower * total), most), most))
    kind = str(rng.choice(config.large))
    y = (np.arange(height) + 0.5)[:, None] / height
    x = (np.arange(width) + 0.5)[None] / width

    def distance(center: tuple[float, float], aspect: float, power: float) -> np.ndarray:
        """From a point, in a norm whose unit ball is an ellipse (power 2) or nearly a rectangle (12)."""
        return (np.abs(x - center[0]) / aspect) ** power + np.abs(y - center[1]) ** power

    if kind == "half":
        angle = np.radians(90 * rng.integers(4) + rng.uniform(-15, 15))
        level = x * np.cos(angle) + y * np.sin(angle)
    elif kind == "face":
        moments = None if regions is None else cv2.moments(regions_lib.mask_of(regions, "face"), binaryImage=True)
        if moments is not None and moments["m00"] > 0:
            center = (moments["m10"] / moments["m00"] / width, moments["m01"] / moments["m00"] / height)
            aspect = math.sqrt((moments["mu20"] + 1) / (moments["mu02"] + 1)) * height / width
        else:
            # In FFHQ's alignment, a face's middle is a tenth of the picture below the eyes.
            center = tuple(np.mean(config.eyes, axis=0) + (0.0, 0.1))
            aspect = 0.75
        shift = rng.uniform(-0.03, 0.03, 2)
        level = distance((center[0] + shift[0], center[1] + shift[1]), aspect * rng.uniform(0.85, 1.15), 2)
    elif kind == "inner":
        level = distance(tuple(rng.uniform(0.47, 0.53, 2)), rng.uniform(0.95, 1.05), 12)
    elif kind == "outer":
        level = -distance(tuple(rng.uniform(0.1, 0.9, 2)), rng.uniform(0.6, 1.6), rng.choice([2, 12]))
    else:
        raise ConfigError(f"mask.large: expected half, face, inner or outer, found {kind!r}")
    # Of pixels exactly at the level (usually none) the first are taken.
    order = np.argpartition(level, pixels - 1, axis=None)[:pixels]
    mask = np.zeros(total, np.uint8)
    mask[order] = 1
    return mask.reshape(size)
