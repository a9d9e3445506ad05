"""What moves a picture and its maps together, or hides a part of it: crops, mirroring, affine warps, light, occlusion.

A crop and a mirroring are keras-cv's layers, told what to do instead of asked to be random, because their own
generators cannot be resumed.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys

import cv2
import numpy as np
import tensorflow as tf
from skimage.morphology import skeletonize

from tfsketch.conditions import masks, regions
from tfsketch.config import AffineConfig, Config, SketchConfig, StrokeConfig
from tfsketch.data.shards import Picture
from tfsketch.vocabulary import size_of

_OCCLUDER = StrokeConfig(vertices=(1, 4), width=(0.08, 0.25))
_OCCLUDED = (0.02, 0.15)
"""Share of the picture behind something."""


def warp(picture: Picture, rng: np.random.Generator, config: AffineConfig, sketch: SketchConfig) -> Picture:
    """Turns, shifts and zooms a picture and its maps together and changes its light; what comes in from outside is a
    reflection in the photograph and ignored in the regions. Lines of one pixel stay so."""
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

    def linear(layer: np.ndarray) -> np.ndarray:
        return cv2.warpAffine(layer, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)

    def moved(style: str, lines: np.ndarray) -> np.ndarray:
        strokes = linear(lines * 255) >= 96  # a line of one pixel that falls between two stays a line
        return (skeletonize(strokes) if sketch.one_pixel(style) else strokes).astype(np.uint8)

    return dataclasses.replace(
        picture,
        image=cv2.LUT(linear(picture.image), levels[None]),
        color=linear(picture.color),
        sketches={style: moved(style, lines) for style, lines in picture.sketches.items()},
        regions=None
        if picture.regions is None
        else cv2.warpAffine(
            picture.regions,
            matrix,
            (side, side),
            flags=cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(regions.IGNORED,),
        ),
    )


def _cloth(rng: np.random.Generator, side: int) -> np.ndarray:
    """Something that is no face: two colours in a soft pattern of some scale, [S,S,3] uint8."""
    cells = int(2 ** rng.uniform(1, 6))
    pattern = cv2.resize(rng.random((cells, cells), np.float32), (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    colors = rng.uniform(0, 255, (2, 3))
    grey = colors.mean(axis=1, keepdims=True)
    one, two = grey + (colors - grey) * rng.uniform(0, 1)  # most cloth is duller than random numbers
    return np.clip(one + (two - one) * pattern * rng.uniform(0, 1), 0, 255).astype(np.uint8)


def _head(rng: np.random.Generator, found: np.ndarray) -> np.ndarray:
    """The top of a head, where a hat would sit: [S,S] uint8 in {0,1}, empty where no brows or eyes are seen."""
    side = found.shape[0]
    features = np.flatnonzero(regions.mask_of(found, ("brows", "eyes")).any(axis=1))
    if not len(features):
        return np.zeros_like(found)
    x, y = np.arange(side), np.arange(side)[:, None]
    rim = features[0] - rng.uniform(0.0, 0.12) * side + rng.uniform(-0.2, 0.2) * (x - side / 2)
    above = (y < rim).astype(np.uint8)
    top = regions.mask_of(found, ("hair", "skin", "hat")) & above
    return masks.grow(top, round(rng.uniform(0.0, 0.05) * side)) & above


def grey(picture: Picture) -> Picture:
    """The photograph and its colour map without colour."""

    def luma(layer: np.ndarray) -> np.ndarray:
        return cv2.cvtColor(cv2.cvtColor(layer, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

    return dataclasses.replace(picture, image=luma(picture.image), color=luma(picture.color))


def occlude(picture: Picture, rng: np.random.Generator) -> Picture:
    """Puts a hand, a cup or a sleeve before the face, or a hat on the head.

    CelebAMask-HQ shows few hats, and a parser that has seen few takes all of them for hair."""
    size, found = size_of(picture.image), picture.regions
    name, inside = "hat", np.zeros(size, np.uint8)
    if found is not None and rng.random() < 0.5:
        inside = _head(rng, found)
    if not inside.any():
        name = "background"
        inside = masks.strokes(rng, size, _OCCLUDER, rng.uniform(*_OCCLUDED), upper=2 * _OCCLUDED[1])
    if name == "hat" or rng.random() < 0.5:
        filling = _cloth(rng, size[0])
    else:  # of the picture itself, from elsewhere
        filling = np.roll(picture.image, rng.integers(size[0] // 4, 3 * size[0] // 4, 2), axis=(0, 1))
    return dataclasses.replace(
        picture,
        image=np.where(inside[..., None] > 0, filling, picture.image),
        regions=None if found is None else np.where(inside > 0, np.uint8(regions.REGIONS.index(name)), found),
    )


class Moves:
    """Crops and mirrors a picture with all its maps, by keras-cv's layers and our random numbers.

    The layers compute in float32, several arrays for each value. So they move one plane that numbers the pixels (exact
    for sides up to 4096), and the pixels of all maps follow it as bytes, in a third of the time.
    """

    def __init__(self, config: Config):
        # Imported here: it takes seconds, and only training needs it. It takes its names from the module
        # `tensorflow.keras`, which on TensorFlow 2.21 is Keras 3 for whoever imported TensorFlow before tfsketch.
        if importlib.util.find_spec("tf_keras") is not None:
            sys.modules["tensorflow.keras"] = importlib.import_module("tf_keras.api._v2.keras")
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
            mirrored = tf.cast(chances[2:] < 0.5, tf.float32)[None]
            numbers = self._flip.augment_images(
                numbers, {"flip_horizontals": mirrored, "flip_verticals": tf.zeros_like(mirrored)}
            )
        return tf.gather(tf.reshape(stack, (-1, channels)), tf.cast(numbers[0, ..., 0], tf.int32))


def centered(picture: Picture, side: int) -> Picture:
    """The central square of a picture that was stored larger."""
    margin = (picture.image.shape[0] - side) // 2
    cut = (slice(margin, margin + side),) * 2
    return dataclasses.replace(
        picture,
        image=picture.image[cut],
        color=picture.color[cut],
        sketches={style: lines[cut] for style, lines in picture.sketches.items()},
        regions=None if picture.regions is None else picture.regions[cut],
    )
