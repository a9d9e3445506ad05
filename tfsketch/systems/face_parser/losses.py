"""Losses of region maps: one value per example [B]; see `nn.losses`."""

from __future__ import annotations

import tensorflow as tf


def cross_entropy(logits: tf.Tensor, regions: tf.Tensor) -> tf.Tensor:
    """Mean over the known pixels of -log p(true region).

    Args:
      logits: [B,H,W,R].
      regions: [B,H,W,1] int32; values from R on (`conditions.regions.IGNORED`) count nowhere.
    """
    labels = regions[..., 0]
    valid = tf.cast(labels < logits.shape[-1], tf.float32)
    values = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.minimum(labels, logits.shape[-1] - 1), tf.cast(logits, tf.float32)
    )
    return tf.reduce_sum(values * valid, axis=[1, 2]) / tf.maximum(tf.reduce_sum(valid, axis=[1, 2]), 1.0)


def dice(probabilities: tf.Tensor, regions: tf.Tensor) -> tf.Tensor:
    """1 - the mean over regions of the soft Dice coefficient 2 sum(p t) / (sum(p) + sum(t)) (Milletari et al., 3DV
    2016, without their squares).

    Regions that an example does not show have nothing to overlap with and are left out of its mean.

    Args:
      probabilities: [B,H,W,R].
      regions: as in `cross_entropy`.
    """
    labels, depth = regions[..., 0], probabilities.shape[-1]
    truth = tf.one_hot(labels, depth)  # all zero where ignored
    valid = tf.cast(labels < depth, tf.float32)[..., None]
    both = tf.reduce_sum(probabilities * truth, axis=[1, 2])
    sizes = tf.reduce_sum(truth, axis=[1, 2])
    total = tf.reduce_sum(probabilities * valid, axis=[1, 2]) + sizes
    present = tf.cast(sizes > 0, tf.float32)
    coefficient = tf.reduce_sum(2.0 * both / tf.maximum(total, 1.0) * present, axis=-1)
    return 1.0 - coefficient / tf.maximum(tf.reduce_sum(present, axis=-1), 1.0)
