"""The face parser: which region of a face every pixel shows.

In: a dict with `image` [B,H,W,3] in [-1,1], H and W multiples of 2 ** stages; other keys of the vocabulary are ignored.
Out: `probabilities` [B,H,W,R] float32, one share per name of `conditions.regions.REGIONS`, and `regions`
[B,H,W,1] int32, the likeliest.

It replaces GFC's parser in SC-FEGAN (Jo & Park 2019), which needs Caffe. The network is ours: a U-Net whose first layer
halves the resolution, residual blocks, and the picture itself concatenated before the last layers, so that lids and
lips keep their outline. Instance norm, because it removes a photograph's lighting from the features, and is the same
for one picture and for a batch, on one device and on many.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from tfsketch.conditions.regions import REGIONS
from tfsketch.config.face_parser import FaceParserConfig
from tfsketch.nn import model_directory
from tfsketch.nn.exported import ExportedNetwork
from tfsketch.nn.norms import InstanceNorm
from tfsketch.nn.plain import Conv2D
from tfsketch.vocabulary import check_sides, to_unit


def _conv(filters: int, kernel: int, strides: int, name: str) -> tf.keras.layers.Layer:
    return Conv2D(filters, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name)


class Block(tf.keras.layers.Layer):
    """Two normalised 3x3 convolutions around a shortcut: [B,H,W,C] -> [B,ceil(H/strides),ceil(W/strides),filters]."""

    def __init__(self, filters: int, strides: int = 1, **kwargs: Any):
        super().__init__(**kwargs)
        self.conv1 = _conv(filters, 3, strides, "conv1")
        self.norm1 = InstanceNorm(name="norm1")
        self.conv2 = _conv(filters, 3, 1, "conv2")
        # The second norm starts at zero: every block starts as its shortcut.
        self.norm2 = InstanceNorm("zeros", name="norm2")
        self.shortcut = _conv(filters, 1, 1, "shortcut")
        self.strides = strides

    def call(self, x: tf.Tensor) -> tf.Tensor:
        y = self.norm2(self.conv2(tf.nn.relu(self.norm1(self.conv1(x)))))
        if self.strides > 1:
            # Not a strided 2x2 convolution, which oneDNN computes wrongly at some sizes: see `layers.convolution`.
            x = tf.nn.avg_pool2d(x, self.strides, self.strides, "SAME")
        return tf.nn.relu(y + self.shortcut(x))


class FaceParser(ExportedNetwork):
    """The U-Net; see the module's docstring."""

    section = FaceParserConfig
    takes = ("image",)
    gives = ("probabilities",)

    def __init__(self, config: FaceParserConfig):
        super().__init__(config, "face_parser")
        widths = [min(config.width * 2**i, config.max_width) for i in range(config.stages)]
        self.stem = _conv(widths[0], 5, 2, "stem")
        self.stem_norm = InstanceNorm(name="stem_norm")
        self.encoder = [Block(width, 2 if i else 1, name=f"down{i + 1}") for i, width in enumerate(widths)]
        self.decoder = [Block(width, name=f"up{i + 1}") for i, width in enumerate(widths[-2::-1])]
        self.last = Conv2D(max(8, config.width * 2 // 3), 3, padding="same", activation="relu", name="last")
        self.logits = Conv2D(len(REGIONS), 3, padding="same", name="logits")
        self.upsample = tf.keras.layers.UpSampling2D(2, interpolation="bilinear", name="upsample")

    def call(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        """See the module's docstring; in training also `logits` [B,H,W,R] float32.

        Raises:
          ImageError: H or W is known and is not a multiple of 2 ** stages.
        """
        image = inputs["image"]
        check_sides(image.shape, self.stride)
        x = tf.nn.relu(self.stem_norm(self.stem(image)))
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
        skips.pop()
        for block in self.decoder:
            x = tf.cast(self.upsample(x), x.dtype)
            x = block(tf.concat([skips.pop(), x], axis=-1))
        x = tf.cast(self.upsample(x), x.dtype)
        x = self.last(tf.concat([x, tf.cast(image, x.dtype)], axis=-1))
        logits = tf.cast(self.logits(x), tf.float32)
        outputs = {
            "probabilities": tf.nn.softmax(logits),
            "regions": tf.argmax(logits, axis=-1, output_type=tf.int32)[..., None],
        }
        return outputs | {"logits": logits} if training else outputs


SHIPPED = "face_parser"
"""The shipped face parser's name."""


def load(name_or_dir: str | os.PathLike = SHIPPED) -> FaceParser:
    """A trained face parser: the shipped one, or a model directory of one.

    Raises:
      WeightsError, ConfigError: it cannot be read, or belongs to another system.
    """
    return model_directory.load(name_or_dir, {"face_parser": FaceParser})


def shares(model: FaceParser, images: np.ndarray) -> np.ndarray:
    """The parser's probability of each region, at its own size.

    Args:
      model, images: as `parse` takes them.

    Returns:
      [B,S,S,R] float32, the probabilities of `conditions.regions.REGIONS`.
    """
    side = model.experiment.image_size
    shrinks = min(images.shape[1:3]) > side
    small = [cv2.resize(i, (side, side), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC) for i in images]
    return model({"image": to_unit(np.stack(small))})["probabilities"].numpy()


def parse(model: FaceParser, images: np.ndarray) -> np.ndarray:
    """The region maps of photographs of any size.

    Args:
      model: a face parser; it works at the size that it was trained at.
      images: [B,H,W,3] uint8 RGB, faces aligned like FFHQ's.

    Returns:
      [B,H,W] uint8 indices into `conditions.regions.REGIONS`.
    """
    # Probabilities are resized, not labels: outlines stay smooth.
    probabilities = tf.image.resize(shares(model, images), images.shape[1:3], antialias=True)
    return tf.argmax(probabilities, axis=-1).numpy().astype(np.uint8)
