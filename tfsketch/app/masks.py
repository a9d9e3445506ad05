"""Masks from what a face parser sees, and masks grown, shrunk, inverted; as strokes, like all that is drawn.

Outlines are traced at the size that the page shows, where they are true to a pixel.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.app.pictures import Picture
from tfsketch.conditions.vectors import outlines
from tfsketch.errors import ImageError

SPECK = 6
"""Pixels of what is shown; smaller parts of a mask are left out."""


def changed(mask: np.ndarray, grow: float, invert: bool) -> np.ndarray:
    """A mask [H,W] in {0,1} grown by pixels, or shrunk by less than 0, and then inverted if asked for."""
    mask = (mask > 0).astype(np.uint8)
    if grow and mask.any() and not mask.all():
        # The picture's border is no edge: what reaches it does not shrink there.
        away = cv2.distanceTransform(1 - mask if grow > 0 else mask, cv2.DIST_L2, 5)
        mask = ((away <= grow) if grow > 0 else (away > -grow)).astype(np.uint8)
    return 1 - mask if invert else mask


def strokes_of(mask: np.ndarray, picture: Picture) -> dict:
    """The tree of a strokes file of the photograph's size whose mask this is.

    Args:
      mask: [H,W] uint8 in {0,1}, of the preview's size.
      picture: the photograph.

    Raises:
      ImageError: nothing is left of the mask.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    small = [part for part in range(1, count) if stats[part, cv2.CC_STAT_AREA] < SPECK]
    mask = np.where(np.isin(labels, small), 0, mask).astype(np.uint8)
    if not mask.any():
        raise ImageError("mask: expected something to be left of it, found nothing")
    height, width = picture.image.shape[:2]
    scale = np.array([width / mask.shape[1], height / mask.shape[0]])
    # Outlines go through the middle of the mask's outermost pixels: a line of one pixel's width takes in the rest.
    edge = round(float(np.sqrt(scale.prod())), 1)
    shapes = [np.round(np.array(points) * scale, 1).tolist() for points in outlines(mask)]
    strokes = [{"layer": "mask", "points": points, "width": edge, "fill": True} for points in shapes]
    if not strokes:
        raise ImageError("mask: expected more than a line to be left of it, found less")
    return {"size": [width, height], "strokes": strokes}
