"""Building blocks of the region editor's encoder and discriminators."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfsketch.nn.stylegan2 import EqualizedConv2D, blur

HALF = math.sqrt(0.5)
"""Divisor of the sum of a residual block's two paths, folded into their kernels."""


def unit(code: tf.Tensor) -> tf.Tensor:
    """A code of unit length along its last axis, float32."""
    code = tf.cast(code, tf.float32)
    # By a mean: with a sum it would become one operation of TensorFlow Lite, which a phone's GPU lacks.
    square = tf.reduce_mean(tf.square(code), axis=-1, keepdims=True)
    return code * (tf.math.rsqrt(square + 1e-8 / code.shape[-1]) / code.shape[-1] ** 0.5)


class Down(tf.keras.layers.Layer):
    """Residual block (conv3, conv3 that halves; a 1x1 beside them) / sqrt 2; without `halve`, at the same size."""

    def __init__(
        self, width: int, filters: int, padding: str, kernel: Sequence[int], halve: bool = True, **kwargs: Any
    ):
        super().__init__(**kwargs)
        strides = 2 if halve else 1
        self.kernel, self.halve = tuple(kernel), halve
        self.conv1 = EqualizedConv2D(width, 3, padding=padding, name="conv1")
        self.conv2 = EqualizedConv2D(
            filters, 3, strides, padding=padding, blur=kernel if halve else (), gain=HALF, name="conv2"
        )
        self.skip = EqualizedConv2D(filters, 1, activate=False, use_bias=False, gain=HALF, name="skip")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.conv2(self.conv1(x))
        if self.halve and self.kernel:
            # Where the strided 3x3 looks: its centres are the blurred map's even pixels.
            x = blur(x, self.kernel, 2, "reflect" if self.conv1.padding == "reflect" else "zero")
        elif self.halve:
            x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
        return self.skip(x) + y
