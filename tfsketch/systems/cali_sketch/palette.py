"""Palettes: the colours that lines do not say (ours; the paper's ISN guesses them).

A palette [P,3] in [-1,1] holds the mean colours of `PARTS` of a photograph. In training it is the true photograph's
own, so that the network has nothing to guess and no reason to paint the mean of all guesses, which is grey. For a
drawing it is anybody's: the network remembers those of the last `REMEMBERED` photographs that it was trained on, and
picks one of them, or is given one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Optional

import tensorflow as tf

from tfsketch.conditions.regions import REGIONS
from tfsketch.nn.sums import modulate, shift

PARTS: dict[str, tuple[str, ...]] = {
    "skin": ("skin", "nose"),
    "hair": ("hair",),
    "eyes": ("eyes",),
    "lips": ("lips",),
    "clothes": ("clothes",),
    "background": ("background",),
}
"""Part -> the face regions that it is the mean of."""
REMEMBERED = 64
_WIDTH = 64
_OTHERWISE = {"hair": "skin", "eyes": "skin", "lips": "skin"}
"""Stands in for a part that is not in the picture; the mean of the whole picture for the others."""
_STEP = 39
"""From a seed to the next in the order of the palettes: about their golden section, and coprime to `REMEMBERED`."""


def palette_of(image: tf.Tensor, regions: tf.Tensor) -> tf.Tensor:
    """The palettes of photographs.

    Args:
      image: [B,H,W,3] in [-1,1].
      regions: [B,H,W,1] int32, indices into `conditions.regions.REGIONS`; others count as no region.

    Returns:
      [B,P,3] in [-1,1]. A part that is not in the picture has the skin's colour, or for what is no part of a head (and
      for a missing skin) the whole picture's.
    """
    # Over rows first: a mean over all pixels at once would add up too many float32 values in one sum.
    shares = tf.one_hot(regions[..., 0], len(REGIONS), dtype=image.dtype)
    sums = tf.reduce_sum(tf.einsum("bhwr,bhwc->bhrc", shares, image), axis=1)
    counts = tf.reduce_sum(tf.reduce_sum(shares, axis=2), axis=1)[..., None]
    whole = tf.reduce_mean(tf.reduce_mean(image, axis=2), axis=1)
    means: dict[str, tf.Tensor] = {}
    for name, names in PARTS.items():
        numbers = [REGIONS.index(one) for one in names]
        total, count = (tf.reduce_sum(tf.gather(x, numbers, axis=1), axis=1) for x in (sums, counts))
        otherwise = means.get(_OTHERWISE.get(name, ""), whole)
        means[name] = tf.where(count > 0.0, total / tf.maximum(count, 1.0), otherwise)
    return tf.stack(list(means.values()), axis=1)


class Palette(tf.keras.layers.Layer):
    """How a palette reaches a network: a scale and an offset of every channel at every size of the decoder, made of it
    by two dense layers (FiLM; Perez et al., AAAI 2018); and the palettes that the network remembers.

    Args:
      widths: channels of the maps that it tints, by number.
    """

    def __init__(self, widths: Sequence[int], **kwargs: Any):
        super().__init__(autocast=False, dtype="float32", **kwargs)
        self.palettes = self.add_weight(
            name="palettes",
            shape=(REMEMBERED, len(PARTS), 3),
            initializer="zeros",
            trainable=False,
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )
        self.hidden = tf.keras.layers.Dense(_WIDTH, "relu", dtype="float32", name="hidden")
        # They start at zero, and the network as if it had no palette.
        self.tints = [
            tf.keras.layers.Dense(2 * width, kernel_initializer="zeros", dtype="float32", name=f"tint{number}")
            for number, width in enumerate(widths)
        ]

    def call(self, palette: tf.Tensor, dtype: tf.DType) -> Callable[[int, tf.Tensor], tf.Tensor]:
        """A palette [B,P,3] in [-1,1] -> what tints maps in a compute dtype (see `Translator.translate`)."""
        hidden = self.hidden(tf.reshape(palette, [-1, 3 * len(PARTS)]))

        def tint(number: int, x: tf.Tensor) -> tf.Tensor:
            scale, offset = tf.split(tf.cast(self.tints[number](hidden), dtype)[:, None, None], 2, axis=-1)
            return shift(modulate(x, 1.0 + scale), offset)

        return tint

    def remember(self, palette: tf.Tensor) -> None:
        """Takes in the first palette of a batch [B,P,3], and forgets the oldest one."""
        self.palettes.assign(tf.concat([self.palettes[1:], palette[:1]], axis=0))

    def pick(self, seed: Optional[tf.Tensor], like: tf.Tensor) -> tf.Tensor:
        """One of the remembered palettes for each example of `like` [B,...], by its seed [B,2] of any number type:
        [B,P,3].

        The first seed of a pair counts. 0, and no seed, is the palette nearest to the mean of all. From there seeds go
        through all of them in large steps of brightness, so that one and the next differ at a glance."""
        mean = tf.reduce_mean(self.palettes, axis=0)
        typical = tf.argmin(tf.reduce_sum(tf.square(self.palettes - mean), axis=[1, 2]), output_type=tf.int32)
        by_brightness = tf.argsort(tf.reduce_mean(self.palettes, axis=[1, 2]))
        first = tf.argmax(tf.cast(tf.equal(by_brightness, typical), tf.int32), output_type=tf.int32)
        # Cast before it is cut: TensorFlow 2.15's converter would take the cut to 8 bits with the activations, and
        # of four seeds of an `int8` file three would have the palette of another.
        numbers = tf.constant([0]) if seed is None else tf.cast(seed, tf.int32)[:, 0]
        places = tf.math.floormod(first + _STEP * tf.math.floormod(numbers, REMEMBERED), REMEMBERED)
        order = tf.gather(by_brightness, tf.broadcast_to(places, tf.shape(like)[:1]))
        return tf.gather(self.palettes, order)
