"""StyleGAN2's resampling and equalised learning rates (Karras et al., CVPR 2020), of plain operations alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfsketch.nn import delegate
from tfsketch.nn.operations import LEAK, leaky_relu
from tfsketch.nn.sums import add_bias


def leaky(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU of slope `LEAK`; in float32 of a ReLU, which TFLite computes in 8 bits, unlike a leaky one."""
    if delegate.for_gpu() or x.dtype == tf.bfloat16:
        return leaky_relu(x)
    return LEAK * x + (1.0 - LEAK) * tf.nn.relu(x)


def _margin(x: tf.Tensor, before: int, after: int, padding: str) -> tf.Tensor:
    """Adds `before` rows and columns at the start and `after` at the end, `reflect` or `zero`."""
    mode = "REFLECT" if padding == "reflect" else "CONSTANT"
    return tf.pad(x, [[0, 0], [before, after], [before, after], [0, 0]], mode)


def blur(x: tf.Tensor, kernel: Sequence[int], strides: int = 1, padding: str = "zero", margin: int = 0) -> tf.Tensor:
    """Filters every channel by the outer product of `kernel` with itself, of sum 1.

    Args:
      x: [B,H,W,C].
      kernel: such as (1, 2, 1) or (1, 3, 3, 1).
      strides: of the filter.
      padding: `reflect` or `zero`; as much as keeps the size (a kernel of even length looks
        further ahead: its halving then keeps a mirrored picture mirrored).
      margin: pads more on every side, by so much: what comes after then needs no padding.

    Returns:
      [B,H',W',C], H' = (H + 2 * margin) / strides, rounded up.
    """
    row = tf.constant(kernel, tf.float32)
    square = row[:, None] * row[None] / tf.reduce_sum(row) ** 2
    weights = tf.cast(tf.tile(square[:, :, None, None], [1, 1, x.shape[-1], 1]), x.dtype)
    before = (len(kernel) - 1) // 2
    x = _margin(x, before + margin, len(kernel) - 1 - before + margin, padding)
    return tf.nn.depthwise_conv2d(x, weights, [1, strides, strides, 1], "VALID")


def weigh(values: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """values [B,1,1,C] or [B,H,W,C] times share [B,H,W,1]: [B,H,W,C]."""
    if delegate.for_gpu():
        # It refuses where neither factor has the product's shape, and a tile would be folded into that.
        share = tf.nn.conv2d(share, tf.ones([1, 1, 1, values.shape[-1]]), 1, "SAME")
    return values * share


def double(x: tf.Tensor) -> tf.Tensor:
    """Bilinear doubling, [B,H,W,C] -> [B,2H,2W,C], by shifted sums: on a CPU in bfloat16 a hundredth of the time of
    `tf.image.resize` and its gradient."""
    if delegate.for_gpu():
        return tf.image.resize(x, [2 * side for side in x.shape[1:3]], "bilinear")
    for axis in (1, 2):
        size = x.shape[axis]
        if size is None:
            size = tf.shape(x)[axis]
        first, last = (slice(None),) * axis + (slice(0, 1),), (slice(None),) * axis + (slice(size - 1, size),)
        but_last, but_first = (slice(None),) * axis + (slice(0, size - 1),), (slice(None),) * axis + (slice(1, size),)
        lower = tf.concat([x[first], x[but_last]], axis)
        upper = tf.concat([x[but_first], x[last]], axis)
        pairs = tf.stack([0.75 * x + 0.25 * lower, 0.75 * x + 0.25 * upper], axis + 1)
        shape = [tf.shape(x)[i] if s is None else s for i, s in enumerate(x.shape)]
        shape[axis] *= 2
        x = tf.reshape(pairs, shape)
    return x


class EqualizedConv2D(tf.keras.layers.Layer):
    """Convolution with an equalised learning rate, then a leaky ReLU times sqrt 2 (Karras et al. 2018, 2020).

    The kernel is drawn from N(0,1) and multiplied at use by 1 / sqrt(fan in), so that Adam moves every layer at the
    same relative rate. A leaky ReLU lets positive factors through: sqrt 2 and `gain` are factors of kernel and bias,
    which are small, instead of the map.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        activate: bool = True,
        use_bias: bool = True,
        gain: float = 1.0,
        padding: str = "zero",
        blur: Sequence[int] = (),
        up: bool = False,
        demodulate: bool = False,
        **kwargs: Any,
    ):
        """Args:
        filters: output channels.
        kernel_size: side of the kernel, odd.
        strides: 1 or 2.
        activate: the leaky ReLU and its sqrt 2.
        use_bias: a bias per channel.
        gain: multiplies the output.
        padding: `zero` or `reflect`, which keep the size (but for strides), or `valid`.
        blur: filter before strides of 2; none: no filter.
        up: doubles the size: a transposed convolution of stride 2, then the filter 1 3 3 1.
        demodulate: the kernel of every output channel is scaled to unit length (StyleGAN2's demodulation, for inputs
          whose scales have mean square 1).
        """
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.activate = filters, kernel_size, strides, activate
        self.use_bias, self.padding, self.blur, self.up, self.demodulate = (
            use_bias,
            padding,
            tuple(blur),
            up,
            demodulate,
        )
        self.factor = gain * (2.0**0.5 if activate else 1.0)

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, int(shape[-1]), self.filters),
            initializer=tf.keras.initializers.RandomNormal(0.0, 1.0),
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")

    def _scale_kernel(self) -> tf.Tensor:
        kernel = tf.cast(self.kernel, tf.float32)
        if self.demodulate:
            length = tf.sqrt(tf.reduce_sum(tf.square(kernel), axis=[0, 1, 2], keepdims=True) + 1e-8)
            return tf.cast(kernel * (self.factor / length), self.compute_dtype)
        fan_in = self.kernel.shape[0] * self.kernel.shape[1] * self.kernel.shape[2]
        return tf.cast(kernel * (self.factor / fan_in**0.5), self.compute_dtype)

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B,H,W,C] -> [B,h,w,filters]; h = H, H / strides or 2 H, or as `valid` has it."""
        kernel, margin = self._scale_kernel(), self.kernel_size // 2
        if self.up:
            shape, side = tf.shape(x), self.kernel_size
            target = tf.stack([shape[0], 2 * shape[1] + side - 2, 2 * shape[2] + side - 2, self.filters])
            static = [x.shape[0], *(s and 2 * s + side - 2 for s in x.shape[1:3]), self.filters]
            # Four times the filter of sum 1: three of four inputs of it are the zeros in between.
            x = tf.nn.conv2d_transpose(x, 4.0 * tf.transpose(kernel, [0, 1, 3, 2]), target, 2, "VALID")
            inner = slice(margin - 1, -margin)
            x = blur(tf.ensure_shape(x, static), (1, 3, 3, 1))[:, inner, inner]
        else:
            padding = "VALID"
            if self.strides > 1 and self.blur:
                x = blur(x, self.blur, 1, self.padding, margin)
            elif self.padding == "reflect" and margin:
                x = _margin(x, margin, margin, "reflect")
            elif self.padding != "valid":
                padding = "SAME"
            x = tf.nn.conv2d(x, kernel, self.strides, padding)
        if self.use_bias:
            x = add_bias(x, self.bias * self.factor)
        return leaky(x) if self.activate else x


class EqualizedDense(tf.keras.layers.Layer):
    """Fully connected layer of the same kind, over the last axis, in float32: for codes and logits."""

    def __init__(self, units: int, activate: bool = True, bias: float = 0.0, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.units, self.activate, self.initial = units, activate, bias
        self.factor = 2.0**0.5 if activate else 1.0

    def build(self, shape: tf.TensorShape) -> None:
        self.kernel = self.add_weight(
            name="kernel",
            shape=(int(shape[-1]), self.units),
            initializer=tf.keras.initializers.RandomNormal(0.0, 1.0),
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer=tf.keras.initializers.Constant(self.initial)
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[...,C] -> [...,units] float32."""
        kernel = self.kernel * (self.factor / self.kernel.shape[0] ** 0.5)
        x = tf.tensordot(tf.cast(x, tf.float32), kernel, 1) + self.bias * self.factor
        return leaky(x) if self.activate else x
