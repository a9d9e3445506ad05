"""Gated convolutions (Yu et al., ICCV 2019), and the released SC-FEGAN's transposed one."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.nn.norms import instance_norm, local_response_norm
from tfsketch.nn.operations import LEAK, convolution, enlarged_convolution, leaky_relu
from tfsketch.nn.sums import add_bias


def _initializer(gated: bool) -> tf.keras.initializers.Initializer:
    """A fresh initialiser for a kernel.

    A gated layer multiplies a leaky ReLU of the feature by a sigmoid gate. At the start the gate is sigmoid(N(0,1)),
    whose mean square is 0.29: with He's variance the signal would lose two thirds of its power at every layer. The
    scale for `gated` keeps it (ours; without a norm a deep gated net hardly moves otherwise)."""
    scale = 2.0 / (1.0 + LEAK**2) / 0.29 if gated else 1.0
    return tf.keras.initializers.VarianceScaling(scale, mode="fan_in", distribution="untruncated_normal")


_NORMS = {"lrn": local_response_norm, "instance": instance_norm, "none": tf.identity}


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _gate(both: tf.Tensor) -> tf.Tensor:
    feature, logit = tf.split(tf.cast(both, tf.float32), 2, axis=-1)
    return tf.cast(tf.maximum(feature, LEAK * feature) * tf.sigmoid(logit), both.dtype)


@functools.partial(tf.function, jit_compile=True, autograph=False)
def _gate_gradient(both: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    feature, logit = tf.split(tf.cast(both, tf.float32), 2, axis=-1)
    share = tf.sigmoid(logit)
    upstream = tf.cast(upstream, tf.float32) * share
    slope = tf.where(feature > 0.0, 1.0, LEAK)
    of_logit = upstream * tf.maximum(feature, LEAK * feature) * (1.0 - share)
    return tf.cast(tf.concat([upstream * slope, of_logit], axis=-1), both.dtype)


@tf.custom_gradient
def gate(both: tf.Tensor) -> tf.Tensor:
    """leaky_relu(f) * sigmoid(g) of a map [B,H,W,2C] that holds f and then g: [B,H,W,C].

    One pass over memory each way, compiled by XLA, which computes in float32 whatever the map's type; as TensorFlow's
    operations they are seven, and the sigmoid and its gradient in bfloat16 are far from what memory could deliver. It
    has a first-order gradient only."""
    return _gate(both), functools.partial(_gate_gradient, both)


def _sigmoid(x: tf.Tensor) -> tf.Tensor:
    """A sigmoid in float32, whatever the map's type: in bfloat16 it takes 1.7 times as long on a CPU, casts counted."""
    return tf.cast(tf.sigmoid(tf.cast(x, tf.float32)), x.dtype)


class GatedConv2D(tf.keras.layers.Layer):
    """Gated convolution (Yu et al., ICCV 2019, eq. 3): act(norm(conv(x))) * sigmoid(gate_conv(x)).

    The norm acts on the feature before the activation and never on the gate, as in SC-FEGAN's released graph.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int,
        strides: int = 1,
        dilation: int = 1,
        norm: str = "none",
        activate: bool = True,
        **kwargs: Any,
    ):
        """Args:
        filters: output channels.
        kernel_size: side of both kernels; padding is SAME.
        strides, dilation: as in `tf.nn.conv2d`.
        norm: `lrn`, `instance` or `none`.
        activate: leaky ReLU on the feature; off in a layer that makes a picture.
        """
        super().__init__(**kwargs)
        self.filters, self.kernel_size, self.strides, self.dilation = filters, kernel_size, strides, dilation
        self.norm, self.activate = norm, activate
        self.gates_at_once = norm == "none" and activate

    def build(self, shape: tf.TensorShape) -> None:
        kernel = (self.kernel_size, self.kernel_size, int(shape[-1]), self.filters)
        self.kernel = self.add_weight(name="kernel", shape=kernel, initializer=_initializer(gated=True))
        self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        self.gate_kernel = self.add_weight(name="gate_kernel", shape=kernel, initializer=_initializer(gated=False))
        self.gate_bias = self.add_weight(name="gate_bias", shape=(self.filters,), initializer="zeros")

    def call(self, x: tf.Tensor, padding: str = "SAME", training: bool = False) -> tf.Tensor:
        """[B,H,W,C] -> [B,ceil(H/strides),ceil(W/strides),filters], or with the padding VALID the positions that the
        kernel covers fully, for a part of a map. `training` chooses the form with the cheap gradient; the function is
        the same."""
        if training and self.gates_at_once and len(x.shape) == 4 and None not in x.shape[1:3]:
            kernel = tf.concat([self.kernel, self.gate_kernel], axis=-1)
            bias = tf.concat([self.bias, self.gate_bias], axis=0)
            return gate(self._conv(x, kernel, bias, padding))
        feature = self._conv(x, self.kernel, self.bias, padding)
        feature = _NORMS[self.norm](feature)
        if self.activate:
            feature = leaky_relu(feature)
        return feature * _sigmoid(self._conv(x, self.gate_kernel, self.gate_bias, padding))

    def mix(self, skip: tf.Tensor, smaller: tf.Tensor) -> tf.Tensor:
        """In a training step: this layer on `skip` [B,2H,2W,S] and, after its channels, `smaller` [B,H,W,C] doubled by
        nearest neighbours. As two convolutions, so that nothing is doubled (see `enlarged_convolution`)."""
        kernel = tf.cast(tf.concat([self.kernel, self.gate_kernel], axis=-1), smaller.dtype)
        of_skip, of_smaller = tf.split(kernel, [skip.shape[-1], smaller.shape[-1]], axis=2)
        y = convolution(tf.cast(skip, smaller.dtype), of_skip, 1, "SAME", 1)
        y += enlarged_convolution(smaller, of_smaller)
        return gate(add_bias(y, tf.concat([self.bias, self.gate_bias], axis=0)))

    def _conv(self, x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor, padding: str) -> tf.Tensor:
        if self.dilation > 1 and padding == "SAME" and self.dilation >= max(side or np.inf for side in x.shape[1:3]):
            # Every tap but the middle one meets the border's zeros, which a dilated convolution would multiply.
            middle = self.kernel_size // 2
            kernel = kernel[middle : middle + 1, middle : middle + 1]
            return add_bias(tf.nn.conv2d(x, kernel, self.strides, "SAME"), bias)
        return add_bias(convolution(x, kernel, self.strides, padding, self.dilation), bias)


class GatedDeconv2D(tf.keras.layers.Layer):
    """Gated 5x5 transposed convolution of stride 2.

    The released SC-FEGAN computes a gate (with the same kernel and a second bias) and then discards it: the gate that
    is used is the sigmoid of the activated feature. `self_gate=True` is that network, h * sigmoid(h); the second bias
    is kept as a weight that nothing reads and nothing trains, so that counts and conversions agree with the checkpoint.
    `self_gate=False` is the gate that the paper describes, with a kernel of its own."""

    def __init__(self, filters: int, self_gate: bool, kernel_size: int = 5, **kwargs: Any):
        super().__init__(**kwargs)
        self.filters, self.self_gate, self.kernel_size = filters, self_gate, kernel_size

    def build(self, shape: tf.TensorShape) -> None:
        kernel = (self.kernel_size, self.kernel_size, self.filters, int(shape[-1]))
        # VarianceScaling would read this layout's fans the wrong way round; the released initialiser is N(0, 0.02).
        self.w = self.add_weight(name="w", shape=kernel, initializer=tf.keras.initializers.RandomNormal(0.0, 0.02))
        self.biases1 = self.add_weight(name="biases1", shape=(self.filters,), initializer="zeros")
        self.biases2 = self.add_weight(
            name="biases2", shape=(self.filters,), initializer="zeros", trainable=not self.self_gate
        )
        if not self.self_gate:
            self.gate_w = self.add_weight(
                name="gate_w", shape=kernel, initializer=tf.keras.initializers.RandomNormal(0.0, 0.02)
            )

    def call(self, x: tf.Tensor, padding: str = "SAME") -> tf.Tensor:
        """[B,H,W,C] -> [B,2H,2W,filters], or with the padding VALID everything that the kernel reaches,
        [B,2(H-1)+kernel_size,2(W-1)+kernel_size,filters]: for a part of a map."""
        shape = tf.shape(x)
        more = self.kernel_size - 2 if padding == "VALID" else 0
        target = tf.stack([shape[0], 2 * shape[1] + more, 2 * shape[2] + more, self.filters])
        # The static shape is set by hand: the dynamic one keeps any batch and size working (a fixed batch here is what
        # broke Keras ports of this network), but loses what the following layers' build needs.
        static = [x.shape[0], *(s * 2 + more if s else None for s in x.shape[1:3]), self.filters]

        def conv(kernel: tf.Tensor) -> tf.Tensor:
            return tf.ensure_shape(tf.nn.conv2d_transpose(x, kernel, target, 2, padding), static)

        feature = add_bias(conv(self.w), self.biases1)
        feature = leaky_relu(feature)
        if self.self_gate:
            return feature * _sigmoid(feature)
        return feature * _sigmoid(add_bias(conv(self.gate_w), self.biases2))
