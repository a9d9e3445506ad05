"""Losses: pure functions of tensors, one value per example [B], no reduction over the batch.

The trainer sums over the global batch and divides by its size; a mean taken here would weigh replicas wrongly. Pictures
are [B,H,W,3] in [-1,1]; masks [B,H,W,1] with 1 = erased. SC-FEGAN's formulas (Jo & Park 2019, section 3.3) print the
mask the other way round, 1 = valid; every function here says which pixels it means. Losses of adversaries are in
`adversarial`, on feature maps in `feature_losses`, of lines in `line_losses`; what one system alone has is in its own
`losses`.
"""

from __future__ import annotations

import tensorflow as tf


def mean(x: tf.Tensor) -> tf.Tensor:
    """Mean over everything but the batch, in float32."""
    return tf.reduce_mean(tf.cast(x, tf.float32), axis=tf.range(1, tf.rank(x)))


def pixel(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor, alpha: float) -> tf.Tensor:
    """Per-pixel L1 over all pixels' values, erased ones counting `alpha` times.

    The paper says alpha > 1 and gives no number. Our default is PartialConv's
    6.
    """
    return mean(tf.abs(raw - truth) * (1.0 + (alpha - 1.0) * mask))


def per_pixel(values: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Weighted mean of values [B,H,W,C] over pixels and channels, by a weight [B,H,W,1], however small its sum; 0 if it
    is all 0."""
    total = tf.reduce_sum(tf.reduce_sum(values * weight, axis=[2, 3]), axis=1)
    count = tf.reduce_sum(tf.reduce_sum(weight, axis=[2, 3]), axis=1) * float(values.shape[-1])
    return tf.math.divide_no_nan(total, count)


def known(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 over the kept pixels: LaMa's (Suvorov et al., WACV 2022), which has no pixelwise term in the hole."""
    return per_pixel(tf.abs(raw - truth), 1.0 - mask)


def rim(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 over the erased pixels, weighted by how near the kept ones are: `nearness`.

    At the border the surroundings determine the result, and a mean is right; deeper inside, it would be blur.
    DeepFill's spatially discounted loss (Yu et al., CVPR 2018) does the same with weights that fall by 0.99 per pixel.
    """
    return per_pixel(tf.abs(raw - truth), nearness(mask))


def nearness(mask: tf.Tensor) -> tf.Tensor:
    """How near an erased pixel is to the kept ones, [B,H,W,1]: 1, 3/4, 1/2, 1/4 up to 1, 2, 4 and 8 pixels from them, 0
    beyond and where nothing is erased. By erosions, which are cheap."""
    # A pooling of one channel is ten times slower than one whose channels are a row's pixels: so columns, then rows.
    near = tf.transpose(1.0 - mask, [0, 1, 3, 2])
    weight = tf.zeros_like(mask)
    for step in (1, 1, 2, 4):  # cumulative: 1, 2, 4 and 8 pixels
        columns = tf.nn.max_pool2d(near, (2 * step + 1, 1), 1, "SAME")
        rows = tf.transpose(columns, [0, 3, 2, 1])
        near = tf.transpose(tf.nn.max_pool2d(rows, (2 * step + 1, 1), 1, "SAME"), [0, 3, 2, 1])
        weight += 0.25 * (mask - (1.0 - tf.transpose(near, [0, 1, 3, 2])))
    return weight


def window_means(x: tf.Tensor, size: int) -> tf.Tensor:
    """[B,H,W,C] -> [B,2H/size,2W/size,C]: means over square windows that overlap by half. `size` is a multiple of 4, H
    and W multiples of its quarter."""
    # Means of the quarters' means: the gradient of a wide pooling is slow.
    return tf.nn.avg_pool2d(tf.nn.avg_pool2d(x, size // 4, size // 4, "SAME"), 4, 2, "SAME")


def _of_means(difference: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Mean absolute value of a difference's means over 8 and over 32 pixels, weighted by [B,H,W,1], so that a small
    hole or stroke is not lost in its surroundings."""
    distances = []
    for size in (8, 32):
        share = window_means(weight, size)
        mean = window_means(difference * weight, size) / tf.maximum(share, 1.0 / size**2)
        distances.append(per_pixel(tf.abs(mean), share))
    return tf.add_n(distances) / len(distances)


def low_pass(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 in the hole of means over 8 and 32 pixels: it constrains colours and light, not detail
    (ours)."""
    return _of_means(raw - truth, mask)


def stroke_color(raw: tf.Tensor, color: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 to the requested colours, of means over 8 and 32 pixels under the strokes in the hole (ours).

    The truth under a stroke has shades and its surroundings' light; a person means the colour of the stroke. `color` is
    exactly 0 outside strokes (`vocabulary.to_tensors`).
    """
    strokes = tf.cast(tf.reduce_any(tf.not_equal(color, 0.0), axis=-1, keepdims=True), color.dtype)
    return _of_means(raw - color, mask * strokes)


def total_variation(image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of neighbours in rows and columns where either is erased, over all values.

    "Either" is PartialConv's one-pixel dilation of the region, which the paper refers to: the seam counts.
    """
    rows = tf.abs(image[:, 1:] - image[:, :-1]) * tf.maximum(mask[:, 1:], mask[:, :-1])
    columns = tf.abs(image[:, :, 1:] - image[:, :, :-1]) * tf.maximum(mask[:, :, 1:], mask[:, :, :-1])
    values = tf.cast(tf.size(image[0]), tf.float32)
    return (tf.reduce_sum(rows, axis=[1, 2, 3]) + tf.reduce_sum(columns, axis=[1, 2, 3])) / values
