"""Losses that Cali-Sketch alone has: one value per example [B]; see `nn.losses`."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfsketch.nn.feature_losses import perceptual
from tfsketch.nn.losses import mean


def total_variation_printed(image: tf.Tensor) -> tf.Tensor:
    """Mean of |dP/dx - dP/dy| over the pixels that have both neighbours, as Cali-Sketch prints it.

    The difference of the two gradients is zero on a picture that rises equally along both axes, however steeply: very
    likely a misprint of their sum, which is `nn.losses.total_variation` with a mask of ones."""
    along_x = image[:, :-1, 1:] - image[:, :-1, :-1]
    along_y = image[:, 1:, :-1] - image[:, :-1, :-1]
    return mean(tf.abs(along_x - along_y))


def feature_matching(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over a discriminator's layers i of ||D_i(truth) - D_i(generated)||_1 / N_i (Cali-Sketch's calibration loss;
    Wang et al., CVPR 2018). What the truth looks like to the discriminator is a constant: no gradient goes there."""
    return perceptual(features, {name: tf.stop_gradient(maps) for name, maps in truth.items()})
