"""Lines in a graph: thinned to one pixel by table as in scikit-image, exactly, and without specks."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.framing.skeleton import NEIGHBORS, thinning_tables


def thin(lines: tf.Tensor) -> tf.Tensor:
    """`skeleton.skeletonize`, which the editor thins sketches with: [B,H,W] bool -> [B,H,W] float32 in {0,1}."""
    tables, kernel = tf.constant(thinning_tables()), tf.constant(NEIGHBORS[..., None, None])

    def advance(lines: tf.Tensor, goes_on: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del goes_on
        before = lines
        for half in range(2):
            code = tf.cast(tf.nn.conv2d(lines, kernel, 1, "SAME"), tf.int32)
            lines = tf.where(tf.gather(tables[half], code), 0.0, lines)
        return lines, tf.reduce_any(lines != before)

    start = tf.cast(lines, tf.float32)[..., None]
    shape = (start.shape, tf.TensorShape([]))
    return tf.while_loop(lambda _, goes_on: goes_on, advance, (start, True), shape_invariants=shape)[0][..., 0]


def drop_short(lines: tf.Tensor, length: tf.Tensor | float, rounds: tf.Tensor | None = None) -> tf.Tensor:
    """`specks.drop_short`: [B,H,W] bool -> the same without strokes shorter than `length` px along both axes. With
    `rounds`, a stroke is followed for that many pixels only: a few times the length is enough for all but the most
    tangled."""
    rows, columns = tf.range(tf.shape(lines)[1], dtype=tf.float32), tf.range(tf.shape(lines)[2], dtype=tf.float32)
    ones = tf.cast(lines, tf.float32)
    # The four extremes of a stroke spread to all of its pixels, one neighbourhood per round. The values start at 1,
    # because 0 means outside strokes.
    span = [rows[:, None] + 1.0, tf.cast(tf.size(rows), tf.float32) - rows[:, None]]
    span += [columns[None] + 1.0, tf.cast(tf.size(columns), tf.float32) - columns[None]]
    start = tf.stack([ones * extreme for extreme in span], axis=-1)

    def advance(extremes: tf.Tensor, goes_on: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del goes_on
        neighbors = tf.nn.max_pool2d(extremes, 3, 1, "SAME") * ones[..., None]
        return neighbors, tf.reduce_any(neighbors != extremes)

    shape = (start.shape, tf.TensorShape([]))
    ends = tf.while_loop(
        lambda _, goes_on: goes_on, advance, (start, True), shape_invariants=shape, maximum_iterations=rounds
    )[0]
    height = ends[..., 0] + ends[..., 1] - tf.cast(tf.size(rows), tf.float32)
    width = ends[..., 2] + ends[..., 3] - tf.cast(tf.size(columns), tf.float32)
    return lines & (tf.maximum(height, width) >= length)
