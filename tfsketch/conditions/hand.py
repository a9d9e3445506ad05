"""The freehand simulator: turns clean one-pixel lines into a poor freehand drawing of them.

Cali-Sketch (Xia et al. 2021) refines poorly drawn sketches, but its authors do not publish how they made them, and no
pairs of poor and good sketches exist. So the recipe is ours, with the stroke deformation of SketchRefiner's data as a
public precedent: trace the lines to strokes, leave strokes out, simplify, displace and redraw them.

The stages are those that make a drawing look like a person's and not like noise:

- Strokes, not pixels, are changed. Lines are traced through junctions where they go straight on, and across small gaps,
  because a person draws an eyelid or a chin in one stroke.
- Unimportant strokes are left out first: short ones, ones beside a longer one, ones far from the face's features.
- Every stroke is redrawn as a smooth curve through few points, and only these points are displaced. A single stroke
  moves little against its neighbours; most of the displacement is a smooth warp of the whole drawing, so that an eye
  stays an eye at the wrong place.

One number, the level of abstraction, scales everything: at 0 the traced lines are redrawn, at 1 the drawing is a
child's. `config.HandConfig` has the values at level 1. Sketches are [H,W] uint8 in {0,1} with 1 = stroke; strokes are
[N,2] polylines (x, y) in pixels, where (0, 0) is the centre of the first pixel. All randomness comes from the given
`numpy.random.Generator`: the same state gives the same drawing.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from scipy.spatial import cKDTree

from tfsketch.conditions import regions as regions_lib
from tfsketch.conditions.trace import REACH, STRAIGHT, pair, trace
from tfsketch.config import HandConfig
from tfsketch.errors import ConfigError, DataError
from tfsketch.vocabulary import size_of

_STEP = 2.0  # spacing of the points of a stroke at level 0, in pixels: close enough to redraw it within a pixel
_WAVES = 6  # of the warp; their sum is smooth, and enough of them have no visible pattern
_SHIFT = 4  # cv2 takes coordinates in 1/16 pixels

_FEATURES = ("brows", "eyes", "nose", "mouth", "lips", "glasses")
_CENTER = (0.5, 0.58)  # of the face's features, as shares of (width, height), where FFHQ's alignment puts them
_SPREAD = 0.25  # of the features about it


def _join(strokes: Sequence[np.ndarray], reach: float) -> list[np.ndarray]:
    """Joins strokes whose ends point at each other over a gap of at most `reach` pixels; the closest ends first."""
    counts = np.array([len(stroke) for stroke in strokes])
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    points = np.concatenate(strokes)
    # Ends 2 k and 2 k + 1 are the first and the last point of stroke k.
    tips = np.stack([points[first], points[last]], axis=1).reshape(-1, 2)
    inner = np.stack([np.minimum(first + REACH, last), np.maximum(last - REACH, first)], axis=1).ravel()
    way = tips - points[inner]
    way /= np.hypot(*way.T).clip(1e-6)[:, None]
    loose = np.flatnonzero((tips[::2] != tips[1::2]).any(axis=1).repeat(2))  # rings and points have no ends
    # Away from 0 and its denormal neighbours: TensorFlow's threads round these to 0, and the tree, which splits at the
    # number next to a coordinate, would recurse there until the stack overflows (a crash without a message).
    i, j = loose[cKDTree(tips[loose] + 1.0).query_pairs(reach, output_type="ndarray").T]
    gap = tips[j] - tips[i]
    length = np.hypot(*gap.T).clip(1e-6)
    # Between adjacent ends, the direction of the gap means nothing.
    ahead = [(way[i] * gap).sum(axis=1) / length, -(way[j] * gap).sum(axis=1) / length]
    facing = (length <= 2) | (np.minimum(*ahead) > STRAIGHT)
    facing &= -(way[i] * way[j]).sum(axis=1) > STRAIGHT
    partner = pair(i[facing], j[facing], -length[facing], len(tips)).tolist()
    lines, used = [], [False] * len(strokes)
    for end in [*(e for e, other in enumerate(partner) if other < 0), *range(0, len(tips), 2)]:
        if used[end // 2]:
            continue
        parts = []
        while end >= 0 and not used[end // 2]:
            used[end // 2] = True
            parts.append(strokes[end // 2][:: -1 if end % 2 else 1])
            end = partner[end ^ 1]
        if end >= 0:  # a ring
            parts.append(parts[0][:1])
        lines.append(np.concatenate(parts) if len(parts) > 1 else parts[0])
    return lines


def _weights(points: np.ndarray, size: tuple[int, int], config: HandConfig, regions: np.ndarray | None) -> np.ndarray:
    """The weight of a stroke's length at each of its points [N,2]."""
    if regions is None:
        offset = (points + 0.5) / size[::-1] - _CENTER
        near = 2 * np.exp(-(offset**2).sum(axis=1) / (2 * _SPREAD**2)) - 1
    else:
        kernel = np.ones((2 * round(0.02 * min(size)) + 1,) * 2, np.uint8)
        contour = cv2.morphologyEx(regions_lib.mask_of(regions, regions_lib.FACE), cv2.MORPH_GRADIENT, kernel)
        features = cv2.bitwise_or(contour, cv2.dilate(regions_lib.mask_of(regions, _FEATURES), kernel))
        scene = cv2.erode(regions_lib.mask_of(regions, ("background", "clothes")), kernel)
        column, row = np.round(points).astype(int).T
        near = np.where(features[row, column], 1.0, np.where(scene[row, column], -1.0, -0.5))
    return config.feature_weight**near


def _choose(
    rng: np.random.Generator,
    strokes: Sequence[np.ndarray],
    size: tuple[int, int],
    level: float,
    config: HandConfig,
    regions: np.ndarray | None,
) -> list[np.ndarray]:
    """Leaves out strokes of little weight and strokes beside one of more weight; keeps at least one."""
    side = min(size)
    counts = np.array([len(stroke) for stroke in strokes])
    ends = np.cumsum(counts)
    points = np.concatenate(strokes).clip(0, np.subtract(size[::-1], 1))
    importance = np.add.reduceat(_weights(points, size, config, regions), ends - counts)
    # A gamma variate of mean 1 and deviation 0.5: a random part of the strokes near the threshold is left out.
    threshold = level * config.shortest * side * rng.standard_gamma(4.0, len(strokes)) / 4.0
    keep = importance >= threshold
    keep[importance.argmax()] = True
    order = np.argsort(-importance, kind="stable")
    order = order[keep[order]].tolist()
    cell = level * config.crowding * side
    if cell < 1.0:
        return [strokes[i] for i in order]
    # A chosen stroke occupies the cells on its way and around; a stroke mostly in occupied cells is left out.
    columns = int(size[1] / cell) + 3
    cells = (points / cell).astype(np.int64) + 1
    cells = cells[:, 1] * columns + cells[:, 0]
    around = np.array([[row * columns + column] for row in (-1, 0, 1) for column in (-1, 0, 1)])
    occupancy = np.zeros((int(size[0] / cell) + 3) * columns, bool)
    indices = []
    for i in order:
        own = cells[ends[i] - counts[i] : ends[i]]
        if 2 * np.count_nonzero(occupancy[own]) <= len(own):
            indices.append(strokes[i])
            occupancy[own + around] = True
    return indices


def _controls(strokes: Sequence[np.ndarray], spacing: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Few points on each stroke, each the mean of the line about it.

    Args:
      strokes: polylines [N,2].
      spacing: between two points, in pixels; less on short strokes, so that a curve stays a curve and a ring a ring.

    Returns:
      (controls [C,2] of all strokes in a row, pieces [S]: one less than each stroke's number of them, length [S]).
    """
    counts = np.array([len(stroke) for stroke in strokes])
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    points = np.concatenate(strokes).astype(np.float64)
    steps = np.hypot(*np.diff(points, axis=0, prepend=points[:1]).T)
    steps[first] = 1.0  # apart, even where a stroke starts at the end of the one before
    arc = np.cumsum(steps)
    length = arc[last] - arc[first]
    ring = (points[first] == points[last]).all(axis=1)
    fewest = np.minimum(np.where(ring, 8, 4), np.ceil(length / _STEP))
    pieces = np.maximum(np.ceil(length / spacing), fewest).clip(1).astype(int)
    owner = np.repeat(np.arange(len(pieces)), pieces + 1)
    index = np.arange(len(owner)) - (np.cumsum(pieces + 1) - pieces - 1)[owner]
    step = (length / pieces)[owner]
    # A triangular window that ends at the neighbours, and does not reach over the stroke's own ends.
    reach = step * np.minimum(1, np.minimum(index, pieces[owner] - index))
    window = arc[first][owner] + index * step + reach * np.array([[-1.0], [-0.5], [0.0], [0.5], [1.0]])
    triangle = np.array([1, 2, 3, 2, 1]) / 9
    return np.stack([triangle @ np.interp(window, arc, axis) for axis in points.T], axis=1), pieces, length


def _displace(
    rng: np.random.Generator,
    controls: np.ndarray,
    pieces: np.ndarray,
    length: np.ndarray,
    level: float,
    config: HandConfig,
    side: int,
) -> None:
    """Extends, moves, wobbles and warps the strokes of `_controls`, in place."""
    count = len(pieces)
    last = np.cumsum(pieces + 1) - 1
    first = last - pieces
    owner = np.repeat(np.arange(count), pieces + 1)
    spacing = length / pieces
    for tip, inner in ((first, first + 1), (last, last - 1)):
        way = controls[tip] - controls[inner]
        way /= np.hypot(*way.T).clip(1e-6)[:, None]
        extent = np.minimum(level * config.extend * side, 0.25 * length) * rng.uniform(-0.7, 1.0, count)
        controls[tip] += way * np.maximum(extent, -0.7 * spacing)[:, None]

    center = (np.add.reduceat(controls, first) / (pieces + 1)[:, None])[owner]
    angle = np.radians(level * config.turn) * rng.standard_normal(count)
    scale = np.exp(level * config.scale * rng.standard_normal(count))
    shift = np.minimum(config.shift * side, 0.2 * length)[:, None] * level * rng.standard_normal((count, 2))
    cos, sin = (scale * np.cos(angle))[owner], (scale * np.sin(angle))[owner]
    x, y = (controls - center).T
    controls[:] = center + shift[owner] + np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)

    controls += np.minimum(level * config.wobble * side, 0.2 * spacing)[owner, None] * rng.standard_normal(
        controls.shape
    )

    heading = rng.uniform(0, 2 * np.pi, _WAVES)
    cycles = rng.uniform(0.4, 1.4, _WAVES)
    phase = rng.uniform(0, 2 * np.pi, _WAVES)
    amplitude = rng.standard_normal((_WAVES, 2)) * level * config.warp * side * np.sqrt(2 / _WAVES)
    frequency = np.stack([np.cos(heading), np.sin(heading)]) * cycles * (2 * np.pi / side)
    controls += np.sin(controls @ frequency + phase) @ amplitude


def _curves(controls: np.ndarray, pieces: np.ndarray, length: np.ndarray) -> list[np.ndarray]:
    """Smooth (Catmull-Rom) curves through the points of `_controls`: [N,1,2] int32 each, in cv2's fixed point."""
    fine = np.ceil(length / pieces / 3).clip(1).astype(int) * pieces  # lines of about three pixels look round
    ends = np.cumsum(fine + 1)
    owner = np.repeat(np.arange(len(fine)), fine + 1)
    place = (np.arange(len(owner)) - (ends - fine - 1)[owner]) * (pieces / fine)[owner]
    piece = np.minimum(place.astype(int), pieces[owner] - 1)
    t = (place - piece)[:, None]
    last = np.cumsum(pieces + 1) - 1
    low, high = (last - pieces)[owner], last[owner]
    a, b, c, d = (controls[np.clip(low + piece + offset, low, high)] for offset in (-1, 0, 1, 2))
    curve = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    fixed_point = np.round(curve * 2**_SHIFT).astype(np.int32)[:, None]
    return [fixed_point[start:end] for start, end in zip([0, *ends.tolist()], ends.tolist())]


def draw_badly(
    rng: np.random.Generator,
    strokes: Sequence[np.ndarray],
    size: tuple[int, int],
    level: float,
    config: HandConfig,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Draws strokes the way a poor drawer would.

    Args:
      rng: source of all randomness.
      strokes: polylines [N,2] (x, y) in pixels, of about one point per pixel, as `trace` returns them.
      size: (height, width) of the picture.
      level: of abstraction, from 0 (the strokes as they are, whatever the generator) to 1 (a child's drawing). The
        magnitudes of `config` grow in proportion.
      config: the magnitudes at level 1.
      regions: optional [H,W] uint8 map of `conditions.regions`: strokes of eyes, brows, nose, mouth, glasses and the
        face's contour are kept longest, those of the background go first. Without it the features are taken to be where
        FFHQ's alignment puts them.

    Returns:
      [H,W] uint8 in {0,1}; empty only if there are no strokes.

    Raises:
      ConfigError: `level` is not in [0, 1].
      DataError: `regions` is not of the shape `size`.
    """
    if not 0.0 <= level <= 1.0:
        raise ConfigError(f"level: expected 0 to 1, found {level}")
    if regions is not None and regions.shape != tuple(size):
        raise DataError(f"regions: expected the sketch's shape {list(size)}, found {list(regions.shape)}")
    drawing = np.zeros(size, np.uint8)
    if not len(strokes):
        return drawing
    side = min(size)
    strokes = _join(strokes, level * config.join * side) if level > 0 else strokes
    strokes = _choose(rng, strokes, size, level, config, regions)
    strokes += [strokes[i] for i in np.flatnonzero(rng.random(len(strokes)) < level * config.double)]
    controls, pieces, length = _controls(strokes, _STEP + level * config.simplify * side)
    _displace(rng, controls, pieces, length, level, config, side)
    curves = _curves(controls, pieces, length)
    pen = level * config.width * side * rng.uniform(0.3, 1.0)
    widths = np.round(pen * rng.uniform(0.7, 1.3, len(strokes))).astype(int).clip(1)
    for width in np.unique(widths):
        group = [curves[i] for i in np.flatnonzero(widths == width)]
        cv2.polylines(drawing, group, False, (1,), int(width), cv2.LINE_8, _SHIFT)
    if not drawing.any():  # displaced out of the picture entirely: it stays at the border
        border = (np.array([size[1], size[0]]) - 1) << _SHIFT
        cv2.polylines(
            drawing, [curve.clip(0, border).astype(np.int32) for curve in curves], False, (1,), 1, cv2.LINE_8, _SHIFT
        )
    return drawing


def simulate(
    rng: np.random.Generator,
    sketch: np.ndarray,
    level: float,
    config: HandConfig,
    regions: np.ndarray | None = None,
) -> np.ndarray:
    """Traces a clean sketch and redraws it freehand.

    Args:
      rng: source of all randomness.
      sketch: [H,W] uint8 in {0,1}, 1 = stroke.
      level, config, regions: as in `draw_badly`.

    Returns:
      [H,W] uint8 in {0,1}, empty where the sketch is.

    Raises:
      ConfigError, DataError: as `draw_badly`.
    """
    return draw_badly(rng, trace(sketch), size_of(sketch), level, config, regions)
