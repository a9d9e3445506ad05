"""Lines in a graph: thinned to one pixel by table as in scikit-image, exactly, and without specks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

# Bits of a pixel's neighbours, from above it on clockwise.
_NEIGHBORS = np.array([[128, 1, 2], [64, 0, 4], [32, 16, 8]], np.float32)[..., None, None]
# Where scikit-image's table differs from Zhang and Suen's text, found by comparing what becomes of random pictures:
# neighbours -> whether the pixel goes in the first and in the second half of a round.
_UNLIKE_THE_PAPER = {
    **dict.fromkeys((3, 6, 7, 67, 97, 99, 129, 133, 193, 208), (True, False)),
    **dict.fromkeys((12, 13, 28, 48, 52, 54, 88, 96, 112), (False, True)),
    **dict.fromkeys((5, 20, 65, 80), (True, True)),
    **dict.fromkeys((24, 192), (False, False)),
}


def _thinning_tables() -> np.ndarray:
    """[2,256] bool: in either half of a round, whether a pixel with these neighbours goes (Zhang & Suen 1984)."""
    tables = np.zeros((2, 256), bool)
    for code in range(256):
        around = [code >> bit & 1 for bit in range(8)]
        north, east, south, west = around[::2]
        rises = sum(around[i] < around[(i + 1) % 8] for i in range(8))
        edge = 2 <= sum(around) <= 6 and rises == 1
        tables[0, code] = edge and not (north and east and south) and not (east and south and west)
        tables[1, code] = edge and not (north and east and west) and not (north and south and west)
    for code, halves in _UNLIKE_THE_PAPER.items():
        tables[:, code] = halves
    return tables


def thin(lines: tf.Tensor) -> tf.Tensor:
    """scikit-image's `skeletonize`, which the editor thins sketches with: [B,H,W] bool -> [B,H,W] float32 in {0,1}."""
    tables = tf.constant(_thinning_tables())

    def advance(lines: tf.Tensor, changed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        del changed
        before = lines
        for half in range(2):
            code = tf.cast(tf.nn.conv2d(lines, _NEIGHBORS, 1, "SAME"), tf.int32)
            lines = tf.where(tf.gather(tables[half], code), 0.0, lines)
        return lines, tf.reduce_any(lines != before)

    start = tf.cast(lines, tf.float32)[..., None]
    shape = (start.shape, tf.TensorShape([]))
    return tf.while_loop(lambda _, changed: changed, advance, (start, True), shape_invariants=shape)[0][..., 0]


def drop_short(lines: tf.Tensor, length: tf.Tensor | float, rounds: tf.Tensor | None = None) -> tf.Tensor:
    """`lines.drop_short`: [B,H,W] bool -> the same without strokes that are below `length` px both ways. With
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
