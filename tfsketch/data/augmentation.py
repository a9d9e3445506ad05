"""Augmentation that moves a picture with its maps, or changes its colours: crops, flips, affine warps, light, grey.

Crops and flips are keras-cv's layers with explicit arguments instead of random ones, because their own generators
cannot be resumed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sys

import cv2
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.config import AffineConfig, Config, SketchConfig
from tfsketch.data.shards import Picture
from tfsketch.vocabulary import stored_map


def warp(picture: Picture, rng: np.random.Generator, config: AffineConfig, sketch: SketchConfig) -> Picture:
    """Rotates, shifts and scales a picture with its maps and changes its light; beyond the border pictures are
    reflected and labels unknown. Lines of one pixel stay so."""
    side = picture.image.shape[0]
    zoom = (1.0 + config.zoom) ** rng.uniform(-1, 1)
    if config.zoom_in:
        zoom *= (1.0 + config.zoom_in) ** rng.uniform(0, 1)
    matrix: np.ndarray = cv2.getRotationMatrix2D(
        ((side - 1) / 2, (side - 1) / 2), rng.uniform(-config.rotation, config.rotation), zoom
    )
    matrix[:, 2] += rng.uniform(-config.shift, config.shift, 2) * side
    gain, bias = 1.0 + rng.uniform(-config.light, config.light, 3), 127.5 * rng.uniform(-config.light, config.light)
    levels = np.clip((np.arange(256)[:, None] - 127.5) * gain + 127.5 + bias, 0, 255).astype(np.uint8)

    def warp_map(feature: str, layer: np.ndarray) -> np.ndarray:
        row, size = stored_map(feature), (side, side)
        if row.kind == "labels":
            return cv2.warpAffine(layer, matrix, size, None, cv2.INTER_NEAREST, cv2.BORDER_CONSTANT, (row.unknown,))
        layer = layer * 255 if row.kind == "lines" else layer
        layer = cv2.warpAffine(layer, matrix, size, None, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
        if row.kind == "picture":
            return layer
        strokes = layer >= 96  # a line of one pixel that falls between two stays a line
        thin = not row.styled or sketch.one_pixel(feature.partition("/")[2])
        return (skeletonize(strokes) if thin else strokes).astype(np.uint8)

    moves = Picture(picture.name, {feature: warp_map(feature, layer) for feature, layer in picture.maps.items()})
    return moves.having(image=cv2.LUT(moves.image, levels[None]))


def grey(picture: Picture) -> Picture:
    """The photograph and its colour map without colour."""
    names = [feature for feature in picture.maps if stored_map(feature).channels == 3]
    planes = {feature: cv2.cvtColor(picture.maps[feature], cv2.COLOR_RGB2GRAY) for feature in names}
    return picture.having(**{feature: cv2.merge([plane] * 3) for feature, plane in planes.items()})


class Moves:
    """Crops and mirrors a picture with all its maps, by keras-cv's layers and our random numbers.

    The layers compute in float32, several arrays for each value. So they move one plane that numbers the pixels (exact
    for sides up to 4096), and the pixels of all maps follow it as bytes, in a third of the time.
    """

    def __init__(self, config: Config):
        # Imported here: it takes seconds, and only training needs it. It uses the module `tensorflow.keras`, which on
        # TensorFlow 2.21 is Keras 3 if TensorFlow was imported before tfsketch.
        if importlib.util.find_spec("tf_keras") is not None:
            sys.modules["tensorflow.keras"] = importlib.import_module("tf_keras.api._v2.keras")
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the name of its backend
            import keras_cv

        self.crop = config.stored_size - config.image_size
        self.flip = config.data.flip
        # float32 whatever the global policy: 16 bits could not number the pixels.
        self._flip = keras_cv.layers.RandomFlip("horizontal", dtype="float32")
        self._crop = keras_cv.layers.RandomCrop(config.image_size, config.image_size, dtype="float32")

    def __call__(self, stack: tf.Tensor, chances: tf.Tensor) -> tf.Tensor:
        """[S,S,C] uint8 -> [H,W,C] uint8.

        Args:
          stack: the picture.
          chances: [3] float32 in [0,1): from top, from left, mirrored.
        """
        height, width, channels = stack.shape
        numbers = tf.reshape(tf.range(height * width, dtype=tf.float32), (1, height, width, 1))
        if self.crop:
            # A whole number of pixels, so that the layer's nearest neighbours are the pixels themselves.
            corner = tf.floor(chances[:2] * (self.crop + 1)) / self.crop
            numbers = self._crop.augment_images(numbers, {"tops": corner[None, :1], "lefts": corner[None, 1:]})
        if self.flip:
            is_mirror = tf.cast(chances[2:] < 0.5, tf.float32)[None]
            numbers = self._flip.augment_images(
                numbers, {"flip_horizontals": is_mirror, "flip_verticals": tf.zeros_like(is_mirror)}
            )
        return tf.gather(tf.reshape(stack, (-1, channels)), tf.cast(numbers[0, ..., 0], tf.int32))
