"""What the editor does to pictures, as TensorFlow operations: for graphs that run where Python does not.

In: encoded pictures of any size (scalar strings). Out: layers of the model's working side, which batch whatever the
pictures' sizes, and after the model the pasted picture, encoded. `editor.Editor` is the reference: every function here
names the one there that it repeats, tests hold the two together, and constants are the editor's own.

    decode -> square around the mask -> working side -> (the model) -> back to the square's size -> into the mask

OpenCV's filters are sums over rows and then over columns, so a resize is two products with matrices of weights
(`_weights`): area averages with OpenCV's own tolerance, its cubic kernel (a = -0.75; TensorFlow's has -0.5), nearest
neighbours. They are computed from sizes that are only known in the graph. OpenCV computes 8-bit pictures in fixed
point, so a level may differ by one. Lines are thinned by table as in scikit-image, exactly. The distance to the mask's
edge, over which a seam fades in, is exact here and within 2 % in OpenCV.

A bad picture fails an assertion whose text begins with the field's name. Only PNG and JPEG are read, and turned upright
by their EXIF orientation (`decoding`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfsketch.framing import arrays
from tfsketch.framing.shared import traced_once
from tfsketch.framing.thinning import thin

_AREA_TOLERANCE = 1e-3
"""A share of a pixel below this does not count in OpenCV's area averages."""


def _weights(count: tf.Tensor, length: tf.Tensor, how: str) -> tf.Tensor:
    """The matrix [length,count] float32 that resizes a line of pixels as OpenCV does: `area`, `cubic`, `nearest`."""
    scale = tf.cast(count, tf.float64) / tf.cast(length, tf.float64)
    rows = tf.cast(tf.range(length), tf.float64)
    if how == "area":
        columns = tf.cast(tf.range(count), tf.float64)
        ends = tf.minimum((rows[:, None] + 1.0) * scale, columns + 1.0)
        share = ends - tf.maximum(rows[:, None] * scale, columns)
        share = tf.where(share > _AREA_TOLERANCE, share, 0.0)
        return tf.cast(share / tf.reduce_sum(share, axis=1, keepdims=True), tf.float32)
    if how == "nearest":
        return tf.one_hot(tf.minimum(tf.cast(tf.floor(rows * scale), tf.int32), count - 1), count)
    at = (rows + 0.5) * scale - 0.5
    first = tf.floor(at)
    x, a = tf.cast(at - first, tf.float32), -0.75
    near = [x, 1.0 - x]
    far = [1.0 + x, 2.0 - x]
    inner = [((a + 2.0) * d - (a + 3.0)) * d * d + 1.0 for d in near]
    outer = [((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a for d in far]
    matrix = tf.zeros([length, count])
    for offset, weight in ((-1, outer[0]), (0, inner[0]), (1, inner[1]), (2, outer[1])):
        index = tf.clip_by_value(tf.cast(first, tf.int32) + offset, 0, count - 1)
        matrix += weight[:, None] * tf.one_hot(index, count)
    return matrix


@functools.cache
def _filter(how: str) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """`_resize_by` for one kernel, as a function that a graph holds once, however often it resizes."""

    @traced_once(tf.TensorSpec([None, None, None]), tf.TensorSpec([2], tf.int32))
    def run(layer: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        rows, columns = (_weights(tf.shape(layer)[axis], size[axis], how) for axis in range(2))
        return tf.einsum("jw,iwc->ijc", columns, tf.einsum("ih,hwc->iwc", rows, layer))

    return run


def _resize_by(layer: tf.Tensor, size: tf.Tensor | list[int], how: str) -> tf.Tensor:
    """[H,W,C] float32 -> [*size,C], by one kernel both ways."""
    sides = size if isinstance(size, list) else [None, None]
    return tf.ensure_shape(_filter(how)(layer, size), [*sides, layer.shape[-1]])


def resize(layer: tf.Tensor, size: tf.Tensor, how: str = "cubic") -> tf.Tensor:
    """`vocabulary.resize` (and, with `how`, `arrays.mean_of`): [H,W,C] float32 -> [*size,C] float32, not rounded.

    Args:
      layer: the layer.
      size: [2] int32.
      how: what to do where it grows, `cubic` or `nearest`; area averages where it shrinks.
    """
    height, width = tf.unstack(tf.shape(layer)[:2])
    same = (height == size[0]) & (width == size[1])
    shrinks = (height > size[0]) | (width > size[1])
    return tf.switch_case(
        tf.where(same, 0, tf.where(shrinks, 1, 2)),
        [lambda: layer, lambda: _resize_by(layer, size, "area"), lambda: _resize_by(layer, size, how)],
    )


def fit(layer: tf.Tensor, side: int) -> tf.Tensor:
    """A photograph [H,W,C] float32 stretched to a square as in `conditions.face_parser.shares`: area averages
    where both its sides are larger, else the cubic kernel."""
    larger = tf.reduce_min(tf.shape(layer)[:2]) > side
    size = [side, side]
    return tf.cond(larger, lambda: _resize_by(layer, size, "area"), lambda: _resize_by(layer, size, "cubic"))


def round_levels(levels: tf.Tensor) -> tf.Tensor:
    """Levels 0 to 255, rounded and clipped, float32: as OpenCV stores a uint8 picture."""
    return tf.clip_by_value(tf.round(levels), 0.0, 255.0)


def resize_mask(mask: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`arrays.resize_mask`: [H,W] bool -> [*size] float32 in {0,1}."""
    return tf.cast(tf.abs(resize(tf.cast(mask, tf.float32)[..., None], size)[..., 0]) > 1e-6, tf.float32)


def resize_sketch(sketch: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`arrays.resize_sketch` before its thinning: [H,W] bool -> [*size] bool."""
    return resize(tf.cast(sketch, tf.float32)[..., None], size, "nearest")[..., 0] > 0


def resize_color(rgb: tf.Tensor, paint_mask: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`arrays.resize_color`: [H,W,3] float32 and [H,W] bool -> [*size,4] float32, alpha 1 where painted."""
    inside = tf.cast(paint_mask, tf.float32)[..., None]
    total = resize(tf.concat([rgb * inside, inside], axis=-1), size, "nearest")
    share = total[..., 3:]
    return tf.concat(
        [round_levels(tf.math.divide_no_nan(total[..., :3], share)), tf.cast(share > 0, tf.float32)], axis=-1
    )


def resize_ink(sketch: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """`arrays.resize_ink`: [H,W] bool -> [*size] float32 in {0,1}."""
    lines = thin(resize_sketch(sketch, size)[None])[..., None]
    # A pen of PEN pixels covers what is above and to the left of its pixel, as in OpenCV.
    above = arrays.PEN // 2
    border_lines = tf.pad(lines, [[0, 0], [above, arrays.PEN - 1 - above], [above, arrays.PEN - 1 - above], [0, 0]])
    pen_lines = tf.nn.max_pool2d(border_lines, arrays.PEN, 1, "VALID")[0, ..., 0]
    areas = resize(tf.cast(sketch, tf.float32)[..., None], size, "nearest")[..., 0] > 0.5
    return tf.maximum(pen_lines, tf.cast(areas, tf.float32))


def box_of(mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mask's box: its corner [2] and its size [2], int32. The mask [H,W] bool is not empty."""
    at = tf.cast(tf.where(mask), tf.int32)
    low, high = tf.reduce_min(at, axis=0), tf.reduce_max(at, axis=0)
    return low, high - low + 1


def crop_square(size: tf.Tensor, corner: tf.Tensor, extent: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """`arrays.crop_square` by its rule for portraits and scenes.

    Args:
      size: [2] int32, of the picture.
      corner, extent: [2] int32 each, the mask's box.
      side: the working side.

    Returns:
      (corner [2], edge) int32.
    """
    shorter, longer = tf.reduce_min(size), tf.reduce_max(size)
    small, large, box = (tf.cast(v, tf.float64) for v in (shorter, longer, tf.reduce_max(extent)))
    portrait = (large <= arrays.PORTRAIT_ASPECT * small) & (box >= arrays.PORTRAIT_SHARE * small)
    target = tf.where(portrait, small, tf.maximum(box * arrays.CONTEXT, np.float64(side)))
    least = tf.minimum(box * arrays.MARGIN, large)
    edge = tf.cast(tf.math.ceil(tf.maximum(tf.minimum(target, small), least)), tf.int32)
    start = corner + (extent - edge) // 2
    inside = tf.minimum(tf.maximum(start, 0), size - edge)
    return tf.where(edge <= size, inside, (size - edge) // 2), edge


def _reflection(count: tf.Tensor, before: tf.Tensor, side: int) -> tf.Tensor:
    """Source indices of a line of `count` pixels, padded by reflection to `side`, `before` of them in front."""
    period = tf.maximum(2 * (count - 1), 1)
    at = tf.math.floormod(tf.range(side) - before, period)
    return tf.minimum(at, tf.where(count > 1, period - at, 0))


def pad(layer: tf.Tensor, side: int) -> tf.Tensor:
    """The middle of a square of `side`, its borders reflected as in `editor.edit`: [h,w,C] -> [side,side,C]."""
    height, width = tf.unstack(tf.shape(layer)[:2])
    layer = tf.gather(layer, _reflection(height, (side - height) // 2, side), axis=0)
    layer = tf.gather(layer, _reflection(width, (side - width) // 2, side), axis=1)
    return tf.ensure_shape(layer, [side, side, layer.shape[-1]])


def center_square(layer: tf.Tensor, side: int) -> tf.Tensor:
    """`sizes.center_square` of [H,W,3] float32 levels: [side,side,3], whole levels."""
    size = tf.shape(layer)[:2]
    edge = tf.reduce_min(size)
    top, left = tf.unstack((size - edge) // 2)
    square = fit(layer[top : top + edge, left : left + edge], side)
    return tf.ensure_shape(round_levels(square), [side, side, 3])


def luma(levels: tf.Tensor) -> tf.Tensor:
    """`arrays.luma`: [H,W,3] float32 levels -> [H,W,1]."""
    return tf.tensordot(levels, tf.constant(arrays.LUMA, tf.float32), 1)[..., None]


def lines_of(change: tf.Tensor, photograph: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """`arrays.lines_of`: [h,w,3], [h,w,3] and [h,w] in {0,1}, all float32 -> [h,w,6]."""
    counts, side = mask[..., None], 2 * arrays.REACH + 1

    def means(layer: tf.Tensor) -> tf.Tensor:
        # The pool excludes pixels outside the picture from its mean, the quotient those outside the mask.
        total, count = (tf.nn.avg_pool2d(x[None], side, 1, "SAME")[0] for x in (layer * counts, counts))
        return tf.math.divide_no_nan(total, count)

    guide = luma(photograph)
    averages = means(tf.concat([guide, guide * guide, change, guide * change], axis=-1))
    mean, square, change_mean, product = tf.split(averages, [1, 1, 3, 3], axis=-1)
    slope = (product - mean * change_mean) / (tf.maximum(square - mean * mean, 0.0) + arrays.FLAT)
    return means(tf.concat([slope, change_mean - slope * mean], axis=-1))


def middle(mask: tf.Tensor) -> tf.Tensor:
    """`arrays.middle`: [h,w] bool -> [h,w,1] float32."""
    distance = tf.minimum(edge_distance(mask, tf.constant(arrays.SEAM)), float(arrays.SEAM))
    most = tf.reduce_max(distance)
    share = tf.clip_by_value((distance - 1.0) / tf.maximum(most - 1.0, 1e-3), 0.0, 1.0)
    return tf.where(most > 1.0, share, tf.cast(mask, tf.float32))[..., None]


def edge_distance(mask: tf.Tensor, limit: tf.Tensor) -> tf.Tensor:
    """Every pixel's distance to the nearest kept one, exact up to a limit and at least the limit beyond it.

    Args:
      mask: [H,W] bool; the picture's border is no edge.
      limit: scalar int32, in pixels, at least 1.

    Returns:
      [H,W] float32; 0 outside the mask.
    """
    far = tf.cast(limit, tf.float32)

    def lowest(squares: tf.Tensor, axis: int) -> tf.Tensor:
        """min over k of squares[at + k] + k * k."""
        count = tf.shape(squares)[axis]
        numbers = tf.range(count)

        def closer(k: tf.Tensor, least: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            step = tf.cast(k * k, tf.float32)
            for at in (numbers - k, numbers + k):
                there = tf.gather(squares, tf.clip_by_value(at, 0, count - 1), axis=axis)
                outside = (at < 0) | (at >= count)
                outside = outside[:, None] if axis == 0 else outside[None]
                least = tf.minimum(least, tf.where(outside, far * far, there + step))
            return k + 1, least

        return tf.while_loop(lambda k, _: k <= limit, closer, (tf.constant(1), squares))[1]

    squares = tf.where(mask, far * far, 0.0)
    return tf.sqrt(lowest(lowest(squares, 0), 1))


def place(size: tf.Tensor, side: int, fill: tf.Tensor) -> list[tf.Tensor]:
    """`arrays.place`: [top, left, height, width] int32."""
    scale = tf.cast(fill, tf.float64) * side / tf.cast(tf.reduce_max(size), tf.float64)
    height, width = tf.unstack(tf.maximum(tf.cast(tf.round(tf.cast(size, tf.float64) * scale), tf.int32), 1), num=2)
    top = tf.cast(tf.round(tf.cast(side - height, tf.float64) * arrays.LOW), tf.int32)
    return [top, (side - width) // 2, height, width]


def usual_fill(sketch: tf.Tensor) -> tf.Tensor:
    """`arrays.usual_fill` of [H,W] bool, float32."""
    longest, box = (tf.cast(tf.reduce_max(one), tf.float32) for one in (tf.shape(sketch), box_of(sketch)[1]))
    return tf.minimum(1.0, arrays.FREE_HAND * longest / box)


def place_sketch(sketch: tf.Tensor, side: int, fill: tf.Tensor, ink: bool = False) -> tf.Tensor:
    """A sheet [H,W] bool in the square that a model sees, [side,side,1] float32 in {0,1}: lines of one pixel, or
    `ink` of `arrays.PEN` pixels."""
    top, left, height, width = place(tf.shape(sketch), side, fill)
    size = tf.stack([height, width])
    lines = resize_ink(sketch, size) if ink else thin(resize_sketch(sketch, size)[None])[0]
    lines = tf.pad(lines, [[top, side - height - top], [left, side - width - left]])
    return tf.ensure_shape(lines[..., None], [side, side, 1])


def sheet_of(layer: tf.Tensor, size: tf.Tensor, fill: tf.Tensor) -> tf.Tensor:
    """The part of a square [side,side,C] that a sheet was placed in, at the sheet's size, not rounded."""
    top, left, height, width = place(size, layer.shape[0], fill)
    return resize(layer[top : top + height, left : left + width], size)
