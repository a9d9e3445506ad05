"""Norms: local response, instance and batch norm, whose statistics are float32 in every compute dtype."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.nn import delegate
from tfsketch.nn.sums import modulate, shift


def local_response_norm(x: tf.Tensor) -> tf.Tensor:
    """LRN with the released constants: radius 5, alpha 1, beta 0.5, bias 5e-5. Computed in float32: the bias is below
    the resolution of 16 bits. It has a first-order gradient only, so it may not stand in a critic under a gradient
    penalty."""
    full = tf.cast(x, tf.float32)
    if delegate.for_gpu():
        # The sum over neighbouring channels is a 1x1 convolution with a band of ones, and beta 0.5 a square root.
        channels = np.arange(x.shape[-1])
        band = (np.abs(channels[:, None] - channels) <= 5).astype(np.float32)[None, None]
        return tf.cast(full * tf.math.rsqrt(tf.nn.conv2d(tf.square(full), band, 1, "SAME") + 5e-5), x.dtype)
    return tf.cast(tf.nn.lrn(full, depth_radius=5, bias=5e-5, alpha=1.0, beta=0.5), x.dtype)


def _instance_statistics(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(mean, 1 / deviation) of each channel of each picture, [B,1,1,C] float32.

    Means are of the means of lines: `tf.nn.moments` adds up a whole map in one sum, whose rounding a deep network
    amplifies (the lines of the shipped Cali-Sketch were off by 1e-4, and are now by 1e-5). It takes the same time."""
    full = tf.cast(x, tf.float32)

    def mean_of(values: tf.Tensor) -> tf.Tensor:
        return tf.reduce_mean(tf.reduce_mean(values, axis=2, keepdims=True), axis=1, keepdims=True)

    mean = mean_of(full)
    variance = mean_of(tf.math.squared_difference(full, tf.stop_gradient(mean)))
    return mean, tf.math.rsqrt(variance + 1e-5)


def instance_norm(x: tf.Tensor) -> tf.Tensor:
    """Instance norm without parameters, in float32."""
    mean, scale = _instance_statistics(x)
    return tf.cast((tf.cast(x, tf.float32) - mean) * scale, x.dtype)


class InstanceNorm(tf.keras.layers.Layer):
    """Instance norm with a learned scale and offset per channel.

    The same as `GroupNormalization(groups=-1)`, in two passes over the map instead of many: with Keras' layer a step of
    the face parser's training takes 1.6 times as long on a CPU."""

    def __init__(self, gamma_initializer: str = "ones", **kwargs: Any):
        super().__init__(**kwargs)
        self.gamma_initializer = gamma_initializer

    def build(self, shape: tf.TensorShape) -> None:
        self.gamma = self.add_weight(name="gamma", shape=(int(shape[-1]),), initializer=self.gamma_initializer)
        self.beta = self.add_weight(name="beta", shape=(int(shape[-1]),), initializer="zeros")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """[B,H,W,C] -> the same shape; statistics in float32."""
        mean, scale = _instance_statistics(x)
        scale *= tf.cast(self.gamma, tf.float32)
        offset = tf.cast(self.beta, tf.float32) - mean * scale
        return shift(modulate(x, tf.cast(scale, x.dtype)), tf.cast(offset, x.dtype))


class BatchNorm(tf.keras.layers.Layer):
    """Batch norm over the global batch, whose moving statistics move only when told to.

    The batch's statistics are averaged over the replicas, so one and many replicas take the same step, and every
    replica's moving statistics are the same. Epsilon 1e-5, momentum 0.9 and gamma from N(1, 0.02) are DCGAN's (Radford
    et al. 2016) and the public Contextual GAN code's. Without `affine`, the deviation stays 1 and the mean 0."""

    def __init__(self, affine: bool = True, **kwargs: Any):
        super().__init__(**kwargs)
        self.affine = affine

    def build(self, shape: tf.TensorShape) -> None:
        channels = (int(shape[-1]),)
        if self.affine:
            self.gamma = self.add_weight(
                name="gamma", shape=channels, initializer=tf.keras.initializers.RandomNormal(1.0, 0.02)
            )
            self.beta = self.add_weight(name="beta", shape=channels, initializer="zeros")
        else:
            self.gamma, self.beta = np.ones(channels, np.float32), np.zeros(channels, np.float32)
        self.moving_mean, self.moving_variance = (
            self.add_weight(
                name=name,
                shape=channels,
                initializer=initializer,
                trainable=False,
                dtype=tf.float32,
                experimental_autocast=False,
                synchronization=tf.VariableSynchronization.ON_READ,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )
            for name, initializer in (("moving_mean", "zeros"), ("moving_variance", "ones"))
        )

    def call(self, x: tf.Tensor, training: bool = False, update: bool | None = None) -> tf.Tensor:
        """[B,H,W,C] -> the same shape; statistics in float32.

        Args:
          x: the map.
          training: normalise by the batch's statistics; off, by the moving ones, and every example is on its own.
          update: whether the batch's statistics move the moving ones; as `training` where not given.
        """
        gamma, beta = tf.cast(self.gamma, tf.float32), tf.cast(self.beta, tf.float32)
        if not training:
            moving = tf.convert_to_tensor(self.moving_mean), tf.convert_to_tensor(self.moving_variance)
            return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, *moving, 1e-5, is_training=False)[0]
        replica = tf.distribute.get_replica_context()
        if replica.num_replicas_in_sync == 1:
            # The same as below, in a third of the time on a CPU.
            x, mean, variance = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-5)
            count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
            variance *= (count - 1.0) / count  # the operation gives the unbiased one
        else:
            full = tf.cast(x, tf.float32)
            moments = [tf.reduce_mean(full, axis=[0, 1, 2]), tf.reduce_mean(tf.square(full), axis=[0, 1, 2])]
            mean, squares = replica.all_reduce(tf.distribute.ReduceOp.MEAN, moments)
            variance = tf.nn.relu(squares - tf.square(mean))
            scale = gamma * tf.math.rsqrt(variance + 1e-5)
            x = tf.cast((full - mean) * scale + beta, x.dtype)
        if update is None or update:
            self.moving_mean.assign(0.9 * self.moving_mean + 0.1 * mean)
            self.moving_variance.assign(0.9 * self.moving_variance + 0.1 * variance)
        return x
