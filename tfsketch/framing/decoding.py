"""Encoded pictures in a graph: decoded and checked, as `images.files` does; `meaning` interprets layers.

A bad picture fails an assertion whose text begins with the field's name. Only PNG and JPEG are read, 8 bits of each
channel, and turned upright by their EXIF orientation (`orientation`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfsketch.framing.orientation import orientation_of, upright
from tfsketch.framing.shared import traced_once
from tfsketch.images import files

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8\xff"


def _text(*parts: Any) -> list[Any]:
    """The text of an assertion as one string, so that a server's message is not cut into parts."""
    words = [part if isinstance(part, str) or part.dtype == tf.string else tf.strings.as_string(part) for part in parts]
    return [tf.strings.join(words)]


def require(condition: tf.Tensor, value: tf.Tensor, *parts: Any) -> tf.Tensor:
    """`value`, if the condition holds; else the graph fails with a text of strings and numbers. Whatever is computed
    from the returned value cannot fail before, with a text that names no field."""
    with tf.control_dependencies([tf.debugging.Assert(condition, _text(*parts))]):
        return tf.identity(value)


def _big_endian(data: tf.Tensor, start: int) -> tf.Tensor:
    digits = tf.io.decode_raw(tf.strings.substr(data, start, 4), tf.uint8, fixed_length=4)
    return tf.reduce_sum(tf.cast(digits, tf.int64) * tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64))


def decode(field: str, data: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """An encoded picture.

    Args:
      field: the name of the input, for messages.
      data: scalar string, PNG or JPEG.

    Returns:
      ([H,W,4] uint8 RGBA, upright, scalar bool: whether `files.encode_layer` wrote it).

    Raises:
      tf.errors.InvalidArgumentError: another kind of file, a damaged one (then TensorFlow's message names the field in
        the operation's name), or more than `files.MAX_PIXELS`.
    """
    with tf.name_scope(field):
        png, jpeg = tf.strings.substr(data, 0, 8) == PNG, tf.strings.substr(data, 0, 3) == JPEG
        length = tf.strings.length(data)
        readable = (png & (length > 32)) | jpeg
        data = require(readable, data, field, ": expected a PNG or JPEG picture, found ", length, " other bytes")

        def size_of_png() -> tf.Tensor:
            return tf.stack([_big_endian(data, 20), _big_endian(data, 16)])

        def size_of_jpeg() -> tf.Tensor:
            return tf.cast(tf.image.extract_jpeg_shape(data)[:2], tf.int64)

        size = tf.cond(png, size_of_png, size_of_jpeg)
        pixels = tf.reduce_prod(size)
        expected = f"{field}: expected 1 to {files.MAX_PIXELS} pixels, found "
        data = require((pixels > 0) & (pixels <= files.MAX_PIXELS), data, expected, size[1], " x ", size[0])

        def from_png() -> tf.Tensor:
            return tf.io.decode_png(data, channels=4, name=f"{field}_png")

        def from_jpeg() -> tf.Tensor:
            # Pillow's transform, and not TensorFlow's default, a faster one that is up to 16 levels off.
            rgb = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE", name=f"{field}_jpeg")
            return tf.concat([rgb, tf.fill([*tf.unstack(tf.shape(rgb)[:2]), 1], np.uint8(255))], axis=-1)

        rgba = _as_shown(tf.cond(png, from_png, from_jpeg), data, png)
        return rgba, png & (tf.strings.substr(data, *files.LAYER_AT) == files.LAYER)


@traced_once(tf.TensorSpec([None, None, 4], tf.uint8), tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool))
def _as_shown(rgba: tf.Tensor, data: tf.Tensor, png: tf.Tensor) -> tf.Tensor:
    """The pixels of an encoded picture upright, and opaque if it has no transparency."""
    rgba = tf.ensure_shape(upright(rgba, orientation_of(data, png)), [None, None, 4])
    # Of pictures with less than 8 bits a channel and no transparency, TensorFlow gives the highest number of these
    # bits as alpha: 1 for black and white.
    depth = tf.cast(tf.io.decode_raw(tf.strings.substr(data, 24, 1), tf.uint8, fixed_length=1)[0], tf.int32)
    filler = tf.cast(tf.bitwise.left_shift(1, tf.minimum(depth, 8)) - 1, tf.uint8)
    return tf.cond(
        png & tf.reduce_all(rgba[..., 3] == filler),
        lambda: tf.concat([rgba[..., :3], tf.fill(tf.shape(rgba[..., :1]), np.uint8(255))], axis=-1),
        lambda: rgba,
    )


def pack(layer: tf.Tensor) -> tf.Tensor:
    """A layer [H,W] or [H,W,C] as a scalar string, so that a batch can hold layers of several sizes and postprocessing
    need not decode pictures again."""
    return tf.io.serialize_tensor(layer)


def unpack(data: tf.Tensor, dtype: tf.DType, *channels: int) -> tf.Tensor:
    """The layer [H,W,*channels] that `pack` encoded."""
    return tf.ensure_shape(tf.io.parse_tensor(data, dtype), [None, None, *channels])


def same_size(field: str, layer: tf.Tensor, image: tf.Tensor) -> tf.Tensor:
    """`layer`, if it has the picture's height and width; else the graph fails."""
    size, expected_size = tf.shape(layer)[:2], tf.shape(image)[:2]
    expected = (f"{field}: expected the size of the picture, ", expected_size[1], " x ", expected_size[0])
    return require(tf.reduce_all(size == expected_size), layer, *expected, ", found ", size[1], " x ", size[0])


def grey_of(levels: tf.Tensor) -> tf.Tensor:
    """Pillow's conversion to grey of [...,3] int32: [...] int32, 0 to 255."""
    r, g, b = tf.unstack(levels, axis=-1)
    return tf.bitwise.right_shift(19595 * r + 38470 * g + 7471 * b + 0x8000, 16)
