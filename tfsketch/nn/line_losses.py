"""Losses of line drawings, in [0,1] with 1 = stroke: one value per example [B]; see `losses`."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.nn.losses import mean


def line_cross_entropy(prediction: tf.Tensor, true: tf.Tensor, weight: float) -> tf.Tensor:
    """Mean of -weight * t log p - (1 - t) log(1 - p) over pixels, p predicted and t true.

    Not in the Cali-Sketch paper. This term removes confidently wrong lines: every other term reaches a pixel through
    the slope of a sigmoid, which is flat there.

    Args:
      prediction: [B,H,W,1] in [0,1].
      true: the same, in {0,1}.
      weight: of the line's pixels, which are few: alone, this term would draw a line wherever its probability is above
        1 / (1 + weight).
    """
    prediction, true = tf.cast(prediction, tf.float32), tf.cast(true, tf.float32)
    return -mean(weight * true * tf.math.log(prediction + 1e-6) + (1.0 - true) * tf.math.log(1.0 - prediction + 1e-6))


def _strokes(lines: tf.Tensor) -> tf.Tensor:
    """[B,H,W,1] in [0,1] -> the same, each pixel limited by the second largest of its eight neighbours, twice: 1 in a
    stroke, 0 in a dot."""
    for _ in range(2):
        around = 9.0 * tf.nn.avg_pool2d(tf.pad(lines, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 1, "VALID") - lines
        lines = lines * tf.minimum(around / 2.0, 1.0)
    return lines


def soft_chamfer(prediction: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """The Chamfer distance between soft and true lines, in pixels: half the sum of the mean distance from a predicted
    pixel to the nearest true one and that from a true pixel to the nearest predicted stroke.

    Not in the Cali-Sketch paper. In a pixelwise comparison, and in a discriminator's first layers, a line that is a few
    pixels off costs as much as a missing one, so that nothing pulls it to its place. A mean distance is the sum over r
    of the share of pixels further than r from a line; the maximum over a window of radius r tells which are nearer. So
    distances are Chebyshev's, r is 0, 1, 2, 4, 8, each standing for the distances up to the next, and distances are
    capped at 16.

    Evenly spread dots would make the second half small at little cost to the first; so only strokes count there.

    Args:
      prediction: [B,H,W,1] in [0,1]; each pixel counts as much as it is line.
      true: the same, in {0,1}.
    """
    prediction, true = tf.cast(prediction, tf.float32), tf.cast(true, tf.float32)

    def share(far: tf.Tensor, lines: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(far * lines, axis=[1, 2, 3]) / (tf.reduce_sum(lines, axis=[1, 2, 3]) + 1.0)

    distance, near_predicted, near_true = tf.zeros_like(prediction[:, 0, 0, 0]), _strokes(prediction), true
    for wider, step in ((0, 1), (1, 1), (1, 2), (2, 4), (4, 8)):
        if wider:  # windows add up: a maximum over radius 2 and then 4 is one over 6
            near_predicted, near_true = (
                tf.nn.max_pool2d(lines, 2 * wider + 1, 1, "SAME") for lines in (near_predicted, near_true)
            )
        distance += step * 0.5 * (share(1.0 - near_true, prediction) + share(1.0 - near_predicted, true))
    return distance


def stroke_density(prediction: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of the predicted and the true share of line over windows of 8 and 32 px, in tenths.

    Not in the Cali-Sketch paper. If hair or a background has lines whose position nobody could guess, drawing none has
    the least absolute error, feature matching's included; drawing as many as there are on average has the least squared
    error, and leaves their position to the discriminator. Grey and dots are not strokes and do not count.

    Args:
      prediction: [B,H,W,1] in [0,1].
      true: the same, in {0,1}.
    """
    difference = _strokes(tf.cast(prediction, tf.float32)) - tf.cast(true, tf.float32)
    windows = [tf.nn.avg_pool2d(difference, size, size // 2, "SAME") for size in (8, 32)]
    return tf.add_n([mean(tf.square(10.0 * window)) for window in windows]) / len(windows)


def kl_divergence(target: tf.Tensor, estimate: tf.Tensor, epsilon: float = 1e-3) -> tf.Tensor:
    """sum(p log(p / q)), p the picture `target` and q `estimate` as distributions: Contextual GAN's contextual loss.

    Always in the same direction, from the target to the estimate, so that a missing stroke costs much and a superfluous
    one its share of the mass; the public code searches with one direction and picks its start by the other. In its
    pictures white paper is the mass; in ours, strokes are.

    Args:
      target, estimate: [B,H,W,1], not negative, 1 = stroke; broadcast against each other.
      epsilon: added to every pixel before each picture is divided by its sum, so that neither a blank one nor a pixel
        of exactly 0 divides by zero; a missing stroke then costs at most log(1 / epsilon) for each pixel's share of p.
    """
    p, q = (tf.cast(x, tf.float32) + epsilon for x in (target, estimate))
    p, q = (x / tf.reduce_sum(x, axis=[-3, -2, -1], keepdims=True) for x in (p, q))
    return tf.reduce_sum(p * (tf.math.log(p) - tf.math.log(q)), axis=[-3, -2, -1])
