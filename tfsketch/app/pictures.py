"""A photograph in memory, and its preview, on which the page draws."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from tfsketch.errors import ImageError
from tfsketch.images import photographs
from tfsketch.images.metadata import Metadata
from tfsketch.images.photographs import Photograph

PREVIEW = 1600
"""Longest side of a preview."""
MAX_TILE = 2**20
"""Most pixels of a part of a picture that the page shows at full size."""


def crop(image: np.ndarray, box: Any) -> np.ndarray:
    """A part of a picture.

    Args:
      image: [H,W,3]
      box: whole numbers [left, top, width, height], inside the picture.

    Raises:
      ImageError: anything else, or more than `MAX_TILE` pixels.
    """
    whole = isinstance(box, (list, tuple)) and len(box) == 4 and all(type(number) is int for number in box)
    left, top, width, height = box if whole else (0, 0, 0, 0)
    inside = 0 <= left <= left + width <= image.shape[1] and 0 <= top <= top + height <= image.shape[0]
    if not (inside and width > 0 and height > 0 and width * height <= MAX_TILE):
        raise ImageError(
            f"box: expected [left, top, width, height] in a picture of {image.shape[1]} x {image.shape[0]}, of at most "
            f"{MAX_TILE:,} pixels, found {str(box)[:60]}"
        )
    return image[top : top + height, left : left + width]


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
        """Its file's metadata."""
        return self.photograph.metadata

    @property
    def profile(self) -> bytes:
        """The colour profile of the RGB pictures sent to the page; empty if there is none."""
        icc = self.metadata.icc
        return icc if icc[16:20] == b"RGB " else b""

    @property
    def preview_size(self) -> tuple[int, int]:
        """(height, width) of the preview."""
        height, width = self.image.shape[:2]
        scale = min(1.0, PREVIEW / max(height, width))
        return max(1, round(height * scale)), max(1, round(width * scale))

    def preview(self, image: np.ndarray | None = None) -> np.ndarray:
        """The photograph, or another picture of its size, at the preview's size."""
        image = self.image if image is None else image
        size = self.preview_size
        return image if image.shape[:2] == size else cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)

    def jpeg(self, image: np.ndarray) -> bytes:
        """Another picture, or a part of this one, for the page: JPEG with this one's colour profile."""
        buffer = io.BytesIO()
        picture = Image.fromarray(np.ascontiguousarray(image))
        picture.save(buffer, "JPEG", quality=95, subsampling=0, icc_profile=self.profile or None)
        return buffer.getvalue()


def made_of(picture: Picture | None, image: np.ndarray) -> Photograph:
    """A result, [H,W,3] uint8 RGB, as a photograph: with the edited photograph's depth and transparency, or as it is if
    made from a sheet or of another size."""
    if picture is None:
        return photographs.of_array(image)
    if image.shape != picture.image.shape:
        return Photograph(image, image, picture.metadata)
    return picture.photograph.with_result(image)
