"""EXIF orientation in a graph: TensorFlow's decoders return pixels as stored, this turns them upright.

A JPEG's segments, or a PNG's chunks before its pixels, are walked up to EXIF; its first directory (TIFF 6.0, tag
0x0112) holds the orientation. Damaged EXIF turns nothing. The twin on arrays is Pillow's `ImageOps.exif_transpose`.
"""

from __future__ import annotations

import tensorflow as tf

_BLOCK = 65_536
"""Bytes of EXIF that are read: a JPEG's segment holds no more."""
_TAG = 0x0112


def _bytes(data: tf.Tensor, start: tf.Tensor, count: int) -> tf.Tensor:
    """[count] int32: bytes of a scalar string from `start` on, zeros behind its end."""
    start = tf.minimum(start, tf.strings.length(data))
    return tf.cast(tf.io.decode_raw(tf.strings.substr(data, start, count), tf.uint8, fixed_length=count), tf.int32)


def _number(digits: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    """[...,N] bytes as int32 numbers; four bytes must fit."""
    digits = tf.where(little, tf.reverse(digits, [-1]), digits)
    count = digits.shape[-1]
    weights = tf.constant([1 << 8 * (count - 1 - place) for place in range(count)], tf.int64)
    return tf.cast(tf.minimum(tf.reduce_sum(tf.cast(digits, tf.int64) * weights, axis=-1), 2**31 - 1), tf.int32)


def _in_jpeg(data: tf.Tensor) -> tf.Tensor:
    """Offset of a JPEG's EXIF, after its name; 0 if there is none."""
    length = tf.strings.length(data)

    def is_exif(at: tf.Tensor) -> tf.Tensor:
        name = tf.strings.substr(data, tf.minimum(at + 4, length), 6) == b"Exif\0\0"
        return (_bytes(data, at, 2)[1] == 0xE1) & name

    def more(at: tf.Tensor) -> tf.Tensor:
        head = _bytes(data, at, 2)
        return (at < length) & (head[0] == 0xFF) & (head[1] != 0xDA) & ~is_exif(at)

    def step(at: tf.Tensor) -> tuple[tf.Tensor]:
        head = _bytes(data, at, 4)
        filler = head[1] == 0xFF  # any number of them may stand before a marker
        return (tf.where(filler, at + 1, at + 2 + tf.maximum(256 * head[2] + head[3], 2)),)

    (at,) = tf.while_loop(more, step, (tf.constant(2),))
    return tf.where(is_exif(at) & (_bytes(data, at, 1)[0] == 0xFF), at + 10, 0)


def _in_png(data: tf.Tensor) -> tf.Tensor:
    """Offset of a PNG's EXIF; 0 if there is none before its pixels."""
    length = tf.strings.length(data)

    def kind(at: tf.Tensor) -> tf.Tensor:
        return tf.strings.substr(data, tf.minimum(at + 4, length), 4)

    def more(at: tf.Tensor) -> tf.Tensor:
        return (at < length) & (kind(at) != b"IDAT") & (kind(at) != b"eXIf")

    def step(at: tf.Tensor) -> tuple[tf.Tensor]:
        size = _number(_bytes(data, at, 4), tf.constant(False))
        return (at + 12 + tf.minimum(size, length - tf.minimum(at, length)),)

    (at,) = tf.while_loop(more, step, (tf.constant(8),))
    return tf.where(kind(at) == b"eXIf", at + 8, 0)


def orientation_of(data: tf.Tensor, png: tf.Tensor) -> tf.Tensor:
    """The orientation of an encoded picture.

    Args:
      data: scalar string, PNG or JPEG.
      png: scalar bool, which of them.

    Returns:
      Scalar int32, 1 to 8; 1, upright, if the file has no readable orientation.
    """
    start = tf.cond(png, lambda: _in_png(data), lambda: _in_jpeg(data))

    def parse() -> tf.Tensor:
        block = _bytes(data, start, _BLOCK)
        little = block[0] == 0x49  # "II", Intel's order; "MM" is Motorola's
        magic = _number(block[2:4], little) == 42
        table = tf.minimum(_number(block[4:8], little), _BLOCK - 2)
        count = tf.minimum(_number(tf.slice(block, [table], [2]), little), (_BLOCK - 2 - table) // 12)
        entries = tf.reshape(block[table + 2 : table + 2 + 12 * count], [-1, 12])
        tags, kinds = _number(entries[:, :2], little), _number(entries[:, 2:4], little)
        values = tf.where(kinds == 4, _number(entries[:, 8:12], little), _number(entries[:, 8:10], little))
        ours = tf.boolean_mask(values, (tags == _TAG) & ((kinds == 3) | (kinds == 4)))
        value = tf.concat([[1], ours], axis=0)[-1]
        return tf.where(magic & (value >= 1) & (value <= 8), value, 1)

    return tf.cond(start > 0, parse, lambda: tf.constant(1))


def upright(picture: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """[H,W,C] as it lies in a file -> upright, [H,W,C] or [W,H,C]."""

    def is_one_of(*values: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(values))

    picture = tf.cond(is_one_of(3, 4, 6, 7), lambda: tf.reverse(picture, [0]), lambda: picture)
    picture = tf.cond(is_one_of(2, 3, 7, 8), lambda: tf.reverse(picture, [1]), lambda: picture)
    return tf.cond(orientation >= 5, lambda: tf.transpose(picture, [1, 0, 2]), lambda: picture)
