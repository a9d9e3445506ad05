"""Keras' convolutions with the sums of `sums` and the kernels of `operations`."""

from __future__ import annotations

import tensorflow as tf

from tfsketch.nn.operations import convolution, enlarged_convolution, transposed_convolution
from tfsketch.nn.sums import add_bias


class Conv2D(tf.keras.layers.Conv2D):
    """Keras' layer, computed by `convolution` and `add_bias`; square kernels, strides and dilations."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.convolve(x, tf.convert_to_tensor(self.kernel))
        y = add_bias(y, self.bias) if self.use_bias else y
        return self.activation(y)

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """The layer without bias and activation."""
        return convolution(x, kernel, self.strides[0], self.padding.upper(), self.dilation_rate[0])


class EnlargedConv2D(Conv2D):
    """`Conv2D` after a doubling by nearest neighbours, [B,H,W,C] -> [B,2H,2W,filters], computed by
    `enlarged_convolution`; padding SAME, no stride or dilation."""

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
        """See `Conv2D.convolve`."""
        return enlarged_convolution(x, kernel)


class Conv2DTranspose(tf.keras.layers.Conv2DTranspose):
    """Keras' layer, computed by `transposed_convolution` and `add_bias`; square kernels and strides, padding SAME."""

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = transposed_convolution(x, tf.convert_to_tensor(self.kernel), self.strides[0])
        y = add_bias(y, self.bias) if self.use_bias else y
        return self.activation(y)
