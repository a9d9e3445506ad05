"""Convolutions with a spectrally normalised kernel (Miyato et al., ICLR 2018) whose gradient is right."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfsketch.nn.operations import convolution, transposed_convolution
from tfsketch.nn.sums import add_bias


class SpectralConv2D(tf.keras.layers.Layer):
    """Convolution with a spectrally normalised kernel (Miyato et al., ICLR 2018), reparametrised.

    The kernel in use is w / sigma(w), with sigma = v W u^T from one power iteration, W the kernel reshaped to
    [kh*kw*in, out], u and v held constant: so the gradient flows through sigma, which Keras' and tensorflow-addons'
    wrappers lose by overwriting the kernel.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        use_bias: bool = True,
        padding: str = "SAME",
        dilation: int = 1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.use_bias = filters, kernel_size, strides, use_bias
        self.padding, self.dilation = padding, dilation

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            initializer="he_normal",
            shape=self._kernel_shape(int(shape[-1])),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        # Every replica computes the same u from the same kernel; it needs no reduction, and 16 bits would spoil it.
        self.u = self.add_weight(
            name="u",
            shape=(1, self.filters),
            initializer="random_normal",
            trainable=False,
            dtype=tf.float32,
            experimental_autocast=False,
            synchronization=tf.VariableSynchronization.ON_READ,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return self.kernel_size, self.kernel_size, channels, self.filters

    def _matrix(self, w: tf.Tensor) -> tf.Tensor:
        return tf.reshape(w, [-1, self.filters])

    def normalized_kernel(self, update: bool) -> tf.Tensor:
        """w / sigma(w) in the compute dtype; `update` moves u by one power iteration."""
        w = tf.cast(self.kernel, tf.float32)
        flat = self._matrix(w)
        u = tf.convert_to_tensor(self.u)
        if update:
            constant = tf.stop_gradient(flat)
            v = tf.math.l2_normalize(tf.matmul(u, constant, transpose_b=True))
            u = tf.math.l2_normalize(tf.matmul(v, constant))
            self.u.assign(u)
        # v is the direction of W u^T, so one product gives both.
        image = tf.matmul(flat, tf.stop_gradient(u), transpose_b=True)
        sigma = tf.reduce_sum(tf.stop_gradient(tf.math.l2_normalize(image)) * image)
        # No division, whose gradient passes over the kernel twice as often.
        return tf.cast(w * tf.math.reciprocal(sigma + 1e-12), self.compute_dtype)

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,h,w,filters]; h and w as in `tf.nn.conv2d` with this padding."""
        kernel = self.normalized_kernel(update=training)
        y = convolution(x, kernel, self.strides, self.padding, self.dilation)
        return add_bias(y, self.bias) if self.use_bias else y


class SpectralConv2DTranspose(SpectralConv2D):
    """Transposed convolution with a spectrally normalised kernel; sigma is that of the kernel reshaped to
    [kh*kw*in, out], as in `SpectralConv2D`. Only the padding SAME is meant."""

    def _kernel_shape(self, channels: int) -> tuple[int, int, int, int]:
        return self.kernel_size, self.kernel_size, self.filters, channels

    def _matrix(self, w: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.transpose(w, [0, 1, 3, 2]), [-1, self.filters])

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,strides*H,strides*W,filters]."""
        y = transposed_convolution(x, self.normalized_kernel(update=training), self.strides)
        return add_bias(y, self.bias) if self.use_bias else y
