"""Losses on feature maps, of pretrained networks and of discriminators, and the windows that those see.

As in `losses`, one value per example [B], no reduction over the batch; masks are [B,H,W,1] with 1 = erased.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import tensorflow as tf

from tfsketch.nn.losses import mean, per_pixel
from tfsketch.nn.operations import enlarge


def hole_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean of a map [B,h,w,C] over the positions that see the hole, [B] float32: those whose cell or a neighbouring one
    contains a part of it; 0 without a hole.

    Args:
      values: on a grid that is H/h times coarser than the picture.
      mask: [B,H,W,1], 1 = erased.
    """
    stride = -(-mask.shape[1] // values.shape[1])
    near = tf.nn.max_pool2d(tf.nn.max_pool2d(mask, stride, stride, "SAME"), 3, 1, "SAME")
    return per_pixel(tf.cast(values, tf.float32), near)


def window(mask: tf.Tensor, side: int, chance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of a square window on the hole of each example, [B,side] int32 each.

    The window contains the hole's bounding box if possible, at a random position among those that do; of a larger box,
    a random part.

    Args:
      mask: [B,H,W,1], 1 = erased.
      side: of the window, at most H and W.
      chance: [B,2] in [0,1): for rows and columns.
    """

    def along(axis: int, number: tf.Tensor) -> tf.Tensor:
        size = mask.shape[3 - axis]
        hole = tf.reduce_max(mask, axis=[axis, 3]) > 0.5
        first = tf.argmax(hole, axis=1, output_type=tf.int32)
        last = size - 1 - tf.argmax(tf.reverse(hole, [1]), axis=1, output_type=tf.int32)
        lower, upper = (pick(first, last - side + 1) for pick in (tf.minimum, tf.maximum))
        lower, upper = (tf.clip_by_value(bound, 0, size - side) for bound in (lower, upper))
        start = lower + tf.cast(number * tf.cast(upper - lower + 1, tf.float32), tf.int32)
        return start[:, None] + tf.range(side)[None]

    return along(2, chance[:, 0]), along(1, chance[:, 1])


def near_hole(layers: Mapping[str, tf.Tensor], side: int, chance: tf.Tensor) -> dict[str, tf.Tensor]:
    """Layers [B,H,W,C] cut to the window on the hole, [B,side,side,C]; `mask` is one of them. Arguments of `window`."""
    rows, columns = window(layers["mask"], side, chance)

    def crop(layer: tf.Tensor) -> tf.Tensor:
        layer = tf.gather(tf.gather(layer, rows, axis=1, batch_dims=1), columns, axis=2, batch_dims=1)
        return tf.ensure_shape(layer, (None, side, side, None))

    return {key: crop(layer) for key, layer in layers.items()}


def close_up(
    layers: Mapping[str, tf.Tensor], side: int, chance: tf.Tensor, pictures: Collection[str]
) -> dict[str, tf.Tensor]:
    """The same with half the side, enlarged twice: small parts of a picture, an eye or a tooth, at the size that a
    network trained on objects expects.

    After GFP-GAN's discriminators of facial components (Wang et al., CVPR 2021), which see eyes and mouth cut out and
    enlarged; for holes anywhere, and by the same discriminators as the rest, ours.

    Args:
      layers, side, chance: as in `near_hole`; side is even.
      pictures: keys of layers that are enlarged bilinearly; the others, masks and strokes, keep their values.
    """
    near = near_hole(layers, side // 2, chance)
    return {
        key: tf.cast(tf.image.resize(layer, (side, side)), layer.dtype) if key in pictures else enlarge(layer, 2)
        for key, layer in near.items()
    }


def hole_perceptual(features: Sequence[tf.Tensor], truth: Sequence[tf.Tensor], mask: tf.Tensor) -> tf.Tensor:
    """Mean over maps of the mean L1 of features [B,h,w,C] over the positions that see the hole, [B]."""
    distances = [
        hole_mean(tf.abs(tf.cast(f, tf.float32) - tf.cast(t, tf.float32)), mask) for f, t in zip(features, truth)
    ]
    return tf.add_n(distances) / len(distances)


def perceptual(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over layers q of ||F_q - T_q||_1 / N_q, N_q = H*W*C of that layer."""
    return tf.add_n([mean(tf.abs(tf.cast(features[q], tf.float32) - tf.cast(truth[q], tf.float32))) for q in truth])


def normalized_perceptual(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over layers of the mean over positions of |f/|f| - t/|t||^2, f and t a position's channels.

    Not in the SC-FEGAN paper: it is LPIPS' distance (Zhang et al., CVPR 2018) without its learned weights. Unit length
    makes faint texture (skin, a blurred background) count as much as strong edges, which the plain L1 of features,
    dominated by the strongest, leaves smooth.
    """

    def distance(name: str) -> tf.Tensor:
        # The offset is a faint feature's size: without it, noise where both are nearly zero would count in full.
        unit = [
            f / tf.sqrt(tf.reduce_sum(tf.square(f), axis=-1, keepdims=True) + 1e-3)
            for f in (tf.cast(features[name], tf.float32), tf.cast(truth[name], tf.float32))
        ]
        return tf.reduce_mean(tf.reduce_sum(tf.math.squared_difference(*unit), axis=-1), axis=[1, 2])

    return tf.add_n([distance(name) for name in truth])


def gram(features: tf.Tensor) -> tf.Tensor:
    """[B,H,W,C] -> [B,C,C]: F^T F / (H*W*C), in float32 (sums of squares overflow 16 bits)."""
    shape = tf.shape(features)
    channels = features.shape[-1]
    flat = tf.cast(tf.reshape(features, [shape[0], shape[1] * shape[2], channels]), tf.float32)
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(shape[1] * shape[2] * channels, tf.float32)


def style(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over layers q of ||Gram(F_q) - Gram(T_q)||_1 / C_q^2 with Gram normalised by N_q, as printed."""
    return tf.add_n([mean(tf.abs(gram(features[q]) - gram(truth[q]))) for q in truth])
