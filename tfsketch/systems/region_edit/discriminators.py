"""The region editor's discriminators: StyleGAN2's residual one, without the batch's deviation, and the Swapping
Autoencoder's co-occurrence one, which says whether a patch could be of the picture that some other patches are of.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tfsketch.nn.stylegan2 import EqualizedConv2D, EqualizedDense
from tfsketch.systems.region_edit.blocks import Down
from tfsketch.systems.region_edit.config import PatchesConfig, ResidualDiscriminatorConfig


class ResidualDiscriminator(tf.keras.Model):
    """Picture [B,H,W,3] -> logit [B] float32, unbounded; high = real."""

    def __init__(self, config: ResidualDiscriminatorConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "discriminator"), autocast=False, **kwargs)
        widths = config.widths
        self.stem = EqualizedConv2D(widths[0], 1, name="stem")
        self.down = [
            Down(widths[i], widths[i + 1], "zero", config.blur, name=f"down{i + 1}") for i in range(len(widths) - 1)
        ]
        self.last = EqualizedConv2D(widths[-1], 3, name="last")
        self.hidden = EqualizedDense(config.hidden, name="hidden")
        self.logit = EqualizedDense(1, activate=False, name="logit")

    def call(self, x: tf.Tensor) -> tf.Tensor:
        x = self.stem(tf.cast(x, self.compute_dtype))
        for block in self.down:
            x = block(x)
        x = self.last(x)
        x = tf.reshape(x, [-1, x.shape[1] * x.shape[2] * x.shape[3]])
        return self.logit(self.hidden(x))[:, 0]


def cut_patches(image: tf.Tensor, chances: tf.Tensor, config: PatchesConfig) -> tf.Tensor:
    """Random patches, mirrored or not, resized bilinearly; differentiable in the picture.

    Args:
      image: [B,H,W,3].
      chances: [B,N,5] in [0,1]: height, width, from top, from left, mirrored.
      config: `side` and `size`.

    Returns:
      [B,N,side,side,3] float32.
    """
    low, high = config.size
    extent = low + (high - low) * chances[..., :2]
    start = (1.0 - extent) * chances[..., 2:4]
    top, left = tf.unstack(start, axis=-1)
    bottom, right = tf.unstack(start + extent, axis=-1)
    is_mirror = chances[..., 4] < 0.5
    boxes = tf.stack([top, tf.where(is_mirror, right, left), bottom, tf.where(is_mirror, left, right)], axis=-1)
    # The operation's boxes are between the centres of the corner pixels.
    shape, count = tf.shape(image), chances.shape[1]
    owner = tf.repeat(tf.range(shape[0]), count)
    patches = tf.image.crop_and_resize(image, tf.reshape(boxes, [-1, 4]), owner, [config.side] * 2)
    return tf.reshape(patches, [shape[0], count, config.side, config.side, 3])


class PatchCooccurrence(tf.keras.Model):
    """Whether patches are of the picture that other patches are of; high = yes."""

    def __init__(self, config: PatchesConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "patch_discriminator"), autocast=False, **kwargs)
        widths = config.widths
        self.stem = EqualizedConv2D(widths[0], 3, name="stem")
        self.down = [
            Down(widths[i], widths[i + 1], "zero", config.blur, name=f"down{i + 1}") for i in range(len(widths) - 1)
        ]
        self.same = Down(widths[-1], config.last, "zero", (), halve=False, name="same")
        self.last = EqualizedConv2D(config.features, 3, padding="valid", name="last")
        self.hidden = [EqualizedDense(width, name=f"hidden{i + 1}") for i, width in enumerate(config.hidden)]
        self.logit = EqualizedDense(1, activate=False, name="logit")

    def features(self, patches: tf.Tensor) -> tf.Tensor:
        """[B,N,P,P,3] -> [B,N,F] float32."""
        shape = tf.shape(patches)
        x = self.stem(tf.cast(tf.reshape(patches, [-1, *patches.shape[2:]]), self.compute_dtype))
        for block in self.down:
            x = block(x)
        x = self.last(self.same(x))
        x = tf.cast(x, tf.float32)
        return tf.reshape(x, [shape[0], shape[1], x.shape[1] * x.shape[2] * x.shape[3]])

    def judge(self, features: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """[B,N,F] beside the mean of [B,M,F] -> logits [B,N] float32, unbounded."""
        mean = tf.reduce_mean(references, axis=1, keepdims=True)
        x = tf.concat([features, tf.broadcast_to(mean, tf.shape(features))], axis=-1)
        for dense in self.hidden:
            x = dense(x)
        return self.logit(x)[..., 0]

    def call(self, patches: tf.Tensor, references: tf.Tensor) -> tf.Tensor:
        """[B,N,P,P,3] and [B,M,P,P,3] -> logits [B,N]."""
        return self.judge(self.features(patches), self.features(references))
