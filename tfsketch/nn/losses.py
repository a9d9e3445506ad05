"""Losses: pure functions of tensors, one value per example [B], no reduction over the batch.

The trainer sums over the global batch and divides by its size; a mean taken here would weigh replicas wrongly. Pictures
are [B,H,W,3] in [-1,1]; masks [B,H,W,1] with 1 = erased. SC-FEGAN's formulas (Jo & Park 2019, section 3.3) print the
mask the other way round, 1 = valid; every function here says which pixels it means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import tensorflow as tf


def _mean(x: tf.Tensor) -> tf.Tensor:
    """Mean over everything but the batch, in float32."""
    return tf.reduce_mean(tf.cast(x, tf.float32), axis=tf.range(1, tf.rank(x)))


def pixel(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor, alpha: float) -> tf.Tensor:
    """Per-pixel L1 over all pixels' values, erased ones counting `alpha` times.

    The paper says alpha > 1 and gives no number; the seed review mixes it up with sigma. Our default is PartialConv's
    6.
    """
    return _mean(tf.abs(raw - truth) * (1.0 + (alpha - 1.0) * mask))


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


def low_pass(raw: tf.Tensor, truth: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean L1 in the hole of means over 8 and 32 pixels: it holds colours and light and says nothing of detail (ours).

    Means are of erased pixels alone, so a small hole is not lost in its surroundings.
    """
    distances = []
    for size in (8, 32):
        share = tf.nn.avg_pool2d(mask, size, size // 2, "SAME")
        mean = tf.nn.avg_pool2d((raw - truth) * mask, size, size // 2, "SAME") / tf.maximum(share, 1.0 / size**2)
        distances.append(_per_pixel(tf.abs(mean), share))
    return tf.add_n(distances) / len(distances)


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


def hole_perceptual(features: Sequence[tf.Tensor], truth: Sequence[tf.Tensor], mask: tf.Tensor) -> tf.Tensor:
    """Mean over maps of the mean L1 of features [B,h,w,C] over the positions that see the hole, [B]."""
    distances = [
        hole_mean(tf.abs(tf.cast(f, tf.float32) - tf.cast(t, tf.float32)), mask) for f, t in zip(features, truth)
    ]
    return tf.add_n(distances) / len(distances)


def l1(x: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean |x - target|: region-wise manipulation's reconstruction."""
    return _mean(tf.abs(tf.cast(x, tf.float32) - tf.cast(target, tf.float32)))


def code_distance(code: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Mean over positions of ||code - target||_1 / sqrt(C), codes of unit length along their last axis, C numbers.

    L1 as in You et al. 2021; what it is divided by is not published. A unit vector's L1 norm grows with sqrt(C): so
    codes of any width count alike, and the seed's lambda weighs a structure code of 8 against a style code of 2048."""
    return l1(code, target) * float(code.shape[-1]) ** 0.5


def code_consistency(
    structure: tf.Tensor,
    style: tf.Tensor,
    target_structure: tf.Tensor,
    target_style: tf.Tensor,
    style_weight: float,
) -> tf.Tensor:
    """L1(C_g, C_A) + lambda * L1(S_g, S_B): a swap, encoded again, has the codes that it was made from (You et al.
    2021). The targets are constants: it is the picture that is to agree with them.

    Args:
      structure, style: the codes of the swap, [B,h,w,c] and [B,S].
      target_structure: of the photograph that gave the structure.
      target_style: of the one that gave the style.
      style_weight: lambda.
    """
    kept = code_distance(structure, tf.stop_gradient(target_structure))
    return kept + style_weight * code_distance(style, tf.stop_gradient(target_style))


def content_alignment(merged: tf.Tensor, swap: tf.Tensor, image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """L1(I_h * M, I_g * M) + L1(I_h * (1 - M), I_A * (1 - M)): a picture that is restyled in a region is the restyled
    picture there, and the photograph elsewhere (You et al. 2021). Both are constants.

    Args:
      merged: I_h [B,H,W,3].
      swap: I_g, all of it restyled.
      image: I_A, the photograph.
      mask: M [B,H,W,1], 1 = the region.
    """
    inside = l1(merged * mask, tf.stop_gradient(swap) * mask)
    return inside + l1(merged * (1.0 - mask), tf.stop_gradient(image) * (1.0 - mask))


def perceptual(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over layers q of ||F_q - T_q||_1 / N_q, N_q = H*W*C of that layer."""
    return tf.add_n([_mean(tf.abs(tf.cast(features[q], tf.float32) - tf.cast(truth[q], tf.float32))) for q in truth])


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
    return tf.add_n([_mean(tf.abs(gram(features[q]) - gram(truth[q]))) for q in truth])


def total_variation(image: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Mean absolute difference of neighbours in rows and columns where either is erased, over all values.

    "Either" is PartialConv's one-pixel dilation of the region, which the paper refers to: the seam counts.
    """
    rows = tf.abs(image[:, 1:] - image[:, :-1]) * tf.maximum(mask[:, 1:], mask[:, :-1])
    columns = tf.abs(image[:, :, 1:] - image[:, :, :-1]) * tf.maximum(mask[:, :, 1:], mask[:, :, :-1])
    values = tf.cast(tf.size(image[0]), tf.float32)
    return (tf.reduce_sum(rows, axis=[1, 2, 3]) + tf.reduce_sum(columns, axis=[1, 2, 3])) / values


def total_variation_printed(image: tf.Tensor) -> tf.Tensor:
    """Mean of |dP/dx - dP/dy| over the pixels that have both neighbours, as Cali-Sketch prints it.

    The difference of the two gradients is zero on a picture that rises equally along both axes, however steeply: very
    likely a misprint of their sum, which is `total_variation` with a mask of ones."""
    along_x = image[:, :-1, 1:] - image[:, :-1, :-1]
    along_y = image[:, 1:, :-1] - image[:, :-1, :-1]
    return _mean(tf.abs(along_x - along_y))


def feature_matching(features: Mapping[str, tf.Tensor], truth: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Sum over a discriminator's layers i of ||D_i(truth) - D_i(generated)||_1 / N_i (Cali-Sketch's calibration loss;
    Wang et al., CVPR 2018). What the truth looks like to the discriminator is a constant: no gradient goes there."""
    return perceptual(features, {name: tf.stop_gradient(maps) for name, maps in truth.items()})


def line_cross_entropy(drawn: tf.Tensor, true: tf.Tensor, weight: float) -> tf.Tensor:
    """Mean of -weight * t log p - (1 - t) log(1 - p) over pixels, p drawn and t true.

    Not in the Cali-Sketch paper. It is what takes a confidently wrong line away again: every other term reaches a pixel
    through the slope of a sigmoid, which is flat there.

    Args:
      drawn: [B,H,W,1] in [0,1].
      true: the same, in {0,1}.
      weight: of the line's pixels, which are few: alone, this term would draw a line where its chance is above
        1 / (1 + weight).
    """
    drawn, true = tf.cast(drawn, tf.float32), tf.cast(true, tf.float32)
    return -_mean(weight * true * tf.math.log(drawn + 1e-6) + (1.0 - true) * tf.math.log(1.0 - drawn + 1e-6))


def _strokes(lines: tf.Tensor) -> tf.Tensor:
    """[B,H,W,1] in [0,1] -> the same, where a pixel counts as much as two of its eight neighbours are line, and so do
    those: full in a stroke, nothing in a dot."""
    for _ in range(2):
        around = 9.0 * tf.nn.avg_pool2d(tf.pad(lines, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 1, "VALID") - lines
        lines = lines * tf.minimum(around / 2.0, 1.0)
    return lines


def soft_chamfer(drawn: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """The Chamfer distance between soft and true lines, in pixels: how far a drawn pixel is from the nearest true one
    on average, and how far a true pixel is from the nearest drawn stroke, halved sum.

    Not in the Cali-Sketch paper. A line that is a few pixels off costs as much as one that is missing in a pixelwise
    comparison, and in a discriminator's first layers, so that nothing draws it to its place. A mean distance is the sum
    over r of the share of pixels that are further than r from a line; near a line is what its maximum over a window of
    radius r reaches. So distances are by rows and columns (Chebyshev's), r goes 0, 1, 2, 4, 8, each standing for the
    distances up to the next, and distances end at 16.

    Single dots, spread evenly, would make the second half small at little cost to the first; strokes alone count there.

    Args:
      drawn: [B,H,W,1] in [0,1]; each pixel counts as much as it is line.
      true: the same, in {0,1}.
    """
    drawn, true = tf.cast(drawn, tf.float32), tf.cast(true, tf.float32)

    def share(far: tf.Tensor, lines: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(far * lines, axis=[1, 2, 3]) / (tf.reduce_sum(lines, axis=[1, 2, 3]) + 1.0)

    distance, near_drawn, near_true = tf.zeros_like(drawn[:, 0, 0, 0]), _strokes(drawn), true
    for wider, step in ((0, 1), (1, 1), (1, 2), (2, 4), (4, 8)):
        if wider:  # windows add up: a maximum over radius 2 and then 4 is one over 6
            near_drawn, near_true = (
                tf.nn.max_pool2d(lines, 2 * wider + 1, 1, "SAME") for lines in (near_drawn, near_true)
            )
        distance += step * 0.5 * (share(1.0 - near_true, drawn) + share(1.0 - near_drawn, true))
    return distance


def stroke_density(drawn: tf.Tensor, true: tf.Tensor) -> tf.Tensor:
    """Mean over windows of 8 and 32 px of the squared difference of the drawn and the true share of line, in tenths.

    Not in the Cali-Sketch paper. Where hair or a background has lines that nobody could place, the least absolute
    error, feature matching's included, is to draw none; the least squared error is to draw as many as there are on
    average, and where is left to the discriminator. Grey and dots are no strokes and do not count.

    Args:
      drawn: [B,H,W,1] in [0,1].
      true: the same, in {0,1}.
    """
    difference = _strokes(tf.cast(drawn, tf.float32)) - tf.cast(true, tf.float32)
    windows = [tf.nn.avg_pool2d(difference, size, size // 2, "SAME") for size in (8, 32)]
    return tf.add_n([_mean(tf.square(10.0 * window)) for window in windows]) / len(windows)


def critic_least_squares(real: tf.Tensor, fake: tf.Tensor, fake_label: float, real_label: float) -> tf.Tensor:
    """1/2 E[(D(real) - b)^2] + 1/2 E[(D(fake) - a)^2], a = `fake_label`, b = `real_label` (LSGAN, Mao et al. 2017)."""
    return 0.5 * (_mean(tf.square(real - real_label)) + _mean(tf.square(fake - fake_label)))


def generator_least_squares(fake: tf.Tensor, wanted_label: float) -> tf.Tensor:
    """1/2 E[(D(fake) - c)^2], c = `wanted_label`: the generator's half of LSGAN."""
    return 0.5 * _mean(tf.square(fake - wanted_label))


def generator_adversarial(fake: tf.Tensor) -> tf.Tensor:
    """-E[D(fake)], the generator's term of both the Wasserstein and the hinge loss. `fake` is D's output map."""
    return -_mean(fake)


def critic_wgan(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E[1 - D(real)] + E[1 + D(fake)]: SC-FEGAN's, DeepFill v2's hinge without the ReLU, i.e. Wasserstein plus 2."""
    return _mean(1.0 - real) + _mean(1.0 + fake)


def critic_hinge(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E[relu(1 - D(real))] + E[relu(1 + D(fake))] (DeepFill v2)."""
    return _mean(tf.nn.relu(1.0 - real)) + _mean(tf.nn.relu(1.0 + fake))


def critic_hinge_hole(real: Sequence[tf.Tensor], fake: Sequence[tf.Tensor], mask: tf.Tensor) -> tf.Tensor:
    """The hinge loss over the patches that see the hole, mean over maps of judgements [B,h,w,C].

    Elsewhere real and fake are the same pixels."""
    values = [hole_mean(tf.nn.relu(1.0 - r), mask) + hole_mean(tf.nn.relu(1.0 + f), mask) for r, f in zip(real, fake)]
    return tf.add_n(values) / len(values)


def generator_hinge_hole(fake: Sequence[tf.Tensor], mask: tf.Tensor) -> tf.Tensor:
    """-E[D(fake)] over the patches that see the hole, mean over maps."""
    return -tf.add_n([hole_mean(f, mask) for f in fake]) / len(fake)


def critic_logistic(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """-E[log p(real)] - E[log(1 - p(fake))], p the sigmoid of D's logit: the first GAN's (Goodfellow et al. 2014)."""
    return _mean(tf.nn.softplus(-real)) + _mean(tf.nn.softplus(fake))


def generator_logistic(fake: tf.Tensor) -> tf.Tensor:
    """-E[log p(fake)]: the generator's half of it, in the form that does not saturate; in Contextual GAN's search for z
    the perceptual loss, for which the text prints log(1 - p)."""
    return _mean(tf.nn.softplus(-fake))


CRITICS = {"wgan": critic_wgan, "hinge": critic_hinge, "paper": critic_logistic}
GENERATORS = {"wgan": generator_adversarial, "hinge": generator_adversarial, "paper": generator_logistic}
"""Values of a system's `adversarial_loss` -> the discriminator's loss, and the generator's; `paper` is Contextual
GAN's."""


def drift(real: tf.Tensor) -> tf.Tensor:
    """E[D(real)^2], which keeps a critic's output from drifting (Karras et al. 2018).

    The paper prints it in the generator's loss, where its gradient is zero; it belongs to the discriminator's. The
    mean of the squares, not the square of the mean."""
    return _mean(tf.square(real))


def interpolate(real: tf.Tensor, fake: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
    """Points drawn uniformly on the lines between pairs: `uniform` [B] in [0,1], one per example, 0 gives `fake`."""
    share = tf.reshape(uniform, [-1, 1, 1, 1])
    return share * real + (1.0 - share) * fake


def gradient_penalty(gradient: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """(||gradient * mask||_2 - 1)^2, a norm per example (WGAN-GP, Gulrajani et al. 2017, masked as in DeepFill).

    Only erased pixels differ between the two ends of the line, so only they can carry a slope: the mask here must be
    1 on the erased ones, whatever the printed formula's polarity."""
    squares = tf.reduce_sum(tf.square(tf.cast(gradient, tf.float32) * mask), axis=[1, 2, 3])
    return tf.square(tf.sqrt(squares + 1e-12) - 1.0)


def r1(gradient: tf.Tensor) -> tf.Tensor:
    """||dD/dx||^2 / 2 at real pictures, per example (Mescheder et al., ICML 2018); to be multiplied by gamma.

    Args:
      gradient: of D at real pictures x, in these, [B,...].
    """
    squares = tf.square(tf.cast(gradient, tf.float32))
    return 0.5 * tf.reduce_sum(squares, axis=tf.range(1, tf.rank(squares)))


def kl_divergence(wanted: tf.Tensor, found: tf.Tensor, epsilon: float = 1e-3) -> tf.Tensor:
    """sum(p log(p / q)), p and q the pictures `wanted` and `found` as distributions: Contextual GAN's contextual loss.

    One direction for everything, from what is wanted to what was found, so that a missing stroke costs much and a
    superfluous one its share of the mass; the public code searches with one and picks its start by the other. Its
    pictures have white paper for their mass; ours have strokes.

    Args:
      wanted, found: [B,H,W,1], not negative, 1 = stroke; broadcast against each other.
      epsilon: added to every pixel before each picture is divided by its sum, so that neither a blank one nor a pixel
        of exactly 0 divides by zero; a missing stroke then costs at most log(1 / epsilon) for each pixel's share of p.
    """
    p, q = (tf.cast(x, tf.float32) + epsilon for x in (wanted, found))
    p, q = (x / tf.reduce_sum(x, axis=[-3, -2, -1], keepdims=True) for x in (p, q))
    return tf.reduce_sum(p * (tf.math.log(p) - tf.math.log(q)), axis=[-3, -2, -1])


def per_example_uniform(seed: tf.Tensor, salt: int, shape: Sequence[int] = ()) -> tf.Tensor:
    """Uniform numbers per example from its own seed, so that a batch split over replicas draws the same ones.

    Args:
      seed: [B,2] int32.
      salt: tells apart the uses of one seed.
      shape: of each example's numbers; one by default.

    Returns:
      [B,...] float32 in [0,1).
    """
    return tf.map_fn(
        lambda s: tf.random.stateless_uniform(shape, s + tf.constant([0, salt])), seed, fn_output_signature=tf.float32
    )


def cross_entropy(logits: tf.Tensor, regions: tf.Tensor) -> tf.Tensor:
    """Mean over the known pixels of -log p(true region).

    Args:
      logits: [B,H,W,R].
      regions: [B,H,W,1] int32; values from R on (`conditions.regions.IGNORED`) count nowhere.
    """
    labels = regions[..., 0]
    known = tf.cast(labels < logits.shape[-1], tf.float32)
    values = tf.nn.sparse_softmax_cross_entropy_with_logits(
        tf.minimum(labels, logits.shape[-1] - 1), tf.cast(logits, tf.float32)
    )
    return tf.reduce_sum(values * known, axis=[1, 2]) / tf.maximum(tf.reduce_sum(known, axis=[1, 2]), 1.0)


def dice(probabilities: tf.Tensor, regions: tf.Tensor) -> tf.Tensor:
    """1 - the mean over regions of the soft Dice coefficient 2 sum(p t) / (sum(p) + sum(t)) (Milletari et al., 3DV
    2016, without their squares).

    Regions that an example does not show have nothing to overlap with and are left out of its mean.

    Args:
      probabilities: [B,H,W,R].
      regions: as in `cross_entropy`.
    """
    labels, depth = regions[..., 0], probabilities.shape[-1]
    truth = tf.one_hot(labels, depth)  # all zero where ignored
    known = tf.cast(labels < depth, tf.float32)[..., None]
    both = tf.reduce_sum(probabilities * truth, axis=[1, 2])
    sizes = tf.reduce_sum(truth, axis=[1, 2])
    total = tf.reduce_sum(probabilities * known, axis=[1, 2]) + sizes
    present = tf.cast(sizes > 0, tf.float32)
    coefficient = tf.reduce_sum(2.0 * both / tf.maximum(total, 1.0) * present, axis=-1)
    return 1.0 - coefficient / tf.maximum(tf.reduce_sum(present, axis=-1), 1.0)
