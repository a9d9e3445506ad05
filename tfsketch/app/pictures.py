"""A photograph in memory, and what the page draws on."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfsketch.images import files

PREVIEW = 1600
"""Longest side of what the page draws on."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph in memory."""

    image: np.ndarray
    """[H,W,3] uint8 RGB"""
    metadata: files.Metadata

    @property
    def preview_size(self) -> tuple[int, int]:
        """(height, width) of what the page draws on."""
        height, width = self.image.shape[:2]
        scale = min(1.0, PREVIEW / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def preview(self, image: np.ndarray | None = None) -> np.ndarray:
        """The photograph, or another picture of its size, at the preview's size."""
        image = self.image if image is None else image
        size = self.preview_size
        return image if image.shape[:2] == size else cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
