"""Grey and toned photographs stay so, in a graph; the rule is `tone`'s."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfsketch.framing.decoding import grey_of
from tfsketch.framing.ink import count_of, to_ints
from tfsketch.framing.tone import ACCENT, DISTINCT, KEPT, LEAST, PLAIN, SQUARE, TOLERANCE, smoothing


def tone_of(image: tf.Tensor, mask: tf.Tensor, color: tf.Tensor, paint_mask: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`tone.tone_of`.

    Args:
      image: [H,W,3] uint8.
      mask: [H,W] bool.
      color: [H,W,3] uint8.
      paint_mask: [H,W] bool.

    Returns:
      ([256,3] int32, the colour of each level of luma; scalar bool, whether the hole is to be painted so).
    """
    size = tf.shape(mask)
    side = tf.maximum(tf.minimum(tf.reduce_min(size) // 8, SQUARE), 1)
    rows, columns = tf.unstack(size // side)

    def squares(layer: tf.Tensor) -> tf.Tensor:
        layer = to_ints(layer[: rows * side, : columns * side])
        return tf.reduce_sum(tf.reshape(layer, [rows, side, columns, side, layer.shape[-1]]), axis=[1, 3])

    intact = squares(mask[..., None])[..., 0] == 0
    kept_squares, all_squares = count_of(intact), tf.cast(tf.size(intact), tf.float64)
    is_toned = kept_squares > 0
    sums = tf.boolean_mask(squares(image), intact | (tf.cast(kept_squares, tf.float64) < KEPT * all_squares))
    levels = (sums + side * side // 2) // (side * side)
    level = grey_of(levels)
    above = tf.cast(levels - level[:, None], tf.float64)
    total = tf.math.unsorted_segment_sum(above, level, 256)
    count = tf.math.unsorted_segment_sum(tf.ones_like(above[:, 0]), level, 256)
    weights = tf.constant(smoothing())
    offset = tf.math.divide_no_nan(weights @ total, weights @ count[:, None])
    line = to_ints(tf.clip_by_value(tf.round(np.arange(256.0)[:, None] + offset), 0.0, 255.0))

    def off(levels: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(tf.abs(levels - tf.gather(line, grey_of(levels))), axis=-1)

    far, total = off(levels), tf.cast(tf.size(level), tf.float64)
    for most, least in ((TOLERANCE, LEAST), (ACCENT, PLAIN)):
        is_toned &= tf.cast(count_of(far <= most), tf.float64) >= least * total
    is_toned &= ~tf.reduce_any(off(to_ints(tf.boolean_mask(color, paint_mask & mask))) > DISTINCT)
    return tf.ensure_shape(line, [256, 3]), is_toned


def recolor(repaint: tf.Tensor, line: tf.Tensor, is_toned: tf.Tensor) -> tf.Tensor:
    """`tone.recolor` of [h,w,3] float32, whole levels, by what `tone_of` returns."""
    own = tf.cast(tf.gather(line, grey_of(to_ints(repaint))), tf.float32)
    return tf.where(is_toned, own, repaint)
