"""`images.ink` in a graph: strokes on a sheet, by TensorFlow operations alone.

Every function names its twin on arrays. They agree to the pixel, except on a photographed sketch above `ink.WORK`,
which another filter's arithmetic scales down.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch.framing import graph
from tfsketch.framing.decoding import require
from tfsketch.framing.shared import traced_once
from tfsketch.framing.thinning import drop_short
from tfsketch.images import ink, rulings

_LEVELS, _LAYER = tf.TensorSpec([None, None, 3], tf.int32), tf.TensorSpec([None, None], tf.int32)
_NUMBER, _BOOL = tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.bool)


def count_of(condition: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(condition, tf.int64))


def size_of(layer: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.size(layer), tf.int64)


def to_ints(levels: tf.Tensor) -> tf.Tensor:
    return tf.cast(levels, tf.int32)


def histogram(values: tf.Tensor, size: int = 256) -> tf.Tensor:
    """[size] int64 of int32 values from 0 on; larger ones do not count."""
    # `tf.math.bincount` searches for the largest value first; the size is known here.
    return tf.cast(tf.raw_ops.Bincount(arr=values, size=size, weights=tf.constant([], tf.int32)), tf.int64)


def median(levels: tf.Tensor, mask: tf.Tensor | None = None) -> tf.Tensor:
    """`ink.median` of [H,W,C] int32, 0 to 255: [C] int32."""
    channels = levels.shape[-1]
    levels = levels if mask is None else tf.boolean_mask(levels, mask)
    codes = levels + 256 * np.arange(channels, dtype=np.int32)  # a range of numbers for each channel
    count = tf.cumsum(tf.reshape(histogram(codes, 256 * channels), [channels, 256]), axis=1)
    return tf.minimum(tf.reduce_sum(to_ints(2 * count < count[:, -1:]), axis=1), 255)


def _repeat_border(levels: tf.Tensor, reach: tf.Tensor | int) -> tf.Tensor:
    """[H,W,...] with its outermost pixels repeated `reach` times on every side; two numbers are one per axis."""
    reaches = tf.broadcast_to(reach, [2])
    for axis in range(2):
        reach = reaches[axis]
        first, last = (levels[:1], levels[-1:]) if axis == 0 else (levels[:, :1], levels[:, -1:])
        levels = tf.concat([tf.repeat(first, reach, axis=axis), levels, tf.repeat(last, reach, axis=axis)], axis=axis)
    return levels


def extreme(levels: tf.Tensor, reach: tf.Tensor | int, largest: bool) -> tf.Tensor:
    """`ink.extreme` of [H,W] or [H,W,C] integers; two numbers are one per axis."""
    shape, reach = levels.shape, tf.constant([reach] * 2) if isinstance(reach, int) else tf.broadcast_to(reach, [2])
    channels = tf.cast(levels if shape.rank == 3 else levels[..., None], tf.uint8)
    # min(x) = 255 - max(255 - x).
    extremes = _largest(channels, reach) if largest else 255 - _largest(255 - channels, reach)
    return tf.ensure_shape(tf.cast(extremes if shape.rank == 3 else extremes[..., 0], levels.dtype), shape)


@traced_once(tf.TensorSpec([None, None, None], tf.uint8), tf.TensorSpec([2], tf.int32))
def _largest(levels: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    """The largest value within `reach` pixels along each axis, by windows that double."""
    size, sides, shape = tf.shape(levels)[:2], 2 * reach + 1, levels.shape
    levels = _repeat_border(levels, reach)
    for axis in range(2):

        def advance(span: tf.Tensor, window: tf.Tensor, axis: int = axis) -> tuple[tf.Tensor, tf.Tensor]:
            step = tf.minimum(span, sides[axis] - span)
            length = tf.shape(window)[axis] - step
            both = (window[:length], window[step:]) if axis == 0 else (window[:, :length], window[:, step:])
            return span + step, tf.ensure_shape(tf.maximum(*both), shape)

        _, levels = tf.while_loop(
            lambda span, _, axis=axis: span < sides[axis],
            advance,
            (tf.constant(1), levels),
            shape_invariants=(tf.TensorShape([]), shape),
        )
        levels = levels[: size[0]] if axis == 0 else levels[:, : size[1]]
    return levels


def _median_blur(levels: tf.Tensor) -> tf.Tensor:
    """OpenCV's median of 3 x 3 pixels of [H,W,3] integers."""
    size, frame = tf.shape(levels)[:2], _repeat_border(tf.cast(levels, tf.uint8), 1)
    around = [frame[i : i + size[0], j : j + size[1]] for i in range(3) for j in range(3)]
    # The middle of nine by exchanges of pairs, which is elementwise: a sort along an axis is far slower.
    pairs = "12 45 78 01 34 67 12 45 78 03 58 47 36 14 25 47 42 64 42"
    for first, second in ((int(pair[0]), int(pair[1])) for pair in pairs.split()):
        low, high = tf.minimum(around[first], around[second]), tf.maximum(around[first], around[second])
        around[first], around[second] = low, high
    return tf.cast(around[4], tf.int32)


@traced_once(_LEVELS, _NUMBER, _BOOL)
def _paper_of(levels: tf.Tensor, reach: tf.Tensor, dark_ink: tf.Tensor) -> tf.Tensor:
    """`ink._paper_of`; `levels` [H,W,3] int32. An opening is the closing of 255 - levels."""
    levels = tf.where(dark_ink, levels, 255 - levels)
    paper = _closing(_median_blur(levels), reach)
    return tf.where(dark_ink, paper, 255 - paper)


def _closing(levels: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    """`ink._closing` for dark ink."""
    frame = _repeat_border(tf.cast(levels, tf.uint8), 2 * reach)
    closing, size = extreme(extreme(frame, reach, True), reach, False), tf.shape(levels)
    return to_ints(closing[2 * reach : 2 * reach + size[0], 2 * reach : 2 * reach + size[1]])


def _far_paper_of(levels: tf.Tensor, reach: tf.Tensor, dark_ink: tf.Tensor) -> tf.Tensor:
    """`ink._far_paper_of`."""
    levels, size = tf.where(dark_ink, levels, 255 - levels), tf.shape(levels)[:2]
    rows, columns = (
        tf.minimum(tf.range(-(-size[axis] // ink.COARSE) * ink.COARSE), size[axis] - 1) for axis in range(2)
    )
    levels = tf.gather(tf.gather(levels, rows, axis=0), columns, axis=1)
    squares = tf.reshape(levels, [tf.size(rows) // ink.COARSE, ink.COARSE, -1, ink.COARSE, 3])
    paper = _closing(tf.reduce_min(squares, axis=[1, 3]), reach)
    paper = tf.repeat(tf.repeat(paper, ink.COARSE, axis=0), ink.COARSE, axis=1)[: size[0], : size[1]]
    return tf.where(dark_ink, paper, 255 - paper)


@traced_once(_LEVELS, tf.TensorSpec(None, tf.int32), _BOOL)
def _contrast(levels: tf.Tensor, paper: tf.Tensor, dark_ink: tf.Tensor) -> tf.Tensor:
    """`ink._contrast`, [H,W] int32; the paper is [H,W,3] or one colour, [3]."""
    levels, paper = tf.where(dark_ink, levels, 255 - levels), tf.where(dark_ink, paper, 255 - paper)
    return tf.reduce_max(tf.maximum(paper - levels, 0) * 255 // tf.maximum(paper, 48), axis=-1)


@traced_once(_LAYER)
def _ink_level(contrast: tf.Tensor) -> tf.Tensor:
    """`ink._ink_level`, int32."""
    least = tf.maximum(size_of(contrast) // 2000, 8)
    return 255 - to_ints(count_of(tf.cumsum(histogram(contrast)[::-1]) < least))


def strong_parts(contrast: tf.Tensor, floor: tf.Tensor | int, share: tf.Tensor | int = 30) -> tf.Tensor:
    """`ink.strong_parts`."""
    return _strong_parts(contrast, floor, share)


@traced_once(_LAYER, tf.TensorSpec(None, tf.int32), _NUMBER)
def _strong_parts(contrast: tf.Tensor, floor: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    near, around = extreme(contrast, 2, True), extreme(contrast, ink.HALO, True)
    return (contrast >= floor) & (2 * contrast >= near) & (100 * contrast >= share * around)


def _drop_specks(strokes: tf.Tensor) -> tf.Tensor:
    """`ink._drop_specks`."""
    length = tf.maximum(tf.reduce_max(tf.shape(strokes)) // 128, 3)
    # A few rounds show which strokes are long; none need be followed to its end.
    return drop_short(strokes[None], tf.cast(length, tf.float32), 4 * length)[0]


def reach_of(size: tf.Tensor) -> tf.Tensor:
    """`ink.reach_of`."""
    return tf.maximum((tf.reduce_min(size) + 12) // 24, 4)


def _ink_is_dark(levels: tf.Tensor, color: tf.Tensor, exact: tf.Tensor, reach: tf.Tensor) -> tf.Tensor:
    """`ink._ink_is_dark`; about `color` where `exact`."""
    side = 4 * reach + 1

    def means() -> tf.Tensor:
        total = _repeat_border(levels, 2 * reach)
        for axis in range(2):
            total = tf.cumsum(total, axis=axis)
            total = tf.pad(total, [[int(axis == other), 0] for other in range(2)] + [[0, 0]])
            count = tf.shape(total)[axis] - side
            ends = [tf.gather(total, tf.range(count) + start, axis=axis) for start in (side, 0)]
            total = ends[0] - ends[1]
        return (total + side * side // 2) // (side * side)

    paper = tf.cond(exact, lambda: tf.zeros_like(levels) + color, means)
    return tf.reduce_sum(tf.cast(levels - paper, tf.int64) ** 3) <= 0


def _is_exact(apart: tf.Tensor) -> tf.Tensor:
    """Whether a sheet's paper is of one exact colour, as a program's is, from its distance to that colour."""
    exact = apart <= ink.EXACT
    away = extreme(to_ints(apart >= ink.FAINT), ink.BESIDE, True) == 0
    most = tf.cast(count_of(exact), tf.float64) >= ink.WRITTEN * tf.cast(tf.size(apart), tf.float64)
    plain = 100 * count_of(away) >= ink.PLAIN * size_of(apart)
    return most & plain & (100 * count_of(away & exact) >= ink.EVEN * count_of(away))


def _is_program_made(work: tf.Tensor, shade: tf.Tensor) -> tf.Tensor:
    """Whether the wide dark areas of a sheet of mostly exact paper are a program's."""
    inner = extreme(to_ints(shade), 1, False) > 0
    spread = tf.reduce_max(extreme(work, 1, True) - extreme(work, 1, False), axis=-1)
    flat = 10 * count_of((spread <= 8) & inner) >= 8 * count_of(inner)
    lines = (shade[0], shade[-1], shade[:, 0], shade[:, -1])
    rims = count_of([10 * count_of(line) > 6 * size_of(line) for line in lines])
    return ~tf.reduce_any(shade) | (flat & (rims == 0)) | (rims == 4)


def _noise(work: tf.Tensor, paper: tf.Tensor, dark_ink: tf.Tensor) -> tf.Tensor:
    """`ink._noise`."""
    levels, paper = tf.where(dark_ink, work, 255 - work), tf.where(dark_ink, paper, 255 - paper)
    usual = median(tf.reduce_max(tf.maximum(paper - levels, 0), axis=-1)[..., None])[0]
    return usual * 255 // tf.maximum(tf.reduce_max(paper, axis=-1), 48)


def _is_photographic(contrast: tf.Tensor, paper: tf.Tensor, floor: tf.Tensor, dark_ink: tf.Tensor) -> tf.Tensor:
    """`ink._is_photographic`."""
    size, there = size_of(contrast), contrast >= floor
    between = count_of((contrast >= floor // 4) & (extreme(to_ints(there), ink.BESIDE, True) == 0))
    wide = count_of(extreme(to_ints(there), tf.maximum(reach_of(tf.shape(contrast)) // 2, 1), False) > 0)
    level = tf.reduce_max(tf.where(dark_ink, paper, 255 - paper), axis=-1)
    step = extreme(level, 2, True) - extreme(level, 2, False)
    small, steps = (count_of(share * step > tf.maximum(level, 48)) for share in (20, 10))
    mean, paper = median(paper) + 8, paper + 8
    own, usual = tf.reduce_sum(paper, axis=-1, keepdims=True), tf.reduce_sum(mean)
    hues = count_of(tf.reduce_any(25 * tf.abs(paper * usual - mean * own) > own * usual, axis=-1))
    edge = there & (extreme(to_ints(there), 1, False) == 0)
    peak, reach = extreme(contrast, 1, True), tf.maximum(reach_of(tf.shape(contrast)) // 7, ink.BESIDE)
    ends, sharp = (
        count_of(part & (4 * extreme(contrast, away, False) <= peak))
        for part, away in ((there, reach), (edge, ink.BESIDE))
    )
    fades = (2 * ends < count_of(there)) & (20 * sharp < 17 * count_of(edge))
    return (
        (250 * steps * between > size * size)
        | ((50 * between > size) & fades)
        | (40 * steps * wide > size * count_of(there))
        | (10 * steps > 3 * size)
        | ((10 * hues > size) & (20 * small > size))
    )


def _fainter_lines(contrast: tf.Tensor, floor: tf.Tensor) -> tf.Tensor:
    """The first of `rulings.fainter_lines`, int32."""
    middles = (contrast >= floor) & (contrast == extreme(contrast, 2, True))
    count = histogram(tf.bitwise.right_shift(tf.boolean_mask(contrast, middles), 4), 16)

    def peaks(count: tf.Tensor) -> tf.Tensor:
        """For all but the two outermost values, the largest of those before each."""
        return tf.stack([tf.reduce_max(count[: end + 1]) for end in range(14)])

    lower = tf.minimum(peaks(count), peaks(count[::-1])[::-1])
    fewest = tf.maximum(tf.reduce_min(tf.shape(contrast)) // rulings.FEWEST, rulings.FEWEST_PIXELS)
    totals = tf.minimum(tf.cumsum(count)[:-2], tf.cumsum(count, reverse=True)[2:])
    apart = (rulings.VALLEY * count[1:-1] <= lower) & (totals >= tf.cast(fewest, tf.int64))
    valley = to_ints(tf.argmin(tf.where(apart, count[1:-1], tf.reduce_sum(count) + 1))) + 1
    before = tf.sequence_mask(valley, 16)
    after = ~tf.sequence_mask(valley + 1, 16)
    sums = (tf.reduce_sum(tf.where(part, count, 0)) for part in (before, after))
    few = next(sums) <= rulings.FAINTER * next(sums)
    left_out = few | _are_ruled(contrast, floor, valley * 16)
    return tf.where(tf.reduce_any(apart) & left_out, valley * 16, 0)


def _are_ruled(contrast: tf.Tensor, floor: tf.Tensor, valley: tf.Tensor) -> tf.Tensor:
    """`rulings._are_straight` of what is fainter than `valley`."""
    lines = to_ints(contrast >= floor)
    fainter = (lines > 0) & (extreme(contrast, 2, True) < valley)
    near, size = extreme(lines, 1, True), tf.shape(lines)
    half = tf.maximum(tf.reduce_min(size) // rulings.RULED, 4)
    frame, along = _repeat_border(near, 2 * half), []
    for reach in (tf.stack([half, 0]), tf.stack([0, half])):
        opening = extreme(extreme(frame, reach, False), reach, True)
        along.append(opening[2 * half : 2 * half + size[0], 2 * half : 2 * half + size[1]] > 0)
    return 10 * count_of(fainter & (along[0] | along[1])) >= 8 * count_of(fainter)


def on_layer(alpha: tf.Tensor) -> tf.Tensor:
    """Strokes on a transparent layer [H,W] int32."""
    return strong_parts(alpha, tf.maximum(ink.FAINT, ink.RULING * _ink_level(alpha) // 256))


def _from_photograph(
    field: str, levels: tf.Tensor, work: tf.Tensor, reach: tf.Tensor, dark_ink: tf.Tensor, contrast: tf.Tensor
) -> tf.Tensor:
    """Strokes of a photograph or scan of paper, [H,W] bool."""
    strong = 10 * contrast >= 7 * _ink_level(contrast)

    def holds(smaller: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        paper = _paper_of(work, smaller, dark_ink)
        there = _contrast(work, paper, dark_ink)
        enough = 20 * count_of((2 * there >= contrast) & strong) >= 19 * count_of(strong)
        return enough, paper, there

    def advance(shift: tf.Tensor, *_: tf.Tensor) -> tuple[tf.Tensor, ...]:
        smaller = tf.bitwise.right_shift(reach, shift)
        none = (tf.constant(False), work, contrast)
        return (shift - 1, *tf.cond(smaller >= 2, lambda: holds(smaller), lambda: none))

    start = (tf.constant(4), tf.constant(False), work, contrast)
    _, enough, paper, closer = tf.while_loop(lambda shift, enough, *_: (shift > 0) & ~enough, advance, start)
    paper, contrast = tf.cond(
        enough,
        lambda: (paper, closer),
        lambda: (_paper_of(work, reach, dark_ink), contrast),
    )
    far = _contrast(work, _far_paper_of(work, reach, dark_ink), dark_ink)
    contrast = tf.where((far >= ink.FILLED) & (10 * far >= 7 * _ink_level(contrast)), far, contrast)
    noise = _noise(work, paper, dark_ink)
    least = tf.maximum(ink.FAINT, ink.NOISE * noise)
    floor = tf.maximum(least, ink.RULING * _ink_level(contrast) // 256 + 2 * noise)
    expected = f"{field}: expected a sketch, lines on paper, found what looks like a photograph"
    contrast = require(~_is_photographic(contrast, paper, floor, dark_ink), contrast, expected)
    floor = tf.maximum(floor, _fainter_lines(contrast, floor))
    strokes = _drop_specks(strong_parts(contrast, floor))
    size = tf.shape(levels)[:2]
    grey = graph.resize(255.0 * tf.cast(strokes, tf.float32)[..., None], size)[..., 0]
    return tf.where(tf.reduce_all(size == tf.shape(strokes)), grey > 0, tf.round(grey) >= 128)


def on_paper(field: str, levels: tf.Tensor) -> tf.Tensor:
    """Strokes on an opaque sheet [H,W,3] int32: [H,W] bool."""
    size = tf.shape(levels)[:2]
    scale = tf.cast(ink.WORK, tf.float64) / tf.cast(tf.reduce_max(size), tf.float64)
    smaller = tf.maximum(to_ints(tf.round(tf.cast(size, tf.float64) * scale)), 1)
    work = tf.cond(
        scale < 1,
        lambda: to_ints(graph.round_levels(graph.resize(tf.cast(levels, tf.float32), smaller))),
        lambda: levels,
    )
    color, reach = median(levels), reach_of(tf.shape(work)[:2])
    exact = _is_exact(tf.reduce_max(tf.abs(levels - color), axis=-1))
    dark_ink = _ink_is_dark(work, color, exact, reach)
    paper = _paper_of(work, reach, dark_ink)
    shade = _contrast(work, color, dark_ink) >= ink.DEEP
    shade &= _contrast(paper, color, dark_ink) >= ink.DEEP

    def by_color() -> tf.Tensor:
        contrast = _contrast(levels, color, dark_ink)
        return strong_parts(contrast, tf.maximum(ink.FAINT, ink.RULING * _ink_level(contrast) // 256))

    return tf.cond(
        exact & _is_program_made(work, shade),
        by_color,
        lambda: _from_photograph(field, levels, work, reach, dark_ink, _contrast(work, paper, dark_ink)),
    )
