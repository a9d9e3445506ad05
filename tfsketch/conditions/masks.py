"""Free-form masks, as a person would erase.

SC-FEGAN's algorithm 1 (Jo & Park 2019): strokes from random points, each a zig-zag of lines whose direction turns by a
random angle and flips at every second vertex, a line starting at the eyes, and at random the hair of a face parser. The
paper gives no numbers; the defaults in `config.MaskConfig` are ours, near DeepFill v2's brush (Yu et al. 2019).

Ours beyond that, because people also erase in other ways:

- an exact share: strokes are added until the covered share reaches a target drawn from a range, since a hole's size
  decides how hard an example is, and reports are only comparable at a known share;
- curved strokes, which wander or scribble back and forth like a mouse, instead of zig-zags (`StrokeConfig.curved`);
- whole regions other than hair (`MaskConfig.regions`), grown by a few pixels, and rectangles;
- large holes (`MaskConfig.large`, see `large_holes`);
- masks that grow over a training (`MaskConfig.growth`).

Masks are [H,W] uint8 in {0,1}, 1 = regenerate. All lengths in the config are shares of the picture's shorter side.
Everything is a function of the given `numpy.random.Generator`: the same generator state gives the same mask. Disabled
options take no random number, so that adding one leaves the masks of older protocols unchanged.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np

from tfsketch.conditions import regions as regions_lib
from tfsketch.conditions.brush import curve, draw, zigzag
from tfsketch.conditions.large_holes import large_hole
from tfsketch.config import MaskConfig, StrokeConfig

_OVERSHOOTS = 16  # tries to draw a stroke that fits the range before pixels fill it


def strokes(
    rng: np.random.Generator,
    size: tuple[int, int],
    config: StrokeConfig,
    share: float,
    upper: float,
    mask: np.ndarray | None = None,
    starts: Sequence[tuple[float, float]] = (),
    by_number: bool = False,
) -> np.ndarray:
    """Adds strokes until they cover a share of the picture.

    Args:
      rng: source of all randomness.
      size: (height, width).
      config: vertices, angle, length and width of a stroke, and the chance of curves.
      share: strokes are added until at least this share of all pixels is covered.
      upper: no more than this share is ever covered (unless `mask` already does).
      mask: the mask to start from, [H,W] uint8 in {0,1}; empty by default.
      starts: points (x, y) in pixels at which the first strokes begin, such as the eyes.
      by_number: mark each stroke by its number, from 1 and at most 255, later ones over earlier ones; stroke n begins
        at `starts[n - 1]`.

    Returns:
      A new [H,W] uint8 mask in {0,1}, or of numbers, whose covered share lies in [share, upper], or is the nearest
      number of pixels below `upper` if none is in between.
    """
    mask = np.zeros(size, np.uint8) if mask is None else mask.copy()
    most = math.floor(upper * mask.size)
    goal = min(math.ceil(share * mask.size), most)
    area = cv2.countNonZero(mask)
    stroke = curve if config.curved and rng.random() < config.curved else zigzag
    number = overshoots = 0
    while area < goal:
        points, widths = stroke(rng, size, config, starts[number] if number < len(starts) else None)
        number += 1
        value = min(number, 255) if by_number else 1
        if overshoots:
            # A line that would overshoot is drawn again, thinner each time, so that any range above a pixel is reached.
            widths = np.where(widths, np.maximum(1, widths >> min(overshoots, 8)), 0)
        first, step = 0, len(widths)
        while True:  # all of its lines; if they are too many, half of them, down to the line that reaches the goal
            trial = mask.copy()
            draw(trial, points[first : first + step + 1], widths[first : first + step], value)
            now = cv2.countNonZero(trial)
            if now < goal:
                mask, area, first = trial, now, first + step
                if first == len(widths):
                    break
            elif step == 1:
                if now <= most:
                    mask, area = trial, now
                else:
                    overshoots += 1
                break
            step = max(1, step // 2)
        if overshoots > _OVERSHOOTS:  # the range is narrower than any line: fill it pixel by pixel
            free = np.flatnonzero(mask == 0)
            mask.flat[rng.choice(free, size=goal - area, replace=False)] = value
            break
    return mask


def disc(radius: int) -> np.ndarray:
    """OpenCV's disc of a radius, for growing and shrinking masks."""
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))


def window_of(mask: np.ndarray, margin: int = 0) -> tuple[slice, slice]:
    """The box of a mask with a margin, clipped at the picture's border, since most of a picture is outside a feature.
    Empty for an empty mask.

    It begins at even pixels, because OpenCV labels parts by blocks of 2 x 2 pixels: their order stays the picture's."""
    left, top, width, height = cv2.boundingRect(mask)
    if not width:
        return slice(0, 0), slice(0, 0)
    rows = slice(max(0, top - margin) // 2 * 2, top + height + margin)
    return rows, slice(max(0, left - margin) // 2 * 2, left + width + margin)


def grow(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask grown by some pixels in all directions, [H,W] uint8."""
    result, window = np.zeros_like(mask), window_of(mask, radius)
    if mask[window].size:
        result[window] = cv2.dilate(mask[window], disc(radius))
    return result


def parts_of(mask: np.ndarray) -> list[np.ndarray]:
    """The connected parts of a mask, the largest first, each [H,W] uint8 in {0,1}."""
    window = window_of(mask)
    if not mask[window].size:
        return []
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask[window], connectivity=8)
    parts = []
    for number in sorted(range(1, count), key=lambda n: -stats[n, cv2.CC_STAT_AREA]):
        parts.append(np.zeros(mask.shape, np.uint8))
        parts[-1][window] = labels == number
    return parts


def band(region: np.ndarray, radius: int) -> np.ndarray:
    """A band of `radius` pixels on both sides of a region's outline, [H,W] uint8 in {0,1}."""
    ring, window = np.zeros_like(region), window_of(region, radius)
    if region[window].size:
        ring[window] = cv2.dilate(region[window], disc(radius)) - cv2.erode(region[window], disc(radius))
    return ring


def hulls(mask: np.ndarray) -> np.ndarray:
    """Every connected part of a mask filled to its convex hull, [H,W] uint8 in {0,1}."""
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    result = np.zeros_like(mask)
    for outline in outlines:
        cv2.fillConvexPoly(result, cv2.convexHull(outline), (1,))
    return result


def _region(rng: np.random.Generator, regions: np.ndarray, config: MaskConfig, upper: float) -> np.ndarray:
    """One of the configured regions, whole and grown, if one fits under the share, else empty: [H,W] uint8."""
    for name in rng.permutation(config.regions):
        radius = round(rng.uniform(0, config.region_dilation) * min(regions.shape))
        part = grow(regions_lib.mask_of(regions, str(name)), radius)
        if 0 < cv2.countNonZero(part) <= upper * part.size:
            return part
    return np.zeros_like(regions)


COMPACT: dict[str, tuple[str, ...]] = {"mouth": ("mouth", "lips"), "eye": ("eyes",), "spot": ()}
"""Features of compact masks that are not a region of the same name; a spot is not a feature."""


def _outline(rng: np.random.Generator, part: np.ndarray) -> np.ndarray:
    """A part as a person would circle it: its convex hull, the ellipse or the box around it, [H,W] uint8."""
    points = cv2.findNonZero(part)
    whole = np.zeros_like(part)
    kind = rng.integers(3)
    if kind == 0:
        cv2.fillConvexPoly(whole, cv2.convexHull(points), (1,))
        return whole
    x, y, width, height = cv2.boundingRect(points)
    if kind == 1:  # an ellipse through the box's corners holds all of the box
        axes = (round(width * 0.5**0.5), round(height * 0.5**0.5))
        cv2.ellipse(whole, (x + width // 2, y + height // 2), axes, 0, 0, 360, (1,), -1)
    else:
        whole[y : y + height, x : x + width] = 1
    return whole


def _compact(rng: np.random.Generator, regions: np.ndarray, config: MaskConfig) -> np.ndarray:
    """One feature and its margin, [H,W] uint8; empty if the map has none of the configured ones."""
    side = min(regions.shape)
    for name in rng.permutation(config.compact):
        if name == "spot":  # an object anywhere, to be removed
            height, width = regions.shape
            axes = rng.uniform(0.04, 0.14, 2) * side
            middle = round(rng.uniform(0, width)), round(rng.uniform(0, height))
            spot = np.zeros_like(regions)
            cv2.ellipse(spot, middle, (round(axes[0]), round(axes[1])), rng.uniform(0, 180), 0, 360, (1,), -1)
            return spot
        feature = regions_lib.mask_of(regions, COMPACT.get(str(name), (str(name),)))
        if not feature.any():
            continue
        if name == "hair":  # a strand or a fringe: the part within a disc somewhere on it
            y, x = np.argwhere(feature)[rng.integers(cv2.countNonZero(feature))]
            part = np.zeros_like(feature)
            cv2.circle(part, (int(x), int(y)), round(rng.uniform(0.06, 0.2) * side), (1,), -1)
            parts = [part & grow(feature, round(0.01 * side))]
        elif name in ("eye", "eyes", "brows"):
            parts = parts_of(feature)[: 1 if name == "eye" else 2]
        elif name == "glasses" and rng.random() < 0.5:  # the frame alone, as if to put glasses on a face
            return band(hulls(feature), max(1, round(rng.uniform(0.008, 0.03) * side)))
        else:
            parts = [feature]
        mask = np.zeros_like(feature)
        for part in parts:
            mask |= grow(_outline(rng, part), round(rng.uniform(*config.compact_margin) * side))
        return mask
    return np.zeros_like(regions)


def _eyes(config: MaskConfig, regions: np.ndarray | None) -> Sequence[tuple[float, float]]:
    """Positions of the eyes, as shares of (width, height): from the region map if it has them, else as configured."""
    if regions is None:
        return config.eyes
    height, width = regions.shape
    eyes = regions_lib.centers(regions, "eyes") or regions_lib.centers(regions, "glasses")
    return [(x / width, y / height) for x, y in eyes] or config.eyes


def free_form(
    rng: np.random.Generator,
    size: tuple[int, int],
    config: MaskConfig,
    regions: np.ndarray | None = None,
    progress: float = 1.0,
) -> np.ndarray:
    """A mask for training or evaluation.

    Args:
      rng: source of all randomness.
      size: (height, width).
      config: the covered share, the strokes, the chances of an eye stroke, a rectangle, a region and a large hole.
      regions: optional [H,W] uint8 region map (`conditions.regions`), for the eyes, the face and the regions. A region
        is only added if all of it fits the range.
      progress: completed share of the training, 0 to 1; only `config.growth` uses it.

    Returns:
      [H,W] uint8 in {0,1}; the covered share lies in `config.share`, for a large hole in `config.large_share`, and
      while the masks grow in the range that `progress` gives between `config.start_share` and `config.share`. The share
      of a compact mask is its feature's.

    Raises:
      ConfigError: an unknown kind of large hole.
      DataError: an unknown region.
    """
    growth = min(max(progress, 0.0) / config.growth, 1.0) if config.growth > 0 else 1.0
    if config.large_probability and rng.random() < growth * config.large_probability:
        return large_hole(rng, size, config, regions)
    if regions is not None and config.compact_probability and rng.random() < config.compact_probability:
        mask = _compact(rng, regions, config)
        if mask.any():
            return mask
    lower, upper = config.share
    if growth < 1:
        lower, upper = ((1 - growth) * a + growth * b for a, b in zip(config.start_share, config.share))
    share = rng.uniform(lower, upper)
    height, width = size
    mask = np.zeros(size, np.uint8)
    if regions is not None and rng.random() < config.region_probability:
        mask = _region(rng, regions, config, upper)
    if rng.random() < config.box_probability:
        box_h, box_w = (round(rng.uniform(*config.box) * s) for s in size)
        top, left = rng.integers(0, height - box_h + 1), rng.integers(0, width - box_w + 1)
        trial = mask.copy()
        trial[top : top + box_h, left : left + box_w] = 1
        mask = trial if cv2.countNonZero(trial) <= upper * trial.size else mask
    starts: tuple[tuple[float, float], ...] = ()
    if rng.random() < config.eye_probability:
        jitter = config.eye_jitter
        eyes = [
            ((x + rng.uniform(-jitter, jitter)) * width, (y + rng.uniform(-jitter, jitter)) * height)
            for x, y in _eyes(config, regions)
        ]
        starts = tuple(eyes[i] for i in rng.permutation(len(eyes))[: rng.integers(1, len(eyes) + 1)])
    return strokes(rng, size, config.stroke, share, upper, mask, starts)


def covered_shares(
    rng: np.random.Generator,
    size: tuple[int, int],
    config: MaskConfig,
    count: int,
    regions: np.ndarray | None = None,
    progress: float = 1.0,
) -> np.ndarray:
    """The covered shares of masks, for a histogram: [count] float64, 0 to 1; arguments as `free_form` takes them."""
    masks = (free_form(rng, size, config, regions, progress) for _ in range(count))
    return np.array([cv2.countNonZero(mask) / mask.size for mask in masks])
