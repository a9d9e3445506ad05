"""A photograph in memory, and what the page draws on."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from tfsketch.images import photographs
from tfsketch.images.metadata import Metadata
from tfsketch.images.photographs import Photograph

PREVIEW = 1600
"""Longest side of what the page draws on."""


@dataclasses.dataclass(frozen=True)
class Picture:
    """A photograph in memory."""

    photograph: Photograph

    @property
    def image(self) -> np.ndarray:
        """[H,W,3] uint8 RGB"""
        return self.photograph.image

    @property
    def metadata(self) -> Metadata:
        """What its file says beside its pixels."""
        return self.photograph.metadata

    @property
    def profile(self) -> bytes:
        """The colour profile of what the page is shown, which is RGB; empty where there is none."""
        icc = self.metadata.icc
        return icc if icc[16:20] == b"RGB " else b""

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


def made_of(picture: Picture | None, image: np.ndarray) -> Photograph:
    """A result, [H,W,3] uint8 RGB, as a photograph: of one that is edited at its depth and with its transparency, of a
    sheet or a result of another size as it is."""
    if picture is None:
        return photographs.of_array(image)
    if image.shape != picture.image.shape:
        return Photograph(image, image, picture.metadata)
    return picture.photograph.edited(image)
