"""Colour maps and colour strokes.

A user dabs a few flat strokes of colour; the training picture for that is the photograph with its texture and shading
removed, seen through brush strokes. SC-FEGAN (Jo & Park 2019, section 3.1): median filter, twenty bilateral filters,
then each segment of a face parser replaced by its median colour, without any histogram equalisation, and multiplied by
a free-form mask; only the face and the hair carry colour.

Here these are three steps, since the first is slow and the others are sampled anew for every example:

- `color_map` smooths the photograph, once;
- `flatten` moves the regions of a face towards their median colours. The paper goes all the way, which removes the
  shading of skin and hair and with it all that colour strokes could tell about light; how far is our option. The
  background and the clothes, which have no parts, stay smoothed;
- `paint` draws the strokes. Beyond the paper, a stroke may have a single colour, as a user picks one and drags it, and
  then stays near the region where it starts, since nobody paints the hair's colour over a cheek; and strokes start in a
  region picked at random, since users dab lips and eyes far more often than their few pixels would be hit.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.conditions import masks
from tfsketch.conditions import regions as regions_lib
from tfsketch.config import ColorConfig
from tfsketch.vocabulary import size_of

FLATTENED = (*regions_lib.FACE, "hair", "neck")
"""Regions of about one colour each."""


def color_map(image: np.ndarray, config: ColorConfig) -> np.ndarray:
    """The photograph without its texture.

    Args:
      image: [H,W,3] uint8 RGB.
      config: filter sizes, in pixels of a picture with a side of 128; they grow with the picture.

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
    return smooth


def flatten(colors: np.ndarray, regions: np.ndarray, amount: float = 1.0) -> np.ndarray:
    """Moves the regions of a face (`FLATTENED`) towards their median colours.

    Args:
      colors: [H,W,3] uint8 RGB, from `color_map`.
      regions: [H,W] uint8 region map (`conditions.regions`).
      amount: 0 leaves the colours as they are, 1 gives every region its median colour (the lower median of an even
        number of pixels, of each channel alone).

    Returns:
      [H,W,3] uint8 RGB.
    """
    count = len(regions_lib.REGIONS)
    medians = np.zeros((1, 256, 3), np.uint8)
    for channel in range(3):
        # A histogram of regions and levels together is far faster than sorting the pixels of each region.
        counts = cv2.calcHist([regions, colors], [0, channel + 1], None, [count, 256], [0, count, 0, 256])
        levels = counts.cumsum(axis=1)
        medians[0, :count, channel] = (levels >= np.maximum(1, (levels[:, -1:] + 1) // 2)).argmax(axis=1)
    flat = cv2.LUT(cv2.merge([regions] * 3), medians)
    flat = flat if amount >= 1 else cv2.addWeighted(flat, amount, colors, 1 - amount, 0)
    return cv2.copyTo(flat, regions_lib.mask_of(regions, FLATTENED), colors.copy())


def median_of(pixels: np.ndarray) -> np.ndarray:
    """The lower median of [N,3] uint8 pixels, of each channel alone: [3] uint8."""
    middle = (len(pixels) - 1) // 2
    return np.partition(pixels, middle, axis=0)[middle]


def _starts(rng: np.random.Generator, regions: np.ndarray, names: tuple[str, ...]) -> list[tuple[int, int]]:
    """Points (x, y) at which strokes begin: a region is picked among those in the picture, then one of its pixels.
    There are more points than a user's strokes; further strokes in training start anywhere."""
    labels = np.flatnonzero(regions_lib.mask_of(np.arange(len(regions_lib.REGIONS)), names))
    pixels = [inside for label in labels if len(inside := np.flatnonzero(regions == label))]
    if not pixels:
        return []
    targets = [pixels[n] for n in rng.integers(0, len(pixels), 64)]
    starts = [int(p[n]) for p, n in zip(targets, rng.integers(0, [len(p) for p in targets]))]
    return [(n % regions.shape[1], n // regions.shape[1]) for n in starts]


def lay_strokes(
    rng: np.random.Generator, size: tuple[int, int], config: ColorConfig, regions: np.ndarray | None
) -> tuple[np.ndarray, list[tuple[int, int]], float]:
    """Where `paint` paints, before regions cut the strokes.

    Args:
      rng, config, regions: as of `paint`.
      size: (height, width).

    Returns:
      ([H,W] uint8, the strokes by number as of `masks.strokes`; the starts of the first of them; how far the colours
      are to be flattened).
    """
    share, amount = rng.uniform(*config.share), 0.0
    starts: list[tuple[int, int]] = []
    if regions is not None:
        if config.flatten[1] > 0:
            amount = rng.uniform(*config.flatten)
        if config.regions or config.flat:
            starts = _starts(rng, regions, config.regions or regions_lib.REGIONS)
    numbers = masks.strokes(rng, size, config.stroke, share, config.share[1], starts=starts, by_number=config.flat > 0)
    return numbers, starts, amount


def paint(
    rng: np.random.Generator, color_map: np.ndarray, config: ColorConfig, regions: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Colour strokes as a user might give them for a picture.

    Args:
      rng: source of all randomness.
      color_map: [H,W,3] uint8 RGB, the smoothed photograph.
      config: how often, how much and with which brush; `flat`, and with a region map also `regions`, `flatten` and
        `overshoot`.
      regions: optional [H,W] uint8 region map (`conditions.regions`).

    Returns:
      (colours [H,W,3] uint8 RGB, strokes [H,W] uint8 in {0,1}). Colours outside strokes are undefined. The painted
      share lies in `config.share` before regions cut the strokes. Nothing is painted with probability `1 -
      config.probability`, since users often give no colour at all.

    Raises:
      DataError: an unknown region.
    """
    size = size_of(color_map)
    if rng.random() >= config.probability:
        return color_map, np.zeros(size, np.uint8)
    numbers, starts, amount = lay_strokes(rng, size, config, regions)
    colors = flatten(color_map, regions, amount) if regions is not None and config.flatten[1] > 0 else color_map
    if config.flat:
        colors = _single_colors(rng, colors, numbers, config, regions, starts)
    mask = (numbers > 0).astype(np.uint8)
    if regions is not None and config.regions:
        mask &= regions_lib.mask_of(regions, config.regions)
    return colors, mask


def _single_colors(
    rng: np.random.Generator,
    colors: np.ndarray,
    numbers: np.ndarray,
    config: ColorConfig,
    regions: np.ndarray | None,
    starts: list[tuple[int, int]],
) -> np.ndarray:
    """Gives strokes a single colour each: the colours with them; cuts the strokes in `numbers` in place."""
    picture, strokes = colors.copy().reshape(-1, 3), numbers.reshape(-1)
    radius = round(config.overshoot * min(numbers.shape))
    indices = np.flatnonzero(strokes)
    indices = indices[np.argsort(strokes[indices], kind="stable")]
    ends = np.bincount(strokes[indices], minlength=256).cumsum()
    single = rng.random(255) < config.flat
    for number in np.unique(strokes[indices]):
        if not single[number - 1]:
            continue
        pixels = indices[ends[number - 1] : ends[number]]
        targets = pixels
        if regions is not None and number <= len(starts):
            x, y = starts[number - 1]
            row, column = np.divmod(pixels, numbers.shape[1])
            top, left = max(0, row.min() - radius), max(0, column.min() - radius)
            region = regions[top : row.max() + radius + 1, left : column.max() + radius + 1] == regions[y, x]
            place = (row - top, column - left)
            near = masks.grow(region.astype(np.uint8), radius)[place] > 0
            strokes[pixels[~near]] = 0
            inside, pixels = pixels[region[place]], pixels[near]
            targets = inside if len(inside) else pixels
        if len(targets):
            picture[pixels] = median_of(picture[targets])
    return picture.reshape(colors.shape)
