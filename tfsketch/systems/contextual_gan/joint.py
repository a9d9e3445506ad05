"""The joint picture: a sketch, left, and its photograph, right, as one.

In it paper is white, 1, and a stroke black, -1, in three equal channels, as in the public code
of the paper's authors; in the vocabulary a sketch is one channel in which 1 is the stroke. `join` and `split` are the
only places that know.
"""

from __future__ import annotations

import tensorflow as tf


def join(sketch: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """`sketch` [B,H,W,1] in [0,1] and `image` [B,H,W,3] in [-1,1] -> the joint picture [B,H,2W,3] in [-1,1]."""
    return tf.concat([tf.repeat(1.0 - 2.0 * sketch, 3, axis=-1), image], axis=2)


def split(joint: tf.Tensor) -> dict[str, tf.Tensor]:
    """The halves of a joint picture [B,H,2W,3] under their names: the inverse of `join`."""
    left, right = tf.split(joint, 2, axis=2)
    return {"sketch": 0.5 - 0.5 * tf.reduce_mean(left, axis=-1, keepdims=True), "image": right}
