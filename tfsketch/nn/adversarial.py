"""Adversarial losses and what regularises a discriminator: one value per example [B]; see `losses`."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfsketch.nn.feature_losses import hole_mean
from tfsketch.nn.losses import mean


def critic_least_squares(real: tf.Tensor, fake: tf.Tensor, fake_label: float, real_label: float) -> tf.Tensor:
    """1/2 E[(D(real) - b)^2] + 1/2 E[(D(fake) - a)^2], a = `fake_label`, b = `real_label` (LSGAN, Mao et al. 2017)."""
    return 0.5 * (mean(tf.square(real - real_label)) + mean(tf.square(fake - fake_label)))


def generator_least_squares(fake: tf.Tensor, label: float) -> tf.Tensor:
    """1/2 E[(D(fake) - c)^2], c = `label`: the generator's half of LSGAN."""
    return 0.5 * mean(tf.square(fake - label))


def generator_adversarial(fake: tf.Tensor) -> tf.Tensor:
    """-E[D(fake)], the generator's term of both the Wasserstein and the hinge loss. `fake` is D's output map."""
    return -mean(fake)


def critic_wgan(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E[1 - D(real)] + E[1 + D(fake)]: SC-FEGAN's, DeepFill v2's hinge without the ReLU, i.e. Wasserstein plus 2."""
    return mean(1.0 - real) + mean(1.0 + fake)


def critic_hinge(real: tf.Tensor, fake: tf.Tensor) -> tf.Tensor:
    """E[relu(1 - D(real))] + E[relu(1 + D(fake))] (DeepFill v2)."""
    return mean(tf.nn.relu(1.0 - real)) + mean(tf.nn.relu(1.0 + fake))


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
    return mean(tf.nn.softplus(-real)) + mean(tf.nn.softplus(fake))


def generator_logistic(fake: tf.Tensor) -> tf.Tensor:
    """-E[log p(fake)]: the generator's half of it, in the form that does not saturate; in Contextual GAN's search for z
    the perceptual loss, for which the text prints log(1 - p)."""
    return mean(tf.nn.softplus(-fake))


CRITICS = {"wgan": critic_wgan, "hinge": critic_hinge, "paper": critic_logistic}
GENERATORS = {"wgan": generator_adversarial, "hinge": generator_adversarial, "paper": generator_logistic}
"""Values of a system's `adversarial_loss` -> the discriminator's loss, and the generator's; `paper` is Contextual
GAN's."""


def drift(real: tf.Tensor) -> tf.Tensor:
    """E[D(real)^2], which keeps a critic's output from drifting (Karras et al. 2018).

    The paper prints it in the generator's loss, where its gradient is zero; it belongs to the discriminator's. The
    mean of the squares, not the square of the mean."""
    return mean(tf.square(real))


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
