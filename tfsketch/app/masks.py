"""Masks of a face parser's regions, and masks grown, shrunk or inverted, as strokes, like everything drawn.

Outlines are traced at the preview's size, where they are accurate to a pixel.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from tfsketch.app.pictures import Picture
from tfsketch.conditions.vectors import outlines
from tfsketch.errors import ImageError

SPECK = 6
"""Pixels of the preview; smaller parts of a mask are left out."""


def resize_mask(mask: np.ndarray, grow: float, invert: bool) -> np.ndarray:
    """A mask [H,W] in {0,1} grown by `grow` pixels, or shrunk if negative, and then optionally inverted."""
    mask = (mask > 0).astype(np.uint8)
    if grow and mask.any() and not mask.all():
        # The picture's border is not an edge: a mask does not shrink there.
        away = cv2.distanceTransform(1 - mask if grow > 0 else mask, cv2.DIST_L2, 5)
        mask = ((away <= grow) if grow > 0 else (away > -grow)).astype(np.uint8)
    return 1 - mask if invert else mask


def areas_of(mask: np.ndarray, picture: Picture) -> list[dict[str, Any]]:
    """Filled strokes, in the photograph's coordinates, that cover a mask [H,W] in {0,1} of the preview's size, all
    but specks and lines of one pixel."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    small = [part for part in range(1, count) if stats[part, cv2.CC_STAT_AREA] < SPECK]
    mask = np.where(np.isin(labels, small), 0, mask).astype(np.uint8)
    height, width = picture.image.shape[:2]
    scale = np.array([width / mask.shape[1], height / mask.shape[0]])
    # Outlines run through the centres of the mask's outermost pixels: a line one pixel wide covers the rest.
    edge = round(float(np.sqrt(scale.prod())), 1)
    shapes = [np.round(np.array(points) * scale, 1).tolist() for points in outlines(mask)]
    return [{"layer": "mask", "points": points, "width": edge, "fill": True} for points in shapes]


def strokes_of(mask: np.ndarray, picture: Picture) -> dict:
    """The tree of a strokes file of the photograph's size whose mask this is.

    Args:
      mask: [H,W] uint8 in {0,1}, of the preview's size.
      picture: the photograph.

    Raises:
      ImageError: the mask is empty, or specks and lines.
    """
    strokes = areas_of(mask, picture)
    if not strokes:
        raise ImageError("mask: expected something to be left of it, found nothing, or no more than a line")
    return {"size": list(picture.image.shape[1::-1]), "strokes": strokes}
