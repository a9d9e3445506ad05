"""The image operations of tensorflow-addons that tfsketch uses, and their equivalents in plain TensorFlow.

tensorflow-addons 0.23 is its last release and cannot be imported on TensorFlow 2.16 and newer, so only one of our two
lanes has it. This is the only module that imports it, on the first call rather than on import, because its import costs
seconds and prints a notice of its end. Where it is missing the plain equivalents run; a test compares the two where it
is installed. Callers see no difference beyond rounding.
"""

from __future__ import annotations

import functools
import types
import warnings

import tensorflow as tf


@functools.lru_cache(maxsize=None)
def _addons() -> types.ModuleType | None:
    """The package's module of image operations, or None where it cannot be imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the notice of its end, on every import
        try:
            import tensorflow_addons
        except (ImportError, AttributeError):  # not installed, or in need of a Keras that is no longer there
            return None
    return tensorflow_addons.image


def _filter_plain(image: tf.Tensor, shape: tuple[int, int], sigma: float) -> tf.Tensor:
    """`gaussian_filter2d` for one-dimensional, odd windows: [B,H,W,C] float32, reflected at the border."""
    size = max(shape)
    kernel = tf.nn.softmax(-tf.square(tf.range(size, dtype=tf.float32) - size // 2) / (2.0 * sigma**2))
    kernel = tf.tile(tf.reshape(kernel, [*shape, 1, 1]), [1, 1, image.shape[3], 1])
    pads = [[0, 0]] + [[n // 2, n // 2] for n in shape] + [[0, 0]]
    return tf.nn.depthwise_conv2d(tf.pad(image, pads, mode="REFLECT"), kernel, [1, 1, 1, 1], "VALID")


def gaussian_blur(image: tf.Tensor, sigma: float) -> tf.Tensor:
    """Gaussian blur, reflected at the border, the window cut at 3 sigma (or at the picture's side, if that is less).

    Two one-dimensional passes, because tensorflow-addons' filter is not separated: 25 pixels wide, one pass of two
    dimensions takes ten times as long.

    Args:
      image: [B,H,W,C] float32 of a known shape, H and W at least 2.
      sigma: in pixels, above 0.

    Returns:
      [B,H,W,C] float32.
    """
    addons = _addons()
    for axis, side in ((1, image.shape[1]), (2, image.shape[2])):
        size = 2 * min(int(3.0 * sigma + 0.999), side - 1) + 1
        shape = (size, 1) if axis == 1 else (1, size)
        if addons is None:
            image = _filter_plain(image, shape, sigma)
        else:
            # The function under its tf.function, which would be retraced, with a warning, for every sigma.
            image = addons.gaussian_filter2d.python_function(image, shape, float(sigma))
    return image


def _warp_plain(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """`dense_image_warp` of this module without tensorflow-addons."""
    batch, height, width, channels = image.shape
    rows = tf.range(height, dtype=tf.float32)[None, :, None] - flow[..., 0]
    columns = tf.range(width, dtype=tf.float32)[None, None, :] - flow[..., 1]
    top = tf.clip_by_value(tf.floor(rows), 0.0, height - 2.0)
    left = tf.clip_by_value(tf.floor(columns), 0.0, width - 2.0)
    down = tf.clip_by_value(rows - top, 0.0, 1.0)[..., None]  # at the border the nearest pixel's value
    right = tf.clip_by_value(columns - left, 0.0, 1.0)[..., None]
    flat = tf.reshape(image, [batch, height * width, channels])
    first = tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)

    def at(offset: int) -> tf.Tensor:
        return tf.gather(flat, first + offset, batch_dims=1)

    upper = at(0) + (at(1) - at(0)) * right
    lower = at(width) + (at(width + 1) - at(width)) * right
    return upper + (lower - upper) * down


def dense_image_warp(image: tf.Tensor, flow: tf.Tensor) -> tf.Tensor:
    """Samples an image at moved positions: `output[b, y, x] = image[b, y - flow[..., 0], x - flow[..., 1]]`.

    Args:
      image: [B,H,W,C] float32 of a known shape, H and W at least 2.
      flow: [B,H,W,2] float32, (down, right) in pixels.

    Returns:
      [B,H,W,C] float32, bilinear between pixels; positions outside take the nearest pixel of the border.
    """
    addons = _addons()
    return _warp_plain(image, flow) if addons is None else addons.dense_image_warp.python_function(image, flow)
