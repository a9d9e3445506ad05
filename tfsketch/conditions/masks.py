"""Free-form masks: what a person erases.

SC-FEGAN's algorithm 1 (Jo & Park 2019): strokes from random points, each a zig-zag of lines whose direction turns by a
random angle and flips at every second vertex, a line starting at the eyes, and at random the hair of a face parser. The
paper gives no numbers; the defaults in `config.MaskConfig` are ours, near DeepFill v2's brush (Yu et al. 2019). What is
ours beside that: strokes are added until the covered share reaches a target drawn from an exact range, because a hole's
size decides how hard an example is, and reports are only comparable at a known share.

Masks are [H,W] uint8 in {0,1}, 1 = regenerate. All lengths in the config are shares of the picture's shorter side.
Everything is a function of the given `numpy.random.Generator`: the same generator state gives the same mask.
"""

from __future__ import annotations

import cv2
import numpy as np

from tfsketch.config import MaskConfig, StrokeConfig


def _zigzag(
    rng: np.random.Generator, size: tuple[int, int], config: StrokeConfig, start: tuple[float, float] | None = None
) -> tuple[np.ndarray, int]:
    """One stroke: ([N,2] integer points as (x, y), width in pixels)."""
    height, width = size
    side = min(size)
    x, y = start if start is not None else (rng.uniform(0, width), rng.uniform(0, height))
    heading = rng.uniform(0, 360)
    points = [(x, y)]
    for vertex in range(rng.integers(config.vertices[0], config.vertices[1] + 1)):
        angle = heading + rng.uniform(-config.angle, config.angle) + (180 if vertex % 2 else 0)
        length = rng.uniform(*config.length) * side
        x = float(np.clip(x + length * np.cos(np.radians(angle)), 0, width - 1))
        y = float(np.clip(y + length * np.sin(np.radians(angle)), 0, height - 1))
        points.append((x, y))
    return np.round(points).astype(np.int32), max(1, round(rng.uniform(*config.width) * side))


def strokes(
    rng: np.random.Generator,
    size: tuple[int, int],
    config: StrokeConfig,
    share: float,
    upper: float,
    mask: np.ndarray | None = None,
    starts: tuple[tuple[float, float], ...] = (),
) -> np.ndarray:
    """Adds zig-zag strokes until they cover a share of the picture.

    Args:
      rng: source of all randomness.
      size: (height, width).
      config: vertices, angle, length and width of a stroke.
      share: strokes are added until at least this share of all pixels is covered.
      upper: no more than this share is ever covered (unless `mask` already does).
      mask: what to start from, [H,W] uint8 in {0,1}; empty by default.
      starts: points (x, y) in pixels at which the first strokes begin, such as the eyes.

    Returns:
      A new [H,W] uint8 mask in {0,1} whose covered share lies in [share, upper].
    """
    mask = np.zeros(size, np.uint8) if mask is None else mask.copy()
    total = size[0] * size[1]
    queue = list(starts)
    overshoots = 0
    while (covered := np.count_nonzero(mask)) < share * total:
        points, width = _zigzag(rng, size, config, queue.pop(0) if queue else None)
        # A line that would overshoot is drawn again, thinner each time, so that any range above one pixel is reached.
        width = max(1, width >> min(overshoots, 8))
        for a, b in zip(points[:-1], points[1:]):
            trial = mask.copy()
            cv2.line(trial, a.tolist(), b.tolist(), 1, width)
            cv2.circle(trial, b.tolist(), width // 2, 1, -1)
            covered = np.count_nonzero(trial)
            if covered > upper * total:
                overshoots += 1
                if overshoots > 16:  # the range is narrower than any line: fill it pixel by pixel
                    free = np.flatnonzero(mask == 0)
                    missing = int(np.ceil(share * total)) - np.count_nonzero(mask)
                    mask.flat[rng.choice(free, size=missing, replace=False)] = 1
                    return mask
                break
            mask = trial
            if covered >= share * total:
                break
    return mask


def free_form(
    rng: np.random.Generator, size: tuple[int, int], config: MaskConfig, region: np.ndarray | None = None
) -> np.ndarray:
    """A free-form mask for training or evaluation.

    Args:
      rng: source of all randomness.
      size: (height, width).
      config: the covered share, the strokes, the chances of an eye stroke, a box and a region.
      region: optional [H,W] {0,1} region mask (hair), added whole with `region_probability` where it fits the range.

    Returns:
      [H,W] uint8 in {0,1}; the covered share lies in `config.share`.
    """
    lower, upper = config.share
    share = rng.uniform(lower, upper)
    height, width = size
    mask = np.zeros(size, np.uint8)
    if region is not None and rng.random() < config.region_probability and 0 < region.mean() <= upper:
        mask = (region > 0).astype(np.uint8)
    if rng.random() < config.box_probability:
        box_h, box_w = (round(rng.uniform(*config.box) * s) for s in size)
        top, left = rng.integers(0, height - box_h + 1), rng.integers(0, width - box_w + 1)
        trial = mask.copy()
        trial[top : top + box_h, left : left + box_w] = 1
        mask = trial if trial.mean() <= upper else mask
    starts: tuple[tuple[float, float], ...] = ()
    if rng.random() < config.eye_probability:
        jitter = config.eye_jitter
        eyes = [
            ((x + rng.uniform(-jitter, jitter)) * width, (y + rng.uniform(-jitter, jitter)) * height)
            for x, y in config.eyes
        ]
        starts = tuple(eyes[i] for i in rng.permutation(len(eyes))[: rng.integers(1, len(eyes) + 1)])
    return strokes(rng, size, config.stroke, share, upper, mask, starts)
