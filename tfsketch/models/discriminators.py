"""Discriminators.

SN-PatchGAN: strided convolutions, each spectrally normalised, whose last feature map is the output, every value of it a
judgement of its receptive field (Yu et al., ICCV 2019). SC-FEGAN's authors never released theirs; the paper has 3x3
kernels, and what several readers agree on is the default of `DiscriminatorConfig`. No activation after the last layer,
so that a critic is unbounded (ours). No layer here lacks a second-order gradient: WGAN-GP differentiates through it.
"""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf

from tfsketch.config import DiscriminatorConfig
from tfsketch.layers import LEAK, SpectralConv2D


def conditioned(image: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """A picture with the conditions it must obey, [B,H,W,8]: image 3, sketch 1, colour 3, mask 1, the conditions inside
    the mask only, as the generator saw them."""
    mask = inputs["mask"]
    return tf.concat([image, inputs["sketch"] * mask, inputs["color"] * mask, mask], axis=-1)


class PatchDiscriminator(tf.keras.Model):
    """SN-PatchGAN; [B,H,W,C] -> [B,h,w,widths[-1]] float32, unbounded."""

    def __init__(self, config: DiscriminatorConfig, **kwargs):
        super().__init__(name=kwargs.pop("name", "discriminator"), **kwargs)
        self.convs = [
            SpectralConv2D(width, config.kernel, stride, name=f"conv{i + 1}")
            for i, (width, stride) in enumerate(zip(config.widths, config.strides))
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`training=True` moves the power iteration; do so once a step, so that every call of a step sees one sigma."""
        for i, conv in enumerate(self.convs):
            x = conv(x, training=training)
            if i + 1 < len(self.convs):
                x = tf.nn.leaky_relu(x, LEAK)
        return tf.cast(x, tf.float32)
