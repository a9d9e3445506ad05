"""Objects in front of a face, which a face parser is trained to cope with."""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.conditions import masks, regions
from tfsketch.config import StrokeConfig
from tfsketch.data.shards import Picture
from tfsketch.vocabulary import size_of

_OCCLUDER = StrokeConfig(vertices=(1, 4), width=(0.08, 0.25))
_OCCLUDED = (0.02, 0.15)
"""Share of the picture that is covered."""


def _cloth(rng: np.random.Generator, side: int) -> np.ndarray:
    """A texture unlike a face: two colours in a soft pattern of random scale, [S,S,3] uint8."""
    cells = int(2 ** rng.uniform(1, 6))
    pattern = cv2.resize(rng.random((cells, cells), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    colors = rng.uniform(0, 255, (2, 3))
    grey = colors.mean(axis=1, keepdims=True)
    one, two = grey + (colors - grey) * rng.uniform(0, 1)  # most cloth is duller than random colours
    return np.clip(one + (two - one) * pattern * rng.uniform(0, 1), 0, 255).astype(np.uint8)


def _head(rng: np.random.Generator, region_map: np.ndarray) -> np.ndarray:
    """The top of a head, where a hat would sit: [S,S] uint8 in {0,1}, empty if no brows or eyes are visible."""
    side = region_map.shape[0]
    features = np.flatnonzero(regions.mask_of(region_map, ("brows", "eyes")).any(axis=1))
    if not len(features):
        return np.zeros_like(region_map)
    x, y = np.arange(side), np.arange(side)[:, None]
    rim = features[0] - rng.uniform(0.0, 0.12) * side + rng.uniform(-0.2, 0.2) * (x - side / 2)
    above = (y < rim).astype(np.uint8)
    top = regions.mask_of(region_map, ("hair", "skin", "hat")) & above
    return masks.grow(top, round(rng.uniform(0.0, 0.05) * side)) & above


def occlude(picture: Picture, rng: np.random.Generator) -> Picture:
    """Puts a hand, a cup or a sleeve in front of the face, or a hat on the head.

    CelebAMask-HQ has few hats, and a parser that has seen few takes all of them for hair."""
    size, region_map = size_of(picture.image), picture.regions
    name, inside = "hat", np.zeros(size, np.uint8)
    if region_map is not None and rng.random() < 0.5:
        inside = _head(rng, region_map)
    if not inside.any():
        name = "background"
        inside = masks.strokes(rng, size, _OCCLUDER, rng.uniform(*_OCCLUDED), upper=2 * _OCCLUDED[1])
    if name == "hat" or rng.random() < 0.5:
        filling = _cloth(rng, size[0])
    else:  # another part of the picture itself
        filling = np.roll(picture.image, rng.integers(size[0] // 4, 3 * size[0] // 4, 2), axis=(0, 1))
    copy = picture.having(image=np.where(inside[..., None] > 0, filling, picture.image))
    if region_map is None:
        return copy
    return copy.having(regions=np.where(inside > 0, np.uint8(regions.REGIONS.index(name)), region_map))
