"""Convolutions that are right, and have a gradient, on every processor.

Feature maps are [B,H,W,C] in the layer's compute dtype. Kernel layouts are TensorFlow's own ([kh,kw,in,out], transposed
[kh,kw,out,in]), which are also those of SC-FEGAN's released checkpoint.
"""

from __future__ import annotations

import functools

import tensorflow as tf

LEAK = 0.2
"""Slope of the leaky ReLU, in the generator (released code) and the discriminator (DeepFill v2)."""


@tf.custom_gradient
def leaky_relu16(x: tf.Tensor) -> tf.Tensor:
    """`leaky_relu` of bfloat16."""
    y = tf.nn.leaky_relu(x, LEAK)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        # Not `where`: a select of 16 bits takes as long as what this replaces.
        positive = tf.raw_ops.ReluGrad(gradients=upstream, features=y)
        return positive + LEAK * (upstream - positive)

    return y, gradient


def leaky_relu(x: tf.Tensor) -> tf.Tensor:
    """Leaky ReLU of slope `LEAK`. In bfloat16 its gradient comes from a ReLU's: TensorFlow 2.15's own takes four times
    as long on a CPU there (27 ms against 7 of 4 million values), which was 9 % of a step of Contextual GAN."""
    return leaky_relu16(x) if x.dtype == tf.bfloat16 else tf.nn.leaky_relu(x, LEAK)


def enlarge(x: tf.Tensor, times: int) -> tf.Tensor:
    """A map [B,H,W,C] `times` as large along both sides, by nearest neighbours."""
    return tf.repeat(tf.repeat(x, times, axis=1), times, axis=2)


@functools.cache
def is_accelerated(dtype: tf.DType) -> bool:
    """Whether convolutions of this type run on the kernels of a GPU or oneDNN, and not on TensorFlow's own for CPUs.

    The latter run on macOS, where oneDNN is off, and for 16 bits on processors without 16-bit units. They have no
    gradient of a dilated convolution, by which they are recognised, and add up 16 bits in 16 bits."""
    try:
        with tf.init_scope():
            y = tf.zeros((1, 5, 5, 1), dtype)
            tf.raw_ops.Conv2DBackpropInput(
                input_sizes=y.shape,
                filter=tf.zeros((3, 3, 1, 1), dtype),
                out_backprop=y,
                strides=[1] * 4,
                padding="SAME",
                dilations=[1, 2, 2, 1],
            )
    except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
        return False
    return True


def convolution(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str, dilation: int) -> tf.Tensor:
    """`tf.nn.conv2d` with a gradient everywhere: where a dilated convolution has none, it goes through the batch
    dimension, which is slower. And with correct results everywhere, see `_misread`."""
    if dilation > 1 and not is_accelerated(x.dtype):
        return tf.nn.convolution(x, kernel, strides, padding, dilations=dilation)
    if dilation == 1 and _misread(kernel, strides) and not _needs_padding(x, kernel, strides, padding):
        return tf.nn.conv2d(x, _odd(kernel), strides, [[0, 0], [0, 1], [0, 1], [0, 0]])
    return tf.nn.conv2d(x, kernel, strides, padding, dilations=dilation)


def transposed_convolution(x: tf.Tensor, kernel: tf.Tensor, strides: int) -> tf.Tensor:
    """`tf.nn.conv2d_transpose` with the padding SAME: [B,H,W,C] and [kh,kw,out,C] -> [B,strides*H,strides*W,out]."""
    shape, filters = tf.shape(x), kernel.shape[2]
    if kernel.shape[0] <= strides and _misread(kernel, strides):
        kernel = _odd(kernel)  # its gradient is an unpadded convolution
    target = tf.stack([shape[0], strides * shape[1], strides * shape[2], filters])
    y = tf.nn.conv2d_transpose(x, kernel, target, strides, "SAME")
    # The static shape is set by hand: the dynamic one keeps any batch and size working (a fixed batch here is what
    # broke Keras ports of SC-FEGAN), but loses what the following layers' build needs.
    return tf.ensure_shape(y, [x.shape[0], *(s and s * strides for s in x.shape[1:3]), filters])


_LEAST_ROWS = 8
"""Of a map that `enlarged_convolution` takes as it is. Smaller ones are faster enlarged (4 x 8 of 256 channels: by 1.8
times, on a CPU with 16-bit instructions)."""


def enlarged_convolution(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """`convolution` of stride 1 and the padding SAME of `enlarge(x, 2)`: [B,H,W,C] -> [B,2H,2W,out].

    In 16 bits an odd kernel, n x n, becomes one transposed convolution of stride 2, (n + 1) x (n + 1), of the map as it
    is: taps that meet the same pixel are added up beforehand, so 16 multiplications a pixel do the work of 36 at 3x3.
    Forward and backward together take 0.81 to 0.18 of the time (maps of 8 x 16 of 192 channels to 64 x 128 of 32,
    batches of 32, measured in turns). Elsewhere, as in what is exported, the plain form, whose kernel is the smaller.
    """
    if x.dtype.size > 2 or x.shape[1] is None or x.shape[1] < _LEAST_ROWS or kernel.shape[0] % 2 == 0:
        # Keras' doubling and not `enlarge`: runtimes on phones have an operation for it.
        return convolution(tf.keras.backend.resize_images(x, 2, 2, "channels_last"), kernel, 1, "SAME", 1)
    sums = tf.reverse(tf.cast(kernel, tf.float32), axis=[0, 1])
    for before, after in (([[1, 0], [0, 0]], [[0, 1], [0, 0]]), ([[0, 0], [1, 0]], [[0, 0], [0, 1]])):
        sums = tf.pad(sums, [*before, [0, 0], [0, 0]]) + tf.pad(sums, [*after, [0, 0], [0, 0]])
    return transposed_convolution(x, tf.cast(tf.transpose(sums, [0, 1, 3, 2]), x.dtype), 2)


def _misread(kernel: tf.Tensor, strides: int) -> bool:
    """Whether oneDNN's convolution without padding may give wrong results: on processors with AMX it does so in 16
    bits, without a word, for strides and an even kernel with an odd multiple of 16 input channels (of TensorFlow
    2.15.1: 2x2 and 4x4 of stride 2, 4x4 of stride 4, 8x8 of stride 8; 2.21 still for the last two, up to 24
    channels)."""
    side, channels = kernel.shape[0], kernel.shape[2]  # of a transposed kernel, what its gradient takes in
    if strides == 1 or side % 2 or kernel.dtype.size > 2:
        return False
    return channels % 32 == 16 or (side == strides and channels <= 24)


def _needs_padding(x: tf.Tensor, kernel: tf.Tensor, strides: int, padding: str) -> bool:
    return padding == "SAME" and (kernel.shape[0] > strides or any(s is None or s % strides for s in x.shape[1:3]))


def _odd(kernel: tf.Tensor) -> tf.Tensor:
    """An even kernel as the odd one with a row and a column of zeros at the end, which the fault spares."""
    return tf.pad(kernel, [[0, 1], [0, 1], [0, 0], [0, 0]])
