"""Colour maps and colour strokes.

A user dabs a few flat strokes of colour; the training picture for that is the photograph with its texture and shading
removed, seen through brush strokes. SC-FEGAN (Jo & Park 2019, section 3.1): median filter, twenty bilateral filters,
then each segment of a face parser replaced by its median colour, without any histogram equalisation, and multiplied by
a free-form mask. Where no regions are given the filtered picture stands for the segments.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.conditions import masks
from tfsketch.config import ColorConfig


def color_map(image: np.ndarray, config: ColorConfig, regions: np.ndarray | None = None) -> np.ndarray:
    """The photograph as flat colours.

    Args:
      image: [H,W,3] uint8 RGB.
      config: filter sizes, in pixels of a picture with a side of 128; they grow with the picture.
      regions: optional [H,W] integer labels of a face parser; every region then becomes its median colour.

    Returns:
      [H,W,3] uint8 RGB.
    """
    scale = min(image.shape[:2]) / 128.0
    size = max(3, int(config.median * scale) // 2 * 2 + 1)
    # cv2 filters uint8 with any odd aperture; above 5 it needs exactly uint8, which these pictures are.
    smooth = cv2.medianBlur(np.ascontiguousarray(image), min(size, 255))
    for _ in range(config.bilateral_passes):
        smooth = cv2.bilateralFilter(
            smooth,
            d=max(3, round(config.bilateral_diameter * scale)),
            sigmaColor=config.bilateral_sigma,
            sigmaSpace=config.bilateral_sigma,
        )
    if regions is not None:
        for label in np.unique(regions):
            inside = regions == label
            smooth[inside] = np.median(image[inside], axis=0).astype(np.uint8)
    return smooth


def stroke_mask(rng: np.random.Generator, size: tuple[int, int], config: ColorConfig) -> np.ndarray:
    """Where colour was dabbed: brush strokes covering a random share of the picture.

    Returns:
      [H,W] uint8 in {0,1}; all zero with probability `1 - probability`, since users often give no colour at all.
    """
    if rng.random() >= config.probability:
        return np.zeros(size, np.uint8)
    return masks.strokes(rng, size, config.stroke, rng.uniform(*config.share), upper=config.share[1])
