"""A projected discriminator (Sauer et al., Projected GANs Converge Faster, NeurIPS 2021), conditioned as an editor is.

Pictures are seen through a fixed, pretrained trunk (`nn.efficientnet`). At its four scales the channels are mixed by
fixed random 1x1 convolutions (cross-channel mixing) and, from the coarsest scale to the finest, added to each other
through fixed random 3x3 convolutions (cross-scale mixing), so that no head can rely on a few features alone. On every
scale sits a small trained head. Beside the features a head sees what the generator was given at that scale: mask,
sketch and colours. (Concatenating conditions is ours; the paper's networks have none.)

The heads judge patches and not whole pictures, because an edit is local. Only patches that see the hole should count
(`feature_losses.hole_mean`): elsewhere a composite is the photograph itself, and would be called both real and fake.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from tfsketch.config import ProjectedDiscriminatorConfig
from tfsketch.nn import adversarial, efficientnet
from tfsketch.nn.adversarial import per_example_uniform
from tfsketch.nn.feature_losses import hole_perceptual
from tfsketch.nn.operations import enlarge, leaky_relu
from tfsketch.nn.spectral import SpectralConv2D

_CONDITIONS = ("mask", "sketch", "color", "lines")
_MAPS = ("stride2", *efficientnet.SCALES)
_STRIDES = {name: 4 << number for number, name in enumerate(efficientnet.SCALES)}


class View(NamedTuple):
    """Pictures as the trunk sees them."""

    conditions: dict[str, tf.Tensor]
    """What they had to obey, the vocabulary's `mask`, `sketch` and `color`, and further `lines` where there are such,
    augmented as they are."""
    features: dict[str, tf.Tensor]
    """The trunk's maps of the augmented pictures: its scales, and `stride2` before them."""


def conditions_at(inputs: Mapping[str, tf.Tensor], stride: int) -> tf.Tensor:
    """The conditions inside the mask, [B,H/stride,W/stride,5]: shares of mask and of stroke (scaled so that a line one
    pixel wide across a cell is about 1), mean colour of the strokes times their share."""
    mask = inputs["mask"]
    layers = tf.concat([mask, inputs["sketch"] * mask * float(stride), inputs["color"] * mask], axis=-1)
    return tf.nn.avg_pool2d(layers, stride, stride, "SAME")


def augment(
    image: tf.Tensor, inputs: Mapping[str, tf.Tensor], seed: tf.Tensor, salt: int, share: float
) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """DiffAugment's colour and translation (Zhao et al., NeurIPS 2020), the same for a picture and its conditions.

    Brightness moves by up to 0.5, saturation is multiplied by 0 to 2, contrast by 0.5 to 1.5, and all is shifted by up
    to an eighth of the side along each axis, as published; what comes in from outside repeats the border (ours).

    Args:
      image: [B,H,W,3] in [-1,1].
      inputs: the vocabulary's `mask`, `sketch` and `color`, and `lines` [B,H,W,1] if there are, moved along; the
        colours' own values stay, since colour strokes must not tell which picture was changed how.
      seed: [B,2] int32: each example's own.
      salt: tells apart the uses of one seed.
      share: how much of all this, 0 to 1.

    Returns:
      The picture and the conditions.
    """
    height, width = image.shape[1:3]
    numbers = per_example_uniform(seed, salt, (5,)) * 2.0 - 1.0
    light, saturation, contrast = (share * numbers[:, i, None, None, None] for i in range(3))
    image = image + 0.5 * light
    grey = tf.reduce_mean(image, axis=-1, keepdims=True)
    image = grey + (image - grey) * (1.0 + saturation)
    middle = tf.reduce_mean(image, axis=[1, 2, 3], keepdims=True)
    image = middle + (image - middle) * (1.0 + 0.5 * contrast)

    def indices(size: int, number: tf.Tensor) -> tf.Tensor:
        offset = tf.cast(tf.round(share * number * size / 8), tf.int32)
        return tf.clip_by_value(tf.range(size)[None] + offset[:, None], 0, size - 1)

    rows, columns = indices(height, numbers[:, 3]), indices(width, numbers[:, 4])

    def shift(layer: tf.Tensor) -> tf.Tensor:
        return tf.gather(tf.gather(layer, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)

    return shift(image), {key: shift(inputs[key]) for key in _CONDITIONS if key in inputs}


class ProjectedDiscriminator(tf.keras.Model):
    """Heads over a fixed trunk's mixed features; see the module's docstring."""

    def __init__(self, config: ProjectedDiscriminatorConfig, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "projected"), **kwargs)
        widths = [config.width * factor for factor in (1, 2, 4, 8)]
        self._across_channels, self._across_scales = {}, {}
        names = list(efficientnet.SCALES)
        for number, name in enumerate(names):
            channels, width = efficientnet.SCALES[name], widths[number]
            self._across_channels[name] = self._constant_kernel(f"across_channels_{name}", 1, channels, width)
            if number:
                self._across_scales[name] = self._constant_kernel(f"across_scales_{name}", 3, width, widths[number - 1])
        self.heads = {
            name: [
                # The finest scales are halved first: a patch is then judged at a wider view and a quarter of the cost.
                SpectralConv2D(config.head_width, 3, 2 if number < 2 else 1, name=f"{name}_1"),
                SpectralConv2D(config.head_width, 3, name=f"{name}_2"),
                SpectralConv2D(1, 1, name=f"{name}_3"),
            ]
            for number, name in enumerate(names)
        }

    def _constant_kernel(self, name: str, side: int, channels: int, filters: int) -> tf.Variable:
        """A random kernel that keeps its input's variance. It is never trained, but saved: the heads have learnt to
        read its mixture."""
        initializer = tf.keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
        return self.add_weight(
            name=name, shape=(side, side, channels, filters), initializer=initializer, trainable=False
        )

    def mix(self, features: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """The trunk's maps mixed across channels and scales, by scale; no trained weight is in it."""
        maps: dict[str, tf.Tensor] = {}
        above = None
        for name in reversed(list(efficientnet.SCALES)):
            x = tf.cast(features[name], self.compute_dtype)
            x = tf.nn.conv2d(x, tf.cast(self._across_channels[name], x.dtype), 1, "SAME")
            if above is not None:
                x = x + _double(above, x)
            maps[name] = x
            if name in self._across_scales:
                above = tf.nn.conv2d(x, tf.cast(self._across_scales[name], x.dtype), 1, "SAME")
        return maps

    def call(
        self, features: Mapping[str, tf.Tensor], inputs: Mapping[str, tf.Tensor], training: bool = False
    ) -> list[tf.Tensor]:
        """What the heads say of the trunk's features of pictures.

        Args:
          features: `efficientnet.EfficientNetLite1`'s maps of the pictures at the four scales.
          inputs: the vocabulary's `mask`, `sketch` and `color` of the pictures.
          training: move the power iterations of the spectral norms; do so once a step.

        Returns:
          A map of judgements per scale, [B,h,w,1] float32, unbounded.
        """
        scores = []
        for name, x in self.mix(features).items():
            x = tf.concat([x, tf.cast(conditions_at(inputs, _STRIDES[name]), x.dtype)], axis=-1)
            first, second, last = self.heads[name]
            x = leaky_relu(first(x, training=training))
            x = leaky_relu(second(x, training=training))
            scores.append(tf.cast(last(x, training=training), tf.float32))
        return scores


def build(
    config: ProjectedDiscriminatorConfig, trunk: efficientnet.EfficientNetLite1, height: int, width: int
) -> ProjectedDiscriminator:
    """A projected discriminator with its variables made, for pictures of a size."""
    network, blank = ProjectedDiscriminator(config), tf.zeros([1, height, width, 3])
    network(trunk(blank), {"mask": blank[..., :1], "sketch": blank[..., :1], "color": blank})
    return network


def view(
    trunk: efficientnet.EfficientNetLite1, image: tf.Tensor, inputs: Mapping[str, tf.Tensor], share: float
) -> View:
    """Pictures through the trunk; two of the same `seed`, a photograph and what was made for it, are augmented alike.

    Args:
      trunk: the pretrained network.
      image: [B,H,W,3] in [-1,1].
      inputs: the vocabulary's `mask`, `sketch`, `color` and `seed`; `lines` if there are.
      share: of the augmentation; see `augmented`.
    """
    conditions = {key: inputs[key] for key in _CONDITIONS if key in inputs}
    if share:
        image, conditions = augment(image, inputs, inputs["seed"], salt=2, share=share)
    return View(conditions, trunk(image, _MAPS))


def critic_terms(network: ProjectedDiscriminator, truth: View, fake: View) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
    """The projected discriminator's hinge loss [B] over the patches that see the hole, and what it says on average of
    either picture. No gradient reaches what made `fake`; call it once a step."""
    conditions, mask = fake.conditions, fake.conditions["mask"]
    # One call on both: the power iterations move once, and a convolution of twice the batch is the faster one.
    both = {key: tf.concat([truth.features[key], tf.stop_gradient(fake.features[key])], axis=0) for key in _STRIDES}
    twice = {
        key: tf.concat([truth.conditions[key], tf.stop_gradient(value)], axis=0) for key, value in conditions.items()
    }
    real, fake_scores = zip(*(tf.split(score, 2) for score in network(both, twice, training=True)))
    return adversarial.critic_hinge_hole(real, fake_scores, mask), {
        "p_real": -adversarial.generator_hinge_hole(real, mask),
        "p_fake": -adversarial.generator_hinge_hole(fake_scores, mask),
    }


def generator_term(network: ProjectedDiscriminator, fake: View) -> tf.Tensor:
    """What the projected discriminator says of pictures, for whoever made them: [B]."""
    scores = network(fake.features, fake.conditions)
    return adversarial.generator_hinge_hole(scores, fake.conditions["mask"])


def trunk_distance(fake: View, truth: View) -> tf.Tensor:
    """The perceptual distance on the trunk's features over the positions that see the hole: [B]."""
    pairs = [fake.features[key] for key in _MAPS], [truth.features[key] for key in _MAPS]
    return hole_perceptual(*pairs, fake.conditions["mask"])


def _double(x: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """A map at the next finer scale, by nearest neighbours, cut to the size of `like`."""
    return enlarge(x, 2)[:, : like.shape[1], : like.shape[2]]
