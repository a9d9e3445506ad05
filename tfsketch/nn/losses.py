"""Losses: pure functions of tensors, one value per example [B], no reduction over the batch.

The trainer sums over the global batch and divides by its size; a mean taken here would weigh replicas wrongly. Pictures
are [B,H,W,3] in [-1,1]; masks [B,H,W,1] with 1 = erased. SC-FEGAN's formulas (Jo & Park 2019, section 3.3) print the
mask the other way round, 1 = valid; every function here says which pixels it means. Losses of adversaries are in
`adversarial`, losses of lines in `line_losses`; what one system alone has is in its own `losses`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf


def mean(x: tf.Tensor) -> tf.Tensor:
    """Mean over everything but the batch, in float32."""
    return tf.reduce_mean(tf.cast(x, tf.float32), axis=tf.range(1, tf.rank(x)))


def pixel(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor, alpha: float) -> tf.Tensor:
    """Per-pixel L1 over all pixels' values, erased ones counting `alpha` times.

    The paper says alpha > 1 and gives no number; the seed review mixes it up with sigma. Our default is PartialConv's
    6.
    """
    return mean(tf.abs(raw - truth) * (1.0 + (alpha - 1.0) * mask))


def _per_pixel(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean of values [B,H,W,C] over the pixels and channels that a weight [B,H,W,1] counts; 0 where it counts none."""
    total = tf.reduce_sum(tf.reduce_sum(values * weight, axis=[2, 3]), axis=1)
    count = tf.reduce_sum(tf.reduce_sum(weight, axis=[2, 3]), axis=1) * float(values.shape[-1])
    return total / tf.maximum(count, 1.0)


def known(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 over the kept pixels: LaMa's (Suvorov et al., WACV 2022), which has no pixelwise term in the hole."""
    return _per_pixel(tf.abs(raw - truth), 1.0 - mask)


def rim(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 over the erased pixels, weighted by how near the kept ones are: 1 beside them, 0 from 9 pixels on.

    At the border the surroundings say what must come, and a mean is right; deeper in, it would be blur. DeepFill's
    spatially discounted loss (Yu et al., CVPR 2018) does the same with weights that fall by 0.99 a pixel; these fall in
    the steps 1, 3/4, 1/2, 1/4 after 1, 2, 4 and 8 pixels, by erosions, which are cheap.
    """
    weight = tf.zeros_like(mask)
    for radius in (1, 2, 4, 8):
        size = 2 * radius + 1  # rows and columns apart: a square window of 17 takes ten times as long
        near = tf.nn.max_pool2d(tf.nn.max_pool2d(1.0 - mask, (size, 1), 1, "SAME"), (1, size), 1, "SAME")
        weight += 0.25 * (mask - (1.0 - near))
    return _per_pixel(tf.abs(raw - truth), weight)


def _of_means(difference: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean absolute value of a difference's means over 8 and over 32 pixels, of what a weight [B,H,W,1] counts alone,
    so that a small hole or stroke is not lost in its surroundings."""
    distances = []
    for size in (8, 32):
        share = tf.nn.avg_pool2d(weight, size, size // 2, "SAME")
        mean = tf.nn.avg_pool2d(difference * weight, size, size // 2, "SAME") / tf.maximum(share, 1.0 / size**2)
        distances.append(_per_pixel(tf.abs(mean), share))
    return tf.add_n(distances) / len(distances)


def low_pass(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 in the hole of means over 8 and 32 pixels: it holds colours and light and says nothing of detail
    (ours)."""
    return _of_means(raw - truth, mask)


def stroke_color(raw: tf.Tensor, color: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 to the colours that were asked for, of means over 8 and 32 pixels under the strokes in the hole (ours).

    The truth under a stroke has its shades and its surroundings' light. A person means the colour of the stroke.

    Args:
      raw: the output.
      color: [B,H,W,3] the strokes, exactly 0 where there are none (`vocabulary.to_tensors`).
      mask: [B,H,W,1].
    """
    painted = tf.cast(tf.reduce_any(tf.not_equal(color, 0.0), axis=-1, keepdims=True), color.dtype)
    return _of_means(raw - color, mask * painted)


def hole_mean(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean of a map [B,h,w,C] over the positions that see the hole, [B] float32: those whose cell or a neighbouring one
    holds a part of it; 0 where there is no hole.

    Args:
      values: on a grid that is H/h times coarser than the picture.
      mask: [B,H,W,1], 1 = erased.
    """
    stride = -(-mask.shape[1] // values.shape[1])
    near = tf.nn.max_pool2d(tf.nn.max_pool2d(mask, stride, stride, "SAME"), 3, 1, "SAME")
    return _per_pixel(tf.cast(values, tf.float32), near)


def window(mask: tf.Tensor, side: int, chance: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of a square window on the hole of each example, [B,side] int32 each.

    The window holds all of the hole's bounding box where that is possible, at a random place among those that do; of a
    larger box a random part of it.

    Args:
      mask: [B,H,W,1], 1 = erased.
      side: of the window, at most H and W.
      chance: [B,2] in [0,1): for rows and columns.
    """

    def along(axis: int, number: tf.Tensor) -> tf.Tensor:
        size = mask.shape[3 - axis]
        erased = tf.reduce_max(mask, axis=[axis, 3]) > 0.5
        first = tf.argmax(erased, axis=1, output_type=tf.int32)
        last = size - 1 - tf.argmax(tf.reverse(erased, [1]), axis=1, output_type=tf.int32)
        lower, upper = (pick(first, last - side + 1) for pick in (tf.minimum, tf.maximum))
        lower, upper = (tf.clip_by_value(bound, 0, size - side) for bound in (lower, upper))
        start = lower + tf.cast(number * tf.cast(upper - lower + 1, tf.float32), tf.int32)
        return start[:, None] + tf.range(side)[None]

    return along(2, chance[:, 0]), along(1, chance[:, 1])


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


def total_variation(image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of neighbours in rows and columns where either is erased, over all values.

    "Either" is PartialConv's one-pixel dilation of the region, which the paper refers to: the seam counts.
    """
    rows = tf.abs(image[:, 1:] - image[:, :-1]) * tf.maximum(mask[:, 1:], mask[:, :-1])
    columns = tf.abs(image[:, :, 1:] - image[:, :, :-1]) * tf.maximum(mask[:, :, 1:], mask[:, :, :-1])
    values = tf.cast(tf.size(image[0]), tf.float32)
    return (tf.reduce_sum(rows, axis=[1, 2, 3]) + tf.reduce_sum(columns, axis=[1, 2, 3])) / values
