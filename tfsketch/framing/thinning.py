"""Lines in a graph: thinned to one pixel by table as in scikit-image, exactly, and without specks."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.framing.skeleton import NEIGHBORS, thinning_tables


def thin(lines: tf.Tensor) -> tf.Tensor:
    """`skeleton.skeletonize`, which the editor thins sketches with: [B,H,W] bool -> [B,H,W] float32 in {0,1}."""
    tables, kernel = tf.constant(thinning_tables()), tf.constant(NEIGHBORS[..., None, None])

    def advance(lines: tf.Tensor, changed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del changed
        before = lines
        for half in range(2):
            code = tf.cast(tf.nn.conv2d(lines, kernel, 1, "SAME"), tf.int32)
            lines = tf.where(tf.gather(tables[half], code), 0.0, lines)
        return lines, tf.reduce_any(lines != before)

    start = tf.cast(lines, tf.float32)[..., None]
    shape = (start.shape, tf.TensorShape([]))
    return tf.while_loop(lambda _, changed: changed, advance, (start, True), shape_invariants=shape)[0][..., 0]


def drop_short(lines: tf.Tensor, length: tf.Tensor | float, rounds: tf.Tensor | None = None) -> tf.Tensor:
    """`specks.drop_short`: [B,H,W] bool -> the same without strokes that are below `length` px both ways. With
    `rounds`, a stroke is followed for so many pixels only: enough, at a few times the length, for all but the most
    tangled."""
    rows, columns = tf.range(tf.shape(lines)[1], dtype=tf.float32), tf.range(tf.shape(lines)[2], dtype=tf.float32)
    ones = tf.cast(lines, tf.float32)
    # Every pixel learns of the four extremes of its stroke, one neighbourhood further in each round. The values start
    # at 1, because 0 is what lies outside of strokes.
    span = [rows[:, None] + 1.0, tf.cast(tf.size(rows), tf.float32) - rows[:, None]]
    span += [columns[None] + 1.0, tf.cast(tf.size(columns), tf.float32) - columns[None]]
    start = tf.stack([ones * extreme for extreme in span], axis=-1)

    def advance(extremes: tf.Tensor, changed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del changed
        grown = tf.nn.max_pool2d(extremes, 3, 1, "SAME") * ones[..., None]
        return grown, tf.reduce_any(grown != extremes)

    shape = (start.shape, tf.TensorShape([]))
    ends = tf.while_loop(
        lambda _, changed: changed, advance, (start, True), shape_invariants=shape, maximum_iterations=rounds
    )[0]
    height = ends[..., 0] + ends[..., 1] - tf.cast(tf.size(rows), tf.float32)
    width = ends[..., 2] + ends[..., 3] - tf.cast(tf.size(columns), tf.float32)
    return lines & (tf.maximum(height, width) >= length)
