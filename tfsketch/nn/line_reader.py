"""An auxiliary head that reads lines off a pretrained trunk's features, after AC-GAN (Odena et al., ICML 2017).

It learns from photographs alone, whose lines are known, and then reads the generator's output: the generator pays for
requested lines that cannot be read there, and for lines where neither the drawing nor the photograph has any. A
discriminator asks whether a picture is plausible; this asks whether it matches the drawing. SC-FEGAN has no such term;
it is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfsketch.nn import efficientnet
from tfsketch.nn.losses import per_pixel
from tfsketch.nn.operations import enlarge, leaky_relu
from tfsketch.nn.plain import Conv2D
from tfsketch.nn.projected import View

_MAPS = ("stride2", "stride4", "stride8")
_WIDTH = 32
_LINE_WEIGHT = 4.0
"""Weight of cells with a line in training: such cells are few."""


class LineReader(tf.keras.Model):
    """The trunk's finest maps -> logits of lines at half the pictures' size, [B,H/2,W/2,1] float32."""

    def __init__(self, **kwargs: Any):
        super().__init__(name=kwargs.pop("name", "line_reader"), **kwargs)
        self.first = Conv2D(_WIDTH, 3, 1, "same", name="first")
        self.last = Conv2D(1, 3, 1, "same", dtype="float32", name="last")

    def call(self, features: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Reads the lines of pictures whose sides are multiples of 8."""
        maps = [tf.cast(features[name], self.compute_dtype) for name in _MAPS]
        maps = [maps[0], *(enlarge(x, 2 ** (number + 1)) for number, x in enumerate(maps[1:]))]
        x = leaky_relu(self.first(tf.concat(maps, axis=-1)))
        return self.last(tf.cast(x, tf.float32))


def build(trunk: efficientnet.EfficientNetLite1) -> LineReader:
    """A reader with its variables created."""
    reader = LineReader()
    reader(trunk(tf.zeros([1, 32, 32, 3]), _MAPS))
    return reader


def _cells(lines: tf.Tensor) -> tf.Tensor:
    """[B,H,W,1] -> [B,H/2,W/2,1]: which cells contain a part of a line."""
    return tf.nn.max_pool2d(lines, 2, 2, "SAME")


def _near(cells: tf.Tensor) -> tf.Tensor:
    return tf.nn.max_pool2d(cells, 3, 1, "SAME")


def learning_term(reader: LineReader, truth: View) -> tf.Tensor:
    """A reader's loss on photographs, [B]: the cross-entropy to their `lines`, over all cells."""
    logits, true = reader(truth.features), _cells(truth.conditions["lines"])
    weight = 1.0 + (_LINE_WEIGHT - 1.0) * true
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(true, logits)
    return per_pixel(entropy, weight)


def generator_term(reader: LineReader, fake: View) -> tf.Tensor:
    """A generator's loss, [B]: in the hole, the mean of -log p over cells of requested lines, p the largest of a cell
    and its neighbours (a line may be 2 pixels off), and the mean of -log(1 - p) over cells that are further than that
    from lines of the drawing and of the photograph. If nothing was drawn, the first is 0."""
    logits = reader(fake.features)
    mask = _cells(fake.conditions["mask"])
    targets, true = _cells(fake.conditions["sketch"] * fake.conditions["mask"]), _cells(fake.conditions["lines"])
    elsewhere = mask * (1.0 - _near(tf.maximum(targets, true)))
    missing = per_pixel(tf.nn.softplus(-_near(logits)), targets)
    return missing + per_pixel(tf.nn.softplus(logits), elsewhere)
