"""Discriminators.

SN-PatchGAN: strided convolutions, each spectrally normalised, whose last feature map is the output, every value of it a
judgement of its receptive field (Yu et al., ICCV 2019). SC-FEGAN's authors never released theirs; the paper has 3x3
kernels, and what several readers agree on is the default of `DiscriminatorConfig`. No activation after the last layer,
so that a critic is unbounded (ours). No layer here lacks a second-order gradient: WGAN-GP differentiates through it.

The 70x70 PatchGAN (Isola et al., CVPR 2017) in EdgeConnect's form, for Cali-Sketch: 4x4 kernels, spectral norm and
nothing else, no biases, one value per patch, and every layer's map beside it, for feature matching.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfsketch.config import DiscriminatorConfig
from tfsketch.nn.operations import leaky_relu
from tfsketch.nn.spectral import SpectralConv2D


def with_conditions(image: tf.Tensor, inputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """A picture with the conditions it must obey, [B,H,W,8]: image 3, sketch 1, colour 3, mask 1, the conditions inside
    the mask only, as the generator saw them."""
    mask = inputs["mask"]
    return tf.concat([image, inputs["sketch"] * mask, inputs["color"] * mask, mask], axis=-1)


class PatchDiscriminator(tf.keras.Model):
    """SN-PatchGAN; [B,H,W,C] -> [B,h,w,widths[-1]] float32, unbounded."""

    def __init__(self, config: DiscriminatorConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "discriminator"), **kwargs)
        self.convs = [
            SpectralConv2D(width, config.kernel, stride, name=f"conv{i + 1}")
            for i, (width, stride) in enumerate(zip(config.widths, config.strides))
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        """`training=True` moves the power iteration; do so once a step, so that every call of a step sees one sigma."""
        return tf.cast(self.maps(x, training)[-1], tf.float32)

    def maps(self, x: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """Every layer's map in the compute dtype, the hidden ones after their activation; the last is the output."""
        maps = []
        for i, conv in enumerate(self.convs):
            x = conv(x, training=training)
            if i + 1 < len(self.convs):
                x = leaky_relu(x)
            maps.append(x)
        return maps


class FeatureDiscriminator(tf.keras.Model):
    """70x70 PatchGAN; [B,H,W,C] -> a dict of every layer's map, in order, float32.

    `conv1`, `conv2`, ... are after the activation; the last, `score`, is a judgement of each patch. EdgeConnect puts a
    sigmoid on it for the GAN's loss; LSGAN's squares want none (Mao et al. 2017)."""

    def __init__(self, config: DiscriminatorConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "discriminator"), **kwargs)
        self.convs = [
            SpectralConv2D(width, config.kernel, stride, use_bias=False, padding="VALID", name=f"conv{i + 1}")
            for i, (width, stride) in enumerate(zip(config.widths, config.strides))
        ]

    def call(self, x: tf.Tensor, training: bool = False) -> dict[str, tf.Tensor]:
        """`training=True` moves the power iteration; do so once a step, so that every call of a step sees one sigma."""
        maps = {}
        for i, conv in enumerate(self.convs):
            # As many zeros on every side, whatever the stride: SAME would add one more at the end where it is 1.
            margin = [(conv.kernel_size - 1) // 2] * 2
            x = conv(tf.pad(x, [[0, 0], margin, margin, [0, 0]]), training=training)
            last = i + 1 == len(self.convs)
            if not last:
                x = leaky_relu(x)
            maps["score" if last else f"conv{i + 1}"] = tf.cast(x, tf.float32)
        return maps
