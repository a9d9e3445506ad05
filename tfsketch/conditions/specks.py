"""Which of a sketch's strokes are lines, and which are specks."""

from __future__ import annotations

import cv2
import numpy as np

LINE = 0.25
"""Threshold of a line in a redrawn sketch (`refined`). Cali-Sketch's SCN is underconfident: on faces of its training,
the lines from this value on are nearer to the true ones than those from 0.5 on, at every level of abstraction."""
SPECK = 6
"""Its strokes that are shorter than this, in pixels at the working side, are dropped."""


def keep(labels: np.ndarray, flags: np.ndarray) -> np.ndarray:
    """The components of a label picture whose flags are set, as {0,1}; label 0 is the background."""
    flags[0] = False
    return flags[labels].astype(np.uint8)


def drop_short(lines: np.ndarray, length: float) -> np.ndarray:
    """Removes connected strokes of a {0,1} sketch [H,W] whose bounding box is below `length` px along both axes."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(lines.astype(np.uint8), connectivity=8)
    return keep(labels, stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max(axis=1) >= length)
