"""Sums over positions that add up in float32, whatever the compute dtype: biases, scales and offsets by channel."""

from __future__ import annotations

import tensorflow as tf


def _sum_of_rows(rows: tf.Tensor) -> tf.Tensor:
    """[...,N,C] -> [...,1,C], added up in float32 and rounded once.

    On a CPU, TensorFlow keeps some sums in 16 bits, which stop growing: BiasAddGrad in bfloat16 at 256 to 512 times the
    addend (but where oneDNN fuses it with a convolution's filter gradient, or XLA compiles it), `tf.reduce_sum` in
    float16, `tf.reduce_mean` in both; the same in 2.15.1 and 2.21, but for the mean in bfloat16. A product with ones
    adds up in float32 and takes a quarter to a half of the time of a cast and a sum; float16's does not, on a CPU."""
    if rows.dtype == tf.float16:
        return tf.cast(tf.reduce_sum(tf.cast(rows, tf.float32), axis=-2, keepdims=True), rows.dtype)
    return tf.matmul(tf.ones_like(rows[..., :1]), rows, transpose_a=True)


def _sum_of_positions(x: tf.Tensor) -> tf.Tensor:
    """[B,H,W,C] -> [B,1,1,C], as `_sum_of_rows`."""
    shape = tf.shape(x)
    return _sum_of_rows(tf.reshape(x, [shape[0], shape[1] * shape[2], x.shape[-1]]))[:, :, None]


def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """x [...,C] + bias [C], whose gradient for the bias is added up in float32.

    It has gradients of every order. Forward it is `tf.nn.bias_add`, which oneDNN fuses with the
    convolution before it. (Not +: the gradient of a broadcast sum is a generic reduction, several times slower.)"""
    bias = tf.cast(tf.convert_to_tensor(bias), x.dtype)
    return tf.nn.bias_add(x, bias) if x.dtype.size > 2 else _add_short_bias(x, bias)


@tf.custom_gradient
def _add_short_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, object]:
    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream, _sum_of_rows(tf.reshape(upstream, [-1, upstream.shape[-1]]))[0]

    return tf.nn.bias_add(x, bias), gradient


@tf.custom_gradient
def modulate(x: tf.Tensor, scale: tf.Tensor) -> tuple[tf.Tensor, object]:
    """x [B,H,W,C] * scale [B,1,1,C] or [B,H,W,C].

    The same as the product, whose own gradient for [B,1,1,C] sums over positions with a generic reduction: seven times
    as long, on a CPU in bfloat16, as a product with ones, and stops growing in float16. First order alone, which is
    what a generator needs."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        product = x * upstream
        return upstream * scale, _sum_of_positions(product) if scale.shape[1:3] == [1, 1] else product

    return x * scale, gradient


@tf.custom_gradient
def shift(x: tf.Tensor, offset: tf.Tensor) -> tuple[tf.Tensor, object]:
    """x [B,H,W,C] + offset [B,1,1,C], with sums in float32 as in `modulate`."""
    return x + offset, lambda upstream: (upstream, _sum_of_positions(upstream))
