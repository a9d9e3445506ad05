"""A photograph of 48 x 64 pixels as cameras and programs write it, and its repaint."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from PIL import ImageCms

from tests.pictures import crops
from tfsketch.images import photographs

PHOTO = crops(1, 64)[0][:48]
HOLE = np.s_[10:30, 20:40]
"""Where `repaint` changes it."""
OUTSIDE = np.ones(PHOTO.shape[:2], bool)
OUTSIDE[HOLE] = False
IPTC = b"\x1c\x02\x78\x00\x05hello\x1c\x02\x50\x00\x02Me"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def repaint(photograph: photographs.Photograph, grey: bool = False) -> photographs.Photograph:
    """The photograph with noise in `HOLE`, of colours or of grey."""
    result = photograph.image.copy()
    result[HOLE] = np.random.default_rng(1).integers(0, 256, (20, 20, 1 if grey else 3))
    return photograph.with_result(result)


def deep_pixels(channels: int) -> np.ndarray:
    """[48,64,C] uint16 of noise."""
    return np.random.default_rng(0).integers(0, 65_536, (48, 64, channels)).astype(np.uint16)


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG file."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
